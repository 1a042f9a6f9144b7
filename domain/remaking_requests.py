"""Requests of people, made again from the facts that answered them. Used by ``remaking`` only.

A fact holds most of what was asked, never all of it: what it does not hold is put in as whatever
leads to the same answer, and the fields that follow from it are named, to be left out when the
facts are compared.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.events.making import CHANGEABLE
from domain.events.tasks import TASK_CHANGEABLE
from domain.job import Job
from domain.marking import FACTS, MarkFact
from domain.message import MESSAGE_UNITS_MAX, units
from domain.refusal import Refusal
from domain.remaking_waiting import named_cancels, named_reviews
from domain.requests import REASON_CODE_MAX, JobRequest, command_refused, inadmissible
from domain.reviewing import NO_MESSAGE
from domain.states import JobPriority, TaskType

UNITS_ALLOWED: Final = re.compile(r"; at most (\d+) are allowed: shorten it by \d+$")
CHARACTER: Final = re.compile(r"^the message holds the character U\+([0-9A-F]{4,6}),")
TOO_LONG: Final = "message_too_long"
BAD_CHARACTER: Final = "message_bad_character"
ONE_ID: Final = "one-request-one-id"
BAD_REASON: Final = "bad_reason_code"
OTHER_VERSION: Final = "version_mismatch"
STANDING_FIELD: Final = re.compile(r"change-([a-z_]+)-states")

NO_ACCOUNT: Final = "\0"
"""An account that no submission ever named, where the one that was named is not known."""

VALUES: Final[Mapping[str, object]] = {
    "priority": JobPriority.NORMAL,
    "properties": {"x": "x"},
    "environment": {"x": "x"},
    "labels": {"x": "x"},
    "fail_on_task_failure": True,
    "run_until_canceled": True,
    "runtime_seconds": 1,
    "task_retry_count": 1,
    "progress": 1,
}
"""A value for each property that is no text, for a change of which only the name counts."""

MARKS: Final = {operation: how for how, operation in c.MARKING.items()}
"""What each operation on a mark does to which."""

BY_CONTENTS: Final = frozenset({"submission-limits"})
"""Rules that refuse for what was asked, of which the refusal keeps a digest only."""


UNKNOWN: Final = Refusal("", 0, "", "")


class Try(Struct, frozen=True):
    """A request that may have led to a fact. ``apart``: fields that need not be equal."""

    request: JobRequest
    apart: frozenset[str] = frozenset()


class Said(Struct, frozen=True):
    """The message of a request as it may have been, and its limit."""

    text: str
    units_max: int = MESSAGE_UNITS_MAX
    apart: frozenset[str] = frozenset()


Refused = e.JobCancelRefused | e.TaskCancelRefused | e.JobCommandRefused
Answer = (
    Refused
    | e.TasksAdded
    | e.JobPropertiesChanged
    | e.TaskPropertiesChanged
    | e.JobSubmitted
    | e.JobCancelRequested
    | e.JobCancelRepeated
    | e.JobCancelHeld
    | e.JobCancelApproved
    | e.JobCancelWithdrawn
    | e.BreakGlassReviewed
    | e.TaskCancelRequested
    | e.TaskCancelRepeated
    | e.TaskFinishRequested
    | e.TaskRequeued
    | e.JobFinishRequested
    | e.JobConfigured
    | e.JobRequeued
    | MarkFact
    | e.EmergencyStopRecorded
)
"""What answers a request of a person."""


def requests_of(  # noqa: C901, PLR0915 - one case a fact, and the compiler checks that none is missing
    job: Job, recorded: e.Recorded, data: Answer
) -> Iterator[Try]:
    """The requests that may have led to this fact about ``job``, as it was before."""
    match data:
        case e.TasksAdded():
            if data.decision is not None:
                yield Try(c.AddTasks(asked(recorded, data.request_id, data.decision), data.tasks))
        case e.JobPropertiesChanged():
            yield from job_changes(recorded, data)
        case e.TaskPropertiesChanged():
            yield task_changes(recorded, data)
        case e.JobSubmitted():
            yield from submits(job, recorded, data)
        case e.JobCancelRequested() | e.JobCancelRepeated():
            yield Try(cancel(recorded, data))
        case e.JobCancelHeld():
            yield Try(cancel_held(recorded, data))
        case e.JobCancelApproved():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.ApproveCancel(who, data.cancel_id, recorded.event.caller, data.message))
        case e.BreakGlassReviewed():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.ReviewUse(who, data.reviewed, recorded.event.caller, data.message))
        case e.JobCancelWithdrawn():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.WithdrawCancel(who, data.cancel_id, data.message))
        case e.TaskCancelRequested() | e.TaskCancelRepeated():
            yield Try(cancel_task(recorded, data))
        case e.TaskFinishRequested():
            who = asked(recorded, data.request_id, data.decision)
            how = (data.task, data.message, data.grace_seconds, MESSAGE_UNITS_MAX, data.instance)
            yield Try(c.FinishTask(who, *how))
        case e.TaskRequeued():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.RequeueTask(who, data.task, data.instance, data.message))
        case e.JobFinishRequested():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.FinishJob(who, data.message, data.grace_seconds))
        case e.JobConfigured():
            yield Try(c.ConfigureJob(asked(recorded, data.request_id, data.decision)))
        case e.JobRequeued():
            who = asked(recorded, data.request_id, data.decision)
            yield Try(c.RequeueJob(who, data.message))
        case e.JobProtected() | e.JobProtectionLifted():
            yield Try(mark(recorded, data))
        case e.JobLegalHoldPlaced() | e.JobLegalHoldReleased():
            yield Try(mark(recorded, data))
        case e.EmergencyStopRecorded():
            who = asked(recorded, data.request_id, data.decision)
            what = (data.message, data.reason_code, data.stop, data.review_seconds)
            yield Try(c.RecordEmergencyStop(who, *what))
        case e.JobCancelRefused() | e.TaskCancelRefused():
            yield from refused_cancels(recorded, data)
        case e.JobCommandRefused():
            yield from refused_commands(job, recorded, data)
        case _:
            assert_never(data)


def asked(
    recorded: e.Recorded,
    request_id: str,
    decision: e.Decision,
    if_versions: c.IfVersions = None,
) -> c.Asked:
    """Who asked, as the envelope has it."""
    asker = recorded.event.caller.asker
    return c.Asked(request_id, asker, recorded.time, decision, if_versions)


# --- accepted -------------------------------------------------------------------------------------


def job_changes(recorded: e.Recorded, data: e.JobPropertiesChanged) -> Iterator[Try]:
    """A change of properties. Where none is a further one, it may have said so or nothing."""
    who = asked(recorded, data.request_id, data.decision)
    values = {name: getattr(data, name) for name in CHANGEABLE}
    for properties in (data.changes or None, data.changes):
        yield Try(c.ChangeJob(who, c.JobChanges(properties=properties, **values)))


def task_changes(recorded: e.Recorded, data: e.TaskPropertiesChanged) -> Try:
    """A change of a task's properties."""
    who = asked(recorded, data.request_id, data.decision)
    values = {name: getattr(data, name) for name in TASK_CHANGEABLE}
    return Try(c.ChangeTask(who, data.task, c.TaskChanges(**values)))


