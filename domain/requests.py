"""A request and its id: what it asks for, whether it was answered, and checks that many share."""

from typing import Final, assert_never

import msgspec
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.adding import given
from domain.errors import BadRequest, Refused
from domain.hresult import HResult
from domain.job import Answered, Asking, Job
from domain.message import KeptMessage, check_message, kept, sha256_of
from domain.refusal import Refusal, at_other_version, denied, reused
from domain.subtasks import target

JobRequest = (
    c.AddTasks
    | c.ChangeJob
    | c.ChangeTask
    | c.SubmitJob
    | c.CancelJob
    | c.CancelTask
    | c.FinishJob
    | c.FinishTask
    | c.ConfigureJob
    | c.RequeueJob
    | c.RequeueTask
    | c.MarkJob
    | c.RecordEmergencyStop
    | c.RecordRefusedStop
    | c.ApproveCancel
    | c.WithdrawCancel
    | c.ReviewUse
)
ON_A_TASK: Final = c.FinishTask | c.RequeueTask | c.ChangeTask
SAYS_WHY: Final = (
    c.FinishJob
    | c.FinishTask
    | c.RequeueJob
    | c.RequeueTask
    | c.MarkJob
    | c.ApproveCancel
    | c.WithdrawCancel
    | c.ReviewUse
    | c.RecordRefusedStop
)
"""Those that have a message, cancels aside."""
EMERGENCY_STOP: Final = "emergency_stop"
JOB_ID_UNITS_MAX: Final = 64
"""What a refusal keeps of a job's number that is none. Source: ``CancelRefused``."""

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


def operation_of(  # noqa: C901 - one case a request, and the compiler checks that none is missing
    request: JobRequest,
) -> str:
    """The stable name of an operation; one on a task has the task's number after a slash."""
    match request:
        case c.AddTasks():
            return "add_tasks"
        case c.ChangeJob():
            return "change"
        case c.ChangeTask():
            return f"change_task/{request.task}"
        case c.CancelJob():
            return "cancel"
        case c.CancelTask():
            return c.on_task("cancel_task", request.task, request.instance)
        case c.SubmitJob():
            return "submit"
        case c.FinishJob():
            return "finish"
        case c.FinishTask():
            return c.on_task("finish_task", request.task, request.instance)
        case c.ConfigureJob():
            return "configure"
        case c.RequeueJob():
            return "requeue"
        case c.RequeueTask():
            return c.on_task("requeue_task", request.task, request.instance)
        case c.MarkJob():
            return c.marking(request.mark, request.placed)
        case c.RecordEmergencyStop() | c.RecordRefusedStop():
            return EMERGENCY_STOP
        case c.ApproveCancel():
            return "approve"
        case c.WithdrawCancel():
            return "withdraw"
        case c.ReviewUse():
            return "review"
        case _:
            assert_never(request)


def content_of(  # noqa: C901 - as above
    request: JobRequest,
) -> str:
    """The digest of what is asked."""
    match request:
        case c.AddTasks():
            said = [given(replace(task, id=0)) for task in request.tasks]
            return c.content_sha256("add_tasks", as_json(said))
        case c.ChangeJob():
            return c.content_sha256("change", as_json(given(request.changes)))
        case c.ChangeTask():
            return c.content_sha256("change_task", as_json(given(request.changes)))
        case c.CancelJob() | c.CancelTask():
            return c.content_sha256(request.mode, request.reason_code, sha256_of(request.message))
        case c.FinishJob():
            return c.content_sha256("finish", request.message)
        case c.FinishTask():
            return c.content_sha256("finish_task", request.message)
        case c.RequeueTask():
            return c.requeue_sha256("requeue_task", request.message)
        case c.RequeueJob():
            return c.requeue_sha256("requeue", request.message)
        case c.SubmitJob():
            return c.content_sha256("submit", request.run_as)
        case c.ConfigureJob():
            return c.content_sha256("configure")
        case c.MarkJob():
            return c.content_sha256(operation_of(request), request.message)
        case c.RecordEmergencyStop():
            return c.emergency_sha256(request.stop.spool_sha256)
        case c.RecordRefusedStop():
            return c.content_sha256("refused_stop", request.asked_at, request.message)
        case c.ApproveCancel():
            return c.content_sha256("approve", request.cancel_id, request.message)
        case c.WithdrawCancel():
            return c.content_sha256("withdraw", request.cancel_id, request.message)
        case c.ReviewUse():
            return c.content_sha256("review", request.reviewed, request.message)
        case _:
            assert_never(request)


