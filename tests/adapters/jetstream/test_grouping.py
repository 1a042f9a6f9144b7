"""Several callers at a time: few side by side, many as batches, each with its own outcome."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.jetstream.grouping import CALLS_ALONE_MAX, GroupCommit
from adapters.jetstream.publish import BATCH_EVENTS_MAX, Message
from domain.errors import Conflict, OutcomeUnknown

PATIENCE_SECONDS = 10


def message(aggregate: str, place: int = 0) -> Message:
    """One event of an aggregate."""
    return Message(f"{aggregate}.{place}", f"{aggregate}.*", f"{aggregate}/{place}", b"x", 0)


class Memory:
    """A stream in memory. It stores when it is let; ``taken`` are aggregates with a conflict."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.calls: list[int] = []
        self.taken: set[str] = set()
        self.lost = False
        self.let = asyncio.Event()

    async def store(self, messages: list[Message]) -> int:
        self.calls.append(len(messages))
        await self.let.wait()
        if self.lost:
            raise OutcomeUnknown("lost")
        if self.taken & {one.filter for one in messages}:
            raise Conflict("taken")
        self.stored += [one.id for one in messages]
        return len(self.stored) - len(messages) + 1


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def group(memory: Memory) -> GroupCommit:
    return GroupCommit(memory.store)


async def outcomes(
    memory: Memory, group: GroupCommit, calls: Sequence[list[Message]]
) -> list[int | BaseException]:
    """What becomes of calls that all come before the first is answered."""
    tasks = [asyncio.create_task(group.store(call)) for call in calls]
    await asyncio.sleep(0)
    memory.let.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_few_go_side_by_side_and_the_rest_as_one_batch(
    memory: Memory, group: GroupCommit
) -> None:
    calls = [[message(f"a{number}")] for number in range(CALLS_ALONE_MAX + 30)]
    told = await outcomes(memory, group, calls)
    assert memory.calls == [1] * CALLS_ALONE_MAX + [30]
    assert [memory.stored[int(str(s)) - 1] for s in told] == [call[0].id for call in calls]
    assert await group.store([message("alone")]) == len(calls) + 1
    assert memory.calls[-1] == 1


async def test_calls_of_several_events_wait_for_the_batch_under_way(
    memory: Memory, group: GroupCommit
) -> None:
    calls = [[message(f"a{n}", place) for place in range(3)] for n in range(5)]
    told = await outcomes(memory, group, calls)
    assert memory.calls == [15]
    assert told == [1, 4, 7, 10, 13]


async def test_a_batch_has_at_most_a_thousand_events(memory: Memory, group: GroupCommit) -> None:
    calls = [[message(f"a{n}", place) for place in range(400)] for n in range(5)]
    await outcomes(memory, group, calls)
    assert memory.calls == [800, 800, 400]
    assert max(memory.calls) <= BATCH_EVENTS_MAX


async def test_a_conflict_is_only_its_callers(memory: Memory, group: GroupCommit) -> None:
    memory.taken = {"a3.*"}
    calls = [[message(f"a{n}", place) for place in range(2)] for n in range(6)]
    told = await outcomes(memory, group, calls)
    assert [isinstance(one, Conflict) for one in told] == [n == 3 for n in range(6)]
    assert len(memory.stored) == 10


async def test_what_is_unknown_of_a_batch_is_unknown_to_all(
    memory: Memory, group: GroupCommit
) -> None:
    memory.lost = True
    calls = [[message(f"a{n}", place) for place in range(2)] for n in range(3)]
    told = await outcomes(memory, group, calls)
    assert all(isinstance(one, OutcomeUnknown) for one in told)
    memory.lost = False
    assert await group.store([message("b", 0), message("b", 1)]) == 1


async def test_an_aggregate_is_in_a_batch_once(memory: Memory, group: GroupCommit) -> None:
    """The guard of the second call holds only after the first."""
    same = [message("a", 0), message("a", 1)]
    calls = [same, [message("b", 0), message("b", 1)], [message("a", 2), message("a", 3)]]
    assert await outcomes(memory, group, calls) == [1, 3, 5]
    assert memory.calls == [4, 2]


async def test_who_gives_up_waiting_leaves_the_others_alone(
    memory: Memory, group: GroupCommit
) -> None:
    tasks = [asyncio.create_task(group.store([message(f"a{n}"), message(f"b{n}")])) for n in (1, 2)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    memory.let.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await tasks[1] == 3
    assert tasks[0].cancelled()


def crowded(group: GroupCommit) -> bool:
    return group.crowded


async def test_it_is_crowded_while_another_call_would_wait(
    memory: Memory, group: GroupCommit
) -> None:
    assert not crowded(group)
    few = [asyncio.create_task(group.store([message(f"a{n}")])) for n in range(CALLS_ALONE_MAX - 1)]
    await asyncio.sleep(0)
    assert not crowded(group)
    one_more = asyncio.create_task(group.store([message("b")]))
    await asyncio.sleep(0)
    assert crowded(group)
    memory.let.set()
    await asyncio.gather(*few, one_more)
    assert not crowded(group)
