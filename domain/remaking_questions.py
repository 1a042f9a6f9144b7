"""The question that a fact's decision must have answered, put together again from the fact.

Used by whoever holds recorded decisions against the state (``remaking_facts``).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from domain import events as e
from domain.cluster import ASKED_UNITS_MAX
from domain.commands import MARKING
from domain.identity import SYSTEM, Caller
from domain.job import Job
from domain.marking import ACTIONS, FACTS, MarkFact
from domain.message import kept, said_units, units
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.questions import (
    about_waiting,
    approval_again,
    creating,
    creation,
    of_cancel,
    of_new,
    plain,
)
from domain.questions import question_again as again
from domain.remaking_facts import FREEZE_WINDOWS, Wanted
from domain.requests import REASON_CODE_MAX
from domain.states import CancelMode, JobType
from domain.waiting import WaitingCancel

WINDOWS: Final = ()
"""Which freeze windows there were stands in the settings; that they were told is looked at."""

SOME_TELL_WINDOWS: Final = frozenset({FREEZE_WINDOWS})
"""Earlier releases told them of requests on jobs and on the cluster alone."""

ONE_JOB: Final = frozenset({1})
CANCELS: Final = (Action.CANCEL, Action.BREAK_GLASS)
"""What is asked about a cancel that overrides the rules is whether that may be done."""

COMMANDS: Final[Mapping[str, Action]] = {
    "submit": Action.SUBMIT,
    "add_tasks": Action.CHANGE,
    "change": Action.CHANGE,
    "change_task": Action.CHANGE,
    "finish": Action.FINISH,
    "finish_task": Action.FINISH,
    "requeue": Action.REQUEUE,
    "requeue_task": Action.REQUEUE,
    "configure": Action.CONFIGURE,
    "approve": Action.APPROVE,
    "withdraw": Action.WITHDRAW,
    "review": Action.REVIEW,
} | {str(command): ACTIONS[how] for how, command in MARKING.items()}
"""What the policy is asked about each command on a job."""

SILENT: Final = frozenset({"submit", "add_tasks", "change", "change_task", "configure"})
"""Commands in which nothing can be said."""

ABOUT_WAITING: Final = frozenset({"mode", "requester", "approvals"})
"""What a refused approval or withdrawal was told of a cancel, which it does not name."""

Cancel = (
    e.JobCancelRequested
    | e.JobCancelRepeated
    | e.JobCancelHeld
    | e.JobCancelRefused
    | e.TaskCancelRequested
    | e.TaskCancelRepeated
    | e.TaskCancelRefused
)
OnTask = e.TaskCancelRequested | e.TaskCancelRepeated | e.TaskCancelRefused


def wanted_of_job(
    before: Job | None, recorded: e.Recorded, total: int
) -> tuple[e.Decision, tuple[Wanted, ...]] | None:
    """The decision in a fact about a job, and what it may have answered; None where there is none.

    ``before``: the job as it was. ``total``: how many jobs the request on many jobs has that this
    may be part of; 1 for none.
    """
    data = recorded.data
    if isinstance(data, e.JobAdded):
        return None if data.decision is None else (data.decision, (of_creation(recorded, data),))
    if before is None:
        return None
    if isinstance(data, e.BreakGlassUsed):
        return data.overridden, (overridden(before, recorded, data, total),)
    decision = getattr(data, "decision", None)
    if not isinstance(decision, e.Decision) or by_filter(recorded):
        return None
    return decision, of_job(before, recorded, total)


def by_filter(recorded: e.Recorded) -> bool:
    """Whether a submission filter decided: no policy was asked."""
    data = recorded.data
    changes = isinstance(data, e.JobPropertiesChanged) and not data.request_id
    return changes and recorded.event.caller.actor == SYSTEM


def of_job(job: Job, recorded: e.Recorded, total: int) -> tuple[Wanted, ...]:
    """What a fact about a job that there was may have been decided by."""
    data, caller, at = recorded.data, recorded.event.caller, recorded.time
    if isinstance(data, e.JobCancelLapsed) and data.uncounted:
        return approved_again(job, data)
    if isinstance(data, e.JobCancelLapsed):
        return settled(job, data.cancel_id, at)
    if isinstance(data, e.JobCancelRequested) and data.held_version:
        return settled(job, data.request_id, at)
    if isinstance(data, Cancel):
        return cancels(job, caller, data, at, total)
    if isinstance(data, e.EmergencyStopRecorded):
        return (in_an_emergency(job, caller, data, at),)
    if isinstance(data, e.JobCommandRefused):
        return refused(job, caller, data, at)
    if isinstance(data, e.JobCancelApproved):
        return waiting(job, caller, Action.APPROVE, data, at)
    if isinstance(data, e.JobCancelWithdrawn):
        return waiting(job, caller, Action.WITHDRAW, data, at)
    either = lengths(getattr(data, "message", ""))
    return tuple(
        Wanted(asked_on(caller, action, job, said), lengths=either)
        for action, said in others(data, at)
    )


def others(data: e.Event, at: datetime) -> list[tuple[Action, RequestKnown]]:
    """The action of each other fact that answers a request, and what is said in it."""
    if isinstance(data, MarkFact):
        how = next(how for how, fact in FACTS.items() if fact is type(data))
        return [(ACTIONS[how], plain(said_units(data.message), at, WINDOWS))]
    for kinds, action, says in OTHERS:
        if isinstance(data, kinds):
            return [(action, plain(says(data), at, WINDOWS))]
    return []


def message_of(data: e.Event) -> int:
    """The length of its message."""
    return said_units(getattr(data, "message", ""))


def lengths(text: str) -> frozenset[int]:
    """Of a message: as it is told, and as an older release told it."""
    return frozenset({said_units(text), units(text)})


def lengths_refused(
    data: e.JobCancelRefused | e.TaskCancelRefused | e.JobCommandRefused,
) -> frozenset[int] | range:
    """The same of one that was refused; where it was cut, what is missing may have been blank."""
    least, most = said_units(data.message), data.message_units
    return range(least, most + 1) if data.message_sha256 else frozenset({least, most})


def nothing(data: e.Event) -> None:
    """Nothing can be said in it."""


Says = Callable[[e.Event], int | None]

OTHERS: Final[tuple[tuple[type | tuple[type, ...], Action, Says], ...]] = (
    ((e.TasksAdded, e.JobPropertiesChanged, e.TaskPropertiesChanged), Action.CHANGE, nothing),
    (e.JobSubmitted, Action.SUBMIT, nothing),
    (e.JobConfigured, Action.CONFIGURE, nothing),
    ((e.JobFinishRequested, e.TaskFinishRequested), Action.FINISH, message_of),
    ((e.JobRequeued, e.TaskRequeued), Action.REQUEUE, message_of),
    (e.BreakGlassReviewed, Action.REVIEW, message_of),
)


def asked_on(caller: Caller, action: Action, job: Job, said: RequestKnown) -> Question:
    """The question, without what could be known of the job: that is looked at for each moment."""
    return Question(caller, action, job.owner, job.job_type, said=said)


# --- cancels --------------------------------------------------------------------------------------


def cancels(job: Job, caller: Caller, data: Cancel, at: datetime, total: int) -> tuple[Wanted, ...]:
    """A cancel: of the job, or of a task of it."""
    refused_ = isinstance(data, e.JobCancelRefused | e.TaskCancelRefused)
    either = lengths_refused(data) if refused_ else lengths(data.message)  # type: ignore[arg-type]
    length = said_units(data.message)
    reason = kept(data.reason_code, REASON_CODE_MAX).text
    said = of_cancel(data.mode, length, reason, at, 1, WINDOWS)
    if isinstance(data, OnTask):
        question = asked_on(caller, Action.CANCEL_TASK, job, said)
        return (Wanted(question, sizes=ONE_JOB, lengths=either),)
    size = getattr(data, "bulk_size", None)
    sizes = frozenset({size}) if isinstance(size, int) else frozenset({1, total})
    actions = (Action.CANCEL,) if isinstance(data, e.JobCancelHeld) else CANCELS
    return tuple(
        Wanted(asked_on(caller, x, job, said), sizes=sizes, lengths=either) for x in actions
    )


def in_an_emergency(
    job: Job, caller: Caller, data: e.EmergencyStopRecorded, at: datetime
) -> Wanted:
    """A stop without the stream."""
    length = said_units(data.message)
    said = of_cancel(CancelMode.FORCED, length, data.reason_code, at, 1, WINDOWS)
    question = asked_on(caller, Action.CANCEL, job, said)
    maybe = SOME_TELL_WINDOWS | {"bulk_size"}
    return Wanted(question, sizes=ONE_JOB, lengths=lengths(data.message), maybe=maybe)


def settled(job: Job, cancel_id: str, at: datetime) -> tuple[Wanted, ...]:
    """A cancel that waited, asked again as its requester's; with the roles of then."""
    found = job.waiting_cancels.get(cancel_id)
    if found is None:
        return ()
    question = again(job, found, found.caller, at, WINDOWS)
    sizes, either = frozenset({found.bulk_size}), lengths(found.message)
    return (Wanted(question, waits=cancel_id, sizes=sizes, lengths=either),)


