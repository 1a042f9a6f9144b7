"""A request and its id: what it asks for, whether it was answered, and checks that many share."""

from typing import Final, assert_never

from domain import commands as c
from domain.errors import Refused
from domain.hresult import HResult
from domain.job import Answered, Asking, Job
from domain.message import check_message, sha256_of
from domain.refusal import Refusal, reused

JobRequest = c.SubmitJob | c.CancelJob | c.CancelTask | c.FinishJob | c.ConfigureJob | c.RequeueJob
REASON_CODE_MAX: Final = 32
REASON_CODE_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
REASON_CODE_FORM: Final = "1 to 32 of a-z, 0-9, _ and -"


def answered_before(job: Job, request: JobRequest) -> Answered | None:
    """How this actor's request of this id and content was answered, if it was."""
    before = job.asked.get(asking(request))
    return before if before and before.content_sha256 == content_of(request) else None


def asking(request: JobRequest) -> Asking:
    """The scope in which the request id counts."""
    return Asking(request.asked.asker, operation_of(request), request.asked.request_id)


def operation_of(request: JobRequest) -> str:
    """The stable name of an operation; a task's cancel has the task's number in it."""
    match request:
        case c.CancelJob():
            return "cancel"
        case c.CancelTask():
            return f"cancel_task/{request.task}"
        case c.SubmitJob():
            return "submit"
        case c.FinishJob():
            return "finish"
        case c.ConfigureJob():
            return "configure"
        case c.RequeueJob():
            return "requeue"
        case _:
            assert_never(request)


def content_of(request: JobRequest) -> str:
    """The digest of what is asked."""
    match request:
        case c.CancelJob() | c.CancelTask():
            return c.content_sha256(request.mode, request.reason_code, sha256_of(request.message))
        case c.FinishJob():
            return c.content_sha256("finish", request.message)
        case c.SubmitJob():
            return c.content_sha256("submit", request.run_as)
        case c.ConfigureJob() | c.RequeueJob():
            return c.content_sha256(operation_of(request))
        case _:
            assert_never(request)


# --- checks that requests share -------------------------------------------------------------------


def reused_id(job: Job, request: JobRequest) -> Refusal | None:
    """A request id that stands for something else already."""
    if asking(request) not in job.asked:
        return None
    return reused(request.asked.request_id, operation_of(request))


def bad_message(request: c.CancelJob | c.CancelTask | c.FinishJob) -> Refusal | None:
    """A message that is too long or holds a forbidden character."""
    try:
        check_message(request.message, request.message_units_max)
    except Refused as no:
        rule = "message-limit" if no.code == "message_too_long" else "message-characters"
        return Refusal(no.code, no.hresult or 0, rule, no.message)
    return None


def bad_reason(request: c.CancelJob | c.CancelTask) -> Refusal | None:
    """A reason code of another form than ``[a-z0-9_-]{1,32}``."""
    code = request.reason_code
    if not code or (len(code) <= REASON_CODE_MAX and REASON_CODE_CHARACTERS.issuperset(code)):
        return None
    return Refusal(
        "bad_reason_code",
        HResult.ARGUMENT_OUT_OF_RANGE,
        "reason-code-form",
        f"the reason code {code[:40]!r} is not allowed: {REASON_CODE_FORM}",
    )
