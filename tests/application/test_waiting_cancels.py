"""Cancels that rules hold, through the whole application: they survive crashes, and happen once."""

from datetime import timedelta
from typing import Final

from adapters.policy import CedarPolicy, default_text, schema_text
from application.reviews import Reviews
from application.scheduler import Cancel
from domain import events as e
from domain.bulk import HowToCancel
from domain.errors import Unavailable
from domain.identity import Caller, Origin, Principal, PrincipalKind, Role
from domain.outcome import Outcome
from domain.states import CancelMode, JobState
from tests.application.test_bulk_requests import bulk_of
from tests.support.stack import ADMIN, ALICE, BOB, JOB_ADMIN, OPERATOR, Stack, World, until

HOLD_SECONDS: Final = 60
OWNERS: Final = '@id("owner-controls")\n@who("owner")'
RULES: Final = default_text().replace(OWNERS, f'{OWNERS}\n@hold("{HOLD_SECONDS}s")')
TWO: Final = default_text().replace(OWNERS, f'{OWNERS}\n@approvals("2")')
HOW: Final = Cancel(CancelMode.NORMAL, "because")
NIGHT: Final = RULES + (
    '@id("not-later") forbid (principal, action == Action::"cancel", resource)\n'
    "when { context has hour && context.hour >= 13 };\n"
)


ROBOT: Final = Caller(
    Principal("robot", (Role.ADMINISTRATOR,), PrincipalKind.SERVICE_ACCOUNT, "token"),
    origin=Origin.HTTP,
)


async def recorded(world: World, job: int, kind: type[e.Event]) -> list[e.Recorded]:
    """The job's facts of this kind."""
    facts = [x.fact for x in await world.stored(job)]
    return [x for x in facts if isinstance(x, e.Recorded) and isinstance(x.data, kind)]


async def pass_time(stack: Stack, seconds: float) -> None:
    """So long later, when what is due has been looked at."""
    await stack.caught_up()
    stack.world.clock.advance(timedelta(seconds=seconds))
    await stack.waiting.settle_due()


def held(world: World, text: str = RULES) -> Stack:
    return Stack(world, policy=CedarPolicy(text, schema_text()))


async def test_a_held_cancel_is_done_when_its_time_has_come(world: World) -> None:
    async with held(world) as stack:
        job = await stack.running("handle 3")
        receipt = await stack.cancel(job, message="disk")
        assert (receipt.outcome, receipt.job_state) == (Outcome.HELD, JobState.RUNNING)
        assert "held until" in receipt.explanation
        (waiting,) = (await stack.pending.seen(ALICE)).cancels
        assert (waiting.job.id, waiting.cancel.request_id) == (job, "c1")
        assert (await stack.pending.seen(BOB)).cancels == ()
        await pass_time(stack, HOLD_SECONDS)
        await stack.state(job, JobState.CANCELING, JobState.CANCELED)
        (fact,) = await recorded(world, job, e.JobCancelRequested)
        assert isinstance(fact.data, e.JobCancelRequested)
        assert fact.data.held_version == receipt.version
        assert fact.event.caller == ALICE
        again = await stack.cancel(job, message="disk")
        assert (again.outcome, again.replayed) == (Outcome.ACCEPTED, True)
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


async def test_a_withdrawn_cancel_never_happens(world: World) -> None:
    async with held(world) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        refused = await stack.scheduler.withdraw_cancel(BOB, str(job), "c1", "no", "w1")
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, "not_permitted")
        done = await stack.scheduler.withdraw_cancel(ALICE, str(job), "c1", "no", "w1")
        assert done.outcome is Outcome.ACCEPTED
        await pass_time(stack, 2 * HOLD_SECONDS)
        told = await stack.cancel(job)
        assert (told.outcome, told.replayed) == (Outcome.REFUSED, True)
        assert "withdrawn" in told.explanation
        late = await stack.scheduler.withdraw_cancel(OPERATOR, str(job), "c1", "no", "w2")
        assert (late.outcome, late.rule) == (Outcome.REFUSED, "cancel-waits")
        assert await recorded(world, job, e.JobCancelRequested) == []
        await world.check(stack, job)


