"""What a policy is asked, what it is told, and the words of its answers."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.identity import Caller
from domain.states import CancelMode, JobPriority, JobState, JobType


class Action(StrEnum):
    """What somebody wants to do."""

    CREATE = "create"
    CREATE_COMMAND_JOB = "create_command_job"
    SUBMIT = "submit"
    CANCEL = "cancel"
    CANCEL_TASK = "cancel_task"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    BREAK_GLASS = "break_glass"
    REVIEW = "review"
    FINISH = "finish"
    REQUEUE = "requeue"
    CONFIGURE = "configure"
    CHANGE = "change"
    PROTECT = "protect"
    UNPROTECT = "unprotect"
    LEGAL_HOLD = "legal_hold"
    SET_PARAMETER = "set_parameter"
    VIEW = "view"
    VIEW_PRINCIPALS = "view_principals"
    REBUILD_VIEWS = "rebuild_views"
    ACT_FOR_OTHERS = "act_for_others"
    ACTIVATE_POLICY = "activate_policy"
    VIEW_POLICY = "view_policy"


class JobKnown(Struct, frozen=True):
    """What is known of a job beside its owner and type; None is not known.

    ``running_seconds``: since it was started, whole ones; None while it does not run.
    ``node_count``: of the nodes it has now. ``labels``: as ``labels.words_of`` gives them.
    ``protected``, ``legal_hold``: whether it is marked so.
    """

    id: int | None = None
    name: str | None = None
    state: JobState | None = None
    priority: JobPriority | None = None
    project: str | None = None
    running_seconds: int | None = None
    node_count: int | None = None
    labels: tuple[str, ...] | None = None
    protected: bool | None = None
    legal_hold: bool | None = None


class RequestKnown(Struct, frozen=True):
    """What is known of a request beside who makes it; None is not known.

    ``message_units``: length of the message in UTF-16 code units. ``at``: when it is decided.
    ``bulk_size``: of a cancel, how many jobs the request is for that it is part of.
    ``freeze_windows``: the names of those in force when it is decided.
    Of a cancel that waits, and of what is done about one: ``requester``, whose rights counted when
    it was asked for, and ``approvals``, how many people have approved it so far.
    """

    mode: CancelMode | None = None
    message_units: int | None = None
    reason_code: str | None = None
    at: datetime | None = None
    bulk_size: int | None = None
    freeze_windows: tuple[str, ...] | None = None
    requester: str | None = None
    approvals: int | None = None


class Question(Struct, frozen=True):
    """May ``caller`` do ``action``, on a job of ``owner`` and ``job_type`` (if it is about one)?

    ``job`` and ``said``: what else a rule may ask about, as far as it is known.
    """

    caller: Caller
    action: Action
    owner: str = ""
    job_type: JobType | None = None
    job: JobKnown = JobKnown()
    said: RequestKnown = RequestKnown()


DENIED: Final = "no-rule-allows"
"""Where a rule would stand in a decision: no rule allowed it."""

POLICY_ERROR: Final = "policy-error"
"""The same: the policy gave no answer, or an answer with an error."""

FACTS_TOO_LARGE: Final = "policy-facts-too-large"
"""The same: the policy was not asked, because it would have been told too much."""

ACTION_IN_WORDS: Final = {
    Action.CREATE: "create jobs",
    Action.CREATE_COMMAND_JOB: "create command jobs",
    Action.SUBMIT: "submit this job",
    Action.CANCEL: "cancel this job",
    Action.CANCEL_TASK: "cancel tasks of this job",
    Action.APPROVE: "approve cancels of this job",
    Action.WITHDRAW: "withdraw this cancel",
    Action.BREAK_GLASS: "override the rules on this job",
    Action.REVIEW: "review what overrode the rules on this job",
    Action.FINISH: "finish this job",
    Action.REQUEUE: "requeue this job",
    Action.CONFIGURE: "configure this job",
    Action.CHANGE: "change this job",
    Action.PROTECT: "protect this job",
    Action.UNPROTECT: "lift the protection of this job",
    Action.LEGAL_HOLD: "place or release a legal hold on this job",
    Action.SET_PARAMETER: "set cluster parameters",
    Action.VIEW: "see this job",
    Action.VIEW_PRINCIPALS: "see who may act",
    Action.REBUILD_VIEWS: "rebuild the views",
    Action.ACT_FOR_OTHERS: "act for others",
    Action.ACTIVATE_POLICY: "propose or activate policies",
    Action.VIEW_POLICY: "see the policy",
}


def not_allowed(person: str, action: Action, allowed: Iterable[str]) -> str:
    """The sentence for what no rule allows. ``allowed``: the words for those who may."""
    may = ", ".join(sorted(set(allowed))) or "nobody"
    return f"{person} may not {ACTION_IN_WORDS[action]}: allowed are {may}"


def parts_of(question: Question) -> tuple[Question, ...]:
    """The question, and before it whether the actor may act for the other person at all."""
    if question.caller.on_behalf_of is None:
        return (question,)
    actor = replace(question.caller, on_behalf_of=None)
    return Question(actor, Action.ACT_FOR_OTHERS), question


def facts_of(question: Question) -> dict[str, str]:
    """All that the answer rests on, as strings, so that it can be computed again."""
    caller = question.caller
    facts = {
        "action": str(question.action),
        "actor": caller.actor.name,
        "person": caller.subject.name,
        "roles": ",".join(sorted(caller.subject.roles)),
    }
    if caller.on_behalf_of is not None:
        facts["actor_roles"] = ",".join(sorted(caller.actor.roles))
    if question.owner:
        facts["owner"] = question.owner
    if question.job_type is not None:
        facts["job_type"] = str(question.job_type)
    return facts
