"""A job as its events tell it: the state, and questions about it. Changed only by ``evolve``."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from msgspec import Struct

from domain.events import Exit, RunHandle, RunRange, TaskSpec
from domain.numbers import NONE, Numbers
from domain.reviews import OpenReview
from domain.states import (
    TASK_ENDED,
    TASK_ON_NODE,
    TASK_WAITING,
    ActivationHold,
    CancelMode,
    JobPriority,
    JobState,
    JobType,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
    TaskType,
)
from domain.waiting import WaitingCancel


class Order(Struct, frozen=True):
    """The strongest stop order written down for a run."""

    request_id: str
    cause: StopCause
    step: StopStep
    signal: int
    grace_ms: int


class Outlived(Struct, frozen=True):
    """Processes of a run that outlived its kill and are not known to have ended."""

    run: RunRange
    survivors: int


class TaskCancel(Struct, frozen=True):
    """The cancel of one task that is in force."""

    request_id: str
    mode: CancelMode
    message: str
    actor: str
    at: datetime
    grace_seconds: int
    version: int


class TaskFinish(Struct, frozen=True):
    """The finish of one task that was accepted; it keeps the message."""

    request_id: str
    message: str
    actor: str
    on_behalf_of: str
    at: datetime
    grace_seconds: int
    version: int


class Expired(Struct, frozen=True):
    """The run-time limit of a run ran out. ``order_id``: what its stop order goes by."""

    order_id: str
    runtime_seconds: int
    grace_seconds: int


class Task(Struct, frozen=True):
    """One task, or one of its subtasks: then ``instance`` is its number, else 0.

    ``attempt`` counts its runs; what follows it describes the latest one. A task with ``subtasks``
    has no runs of its own: its state is made from theirs (``domain.subtasks``).

    ``order_before``: the weaker order that ``order`` took over from. ``explicitly_canceled``:
    canceled by a request on this task before it ran; it then stays Canceled when the job is queued
    again. ``retries``: how often it was queued again by itself in this round; of a service, how
    often in a row after a short run. ``reason``: why the run ended badly, why what waited was
    Canceled, or by whom it was stopped and what they said; of a preparation or release on several
    nodes of the first that failed.
    ``cancel_open``: TaskCanceled has not been written yet.
    ``outlived``: of all its runs, and those of its subtasks. ``changed_at``: the time of the last
    fact that changed anything of it; None only before ``evolve`` has seen it, and of a subtask.
    """

    spec: TaskSpec
    state: TaskState = TaskState.CONFIGURING
    instance: int = 0
    attempt: int = 0
    node: str = ""
    handle: RunHandle | None = None
    order: Order | None = None
    order_before: Order | None = None
    cancel: TaskCancel | None = None
    cancel_open: bool = False
    finish: TaskFinish | None = None
    expired: Expired | None = None
    explicitly_canceled: bool = False
    retries: int = 0
    exit: Exit | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outlived: tuple[Outlived, ...] = ()
    code: str = ""
    reason: str = ""
    subtasks: "Subtasks | None" = None
    changed_at: datetime | None = None

    @property
    def run(self) -> RunRange:
        """The latest run as a range of one."""
        return RunRange(self.spec.id, self.attempt, self.node, str(self.instance))

    @property
    def survivors(self) -> int:
        """Processes of any of its runs that outlived a kill and are still there."""
        return sum(x.survivors for x in self.outlived)


class Subtasks(Struct, frozen=True):
    """The subtasks 1 to ``count`` of a task, without an object for each.

    Each is in exactly one place: in ``live``, when it is on a node or there is more to remember of
    it, or a number in ``waiting``, ``finished``, ``failed`` or ``canceled``. ``waits_as``: the
    state of those that wait. ``explicit``: those of the canceled that a request canceled before
    they ran. ``cut_short``: the job's cancel found some of them open. ``expanded``: the highest
    that was ever reached. ``attempts``: the latest attempt of those that are not live, and which
    they are; none for those that never ran.
    """

    count: int
    waiting: Numbers
    waits_as: TaskState = TaskState.CONFIGURING
    live: dict[int, Task] = {}
    finished: Numbers = NONE
    failed: Numbers = NONE
    canceled: Numbers = NONE
    explicit: Numbers = NONE
    cut_short: bool = False
    expanded: int = 0
    attempts: dict[int, Numbers] = {}


class CancelInForce(Struct, frozen=True):
    """The cancel that is being carried out, or was: the strongest accepted request."""

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    at: datetime
    first_at: datetime
    version: int
    grace_seconds: int
    node_release: NodeRelease


class MarkInForce(Struct, frozen=True):
    """That the job is protected, or under legal hold: who said so, since when, and why."""

    message: str
    actor: str
    on_behalf_of: str
    at: datetime


class FinishInForce(Struct, frozen=True):
    """The finish that is being carried out, or was."""

    request_id: str
    message: str
    actor: str
    at: datetime
    version: int
    grace_seconds: int
    node_release: NodeRelease


class FailingInForce(Struct, frozen=True):
    """What the service stops the job for. ``order_id``: what its stop orders go by."""

    order_id: str
    cause: StopCause
    message: str
    code: str
    hresult: int
    version: int
    grace_seconds: int


class Held(Struct, frozen=True):
    """The activation filter does not let the job start.

    ``at``: since when; ``told_at``: since when in these words. The rest as in JobActivationHeld.
    """

    filter: str
    hold: ActivationHold
    exit_code: int | None
    code: str
    reason: str
    again_seconds: int
    at: datetime
    told_at: datetime


class Asking(Struct, frozen=True):
    """Scope of a request id: another actor's or operation's id never matches."""

    asker: str
    operation: str
    request_id: str


class Answered(Struct, frozen=True):
    """How a request was answered: by the event of this version; a digest of what was asked."""

    version: int
    content_sha256: str


class Job(Struct, frozen=True, dict=True):  # dict: what is cached is no part of its state
    """A job at one version.

    ``runtime_seconds``: the limit that the job has of its own, 0 for none; ``limit_seconds``: the
    one in force while it runs. ``environment``: variables of all its tasks, each of which may have
    another value of its own. ``hold_until``: RFC 3339, "" for none. ``error_code`` and
    ``error_params`` are HPC Pack's (0 for none). ``nodes``: those allocated in the current round.
    ``outcome``: how the job will end once node release is done. ``released``: whether node release
    ran in this round; ``release_cut_short``: whether a forced cancel killed it on some node.
    ``held``: by an activation filter, while it is Queued. ``waiting_cancels``: by request id, those
    that were accepted and have not taken effect. ``reviews``: by request id, what overrode the
    rules and nobody else has reviewed. ``stopped``, ``force_stopped``: runs that
    the job's cancel ended, those of node release among them.
    """

    id: int
    name: str
    owner: str
    job_type: JobType
    priority: JobPriority
    run_as: str
    properties: dict[str, str]
    tasks: dict[int, Task]
    version: int
    created_at: datetime
    changed_at: datetime
    state: JobState = JobState.CONFIGURING
    previous_state: JobState | None = None
    cancel: CancelInForce | None = None
    finish: FinishInForce | None = None
    failing: FailingInForce | None = None
    held: Held | None = None
    waiting_cancels: dict[str, WaitingCancel] = {}
    reviews: dict[str, OpenReview] = {}
    fail_on_task_failure: bool = False
    run_until_canceled: bool = False
    runtime_seconds: int = 0
    environment: dict[str, str] = {}
    valid_exit_codes: str = ""
    task_retry_count: int = 0
    hold_until: str = ""
    project: str = ""
    service_name: str = ""
    client_source: str = ""
    progress: int = 0
    progress_message: str = ""
    max_cores: int = 0
    labels: dict[str, str] = {}
    protection: MarkInForce | None = None
    legal_hold: MarkInForce | None = None
    limit_seconds: int = 0
    nodes: tuple[str, ...] = ()
    outcome: JobState | None = None
    requeue_count: int = 0
    stopped: int = 0
    force_stopped: int = 0
    released: bool = False
    release_cut_short: bool = False
    error_code: int = 0
    error_params: str = ""
    submitted_at: datetime | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    removed: bool = False
    asked: dict[Asking, Answered] = {}

    @cached_property
    def work(self) -> tuple[Task, ...]:
        """All tasks but node release, by id."""
        return tuple(t for t in self.tasks.values() if t.spec.type is not TaskType.NODE_RELEASE)

    @property
    def release(self) -> Task | None:
        """The node release task, if the job has one."""
        for task in self.tasks.values():
            if task.spec.type is TaskType.NODE_RELEASE:
                return task
        return None

    @property
    def prep(self) -> Task | None:
        """The node preparation task, if the job has one. It is part of the work."""
        for task in self.tasks.values():
            if task.spec.type is TaskType.NODE_PREP:
                return task
        return None

    @cached_property
    def runs(self) -> tuple[Task, ...]:
        """Whatever has runs of its own: tasks without subtasks, and subtasks that are live."""
        return tuple(run for task in self.tasks.values() for run in runs_of(task))

    @property
    def on_node(self) -> tuple[Task, ...]:
        """Tasks and subtasks, node release aside, whose run has not ended."""
        return tuple(r for t in self.work for r in runs_of(t) if r.state in TASK_ON_NODE)

    @property
    def waiting(self) -> tuple[Task, ...]:
        """Tasks, node release aside, that wait, or of which a subtask does."""
        return tuple(t for t in self.work if waits(t))

    @property
    def all_ended(self) -> bool:
        """Whether every task, node release aside, has ended."""
        return all(t.state in TASK_ENDED for t in self.work)

    @property
    def release_pending(self) -> bool:
        """Whether node release has neither run nor been given up in this round."""
        return self.release is not None and waits(self.release)

    @property
    def release_running(self) -> bool:
        """Whether node release is running."""
        release = self.release
        return release is not None and any(r.state in TASK_ON_NODE for r in runs_of(release))


def runs_of(task: Task) -> Iterable[Task]:
    """The task, or those of its subtasks that are live."""
    return (task,) if task.subtasks is None else task.subtasks.live.values()


def waits(task: Task) -> bool:
    """Whether it has not been started, or one of its subtasks has not."""
    if task.subtasks is None:
        return task.state in TASK_WAITING
    return bool(task.subtasks.waiting) or any(r.state in TASK_WAITING for r in runs_of(task))


def removal(job: Job) -> str:
    """When and why a removed job left the view; TTLCompletedJobs is what removes jobs."""
    return (
        f"job {job.id} was removed at {job.changed_at:%Y-%m-%d %H:%M:%S} UTC, because "
        "TTLCompletedJobs ran out"
    )
