"""Which cancel a request met, and the sentence that tells of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from application.ledger import readable
from application.ports import Stored
from application.receipts import Receipt, UnderWay
from domain import events as e
from domain.job import Job
from domain.outcome import Outcome, already_canceled
from domain.subtasks import task_words

OfJob: Final = e.JobCancelRequested | e.EmergencyStopRecorded
Accepted: Final = OfJob | e.TaskCancelRequested


def names_a_cancel(fact: e.Event) -> bool:
    """Whether this answer is a cancel, repeats one, or came too late for one."""
    repeats = isinstance(fact, e.JobCancelRepeated | e.TaskCancelRepeated)
    return isinstance(fact, Accepted) or repeats or already_canceled(fact)


def cancel_in(page: Sequence[Stored], fact: e.Event) -> UnderWay | None:
    """The latest accepted cancel on a page of the job's events that ``fact`` names, if any."""
    for stored in reversed(page):
        recorded = readable(stored)
        if is_met(recorded.data, fact):
            return under_way(recorded, stored.position)
    return None


def likely_version(job: Job, fact: e.Event) -> int:
    """The version of the cancel that ``fact`` names, if nothing was asked since; 0 for unknown."""
    if isinstance(fact, e.TaskCancelRepeated) and fact.task in job.tasks:
        cancel = job.tasks[fact.task].cancel
        if cancel is not None and cancel.request_id == fact.under_way:
            return cancel.version
    return job.cancel.version if job.cancel else 0


def is_met(earlier: e.Event, fact: e.Event) -> bool:
    """Whether ``earlier``, the latest such event, is the cancel that ``fact`` names."""
    if isinstance(fact, e.TaskCancelRepeated):
        concerns = isinstance(earlier, OfJob) or (
            isinstance(earlier, e.TaskCancelRequested) and earlier.task == fact.task
        )
        return concerns and isinstance(earlier, Accepted) and earlier.request_id == fact.under_way
    if isinstance(fact, Accepted):
        return earlier == fact
    return isinstance(earlier, e.JobCancelRequested) or (
        isinstance(earlier, e.EmergencyStopRecorded) and earlier.in_effect
    )


def under_way(recorded: e.Recorded, position: int) -> UnderWay | None:
    """An accepted cancel, also one that waits, with its place in the stream; None for any other
    fact."""
    fact, caller = recorded.data, recorded.event.caller
    if not isinstance(fact, Accepted | e.JobCancelHeld):
        return None
    return UnderWay(
        request_id=fact.request_id,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        mode=fact.mode,
        message=fact.message,
        at=recorded.time,
        position=position,
        due=fact.due if isinstance(fact, e.JobCancelHeld) else "",
    )


def told(answer: Receipt, cancel: UnderWay | None) -> Receipt:
    """The receipt with the cancel, which stands in the sentence too where it is the reason."""
    words = answer.explanation
    if cancel is not None and answer.outcome is Outcome.REPEATED:
        words = f"{about(answer)} already being canceled {since(cancel)}"
        if cancel.due:
            words = f"{about(answer)} a cancel waits already, asked for {since(cancel)}"
    elif cancel is not None and answer.already_canceled:
        words = f"{words} (event {cancel.position})"
    return replace(answer, under_way=cancel, explanation=words)


def about(answer: Receipt) -> str:
    """What the receipt is about."""
    job = f"job {answer.job_id}:"
    return (
        job if answer.task_id is None else f"{job} {task_words(answer.task_id, answer.instance)} is"
    )


def since(cancel: UnderWay) -> str:
    """By whom, since when, and by which event."""
    who = f"{cancel.actor} for {cancel.on_behalf_of}" if cancel.on_behalf_of else cancel.actor
    return f"by {who} since {second(cancel.at)} (event {cancel.position})"


def second(time: datetime) -> str:
    """A moment for people."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