def approved_again(job: Job, data: e.JobCancelLapsed) -> tuple[Wanted, ...]:
    """An approval that does not count any more, asked again as of the moment it was given."""
    found = job.waiting_cancels.get(data.cancel_id)
    if found is None:
        return ()
    return tuple(
        Wanted(approval_again(job, found, n, x.caller, WINDOWS), moment=x.at)
        for n, x in enumerate(found.approvals)
        if data.uncounted in (x.actor, x.caller.subject.name)
    )


def overridden(job: Job, recorded: e.Recorded, data: e.BreakGlassUsed, total: int) -> Wanted:
    """The answer that was overridden: the cancel right before it was asked about, too."""
    reason = job.cancel.reason_code if job.cancel is not None else ""
    at = recorded.time
    said = of_cancel(data.mode, said_units(data.message), reason, at, 1, WINDOWS)
    question = asked_on(recorded.event.caller, Action.CANCEL, job, said)
    return Wanted(question, sizes=frozenset({1, total}), lengths=lengths(data.message))


def waiting(
    job: Job,
    caller: Caller,
    action: Action,
    data: e.JobCancelApproved | e.JobCancelWithdrawn,
    at: datetime,
) -> tuple[Wanted, ...]:
    """What is done about a cancel that waits."""
    question = asked_on(caller, action, job, plain(said_units(data.message), at, WINDOWS))
    found: WaitingCancel | None = job.waiting_cancels.get(data.cancel_id)
    either = lengths(data.message)
    return (Wanted(about_waiting(question, found), waits=data.cancel_id, lengths=either),)