async def test_an_operator_who_is_held_by_no_rule_cancels_at_once(world: World) -> None:
    async with held(world) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        now = await stack.cancel(job, CancelMode.FORCED, caller=OPERATOR, key="c2")
        assert now.outcome is Outcome.ACCEPTED
        await stack.state(job, JobState.CANCELED)
        await until(lambda: not stack.board.waiting, "the held one lapses")
        (lapsed,) = await recorded(world, job, e.JobCancelLapsed)
        assert isinstance(lapsed.data, e.JobCancelLapsed)
        assert lapsed.data.rule == "job-ended"


async def test_two_others_have_to_approve(world: World) -> None:
    async with held(world, TWO) as stack:
        job = await stack.running("handle 3")
        receipt = await stack.cancel(job)
        assert receipt.event_type == "JobCancelHeld"
        approve = stack.scheduler.approve_cancel
        for caller, outcome in (
            (ALICE, Outcome.REFUSED),
            (BOB, Outcome.REFUSED),
            (OPERATOR, Outcome.ACCEPTED),
            (OPERATOR, Outcome.REFUSED),
        ):
            key = f"{caller.asker}-{outcome}"
            assert (await approve(caller, str(job), "c1", "", key)).outcome is outcome
        assert (await stack.ledger.job(job)).state is JobState.RUNNING  # type: ignore[union-attr]
        assert (await approve(JOB_ADMIN, str(job), "c1", "", "a3")).outcome is Outcome.ACCEPTED
        await stack.state(job, JobState.CANCELING, JobState.CANCELED)
        (fact,) = await recorded(world, job, e.JobCancelRequested)
        assert isinstance(fact.data, e.JobCancelRequested)
        asked = fact.data.decision.requests[-1].context
        assert (asked["approvals"], asked["requester"]) == (2, "alice")
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


async def test_the_rules_are_asked_again_at_the_end(world: World) -> None:
    async with held(world, NIGHT) as stack:
        job = await stack.running("handle 3")
        assert (await stack.cancel(job)).outcome is Outcome.HELD
        await pass_time(stack, 3900)
        await until(lambda: not stack.board.waiting, "it lapses")
        (lapsed,) = await recorded(world, job, e.JobCancelLapsed)
        assert isinstance(lapsed.data, e.JobCancelLapsed)
        assert (lapsed.data.cause, lapsed.data.rule) == ("denied", "not-later")
        told = await stack.cancel(job)
        assert (told.outcome, told.code) == (Outcome.REFUSED, "not_permitted")


async def test_who_has_lost_a_role_meanwhile_cancels_no_more(world: World) -> None:
    operators = '@id("job-operator-controls")\n@who("job-operator")'
    text = default_text().replace(operators, f'{operators}\n@hold("{HOLD_SECONDS}s")')
    async with held(world, text) as stack:
        job = await stack.running("handle 3")
        assert (await stack.cancel(job, caller=OPERATOR)).outcome is Outcome.HELD
        world.roles[OPERATOR.actor.name] = (Role.USER,)
        await pass_time(stack, HOLD_SECONDS)
        (lapsed,) = await recorded(world, job, e.JobCancelLapsed)
        assert isinstance(lapsed.data, e.JobCancelLapsed)
        assert (lapsed.data.cause, lapsed.data.rule) == ("denied", "no-rule-allows")
        await world.check(stack, job)


async def test_a_held_cancel_survives_a_crash_and_happens_once(world: World) -> None:
    stack = await held(world).start()
    job = await stack.running("handle 3")
    await stack.cancel(job)
    stack = await stack.again()
    await stack.caught_up()
    (waiting,) = (await stack.pending.seen(ADMIN)).cancels
    assert waiting.cancel.request_id == "c1"
    await pass_time(stack, HOLD_SECONDS)
    await stack.state(job, JobState.CANCELED)
    assert len(await recorded(world, job, e.JobCancelRequested)) == 1
    await world.check(stack, job)
    await stack.crash()


