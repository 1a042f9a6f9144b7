"""The table that decided until Cedar did: each decision it made can be computed again by it.

No service asks it any more. It stays because the stream keeps its decisions for ever, and because
the rules that are shipped for Cedar are held against it. It is never changed.

Source of the rows: HPC Pack's rights by role (owner, job operator, job administrator, cluster
administrator) and the seed's remark that only a cluster administrator may cancel a command job.
"""

import hashlib
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from domain.events import Decision
from domain.identity import Caller, Principal, Role
from domain.policy import ACTION_IN_WORDS, DENIED, Action, Question, facts_of, not_allowed, parts_of
from domain.states import Effect, JobType


class Subject(StrEnum):
    """What somebody is to the thing they want to act on."""

    OWNER = "owner"
    USER = "user"
    JOB_OPERATOR = "job-operator"
    JOB_ADMINISTRATOR = "job-administrator"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Rule(Struct, frozen=True):
    """``subject`` may do ``actions``; on command jobs only when ``command_jobs``."""

    id: str
    subject: Subject
    actions: tuple[Action, ...]
    command_jobs: bool = False


EVERYTHING: Final = (
    Action.CREATE,
    Action.CREATE_COMMAND_JOB,
    Action.SUBMIT,
    Action.CANCEL,
    Action.CANCEL_TASK,
    Action.FINISH,
    Action.REQUEUE,
    Action.CONFIGURE,
    Action.CHANGE,
    Action.SET_PARAMETER,
    Action.VIEW,
    Action.VIEW_PRINCIPALS,
    Action.REBUILD_VIEWS,
    Action.ACT_FOR_OTHERS,
)
"""All there was; an action that is new since was never asked of the table."""

JOB_CONTROL: Final = (Action.CANCEL, Action.CANCEL_TASK, Action.FINISH, Action.REQUEUE)

RULES: Final = (
    Rule("user-creates", Subject.USER, (Action.CREATE,)),
    Rule(
        "owner-controls",
        Subject.OWNER,
        (*JOB_CONTROL, Action.CONFIGURE, Action.SUBMIT, Action.CHANGE, Action.VIEW),
    ),
    Rule("job-operator-controls", Subject.JOB_OPERATOR, (*JOB_CONTROL, Action.VIEW)),
    Rule(
        "job-administrator-controls",
        Subject.JOB_ADMINISTRATOR,
        (
            *JOB_CONTROL,
            Action.CREATE,
            Action.CONFIGURE,
            Action.SUBMIT,
            Action.CHANGE,
            Action.VIEW,
            Action.ACT_FOR_OTHERS,
        ),
    ),
    Rule("administrator-everything", Subject.ADMINISTRATOR, EVERYTHING, command_jobs=True),
    Rule(
        "auditor-reads",
        Subject.AUDITOR,
        (Action.VIEW, Action.VIEW_PRINCIPALS),
        command_jobs=True,
    ),
)
"""Allow rules. What no rule allows is denied by ``no-rule-allows``."""

ALGORITHM: Final = "table-1"
"""The way the table is read, below; a change of it is a change of the policy."""

RAISING_DENIED: Final = "acting-for-others-raises-no-rights"
COMMAND_JOB_DENIED: Final = "command-jobs-need-an-administrator"
ROLE_SUBJECT: Final = {
    Role.USER: Subject.USER,
    Role.JOB_OPERATOR: Subject.JOB_OPERATOR,
    Role.JOB_ADMINISTRATOR: Subject.JOB_ADMINISTRATOR,
    Role.ADMINISTRATOR: Subject.ADMINISTRATOR,
    Role.AUDITOR: Subject.AUDITOR,
}


