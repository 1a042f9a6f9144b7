"""What every reader of views promises of the effect view: what is wrong comes first."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

import pytest
from hypothesis import strategies as st

from application.views import (
    VALUES_MAX,
    CancellationFilter,
    Page,
    Trouble,
    TroubledCancellation,
    Troubles,
    ViewReader,
)
from domain.errors import BadRequest
from projections.cancellations import CancellationRow
from projections.folding import JobFold
from projections.stamps import stamp
from tests.contract.views import (
    ALL,
    FIRST,
    LAST,
    Kept,
    ViewKind,
    at,
    cancellation,
    changes,
    holds,
    job,
    job_changes,
)

NOW: Final = 100
PEOPLE: Final = ("alice", "bob", "o'hara", "")
ORDER: Final = (Trouble.SURVIVORS, Trouble.STUCK, Trouble.LATE, None)


def trouble_of(row: CancellationRow, in_view: bool) -> Trouble | None:
    """What is wrong, said in the plainest way."""
    if row.survivors:
        return Trouble.SURVIVORS
    if row.open and row.due_at is not None and row.due_at < stamp(at(NOW)):
        return Trouble.STUCK
    return Trouble.LATE if row.late and in_view else None


def matches(row: CancellationRow, trouble: Trouble | None, which: CancellationFilter) -> bool:
    """Whether the filter finds it."""

    def one_of(value: str, values: tuple[str, ...]) -> bool:
        return not values or (value != "" and value in values)

    return (
        one_of(row.owner, which.owners)
        and one_of(row.mode, which.modes)
        and one_of(row.actor, which.actors)
        and which.job_id in (None, row.job_id)
        and which.open in (None, bool(row.open))
        and not (which.troubled and trouble is None)
    )


@st.composite
def cancels(draw: st.DrawFn) -> list[CancellationRow]:
    """Cancels in every trouble, and in several at once."""
    positions = draw(st.lists(st.integers(1, 60), unique=True, max_size=14))
    return [
        cancellation(
            position,
            job_id=draw(st.integers(1, 3)),
            owner=draw(st.sampled_from(PEOPLE)),
            actor=draw(st.sampled_from(PEOPLE)),
            mode=draw(st.sampled_from(("normal", "forced", "graceful"))),
            open=(is_open := draw(st.integers(0, 1))),
            late=0 if is_open else draw(st.integers(0, 1)),
            survivors=draw(st.sampled_from((0, 0, 0, 2))),
            due_at=draw(
                st.sampled_from((None, stamp(at(NOW - 1)), stamp(at(NOW)), stamp(at(900))))
            ),
        )
        for position in positions
    ]


def few(*values: str) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of these, mostly none."""
    return st.just(()) | st.lists(st.sampled_from(values), max_size=2).map(tuple)


filters = st.builds(
    CancellationFilter,
    owners=few(*PEOPLE),
    job_id=st.none() | st.integers(1, 4),
    modes=few("normal", "forced", "no such mode"),
    actors=few(*PEOPLE),
    troubled=st.booleans(),
    open=st.none() | st.booleans(),
)


def paged(reader: ViewReader, which: CancellationFilter, size: int) -> list[TroubledCancellation]:
    """Everything, page by page."""
    page, rows = Page(size), list[TroubledCancellation]()
    while True:
        answer = reader.cancellations(which, at(NOW), page)
        assert len(answer.rows) <= size
        rows += answer.rows
        if not answer.more:
            return rows
        last = answer.rows[-1]
        page = Page(size, (last.group, last.row.position))


def the_worst_come_first(
    kind: ViewKind,
    rows: list[CancellationRow],
    which: CancellationFilter,
    size: int,
    gone: set[int],
) -> None:
    told = [(row, trouble_of(row, row.job_id not in gone)) for row in rows]
    found = [
        TroubledCancellation(row, trouble, ORDER.index(trouble))
        for row, trouble in told
        if matches(row, trouble, which)
    ]
    found.sort(key=lambda x: (x.group, -x.row.position))
    with kind.new_store() as store:
        store.commit(job_changes(100, *(JobFold(job(n)) for n in (1, 2, 3))))
        store.commit(changes(101, cancellations=rows))
        store.commit(changes(102, removed=sorted(gone)))
        assert paged(store.reader(), which, size) == found
        in_view = {row.position for row in rows if row.job_id not in gone}
        assert store.reader().troubles(at(NOW)) == Troubles(
            open=sum(row.open for row in rows),
            stuck=sum(
                bool(row.open and row.due_at and row.due_at < stamp(at(NOW))) for row in rows
            ),
            late=sum(row.late for row in rows if row.position in in_view),
            survivors=sum(row.survivors for row in rows),
        )


