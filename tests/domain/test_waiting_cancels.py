"""Cancels that wait: held, approved, withdrawn, settled; and laws of any such story."""

from typing import Final

import pytest
from hypothesis import given as any_of
from hypothesis import settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.evolve import replay
from domain.identity import SYSTEM_CALLER, Caller, Principal
from domain.remaking import job_facts_refused
from domain.states import CancelMode, Effect, JobState, LapseCause
from domain.waiting_cancels import WAITING_MAX, due_cancels, next_look, settle
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    GRACE_SECONDS,
    SIGTERM,
    Story,
    asked,
    at,
    cancel,
    end_job,
    ends,
    heeds,
    queued_job,
    requeue,
    running_job,
)

HOLD_SECONDS: Final = 60


def demanding(hold_seconds: int = 0, approvals: int = 0) -> e.Decision:
    """The rules allow it, but first demand something."""
    demands = {"hold_seconds": hold_seconds, "approvals": approvals}
    return replace(ALLOWED, effect=Effect.HOLD, **demands)


HELD: Final = demanding(HOLD_SECONDS)
TWO: Final = demanding(approvals=2)


class Waits(Story):
    """A story in which time passes, and what waits is settled at its time."""

    def __init__(self, story: Story) -> None:
        self.history, self.now = story.history, len(story.history)
        self._job = self._replayed = story.job

    def demand(self, request: c.CancelJob) -> tuple[e.JobEvent, ...]:
        """Somebody asks, now."""
        self.now = max(self.now, len(self.history)) + 1
        return self.ask(replace(request, asked=replace(request.asked, at=at(self.now))))

    def approve(self, cancel_id: str, actor: str, key: str = "") -> e.JobEvent:
        """Somebody approves."""
        by = Caller(Principal(actor))
        (fact,) = self.ask(c.ApproveCancel(asked(key or f"by-{actor}", actor), cancel_id, by))
        return fact

    def withdraw(
        self, cancel_id: str, message: str = "no", actor: str = "bob", key: str = ""
    ) -> e.JobEvent:
        """Somebody takes it back."""
        who = asked(key or f"no-{actor}", actor)
        (fact,) = self.ask(c.WithdrawCancel(who, cancel_id, message))
        return fact

    def settle(
        self, cancel_id: str, seconds: int, decision: e.Decision | None = HELD
    ) -> tuple[e.JobEvent, ...]:
        """Looked at, so many seconds after the story's last fact."""
        moment = at(len(self.history) + seconds)
        waiting = self.job.waiting_cancels.get(cancel_id)
        facts = settle(self.job, c.SettleCancel(cancel_id, moment, decision, GRACE_SECONDS))
        for data in facts:
            lapses = isinstance(data, e.JobCancelLapsed) or waiting is None
            caller = SYSTEM_CALLER if lapses or waiting is None else waiting.caller
            event = e.NewEvent("id", moment, caller, "corr", "cause", data)
            fact = e.Recorded(self.history[0].aggregate, len(self.history) + 1, event)
            assert job_facts_refused(self.job, [fact]) == ""
            self._add(fact)
        assert replay(self.history) == self._job
        return facts


def running() -> Waits:
    return Waits(running_job())


def test_a_hold_keeps_everything_as_it_is() -> None:
    story = running()
    before = story.job
    (fact,) = story.demand(cancel("r1", message="disk", reason_code="full", decision=HELD))
    assert isinstance(fact, e.JobCancelHeld)
    assert (fact.hold_seconds, fact.approvals_needed, fact.expires) == (HOLD_SECONDS, 0, "")
    assert fact.due == f"{at(story.now + HOLD_SECONDS):%Y-%m-%dT%H:%M:%S.%fZ}"
    assert (story.job.state, story.job.tasks) == (before.state, before.tasks)
    (waiting,) = story.job.waiting_cancels.values()
    assert (waiting.missing, next_look(story.job)) == (0, waiting.due)


