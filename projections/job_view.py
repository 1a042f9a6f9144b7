"""The job view: a row a job and a row a task, as they are now. Pure functions of a job's state.

What a fact means is said once, in ``domain.evolve``; here it is only laid out in columns.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from domain.error_message import error_message
from domain.job import CancelInForce, Job, Task
from domain.states import JOB_PRIORITY_NUMBER, TASK_ON_NODE, TASK_WAITING, TaskState
from projections.stamps import maybe_stamp, stamp, stamp_of


class JobRow(Struct, frozen=True):
    """A job. Times are RFC 3339 text in UTC, None for what has not happened in this round.

    ``position``: of its last event. ``priority_number``: 0 (Lowest) to 4. ``error_code``: HPC
    Pack's number, 0 for none; ``error_message``: as HPC Pack renders it. ``tasks``: all but node
    release; ``waiting`` to ``canceled`` count them by state, ``running`` those on a node. Of a task
    that has subtasks each of them is counted, in place of the task itself.
    ``survivors``: processes that outlived SIGKILL and are still there. ``cancel_*``: the last
    accepted cancel of this round, ``cancel_version`` its event's version; "" and None for none.
    From ``fail_on_task_failure`` on: as in ``Job``, yes and no as 1 and 0.
    """

    job_id: int
    name: str
    owner: str
    job_type: str
    priority: str
    priority_number: int
    run_as: str
    state: str
    previous_state: str | None
    version: int
    position: int
    created_at: str
    submitted_at: str | None
    queued_at: str | None
    started_at: str | None
    ended_at: str | None
    changed_at: str
    requeue_count: int
    error_code: int
    error_message: str
    nodes: tuple[str, ...]
    tasks: int
    waiting: int
    running: int
    finished: int
    failed: int
    canceled: int
    survivors: int
    cancel_actor: str
    cancel_on_behalf_of: str
    cancel_at: str | None
    cancel_mode: str
    cancel_message: str
    cancel_reason_code: str
    cancel_request_id: str
    cancel_version: int | None
    fail_on_task_failure: int
    run_until_canceled: int
    runtime_seconds: int
    valid_exit_codes: str
    task_retry_count: int
    hold_until: str | None
    project: str
    service_name: str
    client_source: str
    progress: int
    progress_message: str
    max_cores: int
    labels: str
    is_protected: int
    on_legal_hold: int


class TaskRow(Struct, frozen=True):
    """A task and its latest run. ``attempt`` 0: it never ran."""

    job_id: int
    task_id: int
    type: str
    name: str
    command: str
    state: str
    attempt: int
    node: str
    exit_code: int | None
    exit_signal: int | None
    started_at: str | None
    ended_at: str | None
    survivors: int
    code: str
    reason: str
    explicitly_canceled: int


def job_row(job: Job, position: int) -> JobRow:
    """The job, whose last event is at ``position``."""
    counts = Counts(job.work)
    cancel = job.cancel
    return JobRow(
        job_id=job.id,
        name=job.name,
        owner=job.owner,
        job_type=job.job_type.value,
        priority=job.priority.value,
        priority_number=JOB_PRIORITY_NUMBER[job.priority],
        run_as=job.run_as,
        state=job.state.value,
        previous_state=job.previous_state.value if job.previous_state else None,
        version=job.version,
        position=position,
        created_at=stamp(job.created_at),
        submitted_at=maybe_stamp(job.submitted_at),
        queued_at=maybe_stamp(job.queued_at),
        started_at=maybe_stamp(job.started_at),
        ended_at=maybe_stamp(job.ended_at),
        changed_at=stamp(job.changed_at),
        requeue_count=job.requeue_count,
        error_code=job.error_code,
        error_message=error_message(job.error_code, job.error_params),
        nodes=job.nodes,
        tasks=counts.total,
        waiting=counts.waiting,
        running=counts.running,
        finished=counts.of(TaskState.FINISHED),
        failed=counts.of(TaskState.FAILED),
        canceled=counts.of(TaskState.CANCELED),
        survivors=sum(task.survivors for task in job.tasks.values()),
        cancel_actor=cancel.actor if cancel else "",
        cancel_on_behalf_of=cancel.on_behalf_of if cancel else "",
        cancel_at=stamp(cancel.at) if cancel else None,
        cancel_mode=cancel.mode.value if cancel else "",
        cancel_message=cancel.message if cancel else "",
        cancel_reason_code=cancel.reason_code if cancel else "",
        cancel_request_id=cancel.request_id if cancel else "",
        cancel_version=version_of(cancel),
        fail_on_task_failure=int(job.fail_on_task_failure),
        run_until_canceled=int(job.run_until_canceled),
        runtime_seconds=job.runtime_seconds,
        valid_exit_codes=job.valid_exit_codes,
        task_retry_count=job.task_retry_count,
        hold_until=stamp_of(job.hold_until),
        project=job.project,
        service_name=job.service_name,
        client_source=job.client_source,
        progress=job.progress,
        progress_message=job.progress_message,
        max_cores=job.max_cores,
        labels=labels_text(job.labels),
        is_protected=int(job.protection is not None),
        on_legal_hold=int(job.legal_hold is not None),
    )


def labels_text(labels: Mapping[str, str]) -> str:
    """Labels as one text, in which each can be searched for: a line each, between line ends."""
    return "".join(f"\n{name}={value}" for name, value in sorted(labels.items())) + "\n"


def label_words(label: str) -> str:
    """What stands in such a text of a job with this label: ``name=value``, or a name alone."""
    return f"\n{label}\n" if "=" in label else f"\n{label}="


def labels_in(text: str) -> dict[str, str]:
    """The labels of such a text."""
    parts = (line.partition("=") for line in text.split("\n") if line)
    return {name: value for name, _, value in parts}


def version_of(cancel: CancelInForce | None) -> int | None:
    """The version of the cancel's event."""
    return cancel.version if cancel else None


class Counts:
    """How many tasks are in which state; of a task with subtasks each of them is one."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._by_state = Counter[TaskState]()
        for task in tasks:
            self._by_state.update(by_state(task))
        self.total = self._by_state.total()
        self.waiting = sum(self._by_state[state] for state in TASK_WAITING)
        self.running = sum(self._by_state[state] for state in TASK_ON_NODE)

    def of(self, state: TaskState) -> int:
        """Tasks in this one state."""
        return self._by_state[state]


def by_state(task: Task) -> dict[TaskState, int]:
    """How many are in which state: the task itself, or its subtasks."""
    subtasks = task.subtasks
    if subtasks is None:
        return {task.state: 1}
    found = Counter(one.state for one in subtasks.live.values())
    found[TaskState.FINISHED] += len(subtasks.finished)
    found[TaskState.FAILED] += len(subtasks.failed)
    found[TaskState.CANCELED] += len(subtasks.canceled)
    found[subtasks.waits_as] += len(subtasks.waiting)
    return found


def task_row(job_id: int, task: Task) -> TaskRow:
    """The task."""
    return TaskRow(
        job_id=job_id,
        task_id=task.spec.id,
        type=task.spec.type.value,
        name=task.spec.name,
        command=task.spec.command,
        state=task.state.value,
        attempt=task.attempt,
        node=task.node,
        exit_code=task.exit.code if task.exit else None,
        exit_signal=task.exit.signal if task.exit else None,
        started_at=maybe_stamp(task.started_at),
        ended_at=maybe_stamp(task.ended_at),
        survivors=task.survivors,
        code=task.code,
        reason=task.reason,
        explicitly_canceled=int(task.explicitly_canceled),
    )
