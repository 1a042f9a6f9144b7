"""What every reader of views promises of times, places, limits and pages of the trail."""

import string
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import pytest
from msgspec.structs import replace

from application.views import TRAIL_COLUMNS, VALUES_MAX, AuditFilter, Page, ViewReader
from domain.errors import BadRequest
from tests.contract.naive import EXACT, matches, paged
from tests.contract.views import ALL, FIRST, LAST, Kept, at, at_times, audit, changes, values_of

PLACE: Final = TRAIL_COLUMNS.index("position")

# --- times and places -----------------------------------------------------------------------------


CLOCKS: Final[dict[str, tuple[float, ...]]] = {
    "back by years, and once ahead": (0, 10, 5, 10**8, 6, 7, 10**8 + 1, 8, -(10**9)),
    "a little, a lot": (0, 100, 41, 40, 39, 101, 162, 102, 101, 3, 4, 300, 240, 239.999999),
    "again and again": tuple(x for n in range(40) for x in (n, n + 1000)),
    "more often than is remembered": tuple(x for n in range(70) for x in (n, n + 1000)),
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("descending", [False, True])
def test_times_are_exact_when_the_clock_is_set_back(
    kept: Kept, clock: str, descending: bool
) -> None:
    store, seconds = kept.store(), CLOCKS[clock]
    rows = at_times([audit(n) for n in range(1, len(seconds) + 1)], seconds)
    for start in range(0, len(rows), 3):
        part = rows[start : start + 3]
        store.commit(changes(part[-1].position, trail=part))
    moments = [None, *(at(s) for s in sorted({*seconds, -1, 9, 11, 250}))]
    for since in moments[:: 1 + len(moments) // 12]:
        for until in moments[:: 1 + len(moments) // 15]:
            which = AuditFilter(since=since, until=until)
            expected = [row for row in rows if matches(row, which, {})]
            found = paged(store.reader(), which, descending, 4)
            assert found == (expected[::-1] if descending else expected)
            assert store.reader().trail_span(which).count == len(expected)


def test_times_in_an_empty_trail_find_nothing(kept: Kept) -> None:
    reader, which = kept.store().reader(), AuditFilter(since=at(0), until=at(1))
    assert reader.trail(which, True, ALL).rows == ()
    assert reader.trail_span(which).count == 0


def test_a_microsecond_makes_a_difference(kept: Kept) -> None:
    store, tick = kept.store(), timedelta(microseconds=1)
    store.commit(changes(1, trail=[audit(1, time=at(1))]))
    for which, rows in (
        (AuditFilter(since=at(1), until=at(1)), 1),
        (AuditFilter(since=at(1) + tick), 0),
        (AuditFilter(until=at(1) - tick), 0),
    ):
        assert len(store.reader().trail(which, True, ALL).rows) == rows


@pytest.mark.parametrize("lag", [0, 10**9])
def test_moments_and_places_beyond_all_bounds(kept: Kept, lag: int) -> None:
    store = kept.store()
    rows = at_times([audit(1), audit(2)], [lag, 0])
    store.commit(changes(2, trail=rows))
    reader = store.reader()
    for which, count in (
        (AuditFilter(since=FIRST, until=LAST), 2),
        (AuditFilter(since=LAST), 0),
        (AuditFilter(until=FIRST), 0),
        (AuditFilter(position_min=-(2**70), position_max=2**70), 2),
        (AuditFilter(position_min=2**70), 0),
        (AuditFilter(position_max=-(2**70)), 0),
        (AuditFilter(task=2**70), 0),
        (AuditFilter(job="9" * 500), 0),
    ):
        assert len(reader.trail(which, True, ALL).rows) == count, which
        assert reader.trail_span(which).count == count
    assert reader.trail(AuditFilter(), True, Page(5, (2**70,))).rows == tuple(rows[::-1])
    assert reader.trail(AuditFilter(), False, Page(5, (2**70,))).rows == ()


REFUSED: Final[dict[str, Callable[[ViewReader], object]]] = {
    "too many values": lambda r: r.trail(
        AuditFilter(actors=tuple(map(str, range(VALUES_MAX + 1)))), True, ALL
    ),
    "too many values of a span": lambda r: r.trail_span(AuditFilter(types=("x",) * 101)),
    "too many values of pages": lambda r: r.trail_lines(
        AuditFilter(types=("x",) * 101), named=False
    ),
    "no rows": lambda r: r.trail(AuditFilter(), True, Page(0)),
    "text for a place": lambda r: r.trail(AuditFilter(), True, Page(1, ("1",))),
    "two places": lambda r: r.trail(AuditFilter(), True, Page(1, (1, 2))),
    "too many words": lambda r: r.trail(AuditFilter(words=" ".join("a" * 33)), True, ALL),
    "too many characters": lambda r: r.trail(AuditFilter(words="a" * 1001), True, ALL),
    "no words": lambda r: r.trail(AuditFilter(words=" \t"), True, ALL),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_question_is_refused(kept: Kept, name: str) -> None:
    with pytest.raises(BadRequest):
        REFUSED[name](kept.store().reader())


def test_as_many_values_of_every_kind_as_are_allowed(kept: Kept) -> None:
    store = kept.store()
    values = tuple(f"{letter}{n}" for n in range(10) for letter in string.ascii_letters[:10])
    row = audit(1, **dict.fromkeys(EXACT.values(), values[-1]))
    store.commit(changes(1, trail=[row]))
    which = replace(AuditFilter(), **dict.fromkeys(EXACT, values))
    assert store.reader().trail(which, True, ALL).rows == (row,)


# --- all pages, while the views go on -------------------------------------------------------------


def test_all_pages_are_bounded_and_of_the_moment_of_the_call(kept: Kept) -> None:
    store = kept.store()
    store.commit(changes(5000, trail=[audit(n) for n in range(1, 5001)]))
    pages = store.reader().trail_lines(AuditFilter(), named=False)
    sizes, positions = list[int](), list[object]()
    for n, page in enumerate(pages):
        store.commit(changes(5001 + n, trail=[audit(5001 + n)]))
        sizes.append(len(page.lines))
        positions += [values_of(line)[PLACE] for line in page.lines]
        assert page.last == positions[-1]
    assert positions == list(range(1, 5001))
    assert max(sizes) <= 2000
    assert store.reader().trail_span(AuditFilter()).count == 5000 + len(sizes)


def test_pages_of_what_is_not_there_are_none(kept: Kept) -> None:
    assert list(kept.store().reader().trail_lines(AuditFilter(words="x"), named=True)) == []


def test_an_answer_tells_whether_more_follow(kept: Kept) -> None:
    store = kept.store()
    store.commit(changes(3, trail=[audit(n) for n in (1, 2, 3)]))
    for rows, more in ((1, True), (2, True), (3, False), (4, False)):
        assert store.reader().trail(AuditFilter(), True, Page(rows)).more is more