def test_it_takes_effect_when_its_time_has_come_and_not_before() -> None:
    story = running()
    story.demand(cancel("r1", CancelMode.FORCED, "disk", decision=HELD))
    assert story.settle("r1", 1) == ()
    (fact,) = story.settle("r1", HOLD_SECONDS + 1)
    assert isinstance(fact, e.JobCancelRequested)
    assert (fact.mode, fact.message, fact.held_version) == (
        *(CancelMode.FORCED, "disk"),
        len(story.history) - 1,
    )
    assert story.job.state is JobState.CANCELING
    assert story.job.waiting_cancels == {}
    assert story.job.cancel is not None
    assert story.job.cancel.actor == "alice"
    assert story.settle("r1", HOLD_SECONDS) == ()


def test_of_a_withdrawal_and_the_end_of_the_hold_the_first_one_counts() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    assert isinstance(story.withdraw("r1", "the wrong job"), e.JobCancelWithdrawn)
    assert story.settle("r1", HOLD_SECONDS + 1) == ()
    story.demand(cancel("r2", decision=HELD))
    story.settle("r2", HOLD_SECONDS + 1)
    late = story.withdraw("r2", actor="carol")
    assert isinstance(late, e.JobCommandRefused)
    assert late.rule == "cancel-waits"
    assert "took effect" in late.explanation


def test_who_withdraws_says_why() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    fact = story.withdraw("r1", " ")
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.code == "message_required"


def test_approvals_are_asked_for_in_the_same_append() -> None:
    story = running()
    held, asks = story.demand(cancel("r1", decision=TWO))
    assert isinstance(held, e.JobCancelHeld)
    assert asks == e.JobCancelApprovalRequested("r1", 2, held.expires)


def test_two_others_are_two_persons() -> None:
    story = running()
    story.demand(cancel("r1", decision=TWO))
    own = story.approve("r1", "alice")
    assert isinstance(own, e.JobCommandRefused)
    assert (own.code, own.rule) == ("not_permitted", "approved-by-another-person")
    assert isinstance(story.approve("r1", "bob"), e.JobCancelApproved)
    again = story.approve("r1", "bob", "again")
    assert isinstance(again, e.JobCommandRefused)
    assert again.rule == "one-approval-a-person"
    assert story.settle("r1", 1, TWO) == ()
    assert isinstance(story.approve("r1", "carol"), e.JobCancelApproved)
    more = story.approve("r1", "dave")
    assert isinstance(more, e.JobCommandRefused)
    assert more.rule == "approval-needed"
    (fact,) = story.settle("r1", 2, TWO)
    assert isinstance(fact, e.JobCancelRequested)


@pytest.mark.parametrize(
    ("actor", "whom"), [("alice", "zoe"), ("zoe", "alice"), ("bob", "zoe"), ("zoe", "bob")]
)
def test_acting_for_somebody_makes_nobody_another_person(actor: str, whom: str) -> None:
    """Alice asked, and bob approved: neither counts once more under another name."""
    story = running()
    story.demand(cancel("r1", decision=TWO))
    story.approve("r1", "bob")
    by = Caller(Principal(actor), on_behalf_of=Principal(whom))
    (fact,) = story.ask(c.ApproveCancel(asked("x", by.asker), "r1", by))
    assert isinstance(fact, e.JobCommandRefused)


def test_approvals_that_come_too_late_are_none() -> None:
    story = running()
    story.demand(replace(cancel("r1", decision=TWO), approval_seconds=100))
    story.approve("r1", "bob")
    (fact,) = story.settle("r1", 101, None)
    assert isinstance(fact, e.JobCancelLapsed)
    assert (fact.cause, fact.rule) == (LapseCause.EXPIRED, "approvals-in-time")
    assert isinstance(story.approve("r1", "carol"), e.JobCommandRefused)


