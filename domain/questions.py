"""What a policy is asked for each kind of request, with all that is known then.

The service asks so, and ``remaking_facts`` computes from the state what it must have asked.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from domain.identity import Caller
from domain.job import Job
from domain.labels import words_of
from domain.message import said_units
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_requests import known_of
from domain.states import CancelMode, JobPriority, JobType
from domain.waiting import WaitingCancel

Windows = tuple[str, ...] | None


def on_job(caller: Caller, action: Action, job: Job, said: RequestKnown, at: datetime) -> Question:
    """Something is to be done on a job, as it is."""
    return Question(caller, action, job.owner, job.job_type, known_of(job, at), said)


def plain(message_units: int | None, at: datetime, windows: Windows = None) -> RequestKnown:
    """Of a request that is no cancel. ``message_units``: None where nothing is said in it."""
    return RequestKnown(message_units=message_units, at=at, freeze_windows=windows)


def of_cancel(
    mode: CancelMode,
    message_units: int,
    reason_code: str,
    at: datetime,
    bulk_size: int | None = None,
    windows: Windows = None,
) -> RequestKnown:
    """Of a cancel. ``reason_code``: cut as that of a refusal is."""
    return RequestKnown(
        mode=mode,
        message_units=message_units,
        reason_code=reason_code,
        at=at,
        bulk_size=bulk_size,
        freeze_windows=windows,
    )


def about_waiting(question: Question, waiting: WaitingCancel | None) -> Question:
    """The question, which is about a cancel that waits, if there is one."""
    if waiting is None:
        return question
    requester, approvals = waiting.caller.subject.name, len(waiting.approvals)
    said = replace(question.said, mode=waiting.mode, requester=requester, approvals=approvals)
    return replace(question, said=said)


def question_again(
    job: Job, waiting: WaitingCancel, caller: Caller, at: datetime, windows: Windows
) -> Question:
    """A cancel that waited, asked again: the same request, with what is known now."""
    said = replace(known_of_waiting(waiting), at=at, freeze_windows=windows)
    return on_job(caller, Action.CANCEL, job, said, at)


def approval_again(
    job: Job, waiting: WaitingCancel, before: int, approver: Caller, windows: Windows
) -> Question:
    """An approval, asked again: by who they are now, at the moment when it was given, when
    ``before`` others had been given."""
    approval = waiting.approvals[before]
    said = plain(approval.message_units, approval.at, windows)
    question = on_job(approver, Action.APPROVE, job, said, approval.at)
    return about_waiting(question, replace(waiting, approvals=waiting.approvals[:before]))


def known_of_waiting(waiting: WaitingCancel) -> RequestKnown:
    """What a policy may know of a cancel that waits."""
    return RequestKnown(
        mode=waiting.mode,
        message_units=said_units(waiting.message),
        reason_code=waiting.reason_code,
        requester=waiting.caller.subject.name,
        approvals=len(waiting.approvals),
        bulk_size=waiting.bulk_size,
    )


def creating(job_type: JobType) -> Action:
    """What it is to create such a job."""
    return Action.CREATE_COMMAND_JOB if job_type is JobType.ADMIN else Action.CREATE


def of_new(name: str, priority: JobPriority, project: str, labels: Mapping[str, str]) -> JobKnown:
    """What a policy may know of a job that is to be made."""
    return JobKnown(name=name, priority=priority, project=project, labels=words_of(labels))


def creation(caller: Caller, job_type: JobType, new: JobKnown, said: RequestKnown) -> Question:
    """A job is to be made: its owner is whose rights count."""
    return Question(caller, creating(job_type), caller.subject.name, job_type, new, said)
