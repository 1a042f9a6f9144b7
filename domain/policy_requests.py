"""What a policy is told for a question: a principal, an action, a resource and a context each time.

What is not known is not handed over: a rule finds it absent, and nothing is guessed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from domain.events import PolicyEntity, PolicyRequest, PolicyValue
from domain.identity import Caller, Principal
from domain.job import Job
from domain.labels import words_of
from domain.policy import Action, JobKnown, Question
from domain.states import JobState

USER: Final = "User"
PERSON: Final = "Person"
JOB: Final = "Job"
CLUSTER: Final = PolicyEntity("Cluster", "cluster")
ON_THE_CLUSTER: Final = frozenset(
    {
        Action.SET_PARAMETER,
        Action.VIEW_PRINCIPALS,
        Action.REBUILD_VIEWS,
        Action.ACT_FOR_OTHERS,
        Action.ACTIVATE_POLICY,
        Action.VIEW_POLICY,
    }
)
"""What is done on no job."""

RUNNING: Final = frozenset({JobState.RUNNING, JobState.FINISHING, JobState.CANCELING})
WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday"),
    *("Friday", "Saturday", "Sunday"),
)

Known = Mapping[str, PolicyValue | None]


def requests_of(question: Question) -> tuple[PolicyRequest, ...]:
    """What is asked, in this order. Who acts for somebody is asked about first: whether they may.

    What they want to do is asked next, as the person they act for.
    """
    caller = question.caller
    asked = PolicyRequest(
        who(USER, caller.subject), str(question.action), resource(question), context(question)
    )
    if caller.on_behalf_of is None:
        return (asked,)
    person = who(PERSON, caller.on_behalf_of)
    acting = PolicyRequest(
        who(USER, caller.actor), str(Action.ACT_FOR_OTHERS), person, told_of(caller)
    )
    return acting, asked


def who(kind: str, person: Principal) -> PolicyEntity:
    """Somebody, as a principal or as a resource."""
    roles = tuple(sorted({str(role) for role in person.roles}))
    return PolicyEntity(kind, person.name, {"name": person.name, "kind": str(person.kind)}, roles)


def resource(question: Question) -> PolicyEntity:
    """The job, or the cluster for what is about no job. A job that is to be made has no id."""
    if question.action in ON_THE_CLUSTER:
        return CLUSTER
    job = question.job
    attributes = known(
        {
            "owner": question.owner or None,
            "job_type": question.job_type,
            "state": job.state,
            "priority": job.priority,
            "project": job.project,
            "name": job.name,
            "running_seconds": job.running_seconds,
            "node_count": job.node_count,
            "labels": job.labels,
            "protected": job.protected,
            "legal_hold": job.legal_hold,
        }
    )
    return PolicyEntity(JOB, "" if job.id is None else str(job.id), attributes)


def context(question: Question) -> dict[str, PolicyValue]:
    """The request itself."""
    said = question.said
    at = said.at.astimezone(UTC) if said.at else None
    return told_of(question.caller) | known(
        {
            "mode": said.mode,
            "message_units": said.message_units,
            "reason_code": said.reason_code,
            "requester": said.requester,
            "approvals": said.approvals,
            "hour": at.hour if at else None,
            "weekday": WEEKDAYS[at.weekday()] if at else None,
            "bulk_size": said.bulk_size,
            "freeze_windows": said.freeze_windows,
        }
    )


def told_of(caller: Caller) -> dict[str, PolicyValue]:
    """Where a request came from, and who made it."""
    return {"origin": str(caller.origin), "actor": caller.actor.name}


def known(values: Known) -> dict[str, PolicyValue]:
    """Those that are known, as plain words and numbers."""
    return {
        name: value if isinstance(value, int | tuple) else str(value)
        for name, value in values.items()
        if value is not None
    }


def known_of(job: Job, at: datetime) -> JobKnown:
    """What a policy may know of a job at this moment, beside its owner and type."""
    return standing(job, seconds_since(running_since(job), at))


def standing(
    job: Job, running_seconds: int | None = None, labels: tuple[str, ...] | None = None
) -> JobKnown:
    """The same but for how long it has been running, which is given; the labels may be, too."""
    return JobKnown(
        id=job.id,
        name=job.name,
        state=job.state,
        priority=job.priority,
        project=job.project,
        running_seconds=running_seconds,
        node_count=len(job.nodes),
        labels=words_of(job.labels) if labels is None else labels,
        protected=job.protection is not None,
        legal_hold=job.legal_hold is not None,
    )


def running_since(job: Job) -> datetime | None:
    """When a job that runs was started; None while it does not run."""
    return job.started_at if job.state in RUNNING else None


def seconds_since(began: datetime | None, at: datetime) -> int | None:
    """Whole seconds, none below 0; None since nothing."""
    return None if began is None else max(0, int((at - began).total_seconds()))
