"""Decisions on more tasks for a job and on new values of its properties.

Limits of a single task or text are checked before, by ``domain.submission``; what is checked here
is the job as it would be afterwards.
"""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.adding import chunks
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.job import Job
from domain.refusal import Refusal
from domain.requests import command_refused, content_of, inadmissible
from domain.states import JobState, TaskType
from domain.submission import check_properties, check_together, check_whole
from domain.transitions import CHANGE_JOB, GATES

ADDED_LATER: Final = frozenset({TaskType.BASIC, TaskType.PARAMETRIC_SWEEP})
"""Source: the product; preparation, release and service tasks come with the job."""

# --- tasks ----------------------------------------------------------------------------------------


def add_tasks(job: Job, request: c.AddTasks) -> tuple[e.JobEvent, ...]:
    """TasksAdded, several when they are too large for one; the first answers the request."""
    tasks = numbered(job, request.tasks)
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
    return beyond(lambda: check_together(whole, job.job_type)) or incomplete(job, whole)


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
    no = inadmissible(job, request) or bad_change(job, request.changes)
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
    )


def bad_change(job: Job, changes: c.JobChanges) -> Refusal | None:
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
    together = job.properties | (changes.properties or {})
    return beyond(lambda: check_properties(together))
