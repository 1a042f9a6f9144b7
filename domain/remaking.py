"""Could the rules have made this fact? Its command is made again from it, and decided again.

``decide`` and ``instruct`` are asked with the job as it was before the fact; what comes out must be
the fact. What a fact does not hold of its command (see ``CHECKED``) is taken as it stands.

This knows the rules of this release. One that makes a rule stricter has to keep the old one here,
for what was decided by it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from domain import commands as c
from domain import events as e
from domain.adding import add_job, content_of_job
from domain.decide import decide
from domain.differing import difference
from domain.errors import CountermandError
from domain.events.making import CHANGEABLE
from domain.identity import SYSTEM
from domain.instruct import instruct
from domain.job import Job
from domain.remaking_requests import (
    Answer,
    Try,
    asked,
    requests_of,
    rests_on_contents,
)
from domain.remaking_runs import Told, instructions_of
from domain.remaking_waiting import asking_refused, settled_refused, use_refused
from domain.states import Effect

NOTHING: Final = "the rules give nothing here"

AGAIN: Final = "decided again on the job as it was"
TOLD: Final = "what the service was told is told again to the job as it was"
CHECKED: Final[Mapping[type[e.Event], str]] = MappingProxyType(
    {
        e.JobAdded: "made again with all tasks of its append, and with its submission; its number "
        "was reserved before",
        e.TasksAdded: f"{AGAIN}, with all tasks of its append; or part of a creation",
        e.JobPropertiesChanged: f"{AGAIN}; a submission filter's changes as the filter's",
        e.TaskPropertiesChanged: AGAIN,
        e.JobSubmitted: f"{AGAIN}; or part of a creation",
        e.JobValidationStarted: TOLD,
        e.JobExternalValidationStarted: f"{TOLD}; which filter is taken as it stands",
        e.JobQueued: TOLD,
        e.JobRejected: f"{TOLD}; code and reason of a validation are taken as they stand",
        e.JobActivationHeld: f"{TOLD}; what the filter said is taken as it stands",
        e.JobStarted: f"{TOLD}; nodes, filter and, for a job without a limit, JobRuntime are taken "
        "as they stand",
        e.TaskStarted: f"{TOLD}; the keeper is taken as it stands",
        e.TaskFinished: f"{TOLD}; the exit is taken as it stands",
        e.TaskFailed: f"{TOLD}; exit, counts and words of the engine are taken as they stand, and "
        "TaskRetryCount for a lost run",
        e.TaskStopOrdered: f"{TOLD}; which of the signals that the setting allows is taken as it "
        "stands",
        e.TaskStopped: f"{TOLD}; exit and milliseconds are taken as they stand",
        e.TaskForceStopped: f"{TOLD}; exit, milliseconds and counts are taken as they stand",
        e.TaskSurvivorsGone: TOLD,
        e.TaskCanceled: TOLD,
        e.NodeReleaseStarted: f"{TOLD}; the keeper is taken as it stands",
        e.NodeReleaseEnded: f"{TOLD}; exit, counts and words of the engine are taken as they stand",
        e.NodeReleaseSkipped: TOLD,
        e.JobCanceled: TOLD,
        e.JobFailing: f"{TOLD}, at its time; the grace period is taken as it stands",
        e.TaskRuntimeExpired: f"{TOLD}, at its time; the grace period is taken as it stands",
        e.JobEnding: TOLD,
        e.JobFinished: TOLD,
        e.JobFailed: f"{TOLD}; or by an activation filter, whose words are taken as they stand",
        e.JobProtected: AGAIN,
        e.JobProtectionLifted: AGAIN,
        e.JobLegalHoldPlaced: AGAIN,
        e.JobLegalHoldReleased: AGAIN,
        e.JobRemoved: f"{TOLD}; TTLCompletedJobs is not looked at",
        e.JobCancelRequested: f"{AGAIN}, or the cancel that waited is settled again; the grace "
        "period is taken as it stands",
        e.JobCancelRepeated: AGAIN,
        e.EmergencyStopRecorded: f"{AGAIN}; what was done without the stream is taken as it stands",
        e.JobCancelHeld: f"{AGAIN}; how long approvals may take is taken as it stands",
        e.JobCancelApprovalRequested: "it follows on the cancel that it is about, held",
        e.JobCancelApproved: AGAIN,
        e.BreakGlassUsed: "it follows on the cancel that it is about; how long the review may take "
        "is taken as it stands",
        e.BreakGlassReviewed: AGAIN,
        e.JobCancelWithdrawn: AGAIN,
        e.JobCancelLapsed: "the cancel that waited is settled again, at its time, with what the "
        "rules said",
        e.JobCancelRefused: f"{AGAIN}; the digests of a message that was cut are taken as they "
        "stand, and for which versions it was asked",
        e.TaskCancelRequested: f"{AGAIN}; the grace period is taken as it stands",
        e.TaskCancelRepeated: AGAIN,
        e.TaskCancelRefused: f"{AGAIN}; as JobCancelRefused",
        e.TaskFinishRequested: f"{AGAIN}; the grace period is taken as it stands",
        e.TaskRequeued: AGAIN,
        e.JobCommandRefused: f"{AGAIN}; of tasks and values that were refused for what they are "
        "(submission-limits) only that nothing else refused them before",
        e.JobFinishRequested: f"{AGAIN}; the grace period is taken as it stands",
        e.JobConfigured: AGAIN,
        e.JobRequeued: AGAIN,
        e.ClusterParameterSet: "decided again on the cluster as it was",
        e.ClusterCommandRefused: "decided again on the cluster as it was; of a refused job only "
        "that the policy said no; the sentence is taken as it stands where a value was cut",
        e.JobIdsReserved: "the block follows the one before it",
        e.StreamMended: "by an administrator; what it says of the damage is taken as it stands",
        e.StreamRestored: "by an administrator; what it says of the backup is taken as it stands",
        e.LossAccepted: "by an administrator, with a reason; what it says of the loss is taken as "
        "it stands",
        e.CancelRefused: "rule and number are those of a cancel of no job, its texts what a "
        "refusal keeps; whether there was one is not looked at",
        e.PolicySchemaRecorded: "by the service, once for each text; its digest",
        e.PolicyProposed: "its digest, and decided again on the policy as it was; what Cedar says "
        "of the text is taken as it stands",
        e.PolicyActivated: "its digest, and decided again on the policy as it was: a proposal of "
        "somebody else, the rules before it; the first rules are the service's own. What Cedar "
        "says of the text is taken as it stands",
        e.PolicyShadowStarted: "its digest, and decided again on the policy as it was; what Cedar "
        "says of the text is taken as it stands",
        e.PolicyShadowStopped: "decided again on the policy as it was",
        e.PolicyCommandRefused: "decided again on the policy as it was; what was wrong with the "
        "text is taken as it stands",
        e.BulkCancelRequested: "its place, its parts, its texts and its digest; which jobs were "
        "found, and what a plan was, is taken as it stands",
    }
)
"""How each fact is checked, beside its form, its chain, and that the state takes it."""


def goes_on(first: e.Recorded, fact: e.Recorded) -> bool:
    """Whether ``fact``, right behind it, is of the append of ``first``, and decided with it.

    The facts of one append are a microsecond apart, and by one actor for one person.
    """
    apart = timedelta(microseconds=fact.version - first.version)
    if first.aggregate != fact.aggregate or fact.time - first.time != apart:
        return False
    if first.event.correlation_id != fact.event.correlation_id:
        return False
    one, other = first.event.caller, fact.event.caller
    if (one.actor, one.on_behalf_of) != (other.actor, other.on_behalf_of):
        return False
    if isinstance(first.data, e.JobAdded):
        data, key = fact.data, first.data.request_id
        more = isinstance(data, e.TasksAdded) and data.decision is None
        return more or (isinstance(data, e.JobSubmitted) and data.key == key)
    more = isinstance(fact.data, e.TasksAdded) and not fact.data.request_id
    return isinstance(first.data, e.TasksAdded) and more


def begins(fact: e.Recorded) -> bool:
    """Whether more facts of the same append may follow that are decided together with it."""
    return isinstance(fact.data, e.JobAdded | e.TasksAdded)


def job_facts_refused(before: Job | None, facts: Sequence[e.Recorded]) -> str:
    """Why the rules could not have made these facts of one append; "" when they could.

    ``facts``: one, or with those that ``goes_on`` says belong to it. ``before``: the job as it was.
    """
    first = facts[0]
    data = first.data
    if isinstance(data, e.JobAdded):
        return creation_refused(first, data, facts)
    assert before is not None, "evolve begins with JobAdded"
    if isinstance(data, e.TasksAdded):
        return addition_refused(before, first, data, facts)
    if isinstance(data, e.ClusterEvent | e.RequestEvent | e.BulkEvent | e.PolicyEvent):
        return f"{type(data).__name__} is not about a job"
    if isinstance(data, e.JobCancelLapsed) or (
        isinstance(data, e.JobCancelRequested) and data.held_version
    ):
        return settled_refused(before, first, data)
    if isinstance(data, e.BreakGlassUsed):
        return use_refused(before, first, data)
    if isinstance(data, e.JobCancelApprovalRequested):
        return asking_refused(before, data)
    if isinstance(data, Told) and not (
        isinstance(data, e.JobPropertiesChanged) and data.request_id
    ):
        return told_refused(before, first, data)
    assert isinstance(data, Answer), "every fact is told or asked for"
    return answer_refused(before, data, requests_of(before, first, data))


# --- what people ask ------------------------------------------------------------------------------


def answer_refused(before: Job, data: Answer, tries: Iterator[Try]) -> str:
    """Why no request leads to this fact."""
    words = NOTHING
    for one in tries:
        made = decide(before, one.request)
        words = "this very request was answered before" if not made else words
        for fact in made:
            words = difference(fact, data, one.apart)
            if not words or rests_on_contents(before, data, one.request):
                return ""
    return words


def creation_refused(first: e.Recorded, data: e.JobAdded, facts: Sequence[e.Recorded]) -> str:
    """Why the rules would not make such a job: who owns it, what was decided, and its facts."""
    if str(data.job_id) != first.aggregate.id:
        return f"it is job {data.job_id}, and lies under {first.aggregate}"
    owner = first.event.caller.subject.name
    if data.owner != owner:
        return f"the owner is {data.owner!r}, and the rules give {owner!r}"
    if data.decision is None or data.decision.effect is not Effect.ALLOW:
        return "no decision allowed it"
    return differs(add_jobs(first, data, facts), facts)


def add_jobs(
    first: e.Recorded, data: e.JobAdded, facts: Sequence[e.Recorded]
) -> Iterator[Callable[[], tuple[e.JobEvent, ...]]]:
    """The creation, with or without a submission: its digest says which."""
    assert data.decision is not None, "a creation was decided"
    tasks = tuple(t for fact in facts for t in tasks_of(fact))
    values = {name: getattr(data, name) for name in CHANGEABLE}
    for submit in (True, False):
        command = c.AddJob(
            asked=asked(first, data.request_id, data.decision),
            job_id=data.job_id,
            owner=data.owner,
            tasks=tasks,
            job_type=data.job_type,
            properties=data.properties,
            submit=submit,
            **values,
        )
        if content_of_job(command) == data.content_sha256 or not submit:
            yield lambda made=command: add_job(made)  # type: ignore[misc]


def tasks_of(fact: e.Recorded) -> tuple[e.TaskSpec, ...]:
    """The tasks that a fact brings."""
    return fact.data.tasks if isinstance(fact.data, e.JobAdded | e.TasksAdded) else ()


def addition_refused(
    before: Job, first: e.Recorded, data: e.TasksAdded, facts: Sequence[e.Recorded]
) -> str:
    """Why the rules would not add these tasks."""
    if data.decision is None or not data.request_id:
        return "it follows no fact that it could have come with"
    tasks = tuple(t for fact in facts for t in tasks_of(fact))
    command = c.AddTasks(asked(first, data.request_id, data.decision), tasks)
    return differs(iter([lambda: decide(before, command)]), facts)


def differs(
    makings: Iterator[Callable[[], tuple[e.JobEvent, ...]]], facts: Sequence[e.Recorded]
) -> str:
    """How what is made differs from what is stored, fact by fact."""
    words = NOTHING
    for make in makings:
        try:
            made = make()
        except CountermandError as error:
            words = error.message
            continue
        if [*made] == [fact.data for fact in facts]:
            return ""
        if len(made) != len(facts):
            words = f"the rules give {len(made)} facts in one append, and there are {len(facts)}"
        else:
            pairs = zip(made, facts, strict=True)
            words = next(filter(None, (difference(a, b.data) for a, b in pairs)))
    return words


# --- what the service writes ----------------------------------------------------------------------


def told_refused(before: Job, recorded: e.Recorded, data: Told) -> str:
    """Why nothing that the service tells leads to this fact."""
    if recorded.event.caller.actor != SYSTEM:
        return f"only the service writes this, and it is by {recorded.event.caller.actor.name!r}"
    words = NOTHING
    for instruction in instructions_of(before, recorded, data):
        for fact in instruct(before, instruction):
            found = difference(fact, data)
            if not found:
                return ""
            words = found if words == NOTHING else words
    return words if words != NOTHING else f"{NOTHING}: the job is {before.state}"
