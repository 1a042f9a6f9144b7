"""Rules asked what others were asked before, when less could be told.

An attribute that the schema of then did not have is not absent: it is not known. So a rule that is
about such a request and asks for one says nothing, neither yes nor no. The answer stands all the
same where the other rules alone settle it: what one of them forbids is refused whatever the rest
says, and what one of them permits is allowed when no rule that forbids is left open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cedarpy import pst
from msgspec import Struct
from msgspec.structs import replace

from adapters.policy.cedar import Answer, CedarPolicy
from adapters.policy.declared import CONTEXT, Declared, declared
from adapters.policy.reading import Rule
from adapters.policy.reads import within
from adapters.policy.sentences import denied_by
from application.asked_before import AskedBefore
from application.backtesting import Reading, Told, Untold
from domain.events import Decision, PolicyEntity, PolicyRequest
from domain.policy import DENIED, POLICY_ERROR, Action, not_allowed
from domain.states import Effect

TABLE_SCHEMA: Final = ""
TABLE: Final = Declared(
    attributes=frozenset(
        {
            *((kind, name) for kind in ("User", "Person") for name in ("name", "kind", "roles")),
            *(("Job", "owner"), ("Job", "job_type"), (CONTEXT, "actor"), (CONTEXT, "origin")),
        }
    ),
    groups=frozenset({("User", "Role"), ("Person", "Role")}),
)
"""What the table before Cedar was told, and its events say."""

ANYTHING: Final = ""
"""Stands for whatever entity it may be."""

NEVER_ASKED: Final = "whether {action} would be allowed, which was never asked"


class Read(Struct, frozen=True):
    """A rule asks ``variable`` for an attribute, or whether it is in a group of this type."""

    variable: str
    name: str
    is_group: bool = False

    def __str__(self) -> str:
        variable = self.variable or "an entity"
        return f"{variable} in {self.name}" if self.is_group else f"{variable}.{self.name}"


class Looked(Struct, frozen=True):
    """A rule, and all that it asks for."""

    id: str
    permits: bool
    scope: pst.Template
    reads: frozenset[Read]


class OnHistory:
    """A policy as a candidate for history. ``schemas``: all that there were, by their digest."""

    def __init__(self, policy: CedarPolicy, schemas: Mapping[str, str]) -> None:
        self._policy = policy
        self._then = {digest: declared(text) for digest, text in schemas.items()}
        self._then[TABLE_SCHEMA] = TABLE
        self._rules = tuple(looked(policy))
        self._open = dict[tuple[str, str, str, str], tuple[tuple[Looked, tuple[Read, ...]], ...]]()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text of the rules."""
        return self._policy.digest

    @property
    def schema_digest(self) -> str:
        """SHA-256 (hex) of the text of the schema."""
        return self._policy.schema_digest

    def tried(self, decision: Decision, asked: AskedBefore) -> Told | Untold:
        """The answer to what a recorded decision asked."""
        if asked.schema_digest not in self._then:
            what = f"by the schema {asked.schema_digest}, which is not here"
            return Untold((Reading("", what),))
        rules, last = set[str](), Told(Effect.DENY, ())
        for request in asked.requests:
            answer = self._one(request, asked.schema_digest)
            if isinstance(answer, Untold) or answer.effect is Effect.DENY:
                return answer
            rules.update(answer.rules)
            last = answer
        if asked.requests[-1].action != asked.wanted:
            return Untold((Reading("", NEVER_ASKED.format(action=asked.wanted)),))
        return replace(last, rules=tuple(sorted(rules)))

    def _one(self, request: PolicyRequest, schema_digest: str) -> Told | Untold:
        """Of one request."""
        unknown = self._unknown(request, schema_digest)
        answer = self._policy.answer(request)
        if answer.errors:
            return Told(Effect.DENY, (POLICY_ERROR,), answer.errors, answer.errors[0])
        if unknown and not settled(answer, unknown):
            return Untold(
                tuple(Reading(rule.id, str(read)) for rule, reads in unknown for read in reads)
            )
        return self._told(request, answer, {rule.id for rule, _ in unknown})

    def _told(self, request: PolicyRequest, answer: Answer, unknown: set[str]) -> Told:
        """The answer by the rules that could be asked."""
        rules = tuple(rule for rule in answer.rules if rule not in unknown)
        if answer.effect is Effect.ALLOW:
            hold, approvals = answer.demands.hold_seconds, answer.demands.approvals
            effect = Effect.HOLD if hold or approvals else Effect.ALLOW
            return Told(effect, rules, hold_seconds=hold, approvals=approvals)
        words = refusal(self._policy.parsed.rules.values(), request, rules)
        return Told(Effect.DENY, rules or (DENIED,), words=words)

    def _unknown(
        self, request: PolicyRequest, schema_digest: str
    ) -> tuple[tuple[Looked, tuple[Read, ...]], ...]:
        """The rules about this request that ask for what was not told then, and for what."""
        key = (schema_digest, request.principal.type, request.action, request.resource.type)
        if key not in self._open:
            self._open[key] = tuple(self._asking(request, self._then[schema_digest]))
        return tuple(x for x in self._open[key] if in_scope(x[0].scope, request))

    def _asking(
        self, request: PolicyRequest, then: Declared
    ) -> Iterator[tuple[Looked, tuple[Read, ...]]]:
        for rule in self._rules:
            found = tuple(x for x in rule.reads if not was_told(x, request, then))
            if found:
                yield rule, tuple(sorted(found, key=str))


