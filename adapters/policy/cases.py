"""Cases that a policy owner writes beside the rules: who asks for what, and what the answer is.

A case says what a rule may ask about in the schema's own names. What it does not say is not known,
as in life; nothing is filled in but the plain things that every request has.
"""

from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from adapters.policy.cedar import CedarPolicy
from adapters.policy.declared import CONTEXT, Declared
from adapters.policy.demands import APPROVALS_MAX
from domain.bulk import BULK_JOBS_MAX
from domain.cluster import JOB_ID_MAX
from domain.errors import Misconfigured
from domain.events import Decision, PolicyEntity, PolicyRequest
from domain.identity import Origin, PrincipalKind, Role
from domain.message import MESSAGE_UNITS_MAX
from domain.policy import Action
from domain.policy_requests import CLUSTER, JOB, ON_THE_CLUSTER, PERSON, USER
from domain.states import Effect

CASES_MAX: Final = 2000
Given = dict[str, str | int | bool | tuple[str, ...]]
Kind = TypeVar("Kind")


class Somebody(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom the person of a case acts for."""

    person: str
    roles: tuple[Role, ...] = (Role.USER,)
    kind: PrincipalKind = PrincipalKind.USER


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One case. ``job``, ``context``: attributes as the schema names them, of the job ``id`` too.

    ``rules``: the ids that must determine the answer, in any order; ``sentence``: what a refusal
    must say. Left out, they may be any.
    """

    name: str
    person: str
    action: Action
    expect: Effect
    roles: tuple[Role, ...] = (Role.USER,)
    kind: PrincipalKind = PrincipalKind.USER
    acts_for: Somebody | None = None
    job: Given = {}
    context: Given = {}
    rules: tuple[str, ...] | None = None
    sentence: str | None = None


class Cases(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of cases. ``with_``: files with more rules, beside those that are tested."""

    case: tuple[msgspec.Raw, ...] = ()
    with_: tuple[str, ...] = msgspec.field(default=(), name="with")


RANGES: Final = {
    "hour": (0, 23),
    "message_units": (0, MESSAGE_UNITS_MAX),
    "bulk_size": (1, BULK_JOBS_MAX),
    "approvals": (0, APPROVALS_MAX),
    "id": (1, JOB_ID_MAX),
    "running_seconds": (0, 2**62),
    "node_count": (0, 2**31 - 1),
}
"""What numbers there are in life."""


class Outcome(Struct, frozen=True):
    """What became of a case. ``wrong``: what is not as it must be, "" for a case that passes."""

    case: str
    expected: str
    found: str
    rules: tuple[str, ...]
    sentence: str
    wrong: str


def cases_in(given: object, file: str) -> tuple[tuple[str, ...], tuple[Case, ...]]:
    """The further files, and the cases. Raises ``Misconfigured``: it names file, case and field."""
    found = parsed(given, Cases, file)
    if not found.case:
        raise Misconfigured(f"{file}: there is no case in it; write [[case]]")
    if len(found.case) > CASES_MAX:
        raise Misconfigured(f"{file}: {len(found.case)} cases, at most {CASES_MAX} are allowed")
    cases = tuple(
        case_of(msgspec.json.decode(raw), f"{file}: case {number}")
        for number, raw in enumerate(found.case, 1)
    )
    return found.with_, cases


def case_of(given: object, place: str) -> Case:
    """One case. Raises ``Misconfigured``."""
    name = given.get("name") if isinstance(given, Mapping) else None
    return parsed(given, Case, f'{place} "{name}"' if isinstance(name, str) else place)


def parsed(given: object, kind: type[Kind], place: str) -> Kind:
    """What was written as what it must be. Raises ``Misconfigured``."""
    try:
        return msgspec.json.decode(msgspec.json.encode(given), type=kind)
    except (msgspec.MsgspecError, TypeError, UnicodeEncodeError) as error:
        raise Misconfigured(f"{place}: {error}") from error


def outcome(case: Case, place: str, policy: CedarPolicy, declared: Declared) -> Outcome:
    """The rules asked. Raises ``Misconfigured`` for a case that asks for what there is not."""
    asked = requests_of_case(case, place, declared)
    decision = policy.recalled(Decision(Effect.DENY, "", (), {}, requests=asked))
    return Outcome(
        case=case.name,
        expected=str(case.expect),
        found=str(decision.effect),
        rules=decision.rules,
        sentence=decision.explanation,
        wrong="; ".join(wrong(case, decision)),
    )


def wrong(case: Case, decision: Decision) -> Iterator[str]:
    """What is not as the case says."""
    if decision.errors:
        yield f"the policy answered with an error: {decision.errors[0]}"
        return
    if decision.effect is not case.expect:
        yield f"expected {case.expect}, but the answer is {decision.effect}"
    if case.rules is not None and tuple(sorted(case.rules)) != decision.rules:
        yield f"expected by {listed(case.rules)}, but it is by {listed(decision.rules)}"
    if case.sentence is not None and case.sentence != decision.explanation:
        yield f'expected to say "{case.sentence}", but it says "{decision.explanation}"'


def listed(rules: tuple[str, ...]) -> str:
    """Ids in a sentence."""
    return ", ".join(sorted(rules)) or "no rule"


# --- a case as requests ---------------------------------------------------------------------------


def requests_of_case(case: Case, place: str, declared: Declared) -> tuple[PolicyRequest, ...]:
    """What the policy is asked. Raises ``Misconfigured``."""
    place = f'{place} "{case.name}"'
    context = context_of(case, place, declared)
    actor = who(USER, case.person, case.roles, case.kind)
    if case.acts_for is None:
        if case.action is Action.ACT_FOR_OTHERS and case.job:
            raise Misconfigured(f"{place}: job: {case.action} is not about a job")
        return (request(actor, case.action, resource(case, place, declared), context, place),)
    other = case.acts_for
    person = who(PERSON, other.person, other.roles, other.kind)
    plain = {name: value for name, value in context.items() if name in ("actor", "origin")}
    acting = request(actor, Action.ACT_FOR_OTHERS, person, plain, place)
    if case.action is Action.ACT_FOR_OTHERS:
        return (acting,)
    principal = who(USER, other.person, other.roles, other.kind)
    return acting, request(principal, case.action, resource(case, place, declared), context, place)


def request(
    principal: PolicyEntity, action: Action, on: PolicyEntity, context: Given, place: str
) -> PolicyRequest:
    """One request. Raises ``Misconfigured``."""
    told = {"principal": principal, "action": action, "resource": on, "context": context}
    return parsed(told, PolicyRequest, f"{place}: context")


def who(kind: str, person: str, roles: tuple[Role, ...], of: PrincipalKind) -> PolicyEntity:
    """A person, as a principal or as somebody who is acted for."""
    told = tuple(sorted({str(role) for role in roles}))
    return PolicyEntity(kind, person, {"name": person, "kind": str(of)}, told)


def context_of(case: Case, place: str, declared: Declared) -> Given:
    """What is known of the request: what the case says, and the two things that always are."""
    refuse_unknown(case.context, CONTEXT, CONTEXT, place, declared)
    refuse_impossible(case.context, CONTEXT, place)
    plain: Given = {"origin": str(Origin.CLI), "actor": case.person}
    return plain | case.context


def refuse_impossible(given: Mapping[str, object], field: str, place: str) -> None:
    """Raise ``Misconfigured`` for a number that no request and no job can have."""
    for name, (least, most) in RANGES.items():
        value = given.get(name, least)
        if isinstance(value, int) and not least <= value <= most:
            raise Misconfigured(
                f"{place}: {field}.{name} is {value}: it is from {least} to {most} in life"
            )


def resource(case: Case, place: str, declared: Declared) -> PolicyEntity:
    """The job, or the cluster for what is about no job."""
    if case.action in ON_THE_CLUSTER:
        if case.job:
            raise Misconfigured(f"{place}: job: {case.action} is not about a job")
        return CLUSTER
    attributes = {name: value for name, value in case.job.items() if name != "id"}
    refuse_unknown(attributes, JOB, "job", place, declared)
    refuse_impossible(case.job, "job", place)
    told = {"type": JOB, "id": str(case.job.get("id", "")), "attributes": attributes}
    return parsed(told, PolicyEntity, f"{place}: job")


def refuse_unknown(
    given: Mapping[str, object], kind: str, field: str, place: str, declared: Declared
) -> None:
    """Raise ``Misconfigured`` for an attribute that the schema does not have."""
    there = sorted(name for one, name in declared.attributes if one == kind)
    unknown = next((name for name in given if name not in there), None)
    if unknown is not None:
        allowed = ", ".join(["id", *there] if kind == JOB else there)
        raise Misconfigured(f"{place}: {field}.{unknown}: there is no such; allowed are {allowed}")
