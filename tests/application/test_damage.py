"""An event that nobody can read: its job is for a person, everything else goes on."""

import hashlib
import json

import pytest

from application.tail import Passage
from domain import events as e
from domain.errors import Corrupt
from domain.identity import Caller
from domain.outcome import Outcome
from domain.states import CancelMode, JobState
from tests.support.stack import ADMIN, ALICE, AUDITOR, BOB, Stack, World, until

UNKNOWN_TOPIC = "countermand.JobTeleported.v1"


async def unknown_event(world: World, aggregate: e.Aggregate) -> bytes:
    """A well-chained event of a name that this program does not know."""
    stored = await world.log.load(aggregate)
    last = json.loads(stored[-1].raw)
    last |= {
        "id": "00000000-0000-7000-8000-999999999999",
        "type": UNKNOWN_TOPIC,
        "aggregateversion": len(stored) + 1,
        "previoushash": hashlib.sha256(stored[-1].raw).hexdigest(),
        "data": {"where": "away"},
    }
    return json.dumps(last).encode()


async def damaged(world: World, stack: Stack, job: int) -> None:
    """The unknown event lies in the job's history, and the board has come across it."""
    aggregate = e.job_aggregate(job)
    await world.tampered(aggregate, await unknown_event(world, aggregate), UNKNOWN_TOPIC)
    await stack.cancel("4711", key=f"wake{job}")
    await until(lambda: aggregate in stack.board.corrupt, "the board to find it")


async def test_a_damaged_job_is_not_writable_and_the_others_go_on(world: World) -> None:
    async with Stack(world) as stack:
        bad = await stack.running("run", key="a1")
        good = await stack.running("run", key="a2")
        await damaged(world, stack, bad)
        assert "JobTeleported" in stack.board.corrupt[e.job_aggregate(bad)]
        length = len(await world.stored(bad))
        for ask in (
            stack.cancel(bad, CancelMode.FORCED),
            stack.scheduler.finish_job(ALICE, str(bad), "", "f1"),
        ):
            with pytest.raises(Corrupt):
                await ask
        await stack.cancel(good)
        await stack.state(good, JobState.CANCELED)
        stack.fake.finish(next(k for k in world.machine.runs if k.job == bad))
        third = int((await stack.add("exit 0", key="a3")).job_id)
        await stack.state(third, JobState.FINISHED)
        assert len(await world.stored(bad)) == length
        assert bad not in stack.board.jobs


async def test_a_damaged_job_is_left_alone_by_the_next_service_too(world: World) -> None:
    async with Stack(world) as stack:
        bad = await stack.running("run", "run")
        await damaged(world, stack, bad)
    acts = list(world.acts)
    async with Stack(world) as stack:
        good = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.state(good, JobState.FINISHED)
        assert list(stack.board.corrupt) == [e.job_aggregate(bad)]
        assert [x for x in world.acts if x[1].job == bad] == acts
        live = [r for k, r in world.machine.runs.items() if k.job == bad]
        assert {r.status.phase for r in live} == {"running"}
        assert {k.job for k in stack.carrier.strays} == {bad}, "named for a person"


async def test_what_is_readable_of_a_damaged_job_can_be_seen(world: World) -> None:
    async with Stack(world) as stack:
        bad = await stack.running("run")
        version = len(await world.stored(bad))
        await damaged(world, stack, bad)
        for caller in (ALICE, AUDITOR):
            raw = (await stack.queries.events(caller, str(bad))).events
            assert [x.raw for x in raw] == [x.raw for x in await world.stored(bad)]
            then = await stack.queries.job(caller, str(bad), version=version)
            assert then.job.state is JobState.RUNNING
            with pytest.raises(Corrupt):
                await stack.queries.job(caller, str(bad))


@pytest.mark.parametrize("raw", [b"", b"\xff\x00", b"[1]", b'{"subject": "job/1"}', b"{}"])
async def test_bytes_that_are_no_event_at_all(world: World, raw: bytes) -> None:
    async with Stack(world) as stack:
        bad = await stack.running("run", key="a1")
        await world.tampered(e.job_aggregate(bad), raw, "rubbish")
        await stack.cancel("4711", key="wake")
        good = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.state(good, JobState.FINISHED)
        await stack.caught_up()
        assert len(stack.board.corrupt) == 1
        with pytest.raises(Corrupt):
            await stack.cancel(bad)
        await stack.copied()
        with pytest.raises(Corrupt):
            await stack.cancel(bad, key="c2")
        assert (await stack.queries.events(ADMIN, str(bad))).events[-1].raw == raw
    async with Stack(world) as stack:
        again = int((await stack.add("exit 0", key="a3")).job_id)
        await stack.state(again, JobState.FINISHED)


async def test_a_job_of_another_number_or_none_concerns_no_other(world: World) -> None:
    async with Stack(world) as stack:
        good = await stack.running("run")
        added = (await world.stored(good))[0].raw
        for name in ("77", "abc", "007"):
            raw = added.replace(b'"subject":"job/1"', b'"subject":"job/%b"' % name.encode())
            await world.tampered(e.Aggregate("job", name), raw, "countermand.JobAdded.v1")
        await stack.cancel("4711", key="wake")
        await stack.caught_up()
        assert {a.id for a in stack.board.corrupt} == {"77", "abc", "007"}
        assert list(stack.board.jobs) == [good]
        assert (await stack.cancel(good)).outcome is Outcome.ACCEPTED
        await stack.state(good, JobState.CANCELED)


async def test_a_damaged_job_does_not_end_the_stream_of_others(world: World) -> None:
    async with Stack(world) as stack:
        bad = await stack.running("run")
        await damaged(world, stack, bad)
        good = int((await stack.add("exit 0", caller=BOB)).job_id)
        await stack.state(good, JobState.FINISHED)
        caller: Caller = BOB
        seen = [
            x
            async for item in stack.queries.follow(caller, 0, follow=False)
            if isinstance(item, Passage)
            for x in item.events
        ]
        assert {str(x.aggregate) for x in seen} == {f"job/{good}"}


async def test_an_ended_job_that_is_damaged_does_not_hold_up_removal(world: World) -> None:
    async with Stack(world) as stack:
        bad = int((await stack.add("exit 0", key="a1")).job_id)
        await stack.state(bad, JobState.FINISHED)
        await damaged(world, stack, bad)
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "0", "p1")
        good = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.stored(good, "JobRemoved")
        assert "JobRemoved" not in await world.types(bad)


async def test_with_a_damaged_cluster_history_jobs_can_still_be_stopped(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        cluster = stack.ledger.cluster_aggregate
        await world.tampered(cluster, await unknown_event(world, cluster), UNKNOWN_TOPIC)
        await stack.cancel("4711", key="wake")
        await until(lambda: cluster in stack.board.corrupt, "the board to find it")
        await stack.cancel(job, message="all the same")
        await stack.state(job, JobState.CANCELED)
        with pytest.raises(Corrupt):
            await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "7", "p1")
