"""Why not, for cancels that wait: each refusal with its rule and its sentence."""

from datetime import datetime, timedelta
from typing import Final

from domain.demands import approvals
from domain.events import Decision
from domain.hresult import HResult
from domain.job import Job
from domain.refusal import Refusal
from domain.states import JOB_ENDED
from domain.waiting import Approval, WaitingCancel

NAMED_MAX: Final = 5


def over(job: Job, waiting: WaitingCancel) -> bool:
    """Whether it can never take effect: the job has ended, or is in another round by now."""
    return job.state in JOB_ENDED or waiting.round != job.requeue_count


def state(rule: str, words: str) -> Refusal:
    """It does not fit what is."""
    return Refusal("illegal_transition", HResult.INVALID_CANCEL_JOB_STATE, rule, words)


def nothing_waits(job: Job, cancel_id: str) -> Refusal:
    """No cancel of this id waits: it took effect, or there never was one, or it is over."""
    if job.cancel is not None and job.cancel.request_id == cancel_id:
        at = second(job.cancel.at)
        return state("cancel-waits", f"the cancel {cancel_id} of job {job.id} took effect at {at}")
    waiting = [name for name, x in job.waiting_cancels.items() if not over(job, x)][:NAMED_MAX]
    which = f"; what waits is {', '.join(waiting)}" if waiting else ""
    return state("cancel-waits", f"no cancel {cancel_id} waits on job {job.id}{which}")


def too_many(job: Job, most: int) -> Refusal:
    """There is no place for one more."""
    words = f"{most} cancels of job {job.id} wait already: withdraw one of them first"
    return state("waiting-cancels-max", words)


def needs_none(job: Job, waiting: WaitingCancel) -> Refusal:
    """It waits for its time alone."""
    words = f"the cancel {waiting.request_id} of job {job.id} needs no approval: it takes effect "
    return state("approval-needed", f"{words}at {second(waiting.due)}")


def approved_already(job: Job, waiting: WaitingCancel) -> Refusal:
    """It has all it needs."""
    words = f"the cancel {waiting.request_id} of job {job.id} has its {waiting.needed} approvals"
    return state("approval-needed", f"{words}: it takes effect at {second(waiting.due)}")


def of_own_request(waiting: WaitingCancel, name: str) -> Refusal:
    """Nobody approves what they asked for."""
    words = f"{name} asked for the cancel {waiting.request_id}: somebody else has to approve it"
    return Refusal("not_permitted", HResult.PERMISSION_DENIED, "approved-by-another-person", words)


def by_the_same(job: Job, waiting: WaitingCancel, before: Approval) -> Refusal:
    """A person counts once, also when they act for somebody."""
    who = f"{before.actor} for {before.on_behalf_of}" if before.on_behalf_of else before.actor
    words = f"{who} approved the cancel {waiting.request_id} of job {job.id} already; "
    words += f"{waiting.missing} more by others {'is' if waiting.missing == 1 else 'are'} needed"
    return state("one-approval-a-person", words)


def lapsed_by_time(job: Job, waiting: WaitingCancel) -> Refusal:
    """Its approvals did not come in time."""
    words = f"{len(waiting.approvals)} of {waiting.needed} approvals were given by "
    words += f"{second(waiting.expires)}: ask for the cancel of job {job.id} again"
    return state("approvals-in-time", words)


def grown(waiting: WaitingCancel, decision: Decision, at: datetime) -> Refusal | None:
    """The rules demand more by now than was done for it."""
    if decision.approvals > len(waiting.approvals):
        demanded = approvals(decision.approvals)
        rule, words = "approvals-demanded", f"the rules demand {demanded} now"
    elif at - waiting.at < timedelta(seconds=decision.hold_seconds):
        rule, words = "hold-demanded", f"the rules demand a hold of {decision.hold_seconds} s now"
    else:
        return None
    words += ": ask for the cancel again"
    return Refusal("not_permitted", HResult.PERMISSION_DENIED, rule, words)


def gone(waiting: WaitingCancel, name: str) -> Refusal:
    """Nobody is known by this name any more, so nobody's rights stand behind it."""
    words = f"{name}, who asked for the cancel {waiting.request_id}, is not known here any more: "
    words += "somebody who may has to ask for it"
    return Refusal("not_permitted", HResult.PERMISSION_DENIED, "requester-is-known", words)


def uncounted(waiting: WaitingCancel, name: str, decision: Decision | None) -> Refusal:
    """Somebody's approval does not count any more."""
    why = f"may not approve any more ({decision.explanation})" if decision else "is not known here"
    why += "" if decision else " any more"
    words = f"{name}, who approved the cancel {waiting.request_id}, {why}: ask for it again"
    return Refusal("not_permitted", HResult.PERMISSION_DENIED, "approver-counts", words)


def stamp(at: datetime, seconds: int) -> str:
    """A moment so many seconds later, in UTC."""
    return f"{at + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%fZ}"


def second(time: datetime) -> str:
    """A moment for people."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
