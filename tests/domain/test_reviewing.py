"""Break glass: a cancel that overrides the rules, and its review by another person."""

from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.identity import Caller, Principal
from domain.states import CancelMode, Effect, JobState, ReviewKind
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    SIGTERM,
    Story,
    asked,
    at,
    cancel,
    end_job,
    heeds,
    running_job,
)

ALICE: Final = Caller(Principal("alice"))
HELD: Final = replace(ALLOWED, effect=Effect.HOLD, hold_seconds=60)


def overriding(
    message: str = "fire", decision: e.Decision = DENIED, by: Caller = ALICE
) -> c.CancelJob:
    """A cancel that passes over this answer of the rules."""
    mode = CancelMode.FORCED
    return replace(cancel("g1", mode, message), overrides=c.Overrides(decision, 60, by))


def review(actor: str, message: str = "right", whom: str = "", key: str = "") -> c.ReviewUse:
    """Somebody reviews it."""
    by = Caller(Principal(actor), on_behalf_of=Principal(whom) if whom else None)
    return c.ReviewUse(asked(key or f"v-{actor}", by.asker), "g1", by, message)


@pytest.mark.parametrize("answer", [DENIED, HELD])
def test_it_takes_effect_at_once_and_says_what_it_overrode(answer: e.Decision) -> None:
    story = running_job()
    done, used = story.ask(overriding(decision=answer))
    assert isinstance(done, e.JobCancelRequested)
    assert isinstance(used, e.BreakGlassUsed)
    assert (used.overridden, used.overridden_effect) == (answer, answer.effect)
    assert used.overridden_rules == answer.rules
    assert story.job.state is JobState.CANCELING
    assert [*story.job.reviews] == ["g1"]


def test_who_may_not_is_refused() -> None:
    story = running_job()
    may_not = replace(overriding(), asked=asked("g1", decision=DENIED))
    (fact,) = story.ask(may_not)
    assert isinstance(fact, e.JobCancelRefused)
    assert story.job.reviews == {}


@pytest.mark.parametrize("answer", [HELD, replace(HELD, effect=Effect.DENY)])
def test_a_right_that_would_have_to_wait_is_none_to_override(answer: e.Decision) -> None:
    (first, *_) = running_job().ask(replace(overriding(), asked=asked("g1", decision=answer)))
    assert isinstance(first, e.JobCancelRefused)


def test_without_a_reason_nothing_is_overridden() -> None:
    (fact,) = running_job().ask(overriding(" "))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.rule == "break-glass-needs-a-message"


def test_another_person_reviews_it_once() -> None:
    story = running_job()
    story.ask(overriding())
    for request in (review("alice"), review("zoe", whom="alice"), review("alice", whom="zoe")):
        (own,) = story.ask(request)
        assert isinstance(own, e.JobCommandRefused)
        assert own.rule == "reviewed-by-another-person"
    (silent,) = story.ask(review("bob", " "))
    assert isinstance(silent, e.JobCommandRefused)
    assert silent.rule == "review-needs-a-message"
    (fact,) = story.ask(review("bob", key="v2"))
    assert isinstance(fact, e.BreakGlassReviewed)
    assert (fact.kind, fact.in_time) == (ReviewKind.BREAK_GLASS, True)
    assert story.job.reviews == {}
    (late,) = story.ask(review("carol"))
    assert isinstance(late, e.JobCommandRefused)
    assert late.rule == "review-open"


def test_a_review_may_come_too_late() -> None:
    story = running_job()
    story.ask(overriding())
    request = review("bob")
    late = replace(request, asked=replace(request.asked, at=at(len(story.history) + 61)))
    (fact,) = story.ask(late)
    assert isinstance(fact, e.BreakGlassReviewed)
    assert not fact.in_time


def test_a_job_stays_until_it_is_reviewed() -> None:
    story = ended()
    assert story.tell(c.RemoveJob()) == ()
    story.ask(review("bob"))
    assert isinstance(story.tell(c.RemoveJob())[0], e.JobRemoved)


def ended() -> Story:
    """A job whose cancel overrode the rules."""
    story = running_job()
    story.ask(replace(overriding(), mode=CancelMode.NORMAL))
    story.tell(c.OrderStop(SIGTERM), heeds(1, "g1"), end_job())
    assert story.job.state is JobState.CANCELED
    return story