@pytest.mark.parametrize(
    ("decision", "cause", "rule"),
    [
        (DENIED, LapseCause.DENIED, "no-rule-allows"),
        (demanding(approvals=1), LapseCause.DENIED, "approvals-demanded"),
        (demanding(10 * HOLD_SECONDS), LapseCause.DENIED, "hold-demanded"),
    ],
)
def test_what_the_rules_say_at_the_end_counts(
    decision: e.Decision, cause: LapseCause, rule: str
) -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    (fact,) = story.settle("r1", HOLD_SECONDS + 1, decision)
    assert isinstance(fact, e.JobCancelLapsed)
    assert (fact.cause, fact.rule, fact.decision) == (cause, rule, decision)


def test_without_an_answer_of_the_rules_it_waits_on() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    assert story.settle("r1", HOLD_SECONDS + 1, None) == ()


def test_a_cancel_that_takes_effect_at_once_leaves_the_waiting_one_to_lapse() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    story.demand(cancel("r2", actor="root"))
    assert story.job.state is JobState.CANCELING
    (fact,) = story.settle("r1", HOLD_SECONDS + 1)
    assert isinstance(fact, e.JobCancelLapsed)
    assert (fact.cause, fact.rule) == (LapseCause.STATE, "under-way")


def test_a_stronger_one_takes_over_when_its_time_has_come() -> None:
    story = running()
    story.demand(cancel("r1", CancelMode.FORCED, decision=HELD))
    story.demand(cancel("r2", actor="root"))
    (fact,) = story.settle("r1", HOLD_SECONDS + 1)
    assert isinstance(fact, e.JobCancelRequested)
    assert fact.escalates == "r2"


def test_what_waits_lapses_at_once_when_the_job_has_ended() -> None:
    story = running()
    story.demand(cancel("r1", decision=TWO))
    story.demand(cancel("r2", actor="root"))
    story.tell(c.OrderStop(SIGTERM), heeds(1, "r2"), end_job())
    assert story.job.state is JobState.CANCELED
    assert [x.request_id for x in due_cancels(story.job, at(len(story.history)))] == ["r1"]
    (fact,) = story.settle("r1", 0, None)
    assert isinstance(fact, e.JobCancelLapsed)
    assert fact.rule == "job-ended"


def test_a_cancel_never_reaches_the_next_round() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    story.demand(cancel("r2", actor="root"))
    story.tell(c.OrderStop(SIGTERM), heeds(1, "r2"), end_job())
    story.ask(requeue("q1"))
    assert isinstance(story.withdraw("r1"), e.JobCommandRefused)
    (fact,) = story.settle("r1", HOLD_SECONDS + 1)
    assert isinstance(fact, e.JobCancelLapsed)
    assert fact.rule == "job-queued-again"


def test_the_same_again_is_repeated_and_another_mode_waits_beside_it() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    (fact,) = story.demand(cancel("r2", decision=HELD))
    assert isinstance(fact, e.JobCancelRepeated)
    assert (fact.under_way, fact.under_way_version) == ("r1", len(story.history) - 1)
    story.demand(cancel("r3", CancelMode.FORCED, decision=HELD))
    story.demand(cancel("r4", actor="bob", decision=HELD))
    assert set(story.job.waiting_cancels) == {"r1", "r3", "r4"}


def test_the_id_of_a_cancel_that_waits_is_nobody_else_s() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    (fact,) = story.demand(cancel("r1", actor="bob", decision=HELD))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.code == "request_id_reused"


def test_so_many_wait_and_no_more() -> None:
    story = running()
    for n in range(WAITING_MAX):
        story.demand(cancel(f"r{n}", actor=f"a{n}", decision=HELD))
    (fact,) = story.demand(cancel("more", actor="zoe", decision=HELD))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.rule == "waiting-cancels-max"


def test_who_asks_again_is_told_what_became_of_it() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    fact = story.withdraw("r1")
    assert isinstance(fact, e.JobCancelWithdrawn)
    assert story.demand(cancel("r1", decision=HELD)) == ()
    (answer,) = [x for key, x in story.job.asked.items() if key.request_id == "r1"]
    assert story.facts[answer.version - 1] == fact