def submits(job: Job, recorded: e.Recorded, data: e.JobSubmitted) -> Iterator[Try]:
    """A submission, which named the account or left it to the job."""
    who = asked(recorded, data.key, data.decision)
    yield Try(c.SubmitJob(who, data.run_as))
    if job.run_as == data.run_as:
        yield Try(c.SubmitJob(who))


def cancel(recorded: e.Recorded, data: e.JobCancelRequested | e.JobCancelRepeated) -> c.CancelJob:
    """An accepted cancel of a job."""
    who = asked(recorded, data.request_id, data.decision)
    said = c.CancelJob(who, data.mode, data.message, 0, data.reason_code)
    if isinstance(data, e.JobCancelRepeated):
        return said
    return replace(said, grace_seconds=data.grace_seconds, bulk_size=data.bulk_size)


def cancel_held(recorded: e.Recorded, data: e.JobCancelHeld) -> c.CancelJob:
    """A cancel of a job that had to wait."""
    who = asked(recorded, data.request_id, data.decision)
    return replace(
        c.CancelJob(who, data.mode, data.message, 0, data.reason_code),
        approval_seconds=data.approval_seconds,
        bulk_size=data.bulk_size,
    )


def cancel_task(
    recorded: e.Recorded, data: e.TaskCancelRequested | e.TaskCancelRepeated
) -> c.CancelTask:
    """An accepted cancel of a task."""
    who = asked(recorded, data.request_id, data.decision)
    grace = data.grace_seconds if isinstance(data, e.TaskCancelRequested) else 0
    return c.CancelTask(
        who, data.task, data.mode, data.message, grace, data.reason_code, instance=data.instance
    )