def test_the_worst_come_first_and_each_once(kind: ViewKind) -> None:
    holds(
        the_worst_come_first,
        kind,
        rows=cancels(),
        which=filters,
        size=st.integers(1, 5),
        gone=st.sets(st.integers(1, 3)),
    )


def test_a_cancel_moves_between_the_groups_as_it_goes_on(kept: Kept) -> None:
    store = kept.store()
    store.commit(job_changes(1, JobFold(job(1))))
    due = stamp(at(50))
    steps = (
        (at(50), cancellation(5, open=1, due_at=due), None),
        (at(51), cancellation(5, open=1, due_at=due), Trouble.STUCK),
        (at(60), cancellation(5, late=1, due_at=due, survivors=1), Trouble.SURVIVORS),
        (at(70), cancellation(5, late=1, due_at=due), Trouble.LATE),
    )
    for n, (now, row, trouble) in enumerate(steps, 2):
        store.commit(changes(n, cancellations=[row]))
        (found,) = store.reader().cancellations(CancellationFilter(), now, ALL).rows
        assert (found.row, found.trouble) == (row, trouble)


def test_a_job_removed_in_the_same_commit_takes_its_cancels_out_of_the_late_ones(
    kept: Kept,
) -> None:
    store = kept.store()
    store.commit(changes(2, removed=[1], cancellations=[cancellation(2, late=1)]))
    (found,) = store.reader().cancellations(CancellationFilter(), at(NOW), ALL).rows
    assert found.trouble is None
    assert store.reader().troubles(at(NOW)).late == 0


HOSTILE: Final = ("'", '" OR 1=1 --', "\0", "\ud800", "\U0001f6d1", "x" * 100_000)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda x: repr(x)[:20])
def test_hostile_text_finds_nothing_and_breaks_nothing(kept: Kept, text: str) -> None:
    store = kept.store()
    store.commit(changes(1, cancellations=[cancellation(1)]))
    for which in (
        CancellationFilter(owners=(text,)),
        CancellationFilter(actors=(text,)),
        CancellationFilter(modes=(text,)),
    ):
        assert store.reader().cancellations(which, at(NOW), ALL).rows == ()


@pytest.mark.parametrize(("now", "stuck"), [(FIRST, 0), (LAST, 1)])
def test_any_moment_may_be_now(kept: Kept, now: datetime, stuck: int) -> None:
    store = kept.store()
    store.commit(changes(1, cancellations=[cancellation(1, open=1, due_at=stamp(at(1)))]))
    (found,) = store.reader().cancellations(CancellationFilter(), now, ALL).rows
    assert found.trouble is (Trouble.STUCK if stuck else None)
    assert store.reader().troubles(now).stuck == stuck


REFUSED: Final[dict[str, Callable[[ViewReader], object]]] = {
    "too many values": lambda r: r.cancellations(
        CancellationFilter(owners=("x",) * (VALUES_MAX + 1)), at(NOW), ALL
    ),
    "no rows": lambda r: r.cancellations(CancellationFilter(), at(NOW), Page(0)),
    "one number": lambda r: r.cancellations(CancellationFilter(), at(NOW), Page(1, (1,))),
    "text": lambda r: r.cancellations(CancellationFilter(), at(NOW), Page(1, ("0", 1))),
    "no such group": lambda r: r.cancellations(CancellationFilter(), at(NOW), Page(1, (4, 1))),
    "a group below": lambda r: r.cancellations(CancellationFilter(), at(NOW), Page(1, (-1, 1))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_question_is_refused(kept: Kept, name: str) -> None:
    with pytest.raises(BadRequest):
        REFUSED[name](kept.store().reader())


@pytest.mark.parametrize(
    ("which", "key"),
    [
        (CancellationFilter(job_id=2**70), ()),
        (CancellationFilter(job_id=-(2**70)), ()),
        (CancellationFilter(), (3, -(2**70))),
    ],
)
def test_numbers_beyond_all_bounds_find_nothing(
    kept: Kept, which: CancellationFilter, key: tuple[int, ...]
) -> None:
    store = kept.store()
    store.commit(changes(1, cancellations=[cancellation(1)]))
    assert store.reader().cancellations(which, at(NOW), Page(5, key)).rows == ()