class TablePolicy:
    """The pure table as a policy: the same question has the same answer for ever."""

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        self._rules = rules
        self._digest = hashlib.sha256(msgspec.json.encode((ALGORITHM, rules))).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the JSON of the table and of the way it is read."""
        return self._digest

    @property
    def schema_digest(self) -> str:
        """The table has no schema."""
        return ""

    def decide(self, question: Question) -> Decision:
        """Allow when any rule allows; the rules that did, sorted, stand in the answer.

        Who acts for somebody must be allowed to, and that person must be allowed the act.
        """
        if raises_rights(question):
            return self._refused(question, RAISING_DENIED, raising_words(question))
        rules = set[str]()
        for part in parts_of(question):
            subjects = subjects_of(part)
            allowing = {r.id for r in self._rules if allows(r, part, subjects)}
            if not allowing:
                return self._denied(question, part)
            rules |= allowing
        return Decision(Effect.ALLOW, self._digest, tuple(sorted(rules)), facts_of(question))

    def again(self, decision: Decision) -> Decision:
        """The answer to what a recorded decision was asked. Raises ``ValueError`` for facts that no
        decision of this table has."""
        return self.decide(question_of(decision.facts))

    def _denied(self, question: Question, part: Question) -> Decision:
        return self._refused(question, *denial(self._rules, part))

    def _refused(self, question: Question, rule: str, words: str) -> Decision:
        facts = facts_of(question)
        return Decision(Effect.DENY, self._digest, (rule,), facts, explanation=words)


def raises_rights(question: Question) -> bool:
    """Whether somebody would gain an administrator's rights by acting for one."""
    person = question.caller.on_behalf_of
    gained = person is not None and person.has(Role.ADMINISTRATOR)
    return gained and not question.caller.actor.has(Role.ADMINISTRATOR)


def raising_words(question: Question) -> str:
    """The sentence for that."""
    caller = question.caller
    return (
        f"{caller.actor.name} may not act for {caller.subject.name}, who is an administrator: only "
        "an administrator may"
    )


def subjects_of(question: Question) -> frozenset[Subject]:
    """What the person whose rights count is to the job: by roles, and as its owner.

    Who is nothing but an auditor does nothing, not even on a job they own.
    """
    person = question.caller.subject
    roles = {ROLE_SUBJECT[role] for role in person.roles}
    owns = question.owner != "" and person.name == question.owner
    if owns and roles != {Subject.AUDITOR}:
        roles.add(Subject.OWNER)
    return frozenset(roles)


def changes_command_job(question: Question) -> bool:
    """Whether it is about a command job, and about more than seeing it."""
    return question.job_type is JobType.ADMIN and question.action is not Action.VIEW


def allows(rule: Rule, question: Question, subjects: frozenset[Subject]) -> bool:
    """Whether this one rule allows it."""
    command_job = changes_command_job(question)
    return (
        rule.subject in subjects
        and question.action in rule.actions
        and (rule.command_jobs or not command_job)
    )


def denial(rules: tuple[Rule, ...], question: Question) -> tuple[str, str]:
    """The rule id and sentence of a denial."""
    person = question.caller.subject.name
    words = ACTION_IN_WORDS[question.action]
    if changes_command_job(question) or question.action is Action.CREATE_COMMAND_JOB:
        return COMMAND_JOB_DENIED, (
            f"{person} may not {words}: it is a command job, and only a cluster administrator may"
        )
    return DENIED, not_allowed(
        person, question.action, (r.subject for r in rules if question.action in r.actions)
    )


def question_of(facts: dict[str, str]) -> Question:
    """The question behind the facts of a decision. Raises ``ValueError``."""
    try:
        person = somebody(facts["person"], facts["roles"])
        caller = Caller(person)
        if "actor_roles" in facts:
            caller = Caller(somebody(facts["actor"], facts["actor_roles"]), on_behalf_of=person)
        job_type = JobType(facts["job_type"]) if "job_type" in facts else None
        return Question(caller, Action(facts["action"]), facts.get("owner", ""), job_type)
    except KeyError as error:
        raise ValueError(f"the facts have no {error.args[0]}") from error


def somebody(name: str, roles: str) -> Principal:
    """The person of a name and of roles with commas between."""
    return Principal(name, tuple(Role(x) for x in roles.split(",") if x))