def as_json(what: object) -> str:
    """What is asked for as one text, the same for the same."""
    return msgspec.json.encode(what, order="deterministic").decode()


# --- checks that requests share -------------------------------------------------------------------


def inadmissible(job: Job, request: JobRequest) -> Refusal | None:
    """What is checked of every request before the state: its id, the right, what it says, the
    version. What can never be done is refused as that, whatever version it is for."""
    return (
        reused_id(job, request)
        or denied(request.asked, may_wait=may_wait(request))
        or bad_message(request)
        or bad_reason(request)
        or at_other_version(request.asked, job.version, f"job {job.id}")
    )


def may_wait(request: JobRequest) -> bool:
    """Whether it can be held: a cancel of the job; not one that overrides a hold."""
    return isinstance(request, c.CancelJob) and request.overrides is None


def reused_id(job: Job, request: JobRequest) -> Refusal | None:
    """A request id that stands for something else already."""
    if asking(request) not in job.asked:
        return None
    return reused(request.asked.request_id, operation_of(request))


def bad_message(request: JobRequest) -> Refusal | None:
    """A message that is too long or holds a forbidden character."""
    if not isinstance(request, c.CancelJob | c.CancelTask | SAYS_WHY):
        return None
    try:
        check_message(request.message, request.message_units_max)
    except Refused as no:
        rule = "message-limit" if no.code == "message_too_long" else "message-characters"
        return Refusal(no.code, no.hresult or 0, rule, no.message)
    return None


def bad_reason(request: JobRequest) -> Refusal | None:
    """A reason code of another form than ``[a-z0-9_-]{1,32}``."""
    code = request.reason_code if isinstance(request, c.CancelJob | c.CancelTask) else ""
    try:
        check_reason(code)
    except Refused as no:
        return Refusal(no.code, no.hresult or 0, "reason-code-form", no.message)
    return None


def check_reason(code: str) -> None:
    """Pass, or raise ``BadRequest`` with HPC Pack's number: another form; "" is no reason."""
    if code and (len(code) > REASON_CODE_MAX or not REASON_CODE_CHARACTERS.issuperset(code)):
        raise BadRequest(
            f"the reason code {code[:40]!r} is not allowed: {REASON_CODE_FORM}",
            code="bad_reason_code",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )


# --- the refusal of anything but a cancel ---------------------------------------------------------


def command_refused(job: Job, request: JobRequest, no: Refusal) -> e.JobCommandRefused:
    """The refusal as a fact, with the task where the command was for one."""
    message = kept_message(request)
    on = request if isinstance(request, ON_A_TASK) else None
    task = target(job, on.task, on.instance) if on else None
    return e.JobCommandRefused(
        request_id=request.asked.request_id,
        command=operation_of(request).partition("/")[0],
        state=job.state,
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        decision=request.asked.decision,
        content_sha256=content_of(request),
        message=message.text,
        message_units=message.units,
        message_sha256=message.sha256,
        task=on.task if on else None,
        task_state=task.state if task else None,
        instance=on.instance if on else 0,
        asked_at=request.asked_at if isinstance(request, c.RecordRefusedStop) else "",
        unreachable=request.unreachable if isinstance(request, c.RecordRefusedStop) else "",
    )


def kept_message(request: JobRequest) -> KeptMessage:
    """What a refusal keeps of the request's message, if it has one."""
    if isinstance(request, SAYS_WHY):
        return kept(request.message, request.message_units_max)
    return KeptMessage("", 0)
