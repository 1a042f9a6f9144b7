"""What is stopped without the log is the next that is written of its job, whoever writes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from adapters.policy import CedarPolicy, default_text, schema_text
from adapters.spool import FileSpool
from application.emergency import EmergencyStops
from application.emergency_stopper import EmergencyStopper
from application.policy_in_force import PolicyInForce
from application.ports import LogIdentity, Stored, Token, Write
from domain import events as e
from domain.errors import BadRequest, IllegalTransition, NotPermitted, Refused, Unavailable, Unknown
from domain.freezing import FreezeWindow
from domain.identity import Caller
from domain.states import Effect, EmergencyOutcome, JobState
from tests.support.fuse import Fuse, FusedLog
from tests.support.stack import ADMIN, BOB, Stack, World, until

FREEZE = (FreezeWindow("always", "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"),)
STOPPED = ["EmergencyStopRecorded", "TaskForceStopped", "JobCanceled"]


class DownLog(FusedLog):
    """Takes nothing and tells nothing while it is ``down``."""

    def __init__(self, world: World) -> None:
        super().__init__(world.log, Fuse())
        self.down = False

    async def identity(self) -> LogIdentity:
        self._check()
        return await super().identity()

    async def load(
        self,
        aggregate: e.Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        self._check()
        return await super().load(aggregate, after)

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        self._check()
        return await super().append(writes)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the log is down")


class Life:
    """A service with a log that may be down."""

    def __init__(
        self, world: World, fuse: Fuse | None = None, policy: PolicyInForce | None = None
    ) -> None:
        self.world = world
        self.log = DownLog(world)
        self.spool = FileSpool(world.directory / "spool")
        self.stack = Stack(world, log=self.log, fuse=fuse)
        stack, parts = self.stack, (world.clock, world.ids, self.stack.report)
        stopper = EmergencyStopper(
            stack.engine, policy or stack.policy, self.spool, *parts, 5.0, freeze_windows=FREEZE
        )
        ledger, board = stack.ledger, stack.board
        self.stops = EmergencyStops(ledger, board, stopper, self.spool, stack.report, self.why, 60)
        ledger.first = self.stops.first

    async def why(self) -> str:
        """Why nothing can be recorded."""
        return "the log is down" if self.log.down else ""

    async def stop(self, job: int, caller: Caller = ADMIN, message: str = "fire") -> str:
        """An emergency stop; its id."""
        return (await self.stops.stop(caller, 0, str(job), message, "smoke")).stop.id

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """What is pending is recorded by itself."""
        task = asyncio.create_task(self.stops.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_the_record_comes_before_the_ends(world: World) -> None:
    """The end of the run is reported at once, and waits for the record."""
    life = Life(world)
    async with life.stack as stack, life.recording():
        job = await stack.running("ignore")
        before = await world.types(job)
        life.log.down = True
        stop = await life.stop(job)
        assert world.live(job) == []
        assert await world.types(job) == before
        assert life.stops.unrecorded == 1
        life.log.down = False
        await stack.state(job, JobState.CANCELED)
        assert (await world.types(job))[len(before) :] == STOPPED
        fact = (await world.facts(job))[len(before)]
        assert isinstance(fact, e.EmergencyStopRecorded)
        assert (fact.request_id, fact.stop.outcome) == (stop, EmergencyOutcome.STOPPED)
        await until(lambda: life.spool.recorded() == (stop,))
        assert life.stops.unrecorded == 0
        await world.check(stack, job)


async def test_nobody_gets_in_between(world: World) -> None:
    """A request that comes before the record was made waits for it."""
    life = Life(world)
    async with life.stack as stack:
        job = await stack.running("ignore")
        life.log.down = True
        await life.stop(job)
        life.log.down = False
        await stack.cancel(job)
        types = await world.types(job)
        answer = next(n for n, x in enumerate(types) if x.startswith("JobCancelRe"))
        assert types.index("EmergencyStopRecorded") < answer
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_the_record_makes_one_of_it(world: World, when: str) -> None:
    fuse = Fuse()
    life = Life(world, fuse)
    async with life.stack as stack:
        job = await stack.running("ignore")
        life.log.down = True
        await life.stop(job)
        life.log.down = False
        fuse.what, fuse.when = "append", "before" if when == "before" else "after"
        fuse.nth = fuse.counted["append"] + 1
        await until(fuse.blown.is_set)
    following = Life(world)
    assert following.stops.unrecorded == 1
    async with following.stack as stack, following.recording():
        await asyncio.wait_for(following.stops.began.wait(), 10)
        await stack.state(job, JobState.CANCELED)
        assert (await world.types(job))[-3:] == STOPPED
        assert len(following.spool.recorded()) == 1
        await world.check(stack, job)


async def test_what_is_refused_leaves_nothing(world: World) -> None:
    life = Life(world)
    async with life.stack as stack:
        job = await stack.running("ignore")
        done = await stack.running("run", key="other")
        await stack.cancel(done)
        await stack.state(done, JobState.CANCELED)
        await stack.caught_up()  # what is known without the log is what was read of it
        with pytest.raises(Refused, match="--force"):
            await life.stop(job)
        life.log.down = True
        with pytest.raises(NotPermitted):
            await life.stop(job, BOB)
        with pytest.raises(BadRequest):
            await life.stop(job, message="x" * 321)
        with pytest.raises(Unknown):
            await life.stop(99)
        with pytest.raises(IllegalTransition):
            await life.stop(done)
        assert life.spool.pending() == ()
        assert world.live(job)


RULES: Final = {
    "policy-error": '@id("sum") forbid (principal, action, resource) when '
    "{ context has hour && context.hour + 9223372036854775807 > 0 };",
    "frozen": '@id("frozen") @deny_message("nothing stops now") '
    "forbid (principal, action, resource) "
    'when { context has freeze_windows && context.freeze_windows.contains("always") };',
    "alone": '@id("alone") forbid (principal, action, resource) unless '
    "{ context has bulk_size && context.bulk_size > 1 };",
    "held": '@id("held") @hold("60s") permit (principal, action == Action::"cancel", resource);',
}


@pytest.mark.parametrize(
    ("rule", "code", "said", "errors"),
    [
        ("policy-error", "policy_error", "could not be decided", 1),
        ("frozen", "not_permitted", r"nothing stops now \(frozen\); nothing was stopped", 0),
        ("alone", "not_permitted", "forbidden by alone; nothing", 0),
    ],
)
async def test_a_refusal_is_told_as_every_other_one(
    world: World, rule: str, code: str, said: str, errors: int
) -> None:
    rules = CedarPolicy(default_text() + RULES[rule], schema_text())
    policy = PolicyInForce(rules, schema_text(), CedarPolicy)
    life = Life(world, policy=policy)
    async with life.stack as stack:
        job = await stack.running("ignore")
        await stack.caught_up()
        life.log.down = True
        with pytest.raises(NotPermitted, match=said) as refused:
            await life.stop(job)
        assert (refused.value.code, policy.errors) == (code, errors)
        (told,) = [facts for event, facts in world.reports if event == "emergency_stop_refused"]
        assert (told["job"], told["code"], told["actor"]) == (job, code, "root")
        assert life.spool.pending() == ()
        assert world.live(job)
        (noted,) = life.spool.refused()
        assert (noted.job, noted.decision.rules, life.stops.unrecorded) == (job, (rule,), 1)
        life.log.down = False
        async with life.recording():
            await until(lambda: life.stops.unrecorded == 0)
        fact = (await world.facts(job))[-1]
        assert isinstance(fact, e.JobCommandRefused)
        assert (fact.command, fact.code, fact.rule) == ("emergency_stop", code, rule)
        assert (fact.request_id, fact.message) == (noted.id, "fire")
        assert (fact.unreachable, fact.decision) == ("the log is down", noted.decision)
        assert life.spool.refused() == ()
        assert world.live(job), "a refusal stops nothing"
        await world.check(stack, job)


async def test_a_refusal_is_recorded_once_after_a_crash_at_its_record(world: World) -> None:
    rules = CedarPolicy(default_text() + RULES["frozen"], schema_text())
    policy = PolicyInForce(rules, schema_text(), CedarPolicy)
    life = Life(world, policy=policy)
    async with life.stack as stack:
        job = await stack.running("ignore")
        await stack.caught_up()
        life.log.down = True
        with pytest.raises(NotPermitted):
            await life.stop(job)
        (noted,) = life.spool.refused()
        life.log.down = False
        async with life.recording():
            await until(lambda: life.stops.unrecorded == 0)
        life.spool.refuse(noted)  # as if the crash came before the file was put aside
        following = Life(world)
        async with following.stack, following.recording():
            await until(lambda: following.stops.unrecorded == 0)
        assert (await world.types(job)).count("JobCommandRefused") == 1


DEMANDS: Final = {
    "a hold of 60 s": RULES["held"],
    "2 approvals": '@id("held") @approvals("2") permit (principal, action == Action::"cancel", '
    "resource);",
}


@pytest.mark.parametrize("demanded", DEMANDS)
async def test_what_rules_demand_first_is_overridden_and_said(world: World, demanded: str) -> None:
    """Nothing can wait without the log; another person reviews it."""
    rules = CedarPolicy(default_text() + DEMANDS[demanded], schema_text())
    policy = PolicyInForce(rules, schema_text(), CedarPolicy)
    life = Life(world, policy=policy)
    async with life.stack as stack, life.recording():
        job = await stack.running("ignore")
        await stack.caught_up()
        life.log.down = True
        stop = await life.stop(job)
        assert world.live(job) == []
        (told,) = [facts for event, facts in world.reports if event == "emergency_stop_ordered"]
        assert str(told["overridden"]).startswith(f"{demanded}, demanded by ")
        life.log.down = False
        await stack.state(job, JobState.CANCELED)
        (fact,) = [x for x in await world.facts(job) if isinstance(x, e.EmergencyStopRecorded)]
        assert (fact.request_id, fact.decision.effect) == (stop, Effect.HOLD)
        await world.check(stack, job)


async def test_a_stop_of_a_job_that_the_log_does_not_know_waits_for_a_person(
    world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    life = Life(world)
    async with life.stack as stack:
        job = await stack.running("ignore")
        life.log.down = True
        await life.stop(job)
    lost = World(tmp_path_factory.mktemp("lost"))
    (lost.directory / "spool").symlink_to(world.directory / "spool")
    following = Life(lost)
    async with following.stack, following.recording():
        await asyncio.wait_for(following.stops.began.wait(), 10)
        assert list(following.stops.troubles.values()) == [f"the stream has no job {job}"]
        assert following.stops.unrecorded == 1
        assert len(following.spool.pending()) == 1
