"""Where events are missing they are named, and no append that is cut off is judged."""

from collections.abc import AsyncGenerator, Sequence

import pytest
from msgspec.structs import replace

from adapters.snapshots.shelf import SqliteShelf
from application.checking import Checker, Whole
from application.fsck import Beside, Book, Copy, look_through
from application.ports import Mark, Stored
from domain import commands as c
from tests.domain.builders import add, specs
from tests.support.author import Author
from tests.support.checked import whole

CLUSTER = "hpc1"


def stream() -> list[Stored]:
    """A creation of three events (2, 3, 4), and what follows; another job."""
    author = Author(CLUSTER)
    author.reserve()
    tasks = tuple(replace(task, environment={"A": "x" * 20_000}) for task in specs(2))
    author.add(replace(add(tasks, submit=True, request_id="a1"), job_id=1))
    assert [x.type for x in author.events[1:]] == ["JobAdded", "TasksAdded", "JobSubmitted"]
    author.tell(1, c.StartValidation(), c.EndValidation())
    author.add(replace(add(specs(1), submit=True, request_id="a2"), job_id=2))
    return author.events


class Held:
    """A journal that has them all."""

    def __init__(self, events: Sequence[Stored]) -> None:
        self._events = events

    def copies(self, after: int, until: int, limit: int) -> tuple[Copy, ...]:
        found = [x for x in self._events if after < x.position <= until]
        return tuple(Copy(x.position, x.aggregate, x.type, x.raw) for x in found[:limit])


async def looked(
    left: Sequence[Stored], last: int, journal: Sequence[Stored] = (), mark: Mark | None = None
) -> list[tuple[str, int]]:
    """What is damaged of a stream of which these are left, up to ``last``; and where."""

    async def batches() -> AsyncGenerator[list[Whole], None]:
        yield [whole(x, CLUSTER) for x in left]

    shelf, book = SqliteShelf(), Book(50)
    copied = Mark("s/1", journal[-1].position, "") if journal else None
    side = Beside(Held(journal) if journal else None, book, copied)
    try:
        await look_through(
            batches(), last, Checker(CLUSTER, shelf), side, book, lambda n: None, mark
        )
        book.note(side.beyond(last))
    finally:
        shelf.close()
    return [(x.kind, x.position) for x in book.kept]


async def test_it_is_whole() -> None:
    events = stream()
    assert await looked(events, len(events), events) == []


@pytest.mark.parametrize("lost", [(3,), (4,), (3, 4)])
async def test_a_hole_in_an_append_is_named_and_nothing_before_it(lost: tuple[int, ...]) -> None:
    events = stream()
    left = [x for x in events if x.position not in lost]
    for journal in ((), events):
        found = await looked(left, len(events), journal)
        assert found[0] == ("missing", lost[0])
        assert [x for x in found if x[1] < lost[0]] == []


@pytest.mark.parametrize("end", [2, 3])
@pytest.mark.parametrize("witness", ["journal", "mark", "a position that is empty"])
async def test_so_is_the_end_of_a_stream_that_is_cut_off(end: int, witness: str) -> None:
    events = stream()
    mark = Mark("s/1", len(events), "0" * 64) if witness == "mark" else None
    last = len(events) if witness.endswith("empty") else end
    journal = events if witness == "journal" else ()
    found = await looked(events[:end], last, journal, mark)
    assert [x for x in found if x[0] == "rules"] == []
    assert found == ([] if witness == "mark" else [("missing", end + 1)])


async def test_an_append_that_nobody_knows_more_of_is_judged() -> None:
    events = stream()
    assert await looked(events[:2], 2) == [("rules", 2)]


async def test_what_cannot_be_read_in_an_append_is_named_alone() -> None:
    events = stream()
    broken = replace(events[2], raw=b"{}")
    left = [*events[:2], broken, *events[3:]]
    found = await looked(left, len(events))
    assert found[0] == ("form", 3)
    assert ("rules", 2) not in found
