"""The life of a policy: proposed by one person, activated by another, in force until the next.

``decide`` asks nothing of the outside: what is wrong with a text, and whom it would lock out, comes
in with the command (``Candidate``), from whoever can read Cedar.
"""

import hashlib
from typing import Final, assert_never

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain import events as e
from domain.commands import Asked, content_sha256
from domain.errors import Corrupt
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Answered, Asking
from domain.policy_shadow import SHADOW, STOP_SHADOW, Shadow, nothing_runs, occupied
from domain.refusal import Refusal, denied, reused
from domain.two_persons import no_person

PROPOSE: Final = "propose_policy"
ACTIVATE: Final = "activate_policy"
JSON_BYTES_MAX: Final = 56 * 1024
"""Of a text as it stands in an event: a quote or the end of a line takes two bytes there."""

PROPOSALS_MAX: Final = 100
"""Texts that may wait for somebody to activate them; the oldest is forgotten first."""

INVALID: Final = "policy_invalid"
LOCKS_OUT: Final = "policy_locks_out"
IN_FORCE: Final = "policy_in_force"
UNTRIED: Final = "backtest_unknown"
WAITING: Final = "waiting_for_another_person"
"""Codes of refusals."""

FLAW_RULE: Final = "policy-must-be-usable"
LOCK_RULE: Final = "two-administrators-must-be-able-to-activate"
TRIED_RULE: Final = "backtest-is-of-these-rules"
SAME_RULE: Final = "policy-is-in-force-already"
TWO_PERSONS_RULE: Final = "approver-is-not-the-author"


def long_as_json(text: str) -> str:
    """Why a text is too long for the event that it travels in; "" when it is not."""
    size = len(msgspec.json.encode(text.encode("utf-8", "replace").decode()))
    if size <= JSON_BYTES_MAX:
        return ""
    return f"as JSON it has {size} bytes, at most {JSON_BYTES_MAX} are allowed"


