"""What the record of an emergency stop means: a forced cancel, and runs under its order."""

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered, with_tasks
from domain.commands import emergency_sha256
from domain.evolve_requests import canceling
from domain.job import Job, Order, Task
from domain.ranges import in_ranges
from domain.reviews import OpenReview
from domain.states import TASK_ON_NODE, ReviewKind, StopCause, StopStep
from domain.subtasks import running_changed

SIGKILL = 9


def emergency_recorded(job: Job, recorded: e.Recorded, data: e.EmergencyStopRecorded) -> Job:
    """Canceling by force, where it is in effect; the act is known as the order of those runs."""
    after = canceling(job, recorded, data) if data.in_effect else job
    opened = {data.request_id: stop_to_review(recorded, data)}
    after = replace(under_order(after, data), reviews=after.reviews | opened)
    content = emergency_sha256(data.stop.spool_sha256)
    return answered(after, recorded, "emergency_stop", data.request_id, content)


def under_order(job: Job, data: e.EmergencyStopRecorded) -> Job:
    """The runs that were stopped and whose end is not written yet have the order that was given."""
    order = Order(data.request_id, StopCause.JOB_CANCEL, StopStep.KILL, SIGKILL, 0)
    named = {
        (run.task, number, run.attempt)
        for run in data.stop.runs.runs
        for number in in_ranges(run.instances)
    }

    def ordered(run: Task) -> Task:
        stopped = (run.spec.id, run.instance, run.attempt) in named and run.state in TASK_ON_NODE
        return replace(run, order=order, order_before=run.order) if stopped else run

    def change(task: Task) -> Task:
        return running_changed(task, ordered) if task.subtasks else ordered(task)

    return with_tasks(job, {task for task, _, _ in named}, change)


def stop_to_review(recorded: e.Recorded, data: e.EmergencyStopRecorded) -> OpenReview:
    """What another person is to review from here on."""
    return OpenReview(
        kind=ReviewKind.EMERGENCY_STOP,
        request_id=data.request_id,
        mode=data.mode,
        message=data.message,
        caller=recorded.event.caller,
        at=recorded.time,
        version=recorded.version,
        review_seconds=data.review_seconds,
        effect=data.decision.effect,
        rules=data.decision.rules,
    )
