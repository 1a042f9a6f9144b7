"""A board that starts from what an earlier one knew: it knows what the whole stream tells."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from adapters.snapshots.board_file import BoardFile, pack, unpack
from application.board import Board, BoardState
from application.board_snapshots import BoardSnapshots
from application.job_maker import JobKeys
from application.ledger import Ledger
from application.ports import CaughtUp
from application.snapshots import Unfit
from domain import events as e
from domain.states import JobState
from tests.support.stack import CLUSTER, FOLD, LOG_ID, Stack, World, until


def file_of(world: World, fold: str = FOLD) -> BoardFile:
    """The one that the stack itself writes."""
    return BoardFile(world.directory / "snapshots" / "board", fold)


def file_beside(world: World) -> BoardFile:
    """One that nobody else writes, whenever the stack does."""
    return BoardFile(world.directory / "beside" / "board", FOLD)


def board_on(world: World) -> Board:
    """One that knows nothing yet."""
    ledger = Ledger(world.log, world.journal(), world.clock, world.ids, CLUSTER)
    return Board(world.log, ledger, JobKeys())


async def all_read(board: Board) -> BoardState:
    """What the board knows at the end of the stream."""
    reading = asyncio.create_task(board.run())
    try:
        async with asyncio.timeout(10):
            await board.caught_up.wait()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    return board.state(LOG_ID)


async def many_kinds(stack: Stack) -> None:
    """Jobs that wait, run, are held, have ended, were removed, and one that is damaged."""
    ended = await stack.running("run", key="ended")
    await stack.cancel(ended)
    await stack.state(ended, JobState.CANCELED)
    await stack.running("run", "run", key="running")
    await stack.add("run", key="configuring", submit=False)
    for n in range(4):
        await stack.add("run", key=f"waiting {n}")
    damaged = int((await stack.add("run", key="damaged")).job_id)
    await stack.world.tampered(e.job_aggregate(damaged), b"{}", "JobQueued")
    await until(lambda: stack.board.corrupt, "damage that is seen")
    await stack.caught_up()


async def test_what_is_kept_is_what_the_whole_stream_tells(world: World) -> None:
    async with Stack(world) as stack:
        await many_kinds(stack)
        kept = stack.board.state(LOG_ID)
        file_beside(world).write(kept)
    assert file_beside(world).read() == kept
    told = await all_read(board_on(world))
    assert told.mark.position >= kept.mark.position
    restored = board_on(world)
    restored.restore(kept)
    assert len(restored.line) == len(list(restored.line)) > 0
    assert await all_read(restored) == told
    assert told.corrupt
    assert told.ended


async def test_a_start_reads_only_what_is_new(world: World) -> None:
    async with Stack(world) as stack:
        await many_kinds(stack)
        file_beside(world).write(stack.board.state(LOG_ID))
        position = stack.board.position
    board = board_on(world)
    snapshots = BoardSnapshots(file_beside(world), board, world.log, LOG_ID, refuse_reports)
    await snapshots.begin()
    assert board.position == position
    assert board.jobs
    assert not board.caught_up.is_set()


async def test_the_next_service_carries_on_from_it(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", key="first")
        await until(lambda: file_of(world).read() is not None, "a state that is kept")
        stack = await stack.again()
        assert stack.board.position > 0
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        again = await stack.add("run", key="first")
        assert (again.job_id, again.replayed) == (str(job), True)
        stack.world.clock.advance(timedelta(seconds=1))
        await world.check(stack, job)
        await stack.crash()


@pytest.mark.parametrize("what", ["event", "log", "further", "fold", "torn"])
async def test_what_does_not_fit_is_left_aside_and_said(world: World, what: str) -> None:
    async with Stack(world) as stack:
        await stack.running("run")
        await stack.caught_up()
        state = stack.board.state(LOG_ID)
    mark = state.mark
    others = {
        "event": replace(mark, sha256="0" * 64),
        "log": replace(mark, log_id="another"),
        "further": replace(mark, position=mark.position + 1000),
    }
    file_of(world, "0" * 64 if what == "fold" else FOLD).write(
        replace(state, mark=others.get(what, mark))
    )
    path = world.directory / "snapshots" / "board"
    if what == "torn":
        path.write_bytes(path.read_bytes()[:-1])
    said = list[str]()
    board = board_on(world)
    snapshots = BoardSnapshots(
        file_of(world), board, world.log, LOG_ID, lambda event, **_: said.append(event)
    )
    await snapshots.begin()
    assert said == ["board_snapshot_refused"]
    assert (board.position, board.jobs, path.exists()) == (0, {}, False)
    assert (await all_read(board)).jobs == state.jobs


async def test_without_one_the_whole_stream_is_read(world: World) -> None:
    board = board_on(world)
    await BoardSnapshots(file_of(world), board, world.log, LOG_ID, refuse_reports).begin()
    assert board.position == 0


async def test_one_that_is_too_large_is_not_kept(world: World) -> None:
    async with Stack(world) as stack:
        await stack.running("run")
        state = stack.board.state(LOG_ID)
    small = BoardFile(world.directory / "small" / "board", FOLD, bytes_max=10)
    with pytest.raises(Unfit, match="allowed are 10"):
        small.write(state)
    assert small.read() is None
    small.drop()
    assert unpack(pack(state, FOLD), FOLD) == state


async def test_a_service_that_ends_in_order_keeps_all_it_knows(world: World) -> None:
    async with Stack(world) as stack:
        await stack.running("run")
        await stack.caught_up()
        await stack.stop("boards")
        kept = file_of(world).read()
        assert kept is not None
        assert kept == replace(stack.board.state(LOG_ID), mark=kept.mark)
        assert kept.mark.position <= (await world.log.identity()).last
        async for batch in world.log.read(kept.mark.position - 1):
            assert not isinstance(batch, CaughtUp)
            break


def refuse_reports(event: str, **facts: object) -> None:
    raise AssertionError(f"{event}: {facts}")
