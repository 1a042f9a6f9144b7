"""Facts about cancels that wait, made again: those that answer no request of a person."""

from collections.abc import Iterator

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.differing import difference
from domain.identity import SYSTEM
from domain.job import Job
from domain.policy import Action
from domain.states import Effect
from domain.two_persons import no_person
from domain.waiting import WaitingCancel
from domain.waiting_cancels import settle
from domain.waiting_words import stamp

NO_CANCEL = "\0"
"""The id of a cancel that never was, where the one that was named is not known."""

Settled = e.JobCancelRequested | e.JobCancelLapsed


def settled_refused(before: Job, recorded: e.Recorded, data: Settled) -> str:
    """Why the rules would not make this of a cancel that waited."""
    cancel_id = data.request_id if isinstance(data, e.JobCancelRequested) else data.cancel_id
    waiting = before.waiting_cancels.get(cancel_id)
    if waiting is None:
        return f"no cancel {cancel_id!r} waits on the job"
    caller = recorded.event.caller
    if isinstance(data, e.JobCancelLapsed) and caller.actor != SYSTEM:
        return f"only the service writes this, and it is by {caller.actor.name!r}"
    if isinstance(data, e.JobCancelRequested) and caller.asker != waiting.caller.asker:
        return f"it is by {caller.asker!r}, and {waiting.caller.asker!r} asked for it"
    if isinstance(data, e.JobCancelLapsed) and (data.unknown or data.uncounted):
        return lapse_refused(before, waiting, recorded, data)
    people = (waiting.caller.actor.name, waiting.caller.subject.name)
    facts = data.decision.facts if data.decision is not None else {}
    told = (facts.get("actor", people[0]), facts.get("person", people[1]))
    if told != people:
        return f"it was decided for {told[1]!r}, and {waiting.caller.asker!r} asked for it"
    grace = data.grace_seconds if isinstance(data, e.JobCancelRequested) else 0
    command = c.SettleCancel(cancel_id, recorded.time, data.decision, grace)
    made = settle(before, command)
    return difference(made[0], data) if made else f"the cancel {cancel_id!r} still waits"


def lapse_refused(
    before: Job, waiting: WaitingCancel, recorded: e.Recorded, data: e.JobCancelLapsed
) -> str:
    """Why it would not lapse because somebody does not count any more. That they are not known is
    taken as it stands; who it can be about, and what the rules said to them, is not."""
    approvals = {x.actor: (x.actor, x.caller.subject.name) for x in waiting.approvals}
    approver = next((x for x in approvals.values() if data.uncounted in x), None)
    if data.unknown and data.unknown not in waiting.asked_by:
        return f"{data.unknown!r} did not ask for it"
    if data.uncounted and approver is None:
        return f"{data.uncounted!r} did not approve it"
    if data.decision is not None:
        facts = data.decision.facts
        told = (facts.get("actor"), facts.get("person"), facts.get("action"))
        if data.unknown or approver is None or told != (*approver, str(Action.APPROVE)):
            return "its decision is not about who approved it"
        if data.decision.effect is not Effect.DENY:
            return f"the rules let {data.uncounted!r} approve it"
    command = c.SettleCancel(
        waiting.request_id, recorded.time, data.decision, 0, data.unknown, data.uncounted
    )
    made = settle(before, command)
    return difference(made[0], data) if made else f"the cancel {data.cancel_id!r} still waits"


def asking_refused(before: Job, data: e.JobCancelApprovalRequested) -> str:
    """Why this would not be asked: it follows right on the cancel that needs approvals."""
    waiting = before.waiting_cancels.get(data.cancel_id)
    if waiting is None or waiting.version != before.version:
        return f"it does not follow on the cancel {data.cancel_id!r}, held"
    made = e.JobCancelApprovalRequested(
        waiting.request_id, waiting.needed, stamp(waiting.expires, 0)
    )
    return difference(made, data) if waiting.needed else "that cancel needs no approval"


def use_refused(before: Job, recorded: e.Recorded, data: e.BreakGlassUsed) -> str:
    """Why this would not follow: right before it, the cancel that it speaks of took effect."""
    cancel, caller = before.cancel, recorded.event.caller
    if cancel is None or cancel.version != before.version or cancel.actor != caller.actor.name:
        return f"it does not follow on the cancel {data.request_id!r}"
    no = no_person(caller, "who overrides the rules")
    if no is not None:
        return no.explanation
    answer = data.overridden
    if answer.effect is Effect.ALLOW:
        return "the rules allowed that cancel: nothing was overridden"
    made = replace(
        data,
        request_id=cancel.request_id,
        mode=cancel.mode,
        message=cancel.message,
        overridden_effect=answer.effect,
        overridden_rules=answer.rules,
        overridden_explanation=answer.explanation,
        review_by=stamp(cancel.at, data.review_seconds),
    )
    return difference(made, data)


def named_reviews(job: Job) -> Iterator[tuple[str, frozenset[str]]]:
    """What a refused review may have named, and what is then apart."""
    yield from ((name, frozenset[str]()) for name in job.reviews)
    yield NO_CANCEL, frozenset({"explanation", "content_sha256"})


def named_cancels(job: Job) -> Iterator[tuple[str, frozenset[str]]]:
    """The cancels that a refused approval or withdrawal may have named, and what is then apart."""
    known = [*job.waiting_cancels, *([job.cancel.request_id] if job.cancel else [])]
    yield from ((name, frozenset[str]()) for name in known)
    yield NO_CANCEL, frozenset({"explanation", "content_sha256"})
