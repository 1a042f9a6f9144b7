"""Of two copies of an event that differ the one is believed that something else proves."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from adapters.jetstream.whole import whole_copy
from adapters.recorder_log import memory_log
from adapters.wire import sha256
from application.checking import Whole
from application.fsck import Copy
from application.judging import Differing, Judge, judged
from application.ports import CaughtUp, Mark, Token
from tests.support.events import rejected, write

CLUSTER = "hpc1"


class Rows:
    """``Copies`` of a list."""

    def __init__(self, rows: Sequence[Copy]) -> None:
        self._rows = rows

    def copies(self, after: int, until: int, limit: int) -> tuple[Copy, ...]:
        return tuple(x for x in self._rows if after < x.position <= until)[:limit]


async def three() -> list[Copy]:
    """The events of one job, as the journal has them."""
    log, token = memory_log(CLUSTER), Token()
    for n in range(3):
        (token,) = await log.append([write(token, rejected(str(n)))])
    return [
        Copy(x.position, x.aggregate, x.type, x.raw)
        async for batch in log.read(0)
        if not isinstance(batch, CaughtUp)
        for x in batch
    ]


def other(copies: list[Copy], position: int) -> list[Copy]:
    """One of them with other bytes, which say the same."""
    return [
        Copy(x.position, x.aggregate, x.type, x.raw + b" ") if x.position == position else x
        for x in copies
    ]


def whole(copy: Copy) -> Whole:
    return whole_copy(copy, CLUSTER)


async def in_stream(copies: list[Copy], at_once: int) -> AsyncGenerator[list[Whole], None]:
    for n in range(0, len(copies), at_once):
        await asyncio.sleep(0)
        yield [whole(x) for x in copies[n : n + at_once]]


async def verdict(
    stream: list[Copy], journal: list[Copy], *recorded: tuple[str, Mark | None], at_once: int = 2
) -> Differing:
    (found,) = await judged(in_stream(stream, at_once), Rows(journal), whole, Judge(*recorded))
    return found


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("position", [1, 2])
async def test_who_is_followed_is_right(position: int, at_once: int) -> None:
    true = await three()
    false = other(true, position)
    found = await verdict(true, false, at_once=at_once)
    assert (found.position, found.stream_is_right, found.is_open) == (position, True, False)
    assert found.by_stream == f"event {position + 1} follows on it"
    found = await verdict(false, true, at_once=at_once)
    assert (found.stream_is_right, found.is_open) == (False, False)


async def test_a_stream_that_ends_there_is_judged_by_what_the_journal_has_after_it() -> None:
    true = await three()
    assert (await verdict(true[:2], other(true, 2))).stream_is_right
    assert not (await verdict(other(true, 2)[:2], true)).is_open


async def test_of_the_last_event_only_a_mark_tells() -> None:
    true = await three()
    false = other(true, 3)
    assert (await verdict(true, false)).is_open
    for name in ("the mark names it", "the journal's head names it"):
        known = (name, Mark("x", 3, sha256(true[2].raw)))
        found = await verdict(true, false, known)
        assert (found.stream_is_right, found.by_stream) == (True, name)
        assert not (await verdict(false, true, known)).is_open
    assert (await verdict(true, false, ("elsewhere", Mark("x", 2, "0" * 64)), ("no", None))).is_open


async def test_both_proven_is_open_too() -> None:
    true = await three()
    false = other(true, 2)
    found = await verdict(true, false, ("it", Mark("x", 2, sha256(false[1].raw))))
    assert found.by_stream
    assert found.by_journal
    assert found.is_open
    assert "proves" not in found.sentence


async def test_copies_that_are_the_same_are_not_judged() -> None:
    true = await three()
    assert await judged(in_stream(true, 2), Rows(true), whole, Judge()) == []
    assert await judged(in_stream(true[:1], 2), Rows(true), whole, Judge()) == []