def test_who_asks_again_when_it_has_taken_effect_is_told_so() -> None:
    story = running()
    story.demand(cancel("r1", decision=HELD))
    story.settle("r1", HOLD_SECONDS + 1)
    (answer,) = [x for key, x in story.job.asked.items() if key.request_id == "r1"]
    assert answer.version == len(story.history)


def test_who_may_not_cancel_is_refused_and_not_held() -> None:
    story = running()
    (fact,) = story.demand(cancel("r1", decision=DENIED))
    assert isinstance(fact, e.JobCancelRefused)


def test_nothing_but_a_cancel_waits() -> None:
    """An answer that demands something is no permission for anything else."""
    (fact,) = queued_job().ask(requeue("q1", decision=HELD))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.code == "not_permitted"


# --- laws -----------------------------------------------------------------------------------------

PEOPLE: Final = ("alice", "bob", "carol", "root")
IDS: Final = ("r1", "r2")
STEPS: Final = st.lists(
    st.one_of(
        st.tuples(
            st.just("cancel"),
            st.sampled_from(IDS),
            st.sampled_from(PEOPLE),
            st.sampled_from(CancelMode),
            st.sampled_from((ALLOWED, DENIED, HELD, TWO, demanding(HOLD_SECONDS, 1))),
        ),
        st.tuples(st.just("approve"), st.sampled_from(IDS), st.sampled_from(PEOPLE)),
        st.tuples(st.just("withdraw"), st.sampled_from(IDS), st.sampled_from(PEOPLE)),
        st.tuples(
            st.just("settle"),
            st.sampled_from(IDS),
            st.sampled_from((0, 1, HOLD_SECONDS, 100_000)),
            st.sampled_from((None, ALLOWED, DENIED, HELD, TWO)),
        ),
        st.tuples(st.just("end")),
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@any_of(STEPS)
def test_whatever_happens_a_cancel_waits_for_all_that_was_demanded(
    steps: list[tuple[object, ...]],
) -> None:
    """And it ends once: it takes effect, is withdrawn, or lapses. Replay equals the live state."""
    story = running()
    for n, step in enumerate(steps):
        match step:
            case ("cancel", str(name), str(who), CancelMode() as mode, e.Decision() as decision):
                story.demand(cancel(name, mode, actor=who, decision=decision))
            case ("approve", str(name), str(who)):
                story.approve(name, who, f"k{n}")
            case ("withdraw", str(name), str(who)):
                story.withdraw(name, actor=who, key=f"k{n}")
            case ("settle", str(name), int(seconds), decision):
                assert decision is None or isinstance(decision, e.Decision)
                story.settle(name, seconds, decision)
            case _:
                if story.job.state is JobState.RUNNING:
                    story.tell(ends(1))
    check_laws(story)


def check_laws(story: Waits) -> None:
    """Of the whole history."""
    open_: dict[str, tuple[e.Recorded, e.JobCancelHeld, set[str]]] = {}
    for fact in story.history:
        match fact.data:
            case e.JobCancelHeld() as held:
                assert held.request_id not in open_
                open_[held.request_id] = fact, held, set()
            case e.JobCancelApproved() as approved:
                at_, _, names = open_[approved.cancel_id]
                name = fact.event.caller.actor.name
                assert name != at_.event.caller.actor.name
                assert name not in names
                names.add(name)
            case e.JobCancelWithdrawn() | e.JobCancelLapsed() as over:
                del open_[over.cancel_id]
            case e.JobCancelRequested(held_version=version) as done if version:
                at_, held, names = open_.pop(done.request_id)
                assert at_.version == version
                assert (fact.time - at_.time).total_seconds() >= held.hold_seconds
                assert len(names) >= held.approvals_needed
                assert done.decision.effect is not Effect.DENY
            case e.JobCancelRequested() as done:
                assert done.decision.effect is Effect.ALLOW
            case _:
                pass
    assert set(open_) == set(story.job.waiting_cancels)
