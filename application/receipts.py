"""What a caller is told: exactly one outcome for each job, read from the event that decided it."""

from datetime import datetime

from msgspec import Struct

from application.ledger import readable
from application.ports import Stored
from domain import events as e
from domain.outcome import ILLEGAL, Outcome, already_canceled, outcome_of
from domain.states import CancelMode, JobState, TaskState
from projections.summary import on, summary


class OnTask(Struct, frozen=True):
    """A task of the job, or, with its number as ``instance``, one of its subtasks."""

    task: int
    instance: int = 0


NOTHING = "none"
"""What an empty value is called."""


class UnderWay(Struct, frozen=True):
    """The cancel that is being carried out, or was: who asked, when, how, and which event.

    ``due``: of one that still waits, when its hold is over, RFC 3339; "" of all others.
    """

    request_id: str
    actor: str
    on_behalf_of: str
    mode: CancelMode
    message: str
    at: datetime
    position: int
    due: str = ""


class Receipt(Struct, frozen=True):
    """The answer to one request on one job.

    ``event_id``, ``event_type``, ``version``, ``position`` name the event that holds it for ever;
    ``job_state`` is the state now. ``hresult`` is HPC Pack's number, 0 for success. ``explanation``
    is a sentence for a person. ``replayed``: this very request was answered before, by that event.
    ``already_canceled``: a cancel of a job that has been canceled before. ``task_id``: the task
    that the request was about, or the first one that it added; ``instance``: its subtask, else 0.
    """

    outcome: Outcome
    operation: str
    job_id: str
    request_id: str
    event_id: str
    event_type: str
    version: int
    position: int
    job_state: JobState | None
    explanation: str
    task_id: int | None = None
    code: str = ""
    hresult: int = 0
    rule: str = ""
    under_way: UnderWay | None = None
    already_canceled: bool = False
    replayed: bool = False
    instance: int = 0


def says(fact: e.Event, job_id: str) -> str:
    """The sentence for a request that was accepted; refusals bring their own."""
    match fact:
        case e.JobCancelRequested():
            words = f"job {job_id}: cancel accepted ({fact.mode}); {fact.running.count} running "
            words += f"and {fact.waiting.count} waiting tasks are being canceled"
            return words + (", taking over from a weaker cancel" if fact.escalates else "")
        case e.TaskCancelRequested():
            return f"job {job_id}: cancel of {on(fact)} accepted ({fact.mode})"
        case e.JobFinishRequested():
            return f"job {job_id}: finish accepted"
        case e.TaskFinishRequested():
            how = "is being stopped" if fact.running.count else "counts as Finished and never runs"
            return f"job {job_id}: finish of {on(fact)} accepted; it {how}"
        case e.TaskRequeued(from_state=TaskState.QUEUED):
            return f"job {job_id}: {on(fact)} waits already; nothing changes"
        case e.TaskRequeued():
            return f"job {job_id}: {on(fact)} is queued again, as attempt {fact.attempt}"
        case e.JobConfigured():
            return f"job {job_id}: back in Configuring"
        case e.JobRequeued():
            return (
                f"job {job_id}: queued again; {fact.queued.count} tasks run again, "
                f"{fact.kept.count} stay as they are"
            )
        case e.JobSubmitted():
            return f"job {job_id}: submitted"
        case e.ClusterParameterSet():
            value, previous = fact.value or NOTHING, fact.previous or NOTHING
            return f"{fact.name} is {value} (was {previous})"
        case (
            e.PolicyProposed()
            | e.PolicyActivated()
            | e.PolicyShadowStarted()
            | e.PolicyShadowStopped()
        ):
            return summary(fact)
        case _:
            return says_of_waiting(fact, job_id) or says_of_making(fact, job_id)


def says_of_waiting(fact: e.Event, job_id: str) -> str:
    """The same, for cancels that wait."""
    match fact:
        case e.JobCancelHeld():
            return f"job {job_id}: cancel {held(fact)}"
        case e.JobCancelApproved():
            words = f"job {job_id}: cancel {fact.cancel_id} approved"
            return f"{words}, {fact.given} of {fact.needed}"
        case e.BreakGlassReviewed():
            late = "" if fact.in_time else ", too late"
            return f"job {job_id}: {fact.reviewed} reviewed{late}"
        case e.JobCancelWithdrawn():
            return f"job {job_id}: cancel {fact.cancel_id} withdrawn; it never takes effect"
        case _:
            return ""


def held(fact: e.JobCancelHeld) -> str:
    """What a cancel waits for."""
    waits = [f"held until {whole_second(fact.due)}"] if fact.hold_seconds else []
    if fact.approvals_needed:
        many = "approval" if fact.approvals_needed == 1 else "approvals"
        by = f"needed by {whole_second(fact.expires)}"
        waits.append(f"{fact.approvals_needed} {many} of others {by}")
    return "; ".join(waits)


def whole_second(moment: str) -> str:
    """A moment for people."""
    return f"{moment[:19].replace('T', ' ')} UTC"


def says_of_making(fact: e.Event, job_id: str) -> str:
    """The same, for what a job is made of."""
    match fact:
        case e.JobAdded():
            return f"job {job_id}: created"
        case e.TasksAdded():
            return f"job {job_id}: tasks added, from task {fact.tasks[0].id} on"
        case e.JobPropertiesChanged():
            return f"job {job_id}: changed: {', '.join(fact.named)}"
        case e.TaskPropertiesChanged():
            return f"job {job_id}: task {fact.task} changed: {', '.join(fact.named)}"
        case _:
            return says_of_marks(fact, job_id)


def says_of_marks(fact: e.Event, job_id: str) -> str:
    """The same, for what a job is marked as."""
    match fact:
        case e.JobProtected():
            return f"job {job_id}: protected"
        case e.JobProtectionLifted():
            return f"job {job_id}: not protected any more"
        case e.JobLegalHoldPlaced():
            return f"job {job_id}: under legal hold"
        case e.JobLegalHoldReleased():
            return f"job {job_id}: under legal hold no more"
        case _:
            return ""


def receipt(
    recorded: e.Recorded,
    position: int,
    operation: str,
    job_id: str,
    state: JobState | None,
    replayed: bool = False,
) -> Receipt:
    """The answer that a stored fact stands for."""
    fact = recorded.data
    refusal = fact if isinstance(fact, e.RefusalEvent | e.JobCancelLapsed) else None
    withdrawn = operation == "cancel" and isinstance(fact, e.JobCancelWithdrawn)
    return Receipt(
        outcome=Outcome.REFUSED if withdrawn else outcome_of(fact),
        operation=operation,
        job_id=job_id,
        request_id=recorded.event.correlation_id,
        event_id=recorded.event.id,
        event_type=type(fact).__name__,
        version=recorded.version,
        position=position,
        job_state=state,
        explanation=refusal.explanation if refusal else says(fact, job_id),
        code=refusal.code if refusal else ILLEGAL if withdrawn else "",
        hresult=refusal.hresult if refusal else 0,
        rule=refusal.rule if refusal else "",
        task_id=fact.tasks[0].id if isinstance(fact, e.TasksAdded) else None,
        already_canceled=already_canceled(fact),
        replayed=replayed,
    )


def replayed(stored: Stored, operation: str, job_id: str, state: JobState | None) -> Receipt:
    """The answer given before, by this event."""
    return receipt(readable(stored), stored.position, operation, job_id, state, replayed=True)
