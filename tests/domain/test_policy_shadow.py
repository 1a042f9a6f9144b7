"""Rules in shadow: given what was recorded, when somebody asks, then this is; and what is kept."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain import events as e
from domain.policy_life import Candidate, StartShadow, StopShadow, digest_of
from domain.policy_shadow import (
    ERROR_CHARACTERS_MAX,
    RULES_CHARACTERS_MAX,
    RULES_MAX,
    SHADOW,
    answer_in_shadow,
    failed_in_shadow,
)
from domain.remaking_policy import Reigns
from domain.states import Effect
from tests.domain.test_policy_life import ADA, BOB, OTHER, SCHEMA, SHIPPED, START, Story

WHOLE = e.Decision(Effect.HOLD, "d", ("a", "b"), {}, hold_seconds=60, approvals=2)


class Trial(Story):
    """A story of rules in shadow."""

    def start(
        self, request_id: str = "s", candidate: Candidate = OTHER, effect: Effect = Effect.ALLOW
    ) -> e.Event | None:
        """Started by Ada."""
        asked = self.asked(ADA, request_id, effect)
        return self.ask(StartShadow(asked, ADA, candidate, "why"))

    def stop(self, request_id: str = "e") -> e.Event | None:
        """Stopped by Bob: one person is enough."""
        return self.ask(StopShadow(self.asked(BOB, request_id), BOB, "enough"))


def test_rules_run_in_shadow_until_somebody_stops_them() -> None:
    story = Trial()
    fact = story.start()
    assert isinstance(fact, e.PolicyShadowStarted)
    assert (fact.digest, fact.text, fact.started_by, fact.note) == (
        OTHER.digest,
        "other",
        "ada",
        "why",
    )
    assert story.life.shadow is not None
    assert (story.life.shadow.version, story.life.shadow.digest) == (3, OTHER.digest)
    assert story.life.active is not None
    assert story.life.active.digest == SHIPPED.digest
    end = story.stop()
    assert isinstance(end, e.PolicyShadowStopped)
    assert (end.digest, end.started_version, end.note) == (OTHER.digest, 3, "enough")
    life = story.life
    assert life.shadow is None
    assert story.wrong() == []


def test_the_same_request_again_changes_nothing() -> None:
    story = Trial()
    story.start()
    assert story.start() is None
    story.stop()
    assert story.stop() is None
    assert len(story.history) == 4
    again = story.start(candidate=SHIPPED)
    assert isinstance(again, e.PolicyCommandRefused)
    assert again.code == "request_id_reused"


def test_one_text_runs_in_shadow_at_a_time_and_nothing_is_stopped_twice() -> None:
    story = Trial()
    none = story.stop("e1")
    assert isinstance(none, e.PolicyCommandRefused)
    assert (none.code, none.digest, none.command) == (
        "no_policy_in_shadow",
        "",
        "stop_policy_shadow",
    )
    story.start()
    more = story.start("s2", replace(OTHER, digest=digest_of("third"), text="third"))
    assert isinstance(more, e.PolicyCommandRefused)
    assert (more.code, more.rule) == ("policy_in_shadow", "one-policy-in-shadow")
    assert "started by ada" in more.explanation
    assert story.wrong() == []


@pytest.mark.parametrize(
    ("candidate", "effect", "code"),
    [
        (SHIPPED, Effect.ALLOW, "policy_in_force"),
        (replace(OTHER, flaw="line 1: no"), Effect.ALLOW, "policy_invalid"),
        (replace(OTHER, schema_digest="other"), Effect.ALLOW, "policy_invalid"),
        (OTHER, Effect.DENY, "not_permitted"),
    ],
)
def test_what_cannot_run_in_shadow_is_refused(
    candidate: Candidate, effect: Effect, code: str
) -> None:
    story = Trial()
    fact = story.start(candidate=candidate, effect=effect)
    assert isinstance(fact, e.PolicyCommandRefused)
    assert (fact.code, fact.command) == (code, SHADOW)
    assert story.life.shadow is None
    if candidate.schema_digest == SCHEMA:  # else what was wrong with it is nowhere recorded
        assert story.wrong() == []


def test_rules_in_force_run_in_shadow_no_more() -> None:
    story = Trial()
    story.start()
    story.propose(ADA)
    fact = story.activate(BOB)
    assert isinstance(fact, e.PolicyActivated)
    assert fact.shadow_version == 3
    assert story.life.shadow is None
    assert story.wrong() == []


def test_other_rules_in_force_leave_the_shadow_as_it_is() -> None:
    story = Trial()
    story.start()
    third = replace(OTHER, digest=digest_of("third"), text="third")
    story.propose(ADA, third)
    fact = story.activate(BOB, third)
    assert isinstance(fact, e.PolicyActivated)
    assert fact.shadow_version == 0
    assert story.life.shadow is not None
    assert story.wrong() == []


def test_a_made_up_start_or_end_is_found() -> None:
    story = Trial()
    start = story.start()
    assert isinstance(start, e.PolicyShadowStarted)
    for wrong in (replace(start, text="another"), replace(start, started_by="bob")):
        forged = Trial()
        forged.record(wrong, ADA)
        assert len(forged.wrong()) == 1
    end = story.stop()
    assert isinstance(end, e.PolicyShadowStopped)
    for bad in (replace(end, started_version=2), replace(end, digest="0" * 64)):
        forged = Trial()
        forged.start()
        forged.record(bad, BOB)
        assert len(forged.wrong()) == 1
    forged = Trial()
    forged.record(end, BOB)
    assert len(forged.wrong()) == 1, "nothing ran"


# --- what is kept ---------------------------------------------------------------------------------


def test_an_answer_keeps_what_it_is_and_no_words() -> None:
    answer = answer_in_shadow(WHOLE)
    assert answer == e.ShadowAnswer("d", Effect.HOLD, ("a", "b"), (), 60, 2)
    assert failed_in_shadow("d", "x" * 999).errors == ("x" * ERROR_CHARACTERS_MAX,)
    assert failed_in_shadow("d", "no").effect is Effect.DENY


@pytest.mark.parametrize("length", [1, 20, RULES_CHARACTERS_MAX, RULES_CHARACTERS_MAX + 1])
def test_many_rules_are_cut_and_counted(length: int) -> None:
    rules = tuple(f"{n:0{length}d}" for n in range(100))
    answer = answer_in_shadow(replace(WHOLE, rules=rules, errors=("e" * 999,) * 9))
    assert len(answer.rules) + answer.rules_cut == 100
    assert len(answer.rules) <= RULES_MAX
    assert sum(map(len, answer.rules)) <= RULES_CHARACTERS_MAX
    assert answer.errors == ("e" * ERROR_CHARACTERS_MAX,)


# --- whether it ran -------------------------------------------------------------------------------


def recorded(digest: str, minute: int) -> e.Recorded:
    """A fact with an answer in shadow."""
    live = e.Decision(Effect.ALLOW, SHIPPED.digest, ("r",), {}, schema_digest=SCHEMA)
    shadow = e.ShadowAnswer(digest, Effect.DENY, ("x",))
    fact: e.Event = e.JobSubmitted("", "k", replace(live, shadow=shadow), "")
    event = e.NewEvent("1", START + timedelta(minutes=minute), ADA, "", "", fact)
    return e.Recorded(e.job_aggregate(1), 1, event)


def test_an_answer_of_rules_that_did_not_run_in_shadow_is_wrong() -> None:
    story, reigns = Trial(), Reigns()
    for fact in story.history:
        reigns.take(fact)
    assert "did not run there" in reigns.wrong(recorded(OTHER.digest, 2))
    story.start()
    reigns.take(story.history[-1])
    assert reigns.wrong(recorded(OTHER.digest, 4)) == ""
    assert "did not run there" in reigns.wrong(recorded(SHIPPED.digest, 4))
    story.stop()
    reigns.take(story.history[-1])
    assert reigns.wrong(recorded(OTHER.digest, 5)) == "", "it was on its way"
    assert "did not run there" in reigns.wrong(recorded(OTHER.digest, 30))


def test_activation_ends_what_may_have_answered() -> None:
    story, reigns = Trial(), Reigns()
    story.start()
    story.propose(ADA)
    story.activate(BOB)
    for fact in story.history:
        assert reigns.wrong(fact) == ""
        reigns.take(fact)
    late = recorded(OTHER.digest, 60)
    assert "did not run there" in reigns.wrong(late)
