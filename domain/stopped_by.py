"""By whom a task was stopped, which is the reason it is left with: a person, or a rule.

Source: the product keeps the message of a cancel with the task, and that of a finish with the task
that was finished, but not that of a job's finish. Deliberate: who it was comes first and the
message last, so that nobody's message can be taken for words of the service.
"""

from typing import Final, assert_never

from domain import events as e
from domain.job import CancelInForce, FinishInForce, Job, Task, TaskCancel, TaskFinish
from domain.ranges import in_ranges
from domain.states import StopCause
from domain.subtasks import one_run

RUN_LIMIT: Final = ("run_limit", "its run-time limit, or that of its job, ran out")
TASK_FAILURE: Final = ("stopped", "another task of the job failed")


def canceled_by(cancel: TaskCancel) -> str:
    """``canceled by alice: wrong input``; without a message only who."""
    return saying(f"canceled by {cancel.actor}", cancel.message)


def finished_by(finish: TaskFinish) -> str:
    """``finished by alice: good enough``."""
    return saying(f"finished by {finish.actor}", finish.message)


def job_canceled_by(cancel: CancelInForce | None) -> str:
    """Of a task that the cancel of its job ended; "" of a job without a cancel."""
    if cancel is None:
        return ""
    return saying(f"its job was canceled by {cancel.actor}", cancel.message)


def job_finished_by(finish: FinishInForce) -> str:
    """Of a task that the finish of its job ended; that message is the job's alone."""
    return f"its job was finished by {finish.actor}"


def saying(who: str, message: str) -> str:
    """Who it was, and what they said."""
    return f"{who}: {message}" if message else who


def why_stopped(job: Job, data: e.TaskStopped | e.TaskForceStopped) -> tuple[str, str]:
    """Why these runs were stopped, all for one request, as a stable word and as a sentence.

    The word is "" for what a person asked. ``job``: as it is before the fact.
    """
    match data.cause:
        case StopCause.RUN_LIMIT:
            return RUN_LIMIT
        case StopCause.TASK_FAILURE:
            return TASK_FAILURE
        case StopCause.JOB_CANCEL:
            return "", job_canceled_by(job.cancel)
        case StopCause.TASK_CANCEL:
            run = first_run(job, data)
            return "", canceled_by(run.cancel) if run and run.cancel else ""
        case StopCause.FINISH:
            return "", of_finish(job, first_run(job, data))
        case _:
            assert_never(data.cause)


def of_finish(job: Job, run: Task | None) -> str:
    """Whose finish it was: of this task, or else of the job."""
    if run is not None and run.finish is not None:
        return finished_by(run.finish)
    return job_finished_by(job.finish) if job.finish else ""


def first_run(job: Job, data: e.TaskStopped | e.TaskForceStopped) -> Task | None:
    """The first of them, which stands for all."""
    runs = (one_run(job, run.task, n) for run in data.runs for n in in_ranges(run.instances))
    return next(runs, None)