def mark(recorded: e.Recorded, data: MarkFact) -> c.MarkJob:
    """A mark that was placed, or taken back."""
    who = asked(recorded, data.request_id, data.decision)
    of, placed = next(how for how, fact in FACTS.items() if fact is type(data))
    return c.MarkJob(who, of, placed, data.message)


# --- refused --------------------------------------------------------------------------------------


def refused_cancels(
    recorded: e.Recorded, data: e.JobCancelRefused | e.TaskCancelRefused
) -> Iterator[Try]:
    """A refused cancel, whose message and reason code may have been cut."""
    who, apart = asker_of(recorded, data)
    said = said_in(data)
    for reason, more in reasons(data):
        left_out = apart | said.apart | more
        if isinstance(data, e.JobCancelRefused):
            how = (data.mode, said.text, 0, reason, said.units_max)
            made = c.CancelJob(who, *how)
            if data.rule in (NO_MESSAGE, ONE_ID):
                yield Try(replace(made, overrides=c.Overrides(data.decision, 0)), left_out)
            yield Try(made, left_out)
        else:
            on = (data.task, data.mode, said.text, 0, reason, said.units_max, data.instance)
            yield Try(c.CancelTask(who, *on), left_out)


def asker_of(recorded: e.Recorded, data: Refused) -> tuple[c.Asked, frozenset[str]]:
    """Who asked. For which versions is not kept: a refusal for that names them in its sentence."""
    other = data.code == OTHER_VERSION
    who = asked(recorded, data.request_id, data.decision, () if other else None)
    return who, frozenset({"explanation"}) if other else frozenset()


def said_in(data: Refused) -> Said:
    """The message that was refused. What was cut off is made up, for nothing rests on its words."""
    if not data.message_sha256:
        return Said(data.message)
    apart = frozenset({"message", "message_units", "message_sha256", "content_sha256"})
    if data.code == TOO_LONG:
        limit = UNITS_ALLOWED.search(data.explanation)
        units_max = int(limit[1]) if limit else MESSAGE_UNITS_MAX
        return Said("x" * min(data.message_units, 2**20), units_max, apart)
    if data.code == BAD_CHARACTER:
        bad = CHARACTER.match(data.explanation)
        return Said(chr(min(int(bad[1], 16), 0x10FFFF)) if bad else "", apart=apart)
    return Said("", apart=apart)


def reasons(
    data: e.JobCancelRefused | e.TaskCancelRefused,
) -> Iterator[tuple[str, frozenset[str]]]:
    """The reason code, and where it may have been cut, a longer one."""
    cut = units(data.reason_code) >= REASON_CODE_MAX - 1
    if not cut:
        yield data.reason_code, frozenset()
        return
    apart = frozenset({"content_sha256"})
    if data.code == BAD_REASON:
        apart |= {"explanation", "reason_code"}
        yield data.reason_code + "xx", apart
    yield data.reason_code, apart


