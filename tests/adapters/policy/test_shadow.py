"""Rules in shadow change no answer, and what they said comes out again from what is recorded."""

from typing import Final

import pytest
from hypothesis import given
from msgspec.structs import replace

from adapters.jetstream.config import MESSAGE_BYTES_MAX
from adapters.policy import CedarPolicy, default_policy, default_text, schema_text
from adapters.wire import encode
from adapters.wire.codec import EVENT_BYTES_MAX
from application.policy_in_force import PolicyInForce, usable
from application.ports import Rules, Stored
from application.rechecking import Recheck, Rechecked
from application.shadowing import in_shadow
from domain import events as e
from domain.errors import BadRequest
from domain.identity import Caller, Principal, Role
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_life import digest_of
from domain.policy_requests import requests_of
from domain.policy_shadow import NEVER_RECORDED
from domain.states import CancelMode, Effect, JobType
from tests.adapters.policy.questions import QUESTIONS
from tests.domain.builders import at

LIVE: Final = default_policy()
OTHER: Final = default_text() + (
    '@id("no-force") forbid (principal, action == Action::"cancel", resource) '
    'when { context has mode && context.mode == Mode::"forced" };\n'
)
OWEN: Final = Caller(Principal("owen", (Role.USER,)))
FORCED: Final = Question(
    OWEN,
    Action.CANCEL,
    "owen",
    JobType.BATCH,
    JobKnown(id=7),
    RequestKnown(mode=CancelMode.FORCED, message_units=0),
)


def started(text: str) -> e.PolicyShadowStarted:
    """Rules in shadow."""
    live = LIVE.decide(Question(OWEN, Action.ACTIVATE_POLICY))
    return e.PolicyShadowStarted("", digest_of(text), text, "s", 1, "ada", "", live)


def ruled(text: str) -> PolicyInForce:
    """The shipped rules in force, with these in shadow; "" for none."""
    rules = PolicyInForce(LIVE, schema_text(), CedarPolicy)
    if text:
        rules.take(1, started(text))
    return rules


ALONE, BESIDE, BROKEN = ruled(""), ruled(OTHER), ruled("permit (")


@given(QUESTIONS)
def test_a_shadow_changes_no_answer(question: Question) -> None:
    alone = ALONE.decide(question)
    assert alone.shadow is None
    for rules in (BESIDE, BROKEN):
        decision = rules.decide(question)
        assert replace(decision, shadow=None) == alone
        assert (decision.shadow is None) == (question.action in NEVER_RECORDED)


@given(QUESTIONS)
def test_what_a_shadow_said_comes_out_again_from_the_recorded_facts(question: Question) -> None:
    decisions = [rules.decide(question) for rules in (BESIDE, BROKEN)]
    report = rechecked(*decisions)
    assert (report.different, report.unknown) == (0, {})
    assert report.in_shadow == sum(x.shadow is not None for x in decisions)


def rechecked(*decisions: e.Decision) -> Rechecked:
    """All of them, with the policy's life before them."""
    recheck = Recheck([LIVE], 20, read)
    place = e.Aggregate(e.POLICY, "hpc1")
    facts: list[tuple[e.Aggregate, e.Event]] = [
        (place, e.PolicySchemaRecorded(digest_of(schema_text()), schema_text())),
        *((place, started(text)) for text in (OTHER, "permit (")),
        *((e.job_aggregate(7), e.JobSubmitted("", "r1", x, "")) for x in decisions),
    ]
    for n, (where, fact) in enumerate(facts, 1):
        event = e.NewEvent("id", at(0), OWEN, "r1", "r1", fact)
        recheck.take(Stored(n, where, "X", b"", e.Recorded(where, n, event)))
    return recheck.report("stream", len(facts))


def read(text: str, schema: str) -> Rules:
    """Rules of the stream."""
    return usable(CedarPolicy, text, schema, LIVE)


def test_it_is_asked_the_very_same_and_says_otherwise() -> None:
    decision = BESIDE.decide(FORCED)
    assert (decision.effect, decision.rules) == (Effect.ALLOW, ("owner-controls",))
    assert decision.requests == requests_of(FORCED)
    assert decision.shadow == e.ShadowAnswer(digest_of(OTHER), Effect.DENY, ("no-force",))
    assert BESIDE.errors == 0


def test_a_shadow_that_cannot_be_used_is_an_error_in_its_answer_alone() -> None:
    decision = BROKEN.decide(FORCED)
    assert decision.effect is Effect.ALLOW
    assert decision.shadow is not None
    assert (decision.shadow.effect, len(decision.shadow.errors)) == (Effect.DENY, 1)
    assert BROKEN.errors == 0, "nothing was refused for it"


class Raising(CedarPolicy):
    """Rules that break off."""

    def recalled(self, decision: e.Decision) -> e.Decision:
        raise RuntimeError("out of order")


def test_whatever_a_shadow_raises_is_an_error_in_its_answer() -> None:
    answer = in_shadow(Raising(OTHER, schema_text()), LIVE.decide(FORCED))
    assert answer is not None
    assert answer.errors == ("RuntimeError: out of order",)


def test_it_is_not_asked_about_what_was_decided_with_another_schema() -> None:
    decision = replace(LIVE.decide(FORCED), schema_digest="0" * 64)
    assert in_shadow(CedarPolicy(OTHER, schema_text()), decision) is None


def test_a_changed_answer_is_found_and_one_of_rules_not_here_is_counted() -> None:
    decision = BESIDE.decide(FORCED)
    assert decision.shadow is not None
    other = replace(decision.shadow, effect=Effect.ALLOW)
    (found,) = rechecked(replace(decision, shadow=other)).differences
    assert (found.field, found.recorded, found.now) == ("shadow.effect", "allow", "deny")
    gone = replace(decision, shadow=replace(decision.shadow, digest="0" * 64))
    assert rechecked(gone).unknown == {"0" * 64: 1}


def test_it_ends_when_it_is_stopped_or_in_force() -> None:
    live = LIVE.decide(Question(OWEN, Action.ACTIVATE_POLICY))
    stopped, activated = ruled(OTHER), ruled(OTHER)
    stopped.take(2, e.PolicyShadowStopped("", digest_of(OTHER), 1, "", live))
    assert stopped.decide(FORCED).shadow is None
    text, digest = OTHER, digest_of(OTHER)
    activated.take(
        2,
        e.PolicyActivated(
            *("", digest, text, "s", 1, "", "a", "b", 1, "", "", live), shadow_version=1
        ),
    )
    assert activated.decide(FORCED).effect is Effect.DENY
    assert activated.decide(FORCED).shadow is None


def test_what_is_said_in_shadow_makes_no_event_too_large() -> None:
    rules = tuple(f"{n:016d}" for n in range(32))
    shadow = e.ShadowAnswer("0" * 64, Effect.DENY, rules, ("\u20ac" * 200,), rules_cut=9)
    decision = replace(BESIDE.decide(FORCED), shadow=None)
    place = e.job_aggregate(7)

    def size(decision: e.Decision, characters: int) -> int:
        fact = e.JobSubmitted("x" * characters, "r1", decision, "")
        event = e.NewEvent("id", at(0), OWEN, "r1", "r1", fact)
        return len(encode(event, place, "hpc1", 1))

    room = EVENT_BYTES_MAX - size(decision, 0)
    full = size(decision, room)
    assert full == EVENT_BYTES_MAX
    assert full < size(replace(decision, shadow=shadow), room) < MESSAGE_BYTES_MAX - 1024
    with pytest.raises(BadRequest, match="at most"):
        size(replace(decision, shadow=shadow), room + len("null") + 1)