def digest_of(text: str) -> str:
    """SHA-256 (hex) of a text as UTF-8: the name of rules and of a schema."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Proposal(Struct, frozen=True):
    """A text that somebody wants in force. ``people``: its author, and whom they acted for."""

    version: int
    author: str
    people: frozenset[str]


class Active(Struct, frozen=True):
    """What is in force since the event of this version, and the schema it is asked with now."""

    version: int
    digest: str
    schema_digest: str


class PolicyLife(Struct, frozen=True):
    """``schema``: the digest of the latest schema, "" before there is one; ``schemas``: of all.
    The rules in force are asked with the latest one: it is what this service tells them.

    ``active``: None before there is anything in force. ``proposals``: by the digest of the text,
    the latest of each author. ``shadow``: what runs in shadow, None when nothing does.
    """

    version: int = 0
    schema: str = ""
    schemas: frozenset[str] = frozenset()
    active: Active | None = None
    proposals: dict[str, tuple[Proposal, ...]] = {}
    asked: dict[Asking, Answered] = {}
    shadow: Shadow | None = None


class Candidate(Struct, frozen=True):
    """A text that is to be in force. ``flaw``: what keeps it from being a policy, "" for nothing.

    ``locks_out``: who could activate no other policy under it, as a sentence; "" when enough can.
    """

    digest: str
    text: str
    schema_digest: str
    rule_count: int
    flaw: str = ""
    locks_out: str = ""


class ProposePolicy(Struct, frozen=True):
    """Have another person asked whether these rules shall be in force."""

    asked: Asked
    by: Caller
    candidate: Candidate
    note: str = ""


class ActivatePolicy(Struct, frozen=True):
    """Put rules in force that somebody else has proposed; or propose them, if nobody has.

    ``backtest``: the digest of a trial of these rules, "" for none; ``untried``: why it is none,
    as a sentence, "" when it is one.
    """

    asked: Asked
    by: Caller
    candidate: Candidate
    note: str = ""
    backtest: str = ""
    untried: str = ""


class StartShadow(Struct, frozen=True):
    """Have these rules asked all that those in force are asked, binding nobody."""

    asked: Asked
    by: Caller
    candidate: Candidate
    note: str = ""


class StopShadow(Struct, frozen=True):
    """Ask the rules that run in shadow no more."""

    asked: Asked
    by: Caller
    note: str = ""


Command = ProposePolicy | ActivatePolicy | StartShadow | StopShadow
OPERATIONS: Final = {
    ProposePolicy: PROPOSE,
    ActivatePolicy: ACTIVATE,
    StartShadow: SHADOW,
    StopShadow: STOP_SHADOW,
}
"""The names of commands, as receipts and request ids have them."""


# --- what each fact changes -----------------------------------------------------------------------


def evolve_policy(life: PolicyLife, recorded: e.Recorded) -> PolicyLife:
    """After one more fact; ``Corrupt`` for a gap, or a fact about something else."""
    if recorded.version != life.version + 1:
        raise Corrupt(f"{recorded.aggregate}: {recorded.version} follows {life.version}")
    data = recorded.data
    if not isinstance(data, e.PolicyEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(data).__name__} is not about the policy")
    after = replace(life, version=recorded.version)
    match data:
        case e.PolicySchemaRecorded():
            active = replace(life.active, schema_digest=data.digest) if life.active else None
            schemas = life.schemas | {data.digest}
            return replace(after, schema=data.digest, schemas=schemas, active=active)
        case e.PolicyProposed():
            proposals = with_proposal(life.proposals, data, recorded)
            after = replace(after, proposals=proposals)
            return remember(after, recorded, PROPOSE, data)
        case e.PolicyActivated():
            active = Active(recorded.version, data.digest, data.schema_digest)
            left = {k: v for k, v in life.proposals.items() if k != data.digest}
            shadow = None if data.shadow_version else life.shadow
            after = replace(after, active=active, proposals=left, shadow=shadow)
            return remember(after, recorded, ACTIVATE, data)
        case e.PolicyShadowStarted():
            shadow = Shadow(recorded.version, data.digest, data.started_by)
            return remember(replace(after, shadow=shadow), recorded, SHADOW, data)
        case e.PolicyShadowStopped():
            return remember(replace(after, shadow=None), recorded, STOP_SHADOW, data)
        case e.PolicyCommandRefused():
            return remember(after, recorded, data.command, data)
        case _:
            assert_never(data)


def with_proposal(
    before: dict[str, tuple[Proposal, ...]], data: e.PolicyProposed, recorded: e.Recorded
) -> dict[str, tuple[Proposal, ...]]:
    """The proposals with one more; a text that was proposed again is the newest."""
    new = Proposal(recorded.version, data.author, people_of(recorded.event.caller))
    others = tuple(p for p in before.get(data.digest, ()) if p.people != new.people)
    kept = {k: v for k, v in before.items() if k != data.digest}
    if len(kept) >= PROPOSALS_MAX:
        del kept[next(iter(kept))]
    return kept | {data.digest: (*others, new)}


def people_of(caller: Caller) -> frozenset[str]:
    """Everybody whose act it is: who was authenticated, and whom they acted for."""
    return frozenset({caller.actor.name, caller.subject.name})


def remember(
    life: PolicyLife,
    recorded: e.Recorded,
    command: str,
    data: e.PolicyProposed
    | e.PolicyActivated
    | e.PolicyShadowStarted
    | e.PolicyShadowStopped
    | e.PolicyCommandRefused,
) -> PolicyLife:
    """How a request was answered; the first answer stands. A proposal that an activation became
    is found by either name."""
    if not data.request_id:
        return life
    asker, answered = recorded.event.caller.asker, Answered(recorded.version, data.content_sha256)
    names = (PROPOSE, ACTIVATE) if isinstance(data, e.PolicyProposed) else (command,)
    new = {Asking(asker, name, data.request_id): answered for name in names}
    return replace(life, asked=new | life.asked)


# --- what becomes of what people ask --------------------------------------------------------------


def decide_policy(life: PolicyLife, command: Command) -> e.PolicyEvent | None:
    """The fact that follows; None when this very request was answered before."""
    operation, content = operation_of(command), content_of(command)
    asked = command.asked
    before = life.asked.get(Asking(asked.asker, operation, asked.request_id))
    if before is not None and before.content_sha256 == content:
        return None
    no = reused(asked.request_id, "policy") if before else None
    no = no or denied(asked) or impossible(life, command)
    if no is not None:
        return refused(life, command, no, content)
    match command:
        case ProposePolicy():
            return proposed(command, content)
        case ActivatePolicy():
            return activated(life, command, content)
        case StartShadow():
            return started(command, content)
        case StopShadow():
            return stopped(life, command, content)
        case _:
            assert_never(command)


def operation_of(command: Command) -> str:
    """The name of a command, as receipts and request ids have it."""
    return OPERATIONS[type(command)]


def content_of(command: Command) -> str:
    """The digest of what is asked for."""
    if isinstance(command, StopShadow):
        return content_sha256(command.note)
    backtest = command.backtest if isinstance(command, ActivatePolicy) else ""
    return content_sha256(command.candidate.digest, command.note, backtest)


def impossible(life: PolicyLife, command: Command) -> Refusal | None:
    """Why this cannot be done now."""
    if isinstance(command, StopShadow):
        return nothing_runs(life.shadow)
    if isinstance(command, StartShadow):
        return unfit(life, command.candidate) or occupied(life.shadow)
    no = no_person(command.by, "who proposes or activates a policy")
    return no or unfit(life, command.candidate) or untried(command)


def unfit(life: PolicyLife, candidate: Candidate) -> Refusal | None:
    """Why these rules cannot be in force."""
    if candidate.flaw:
        return Refusal(INVALID, HResult.ARGUMENT_OUT_OF_RANGE, FLAW_RULE, candidate.flaw)
    if candidate.locks_out:
        return Refusal(LOCKS_OUT, HResult.INVALID_OPERATION, LOCK_RULE, candidate.locks_out)
    if candidate.schema_digest != life.schema:
        words = "the rules were held against another schema than the one in force; try again"
        return Refusal(INVALID, HResult.ARGUMENT_OUT_OF_RANGE, FLAW_RULE, words)
    if life.active and life.active.digest == candidate.digest:
        words = f"the rules {candidate.digest[:12]} are in force already"
        return Refusal(IN_FORCE, HResult.INVALID_OPERATION, SAME_RULE, words)
    return None


def untried(command: Command) -> Refusal | None:
    """What is named as a backtest of these rules is none."""
    if not isinstance(command, ActivatePolicy) or not command.untried:
        return None
    return Refusal(UNTRIED, HResult.ARGUMENT_OUT_OF_RANGE, TRIED_RULE, command.untried)


def proposed(command: ProposePolicy | ActivatePolicy, content: str) -> e.PolicyProposed:
    """The proposal as a fact."""
    candidate = command.candidate
    return e.PolicyProposed(
        request_id=command.asked.request_id,
        digest=candidate.digest,
        text=candidate.text,
        schema_digest=candidate.schema_digest,
        rule_count=candidate.rule_count,
        author=command.by.actor.name,
        note=command.note,
        decision=command.asked.decision,
        content_sha256=content,
    )


def activated(life: PolicyLife, command: ActivatePolicy, content: str) -> e.PolicyEvent:
    """In force, if somebody else proposed it; waiting for them, if not."""
    mine, candidate = people_of(command.by), command.candidate
    waiting = life.proposals.get(candidate.digest, ())
    others = [p for p in waiting if not p.people & mine]
    if not others:
        if not waiting:
            return proposed(command, content)
        words = f"{command.by.actor.name} cannot activate what they have proposed themselves (or "
        words += "for whom they act): another person who may activate policies has to"
        no = Refusal(WAITING, HResult.PERMISSION_DENIED, TWO_PERSONS_RULE, words)
        return refused(life, command, no, content)
    return e.PolicyActivated(
        request_id=command.asked.request_id,
        digest=candidate.digest,
        text=candidate.text,
        schema_digest=candidate.schema_digest,
        rule_count=candidate.rule_count,
        previous=life.active.digest if life.active else "",
        author=others[-1].author,
        approver=command.by.actor.name,
        proposed_version=others[-1].version,
        backtest=command.backtest,
        note=command.note,
        decision=command.asked.decision,
        content_sha256=content,
        shadow_version=shadow_ended(life, candidate.digest),
    )


def shadow_ended(life: PolicyLife, digest: str) -> int:
    """The version that started these rules in shadow, which ends now; 0 where they do not run."""
    shadow = life.shadow
    return shadow.version if shadow is not None and shadow.digest == digest else 0


def started(command: StartShadow, content: str) -> e.PolicyShadowStarted:
    """In shadow from here on."""
    candidate = command.candidate
    return e.PolicyShadowStarted(
        request_id=command.asked.request_id,
        digest=candidate.digest,
        text=candidate.text,
        schema_digest=candidate.schema_digest,
        rule_count=candidate.rule_count,
        started_by=command.by.actor.name,
        note=command.note,
        decision=command.asked.decision,
        content_sha256=content,
    )


def stopped(life: PolicyLife, command: StopShadow, content: str) -> e.PolicyShadowStopped:
    """What runs in shadow runs no more."""
    assert life.shadow is not None, "what does not run is not stopped"
    return e.PolicyShadowStopped(
        request_id=command.asked.request_id,
        digest=life.shadow.digest,
        started_version=life.shadow.version,
        note=command.note,
        decision=command.asked.decision,
        content_sha256=content,
    )


def refused(
    life: PolicyLife, command: Command, no: Refusal, content: str
) -> e.PolicyCommandRefused:
    """The refusal as a fact."""
    return e.PolicyCommandRefused(
        request_id=command.asked.request_id,
        command=operation_of(command),
        digest=digest_asked(life, command),
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        note=command.note,
        decision=command.asked.decision,
        content_sha256=content,
    )


def digest_asked(life: PolicyLife, command: Command) -> str:
    """Of the text that a command is about, "" for none."""
    if isinstance(command, StopShadow):
        return life.shadow.digest if life.shadow is not None else ""
    return command.candidate.digest


# --- what the service itself writes ---------------------------------------------------------------


def begin(life: PolicyLife, shipped: Candidate, schema: str) -> tuple[e.PolicyEvent, ...]:
    """What a start records: the schema that came with this release, if it is new here; and the
    rules that came with it, where none were ever in force. Nothing at a usual start."""
    facts: tuple[e.PolicyEvent, ...] = ()
    if shipped.schema_digest not in life.schemas:
        facts += (e.PolicySchemaRecorded(shipped.schema_digest, schema),)
    if life.active is None:
        facts += (of_the_release(shipped),)
    return facts


def of_the_release(shipped: Candidate) -> e.PolicyActivated:
    """In force from the beginning on: nobody chose it."""
    return e.PolicyActivated(
        request_id="",
        digest=shipped.digest,
        text=shipped.text,
        schema_digest=shipped.schema_digest,
        rule_count=shipped.rule_count,
        previous="",
        author="",
        approver="",
        proposed_version=0,
        backtest="",
        note="",
        decision=None,
    )
