"""The mark follows what is acknowledged, never later than the clock allows."""

import asyncio
import threading
from datetime import timedelta

import pytest

from application.mark_keeper import LATE, PACE, MarkKeeper
from application.ports import Mark
from domain.errors import StoreFull, Unavailable
from tests.support.stack import ManualClock, until


class Memory:
    """``MarkFile`` in memory, which can be slow and full."""

    def __init__(self) -> None:
        self.written: list[Mark] = []
        self.full = False
        self.free = threading.Event()
        self.free.set()

    def read(self) -> Mark | None:
        return self.written[-1] if self.written else None

    def write(self, mark: Mark) -> None:
        self.free.wait(10)
        if self.full:
            raise StoreFull("the mark's disk is full")
        self.written.append(mark)


class Kept:
    """A keeper that runs."""

    def __init__(self) -> None:
        self.file, self.clock = Memory(), ManualClock()
        self.keeper = MarkKeeper(self.file, self.clock, "log/1")
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Kept":
        self.task = asyncio.create_task(self.keeper.run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.file.free.set()
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_what_is_noted_is_written() -> None:
    async with Kept() as kept:
        kept.keeper.note(3, "c" * 64)
        await until(lambda: kept.keeper.position == 3, "the mark")
        assert kept.file.read() == Mark("log/1", 3, "c" * 64)


async def test_the_highest_counts_whatever_comes_last() -> None:
    async with Kept() as kept:
        kept.keeper.note(5, "e" * 64)
        kept.keeper.note(4, "d" * 64)
        await until(lambda: kept.keeper.position == 5, "the mark")
        assert kept.file.read() == Mark("log/1", 5, "e" * 64)


async def test_many_events_are_one_writing_while_the_disk_is_busy() -> None:
    async with Kept() as kept:
        kept.file.free.clear()
        kept.keeper.note(1, "a")
        await asyncio.sleep(0)
        for n in range(2, 1000):
            kept.keeper.note(n, "b")
        kept.clock.advance(PACE)
        kept.file.free.set()
        await until(lambda: kept.keeper.position == 999, "the mark")
        assert len(kept.file.written) <= 2


async def test_what_was_noted_last_is_written_at_the_end() -> None:
    async with Kept() as kept:
        await asyncio.sleep(0)
        kept.keeper.note(7, "f" * 64)
    assert kept.file.read() == Mark("log/1", 7, "f" * 64)


async def test_the_next_writing_begins_within_the_pace_whatever_the_clock_does() -> None:
    async with Kept() as kept:
        assert kept.keeper.pause() == timedelta()
        kept.keeper.note(1, "a")
        await until(lambda: kept.keeper.position == 1, "the mark")
        assert timedelta() < kept.keeper.pause() <= PACE
        kept.clock.advance(-timedelta(hours=1))
        assert kept.keeper.pause() == PACE
        kept.clock.advance(timedelta(hours=1) + PACE)
        assert kept.keeper.pause() == timedelta()


def test_an_event_waits_for_two_paces_at_most() -> None:
    """One for the writing under way, one to the next: together the 100 ms that are promised."""
    assert timedelta(milliseconds=100) == 2 * PACE


async def test_a_disk_that_does_not_keep_up_stops_commands_until_it_does() -> None:
    async with Kept() as kept:
        kept.keeper.check()
        kept.file.free.clear()
        kept.keeper.note(1, "a")
        await asyncio.sleep(0)
        kept.keeper.check()
        kept.clock.advance(LATE)
        with pytest.raises(Unavailable, match="does not keep up"):
            kept.keeper.check()
        kept.file.free.set()
        await until(lambda: kept.keeper.position == 1, "the mark")
        kept.keeper.check()


async def test_a_mark_that_cannot_be_written_stops_commands_and_goes_on_when_it_can() -> None:
    async with Kept() as kept:
        kept.file.full = True
        kept.keeper.note(1, "a")
        await until(lambda: kept.keeper.failure, "the failure")
        with pytest.raises(Unavailable, match="the mark's disk is full"):
            kept.keeper.check()
        kept.file.full = False
        again = asyncio.create_task(kept.keeper.run())
        await until(lambda: kept.keeper.position == 1, "the mark")
        kept.keeper.check()
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