def refused(
    job: Job, caller: Caller, data: e.JobCommandRefused, at: datetime
) -> tuple[Wanted, ...]:
    """Another command, refused. Of an emergency stop that was refused without the stream nothing:
    which version of the job was known then does not stand in the fact."""
    action = COMMANDS.get(data.command)
    if action is None:
        return ()
    silent = data.command in SILENT
    length = None if silent else said_units(data.message)
    question = asked_on(caller, action, job, plain(length, at, WINDOWS))
    about = action in (Action.APPROVE, Action.WITHDRAW)
    open_ = ABOUT_WAITING if about else frozenset()
    either = frozenset() if silent else lengths_refused(data)
    return (Wanted(question, open=open_, lengths=either),)


# --- no job ---------------------------------------------------------------------------------------


def of_creation(recorded: e.Recorded, data: e.JobAdded) -> Wanted:
    """A job that was made: all that was told of it stands in it."""
    new = of_new(data.name, data.priority, data.project, data.labels)
    said = plain(None, recorded.time, WINDOWS)
    return Wanted(creation(recorded.event.caller, data.job_type, new, said), of_job=False)


def wanted_of_cluster(recorded: e.Recorded) -> tuple[e.Decision, tuple[Wanted, ...]] | None:
    """The same of a fact about the cluster."""
    data, caller = recorded.data, recorded.event.caller
    said = plain(None, recorded.time, WINDOWS)
    if not isinstance(data, e.ClusterParameterSet | e.ClusterCommandRefused):
        return None
    if isinstance(data, e.ClusterCommandRefused) and data.command == "add_job":
        return data.decision, refused_creation(caller, data, said)
    return data.decision, (Wanted(Question(caller, Action.SET_PARAMETER, said=said), False),)


def refused_creation(
    caller: Caller, data: e.ClusterCommandRefused, said: RequestKnown
) -> tuple[Wanted, ...]:
    """A job that was not made: of it only name and type are kept."""
    try:
        job_type = JobType(data.asked_for.get("job_type", ""))
    except ValueError:
        return ()
    name, open_ = data.asked_for.get("name", ""), {"priority", "project", "labels"}
    if units(name) >= ASKED_UNITS_MAX - 1:
        open_.add("name")
    question = Question(
        caller, creating(job_type), caller.subject.name, job_type, JobKnown(name=name), said
    )
    return (Wanted(question, False, open=frozenset(open_)),)


def wanted_of_policy(recorded: e.Recorded) -> tuple[e.Decision, tuple[Wanted, ...]] | None:
    """The same of a fact about the policy."""
    data = recorded.data
    if isinstance(data, e.PolicySchemaRecorded) or not isinstance(data, e.PolicyEvent):
        return None
    if data.decision is None:
        return None
    said = plain(said_units(data.note), recorded.time, WINDOWS)
    question = Question(recorded.event.caller, Action.ACTIVATE_POLICY, said=said)
    either = lengths(data.note)
    return data.decision, (Wanted(question, False, lengths=either, maybe=SOME_TELL_WINDOWS),)