def refused_commands(  # noqa: C901 - one case a command
    job: Job, recorded: e.Recorded, data: e.JobCommandRefused
) -> Iterator[Try]:
    """Another refused command: of some the refusal holds all, of some only which it was."""
    who, apart = asker_of(recorded, data)
    said, contents = said_in(data), apart | {"content_sha256"}
    task, instance = data.task or 0, data.instance
    match data.command:
        case "finish":
            yield Try(c.FinishJob(who, said.text, 0, said.units_max), apart | said.apart)
        case "finish_task":
            how = (said.text, 0, said.units_max, instance)
            yield Try(c.FinishTask(who, task, *how), apart | said.apart)
        case "requeue_task":
            again = c.RequeueTask(who, task, instance, said.text, said.units_max)
            yield Try(again, apart | said.apart)
        case "configure":
            yield Try(c.ConfigureJob(who), apart)
        case "requeue":
            yield Try(c.RequeueJob(who, said.text, said.units_max), apart | said.apart)
        case operation if operation in MARKS:
            of, placed = MARKS[operation]
            asked_for = c.MarkJob(who, of, placed, said.text, said.units_max)
            yield Try(asked_for, apart | said.apart)
        case "approve" | "withdraw" | "review":
            yield from refused_about_waiting(job, recorded, data)
        case "submit":
            yield Try(c.SubmitJob(who, NO_ACCOUNT), contents)
        case "add_tasks":
            for type_ in (TaskType.BASIC, TaskType.NODE_PREP):
                yield Try(c.AddTasks(who, (e.TaskSpec(1, "\0", type_),)), contents)
        case "change":
            field = STANDING_FIELD.fullmatch(data.rule)
            yield Try(c.ChangeJob(who, one_change(field[1] if field else "name")), contents)
        case "change_task":
            yield Try(c.ChangeTask(who, task, c.TaskChanges(name="\0")), contents)
        case _:  # no command is called so
            return


def refused_about_waiting(
    job: Job, recorded: e.Recorded, data: e.JobCommandRefused
) -> Iterator[Try]:
    """A refused approval or withdrawal: which cancel it named is in no field of the refusal."""
    who, apart = asker_of(recorded, data)
    said, by = said_in(data), recorded.event.caller
    if data.command == "review":
        for name, unknown in named_reviews(job):
            use = c.ReviewUse(who, name, by, said.text, said.units_max)
            yield Try(use, apart | said.apart | unknown)
        return
    for cancel_id, unknown in named_cancels(job):
        left_out = apart | said.apart | unknown
        if data.command == "approve":
            yield Try(c.ApproveCancel(who, cancel_id, by, said.text, said.units_max), left_out)
        else:
            yield Try(c.WithdrawCancel(who, cancel_id, said.text, said.units_max), left_out)


def one_change(name: str) -> c.JobChanges:
    """New value of one property."""
    known = name if name in c.JobChanges.__struct_fields__ else "name"
    return replace(c.JobChanges(), **{known: VALUES.get(known, "\0")})


def rests_on_contents(job: Job, data: Answer, request: JobRequest) -> bool:
    """Whether it is a refusal for contents that it does not hold, of a request that got so far."""
    if not isinstance(data, e.JobCommandRefused) or data.rule not in BY_CONTENTS:
        return False
    if data.command not in ("submit", "add_tasks", "change", "change_task"):
        return False
    found = command_refused(job, request, UNKNOWN)
    apart = ("code", "hresult", "rule", "explanation", "content_sha256")
    kept = {name: getattr(data, name) for name in apart}
    return inadmissible(job, request) is None and replace(found, **kept) == data
