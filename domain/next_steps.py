"""What is due on a job now: a pure function of its state, the heart of carrying out.

Because it asks only what the events say, whoever calls it after a crash goes on where the last one
stopped. The application does each step; when it has been done the state says so and it is not due
any more.
"""

from enum import StrEnum

from domain.failing import fail_due
from domain.job import Job, Task
from domain.job_ends import end_due
from domain.node_release import release_due, skip_due
from domain.orders import orders_due
from domain.readiness import startable, work_over
from domain.run_ends import open_cancels
from domain.states import TASK_ON_NODE, JobState


class Step(StrEnum):
    """One thing to do next."""

    VALIDATE = "validate"
    END_VALIDATION = "end_validation"
    DISPATCH = "dispatch"
    START_IDLE = "start_idle"
    FAIL = "fail"
    CLOSE_TASK_CANCELS = "close_task_cancels"
    ORDER_STOP = "order_stop"
    PERFORM_STOP = "perform_stop"
    START_RELEASE = "start_release"
    SKIP_RELEASE = "skip_release"
    END = "end"


def next_steps(job: Job, signal: int = 15) -> tuple[Step, ...]:
    """All steps that are due, in the order in which to do them; empty for nothing."""
    if job.removed:
        return ()
    due = {
        Step.VALIDATE: job.state is JobState.SUBMITTED,
        Step.END_VALIDATION: job.state in (JobState.VALIDATING, JobState.EXTERNAL_VALIDATION),
        Step.START_IDLE: starts_idle(job),
        Step.FAIL: fail_due(job),
        Step.CLOSE_TASK_CANCELS: bool(open_cancels(job)),
        Step.ORDER_STOP: bool(orders_due(job, signal)),
        Step.PERFORM_STOP: bool(stop_ordered(job)),
        Step.START_RELEASE: bool(release_due(job)),
        Step.SKIP_RELEASE: skip_due(job),
        Step.END: end_due(job),
        Step.DISPATCH: wants_slots(job),
    }
    return tuple(step for step, is_due in due.items() if is_due)


def stop_ordered(job: Job) -> tuple[Task, ...]:
    """Tasks and subtasks whose run is under a stop order and has not ended."""
    return tuple(t for t in job.runs if t.order is not None and t.state in TASK_ON_NODE)


def starts_idle(job: Job) -> bool:
    """Whether the job runs without a task: RunUntilCanceled, and nothing waits in it.

    Deliberate: such a job holds no slot here; slots are given to tasks.
    """
    return job.run_until_canceled and job.state is JobState.QUEUED and work_over(job)


def wants_slots(job: Job) -> bool:
    """Whether tasks of this job wait for nothing but a slot."""
    return job.state in (JobState.QUEUED, JobState.RUNNING) and any(startable(job))
