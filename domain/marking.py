"""Decisions on marks: a job is protected or put under legal hold, and that is taken back.

Both are possible in every state of a job that there is, as often as anybody likes, but not twice in
a row: what is asked for then is refused with who did it before. Each needs a message. Marks stop
nothing by themselves, but for one thing: a job under legal hold does not leave the job view.
"""

from typing import Final

from msgspec import Struct

from domain import commands as c
from domain import events as e
from domain.hresult import HResult
from domain.job import Job, MarkInForce
from domain.policy import Action
from domain.refusal import Refusal, without_message
from domain.requests import command_refused, inadmissible
from domain.states import JobMark

MarkFact = e.JobProtected | e.JobProtectionLifted | e.JobLegalHoldPlaced | e.JobLegalHoldReleased


class Words(Struct, frozen=True):
    """How a mark is spoken of: the job ``is`` so, or ``is_not``."""

    is_: str
    is_not: str


WORDS: Final = {
    JobMark.PROTECTION: Words("is protected", "is not protected"),
    JobMark.LEGAL_HOLD: Words("is under legal hold", "is under no legal hold"),
}
FACTS: Final[dict[tuple[JobMark, bool], type[MarkFact]]] = {
    (JobMark.PROTECTION, True): e.JobProtected,
    (JobMark.PROTECTION, False): e.JobProtectionLifted,
    (JobMark.LEGAL_HOLD, True): e.JobLegalHoldPlaced,
    (JobMark.LEGAL_HOLD, False): e.JobLegalHoldReleased,
}
"""What a mark that is placed, or taken back, is as a fact."""

ACTIONS: Final = {
    (JobMark.PROTECTION, True): Action.PROTECT,
    (JobMark.PROTECTION, False): Action.UNPROTECT,
    (JobMark.LEGAL_HOLD, True): Action.LEGAL_HOLD,
    (JobMark.LEGAL_HOLD, False): Action.LEGAL_HOLD,
}
"""And what the policy is asked about it."""

MESSAGE: Final = ("marks-need-a-message", "this needs a message that says why; give one")
"""Nobody could tell later what a mark without a reason was for."""


def mark_job(job: Job, request: c.MarkJob) -> e.JobEvent:
    """Placed or taken back, or refused: without a message, or where it is so already."""
    no = inadmissible(job, request) or without_message(request.message, *MESSAGE)
    no = no or so_already(job, request)
    if no is not None:
        return command_refused(job, request, no)
    asked = request.asked
    return FACTS[request.mark, request.placed](asked.request_id, request.message, asked.decision)


def so_already(job: Job, request: c.MarkJob) -> Refusal | None:
    """The job has the mark that is to be placed, or not the one that is to be taken back."""
    found, words = mark_of(job, request.mark), WORDS[request.mark]
    if request.placed is (found is None):
        return None
    said = f"{words.is_} already, {since(found)}" if found else words.is_not
    return Refusal(
        "illegal_transition",
        HResult.INVALID_OPERATION,
        f"{request.mark}-{'once' if request.placed else 'to-take-back'}",
        f"job {job.id} {said}",
    )


def mark_of(job: Job, mark: JobMark) -> MarkInForce | None:
    """The mark, if the job has it."""
    return job.protection if mark is JobMark.PROTECTION else job.legal_hold


def since(mark: MarkInForce) -> str:
    """By whom, and since when."""
    who = f"{mark.actor} for {mark.on_behalf_of}" if mark.on_behalf_of else mark.actor
    return f"by {who} since {mark.at:%Y-%m-%d %H:%M:%S} UTC"