async def test_while_no_command_is_taken_it_waits_on(world: World) -> None:
    shut = [False]

    def room() -> None:
        if shut[0]:
            raise Unavailable("read-only")

    async with Stack(world, policy=CedarPolicy(RULES, schema_text()), room=room) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        shut[0] = True
        await pass_time(stack, HOLD_SECONDS)
        await until(lambda: any(x == "waiting_cancel_waits" for x, _ in world.reports), "a report")
        assert await recorded(world, job, e.JobCancelRequested) == []
        shut[0] = False
        await pass_time(stack, 1)
        await stack.state(job, JobState.CANCELED)


async def test_in_a_request_on_many_jobs_each_has_its_own_answer(world: World) -> None:
    async with held(world) as stack:
        job = await stack.running("handle 3")
        foreseen = await stack.scheduler.foresee_cancel(
            ALICE, str(job), await stack.ledger.job(job), HOW, "x"
        )
        assert isinstance(foreseen, e.JobCancelHeld)
        answers = await stack.scheduler.cancel_each(ALICE, [job], HOW, "b1")
        assert answers[job].outcome is Outcome.HELD  # type: ignore[union-attr]


async def test_break_glass_where_the_rules_deny(world: World) -> None:
    text = RULES + '@id("frozen") forbid (principal, action == Action::"cancel", resource);'
    async with held(world, text) as stack:
        job = await stack.running("handle 3")
        how = Cancel(CancelMode.NORMAL, "fire", break_glass=True)
        cancel, review = stack.scheduler.cancel_job_2, stack.scheduler.review_use
        assert (await stack.cancel(job, caller=ADMIN)).rule == "frozen"
        assert (await cancel(ALICE, str(job), how, "g1")).code == "not_permitted"
        done = await cancel(ADMIN, str(job), how, "g2")
        assert (done.outcome, done.event_type) == (Outcome.ACCEPTED, "JobCancelRequested")
        (used,) = await recorded(world, job, e.BreakGlassUsed)
        assert isinstance(used.data, e.BreakGlassUsed)
        assert used.data.overridden_rules == ("frozen",)
        await stack.state(job, JobState.CANCELED)
        await stack.caught_up()
        (open_,) = (await stack.reviews.seen(ADMIN)).reviews
        assert (open_.use.request_id, open_.overdue) == ("g2", False)
        await pass_time(stack, 4 * 24 * 3600)
        assert [x.overdue for x in stack.reviews.open()] == [True]
        stack.reviews.tell()
        told = [event for event, _ in world.reports]
        assert {"rules_overridden", "review_overdue"} <= set(told)
        world.reports.clear()
        following = Reviews(stack.board, stack.ledger, stack.policy, world.clock, stack.report)
        following.tell_of_before()
        following.tell()
        ((event, facts),) = world.reports
        assert (event, facts["count"], facts["overdue"]) == ("reviews_open", 1, 1)
        own = await review(ADMIN, str(job), "g2", "fine", "v1")
        assert own.rule == "reviewed-by-another-person"
        assert (await review(JOB_ADMIN, str(job), "g2", "fine", "v2")).outcome is Outcome.ACCEPTED
        assert (await stack.reviews.seen(ADMIN)).reviews == ()
        await world.check(stack, job)


LARGE: Final = default_text() + (
    '@id("many-jobs-at-once") @approvals("1")\n'
    'permit (principal, action == Action::"cancel", resource)\n'
    "when { context has bulk_size && context.bulk_size > 2 &&\n"
    "  resource has owner && resource.owner == principal.name };\n"
)


async def test_the_rules_are_told_again_of_how_many_jobs_it_is_part(world: World) -> None:
    async with held(world, LARGE) as stack:
        job = await stack.running("handle 3")
        more = [int((await stack.add("run", key=f"m{n}", submit=False)).job_id) for n in (1, 2)]
        how = HowToCancel(CancelMode.NORMAL, "because", "")
        assert await bulk_of(stack).request(ALICE, (job, *more), how, "c1") is not None
        cancel = Cancel(CancelMode.NORMAL, "because", bulk_size=3)
        asked = await stack.scheduler.cancel_job_2(ALICE, str(job), cancel, "c1")
        assert asked.outcome is Outcome.HELD
        await stack.scheduler.approve_cancel(OPERATOR, str(job), "c1", "yes", "a1")
        await stack.caught_up()
        await stack.waiting.settle_due()
        await stack.state(job, JobState.CANCELED)
        (fact,) = await recorded(world, job, e.JobCancelRequested)
        assert isinstance(fact.data, e.JobCancelRequested)
        assert fact.data.bulk_size == 3
        assert fact.data.decision.requests[-1].context["bulk_size"] == 3
        assert fact.data.decision.rules == ("many-jobs-at-once", "owner-controls")
        await world.check(stack, job)