def settled(answer: Answer, unknown: tuple[tuple[Looked, tuple[Read, ...]], ...]) -> bool:
    """Whether the answer is the same, whatever the rules say that could not be asked."""
    left_open = {rule.id for rule, _ in unknown}
    permits = any(rule.permits for rule, _ in unknown)
    forbids = any(not rule.permits for rule, _ in unknown)
    by_others = not left_open.issuperset(answer.rules)
    if answer.effect is Effect.ALLOW:
        return by_others and not forbids
    return by_others or (not answer.rules and not permits)


# --- what a rule asks for -------------------------------------------------------------------------


def looked(policy: CedarPolicy) -> Iterator[Looked]:
    """Each rule with what it asks for."""
    for number, template in policy.parsed.parsed.to_pst().static_policies.items():
        rule = policy.parsed.rules[number]
        yield Looked(rule.id, rule.permits, template, frozenset(reads_in(template)))


def reads_in(rule: pst.Template) -> Iterator[Read]:
    """All that a rule asks for, in its scope and its conditions."""
    yield from scope_reads("principal", rule.principal)
    yield from scope_reads("resource", rule.resource)
    for node in within(rule.clauses):
        match node:
            case pst.GetAttr(base, name):
                yield from of_variable(base, name)
            case pst.HasAttr(base, names):
                yield from of_variable(base, names[0])
            case pst.BinaryOp("in", left, right):
                yield from of_groups(left, right)
            case pst.Is(left, _, right) if right is not None:
                yield from of_groups(left, right)


def of_variable(base: object, name: str) -> Iterator[Read]:
    """An attribute of a variable, or of what may be one. What is inside of one is part of it."""
    match base:
        case pst.Var("action") | pst.GetAttr() | pst.Record():
            return
        case pst.Var(variable):
            yield Read(variable, name)
        case _:
            yield Read(ANYTHING, name)


def of_groups(left: object, right: object) -> Iterator[Read]:
    """Whether a variable is in something of these types."""
    if isinstance(left, pst.Var) and left.name == "action":
        return
    variable = left.name if isinstance(left, pst.Var) else ANYTHING
    for node in within(right):
        if isinstance(node, pst.EntityUid):
            yield Read(variable, str(node.type), is_group=True)


def scope_reads(variable: str, scope: object) -> Iterator[Read]:
    """The group that a scope asks for."""
    match scope:
        case pst.ScopeIn(pst.EntityUid(type_)) | pst.ScopeIsIn(_, pst.EntityUid(type_)):
            yield Read(variable, str(type_), is_group=True)
        case _:
            return


def was_told(read: Read, request: PolicyRequest, then: Declared) -> bool:
    """Whether the schema of then had this; whatever is in itself always was."""
    principal, resource = request.principal.type, request.resource.type
    types = {"principal": {principal}, "resource": {resource}, CONTEXT: {CONTEXT}}.get(
        read.variable, {principal, resource}
    )
    if read.is_group:
        return read.name in types or any((one, read.name) in then.groups for one in types)
    return any((one, read.name) in then.attributes for one in types)


# --- whom and what a rule is about ----------------------------------------------------------------


def in_scope(rule: pst.Template, request: PolicyRequest) -> bool:
    """Whether the rule may be about this request, by its scope alone."""
    return (
        one_in_scope(rule.principal, request.principal)
        and one_in_scope(rule.resource, request.resource)
        and action_in_scope(rule.action, request.action)
    )


def action_in_scope(scope: pst.ActionConstraint, action: str) -> bool:
    """Whether it is this action's."""
    match scope:
        case pst.ActionEq(entity):
            return entity.id == action
        case pst.ActionIn(entities):
            return any(entity.id == action for entity in entities)
        case _:
            return True


def one_in_scope(scope: pst.PrincipalOrResourceConstraint, one: PolicyEntity) -> bool:
    """Whether it may be about this one. A group that nobody was told of may be theirs."""
    match scope:
        case pst.ScopeEq(pst.EntityUid(type_, id_)):
            return (str(type_), id_) == (one.type, one.id)
        case pst.ScopeIs(type_):
            return str(type_) == one.type
        case pst.ScopeIsIn(type_, pst.EntityUid() as group):
            return str(type_) == one.type and in_group(group, one)
        case pst.ScopeIn(pst.EntityUid() as group):
            return in_group(group, one)
        case _:
            return True


def in_group(group: pst.EntityUid, one: PolicyEntity) -> bool:
    """Roles are told; of other groups it is not known."""
    if str(group.type) == "Role":
        return group.id in one.roles
    return str(group.type) != one.type or group.id == one.id


def refusal(rules: Iterable[Rule], request: PolicyRequest, ids: Sequence[str]) -> str:
    """The sentence of a refusal by the rules of these ids; of none where no rule allows it."""
    if ids:
        return denied_by(request, [rule for rule in rules if rule.id in ids])
    permitting = (x for x in rules if x.permits)
    allowed = [x.who for x in permitting if x.actions is None or request.action in x.actions]
    return not_allowed(request.principal.id, Action(request.action), allowed)


class FromMemory:
    """A policy that computes recorded decisions again with answers that it remembers."""

    def __init__(self, policy: CedarPolicy) -> None:
        self._policy = policy

    @property
    def digest(self) -> str:
        """Of its rules."""
        return self._policy.digest

    @property
    def schema_digest(self) -> str:
        """The schema it is asked with."""
        return self._policy.schema_digest

    def again(self, decision: Decision) -> Decision:
        """The answer now. Raises ``ValueError`` for what it can never have been asked."""
        return self._policy.recalled(decision)
