"""Decisions on more tasks for a job, and on new values of its properties or of those of a task.

Limits of a single task or text are checked before, by ``domain.submission``; what is checked here
is the job as it would be afterwards.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.adding import ENVIRONMENT_STORED_BYTES_MAX, TASK_BYTES_MAX, check_stored, chunks
from domain.cancelling import no_such_task
from domain.checks import check_future, check_variables
from domain.errors import BadRequest
from domain.events.tasks import TASK_CHANGEABLE
from domain.hresult import HResult
from domain.job import Job, Task
from domain.labels import check_labels
from domain.merging import changed_spec, merged
from domain.refusal import Refusal
from domain.requests import command_refused, content_of, inadmissible
from domain.states import JobState, TaskState, TaskType
from domain.submission import (
    ENVIRONMENT_BYTES_MAX,
    check_environments,
    check_instances,
    check_properties,
    check_task,
    check_together,
    check_whole,
)
from domain.sweeps import sized
from domain.transitions import CHANGE_JOB, CHANGE_TASK, GATES

ADDED_LATER: Final = frozenset({TaskType.BASIC, TaskType.PARAMETRIC_SWEEP})
"""Source: the product; preparation, release and service tasks come with the job."""

# --- tasks ----------------------------------------------------------------------------------------


def add_tasks(job: Job, request: c.AddTasks) -> tuple[e.JobEvent, ...]:
    """TasksAdded, several when they are too large for one; the first answers the request."""
    tasks = sized(numbered(job, request.tasks), job.max_cores)
    no = inadmissible(job, request) or bad_tasks(job, tasks)
    if no is not None:
        return (command_refused(job, request, no),)
    first, *more = chunks(tasks)
    asked = request.asked
    answer = e.TasksAdded(first, asked.request_id, content_of(request), asked.decision)
    return (answer, *(e.TasksAdded(group, decision=asked.decision) for group in more))


def numbered(job: Job, tasks: tuple[e.TaskSpec, ...]) -> tuple[e.TaskSpec, ...]:
    """The tasks with the numbers that follow those the job has."""
    first = max(job.tasks, default=0) + 1
    return tuple(replace(task, id=n) for n, task in enumerate(tasks, first))


def bad_tasks(job: Job, tasks: tuple[e.TaskSpec, ...]) -> Refusal | None:
    """Not in this state, not this type in this state, or too much together."""
    gate = GATES["add_tasks"]
    if job.state not in gate.states:
        allowed = ", ".join(sorted(gate.states))
        return Refusal(
            "illegal_transition",
            gate.hresult,
            "add_tasks-states",
            f"job {job.id} is {job.state}; tasks are added in {allowed}",
        )
    if job.state is not JobState.CONFIGURING and not all(t.type in ADDED_LATER for t in tasks):
        return Refusal(
            "illegal_transition",
            HResult.TASK_TYPE_ADDED_IN_WRONG_JOB_STATE,
            "add-task-types",
            f"job {job.id} is {job.state}; once a job is submitted, only Basic and "
            "ParametricSweep tasks are added",
        )
    whole = (*(t.spec for t in job.tasks.values()), *tasks)
    return beyond(lambda: check_added(job, tasks, whole)) or incomplete(job, whole)


def check_added(job: Job, tasks: tuple[e.TaskSpec, ...], whole: tuple[e.TaskSpec, ...]) -> None:
    """Limits of the new tasks with what the job has."""
    check_instances(tasks)
    check_environments(job.environment, tasks)
    check_together(whole, job.job_type)


def incomplete(job: Job, tasks: tuple[e.TaskSpec, ...]) -> Refusal | None:
    """What a job being configured may lack, and a submitted one may not."""
    if job.state is JobState.CONFIGURING:
        return None
    return not_whole(tasks)


def not_whole(tasks: tuple[e.TaskSpec, ...]) -> Refusal | None:
    """What is missing before the job can be handed to the scheduler."""
    return beyond(lambda: check_whole(tasks))


def beyond(check: Callable[[], None]) -> Refusal | None:
    """A limit of the whole job that would not be kept."""
    try:
        check()
    except BadRequest as no:
        return Refusal(no.code, no.hresult or 0, "submission-limits", no.message)
    return None


# --- properties -----------------------------------------------------------------------------------


def change_job(job: Job, request: c.ChangeJob) -> e.JobEvent:
    """New values, all of them or none."""
    no = inadmissible(job, request) or bad_change(job, request.changes, request.asked.at)
    if no is not None:
        return command_refused(job, request, no)
    changes, asked = request.changes, request.asked
    return e.JobPropertiesChanged(
        request_id=asked.request_id,
        changes=changes.properties or {},
        decision=asked.decision,
        content_sha256=content_of(request),
        name=changes.name,
        priority=changes.priority,
        run_as=changes.run_as,
        fail_on_task_failure=changes.fail_on_task_failure,
        run_until_canceled=changes.run_until_canceled,
        runtime_seconds=changes.runtime_seconds,
        environment=changes.environment,
        valid_exit_codes=changes.valid_exit_codes,
        task_retry_count=changes.task_retry_count,
        hold_until=changes.hold_until,
        project=changes.project,
        service_name=changes.service_name,
        client_source=changes.client_source,
        progress=changes.progress,
        progress_message=changes.progress_message,
        max_cores=changes.max_cores,
        labels=changes.labels,
    )


def bad_change(job: Job, changes: c.JobChanges, now: datetime) -> Refusal | None:
    """A property that stands still in this state, or too much together."""
    fixed = [x for x in changes.named if job.state not in CHANGE_JOB[x].states]
    if fixed:
        allowed = ", ".join(sorted(CHANGE_JOB[fixed[0]].states))
        return Refusal(
            "illegal_transition",
            HResult.SET_INVALID_PROP_UNDER_CERTAIN_STATE,
            f"change-{fixed[0]}-states",
            f"job {job.id} is {job.state}; its {fixed[0]} can be changed in {allowed}",
        )
    return beyond(lambda: check_changed(job, changes, now))


def check_changed(job: Job, changes: c.JobChanges, now: datetime) -> None:
    """Limits of all values by name together, and a hold that is over."""
    check_future(changes.hold_until or "", now)
    check_properties(merged(job.properties, changes.properties or {}, any_case=True))
    check_labels(merged(job.labels, changes.labels or {}, any_case=False))
    if changes.environment is not None:
        environment = merged(job.environment, changes.environment, any_case=False)
        check_variables("the job", environment, ENVIRONMENT_BYTES_MAX)
        check_stored("the job's environment", environment, ENVIRONMENT_STORED_BYTES_MAX)
        check_environments(environment, tuple(t.spec for t in job.tasks.values()))


# --- one task -------------------------------------------------------------------------------------


def change_task(job: Job, request: c.ChangeTask) -> e.JobEvent:
    """New values for a task that waits, all of them or none."""
    task = job.tasks.get(request.task)
    no = inadmissible(job, request)
    if no is None and task is not None:
        no = bad_task_change(job, task, request.changes)
    if no or task is None:
        return command_refused(job, request, no or no_such_task(job, request))
    changes, asked = request.changes, request.asked
    new = {name: getattr(changes, name) for name in TASK_CHANGEABLE}
    content = content_of(request)
    return e.TaskPropertiesChanged(asked.request_id, request.task, asked.decision, content, **new)


def bad_task_change(job: Job, task: Task, changes: c.TaskChanges) -> Refusal | None:
    """It does not wait any more, or the task or the job would be beyond a limit."""
    if not CHANGE_TASK[task.state].accepted:
        return Refusal(
            "illegal_transition",
            HResult.SET_INVALID_PROP_UNDER_CERTAIN_STATE,
            f"change-task-in-{task.state}",
            f"task {task.spec.id} of job {job.id} is {task.state}; a task is changed while it is "
            f"{TaskState.CONFIGURING} or {TaskState.QUEUED}",
        )
    after = changed_spec(task.spec, changes)
    too_large = beyond(lambda: check_change_stored(task, changes))
    if too_large is not None:
        return too_large
    others = (t.spec for t in job.tasks.values() if t.spec.id != after.id)
    whole = tuple(sorted((*others, after), key=lambda spec: spec.id))
    return beyond(lambda: check_changed_task(job, after, whole)) or incomplete(job, whole)


def check_change_stored(task: Task, changes: c.TaskChanges) -> None:
    """The change itself fits an event, also what it takes away."""
    check_stored(f"the change of task {task.spec.id}", changes, TASK_BYTES_MAX)


def check_changed_task(job: Job, task: e.TaskSpec, whole: tuple[e.TaskSpec, ...]) -> None:
    """The task as it would be, for itself and among the others."""
    check_task(task)
    check_stored(f"task {task.id}", task, TASK_BYTES_MAX)
    check_environments(job.environment, (task,))
    check_together(whole, job.job_type)