async def the_lapse(world: World, stack: Stack, job: int) -> e.JobCancelLapsed:
    """The cancel of the job that lapsed, which fsck finds right."""
    await until(lambda: not stack.board.waiting, "it lapses")
    assert await recorded(world, job, e.JobCancelRequested) == []
    (fact,) = await recorded(world, job, e.JobCancelLapsed)
    assert isinstance(fact.data, e.JobCancelLapsed)
    await world.check(stack, job)
    return fact.data


async def test_what_somebody_asked_for_who_is_gone_never_happens(world: World) -> None:
    async with held(world) as stack:
        job = await stack.running("handle 3")
        assert (await stack.cancel(job)).outcome is Outcome.HELD
        world.removed.add("alice")
        await pass_time(stack, HOLD_SECONDS)
        fact = await the_lapse(world, stack, job)
        assert (fact.rule, fact.unknown, fact.decision) == ("requester-is-known", "alice", None)
        assert "alice, who asked for the cancel c1, is not known here any more" in fact.explanation


async def test_the_approval_of_somebody_who_is_gone_does_not_count(world: World) -> None:
    both = TWO.replace(OWNERS, f'{OWNERS}\n@hold("{HOLD_SECONDS}s")')
    async with held(world, both) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        for caller in (OPERATOR, JOB_ADMIN):
            done = await stack.scheduler.approve_cancel(caller, str(job), "c1", "", caller.asker)
            assert done.outcome is Outcome.ACCEPTED
        world.removed.add("jan")
        await pass_time(stack, HOLD_SECONDS)
        fact = await the_lapse(world, stack, job)
        assert (fact.rule, fact.uncounted, fact.decision) == ("approver-counts", "jan", None)


async def test_the_approval_of_somebody_who_may_not_approve_any_more_does_not_count(
    world: World,
) -> None:
    both = TWO.replace(OWNERS, f'{OWNERS}\n@hold("{HOLD_SECONDS}s")')
    async with held(world, both) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        for caller in (OPERATOR, JOB_ADMIN):
            await stack.scheduler.approve_cancel(caller, str(job), "c1", "", caller.asker)
        world.roles["olga"] = (Role.USER,)
        await pass_time(stack, HOLD_SECONDS)
        fact = await the_lapse(world, stack, job)
        assert (fact.rule, fact.uncounted) == ("approver-counts", "olga")
        assert fact.decision is not None
        assert (fact.decision.rules, fact.decision.facts["person"]) == (("no-rule-allows",), "olga")
        assert fact.decision.facts["action"] == "approve"


async def test_a_program_is_no_second_person(world: World) -> None:
    frozen = TWO + '@id("frozen") forbid (principal, action == Action::"cancel", resource)\n'
    frozen += 'when { context has mode && context.mode == Mode::"forced" };'
    async with held(world, frozen) as stack:
        job = await stack.running("handle 3")
        await stack.cancel(job)
        refused = await stack.scheduler.approve_cancel(ROBOT, str(job), "c1", "", "a1")
        assert (refused.outcome, refused.rule) == (Outcome.REFUSED, "a-person-decides")
        how = Cancel(CancelMode.FORCED, "fire", break_glass=True)
        glass = await stack.scheduler.cancel_job_2(ROBOT, str(job), how, "g1")
        assert (glass.outcome, glass.rule) == (Outcome.REFUSED, "a-person-decides")
        done = await stack.scheduler.cancel_job_2(ADMIN, str(job), how, "g2")
        assert done.outcome is Outcome.ACCEPTED
        no = await stack.scheduler.review_use(ROBOT, str(job), "g2", "fine", "v1")
        assert (no.outcome, no.rule) == (Outcome.REFUSED, "a-person-decides")
        assert "do it with a login or a token of your own" in no.explanation
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)
