"""Who canceled which tasks of a job that failed because of it."""

from collections.abc import Mapping
from itertools import groupby

from domain import events as e
from domain.hresult import HResult
from domain.job import Job, Task
from domain.ranges import ranges
from domain.states import JobState, TaskState
from projections.sentence_words import caller_of, count, either, saying


def canceled_tasks(job: Job) -> tuple[Task, ...]:
    """Tasks that ended by a cancel of their own, where the job failed by its tasks; else none.

    One that failed by itself, before its cancel could be carried out, has a code.
    """
    if job.state is not JobState.FAILED or job.error_code != HResult.TASK_FAILURE:
        return ()
    ended = (TaskState.CANCELED, TaskState.FAILED)
    return tuple(t for t in job.work if t.cancel and t.state in ended and not t.code)


def who_canceled(job: Job, asked: Mapping[int, e.Recorded]) -> str:
    """The clause: whose cancels they were, and how many tasks failed besides; "" for no cancel.

    ``asked``: the events of the job by their version.
    """
    found = canceled_tasks(job)
    parts = [
        f"{who} canceled {which(job, [t.spec.id for t in group])}{saying(message)}"
        for (who, message), group in groupby(found, lambda t: request_of(t, asked))
    ]
    failed = sum(t.state is TaskState.FAILED for t in job.work if t not in found)
    others = f"; {count(failed, 'task')} failed" if parts and failed else ""
    return " and ".join(parts) + others


def request_of(task: Task, asked: Mapping[int, e.Recorded]) -> tuple[str, str]:
    """Who asked for the cancel of a task, and what they said."""
    assert task.cancel is not None, "only of a task that was canceled"
    return caller_of(asked[task.cancel.version]), task.cancel.message


def which(job: Job, ids: list[int]) -> str:
    """The tasks, among how many."""
    if len(job.work) == 1:
        return "its task"
    return f"{either(len(ids), 'task', 'tasks')} {ranges(ids)} of {len(job.work)}"
