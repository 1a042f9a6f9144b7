"""What every store of views promises to readers, and which file of views is in use."""

import threading

import pytest
from msgspec.structs import replace

from application.view_store import Changes, Difference, ViewStore
from application.views import AuditFilter
from domain.errors import Unavailable
from projections.folding import Around, JobFold
from tests.contract.views import (
    ALL,
    Kept,
    at,
    audit,
    cancellation,
    changes,
    differences,
    job_changes,
)
from tests.contract.whole import JOB, REQUESTS, whole


@pytest.fixture
def store(kept: Kept) -> ViewStore:
    return kept.store()


# --- readers while it is written ------------------------------------------------------------------


def test_an_answer_is_of_one_state_while_the_views_are_written(store: ViewStore) -> None:
    """Each commit adds one row; an answer has exactly the rows of its position."""
    commits, wrong, done = 150, list[str](), threading.Event()
    store.commit(changes(1, trail=[audit(1)]))

    def read() -> None:
        reader = store.reader()
        while not done.is_set():
            answer = reader.trail(AuditFilter(), True, ALL)
            if [x.position for x in answer.rows] != list(range(answer.position, 0, -1)):
                wrong.append(f"{len(answer.rows)} rows for {answer.position}")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(2, commits):
        store.commit(changes(n, trail=[audit(n)]))
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_who_reads_while_the_views_are_closed_is_answered_or_told_so(store: ViewStore) -> None:
    """Others were put in their place: nothing breaks under a reader."""
    for n in range(1, 40):
        store.commit(changes(n, trail=[audit(n, message="disk")]))
    outcomes, started = list[str](), threading.Barrier(5)

    def read() -> None:
        reader = store.reader()
        started.wait()
        try:
            while True:
                assert len(reader.trail(AuditFilter(words="disk"), True, ALL).rows) == 39
        except Unavailable as error:
            outcomes.append(error.message)
        except BaseException as error:
            outcomes.append(repr(error))
            raise

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    started.wait()
    store.close()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    assert all("closed" in x for x in outcomes), outcomes
    store.close()


def test_closed_views_say_so(store: ViewStore) -> None:
    reader = store.reader()
    store.close()
    for question in (store.position, store.around, store.counts, reader.position):
        with pytest.raises(Unavailable):
            question()
    with pytest.raises(Unavailable):
        store.commit(changes(1))


# --- which file is in use -------------------------------------------------------------------------


def test_there_are_none_at_first(kept: Kept) -> None:
    assert kept.files().current() is None


def test_new_views_are_not_in_use_before_the_switch(kept: Kept) -> None:
    files = kept.files()
    kept.opened(files.open(files.begin())).commit(whole(3))
    assert files.current() is None


def test_the_switch_is_for_good_and_all_others_go(kept: Kept) -> None:
    files, names = kept.files(), list[str]()
    for n in (3, 4):
        names.append(files.begin())
        store = files.open(names[-1])
        store.commit(whole(n))
        files.switch(names[-1])
        store.close()
    current = kept.files().current()
    assert current is not None
    assert (kept.opened(current).position(), current.name) == (4, names[-1])
    assert kept.names() == {names[-1]}


def test_a_name_is_never_given_twice(kept: Kept) -> None:
    """What still writes to views that were given up must not write into others."""
    files, names = kept.files(), set[str]()
    for _ in range(20):
        name = files.begin()
        assert name not in names
        names.add(name)
        files.open(name).close()
        files.discard(name)
        files.discard(name)


def test_a_new_beginning_takes_away_what_an_earlier_one_left(kept: Kept) -> None:
    files = kept.files()
    used = files.begin()
    kept.opened(files.open(used)).commit(whole(3))
    files.switch(used)
    left = files.begin()
    files.open(left).close()
    fresh = files.begin()
    kept.opened(files.open(fresh))
    assert kept.names() == {used, fresh}


def test_views_in_use_are_not_discarded(kept: Kept) -> None:
    files = kept.files()
    name = files.begin()
    kept.opened(files.open(name)).commit(whole(3))
    files.switch(name)
    files.discard(name)
    current = kept.files().current()
    assert current is not None
    assert kept.opened(current).position() == 3


def test_views_of_another_log_are_none(kept: Kept) -> None:
    files = kept.files("log/1")
    name = files.begin()
    store = files.open(name)
    store.commit(whole(3))
    store.close()
    files.switch(name)
    assert kept.files("log/2").current() is None
    current = kept.files("log/1").current()
    assert current is not None
    kept.opened(current)


# --- comparing ------------------------------------------------------------------------------------


def two(kept: Kept, *, second: Changes | None = None) -> tuple[ViewStore, ViewStore]:
    """Two files at the same position."""
    files = kept.files()
    stores = []
    for done in (whole(12), second or whole(12)):
        stores.append(kept.opened(files.open(files.begin())))
        if len(stores) == 1:
            files.switch(stores[0].name)
        stores[-1].commit(done)
    return stores[0], stores[1]


def test_equal_views_do_not_differ(kept: Kept) -> None:
    one, other = two(kept)
    assert differences(one, other) == differences(other, one) == ()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"trail": []}, ("audit", 1, "12")),
        ({"trail": [audit(12, message="disk full.")]}, ("audit", 1, "12")),
        ({"trail": [audit(12, message="disk full"), audit(13)]}, ("audit", 1, "13")),
        ({"cancellations": [cancellation(12, open=1, task=3)]}, ("cancellation", 1, "12")),
        ({"counts": {REQUESTS: 6}}, ("tally", 1, 'requests/["cancel","accepted"]')),
        ({"around": Around(61, at(9))}, ("about", 1, "1")),
        ({"position": 13}, ("tracking", 1, "countermand")),
    ],
)
def test_a_difference_is_told_with_its_table_and_first_key(
    kept: Kept, change: dict[str, object], told: tuple[str, int, str]
) -> None:
    one, other = two(kept, second=replace(whole(12), **change))
    assert Difference(*told) in differences(one, other)
    assert Difference(*told) in differences(other, one)


def test_differences_are_counted(kept: Kept) -> None:
    one, other = two(kept)
    one.commit(changes(30, trail=[audit(n) for n in range(20, 30)]))
    other.commit(changes(30, trail=[audit(n, actor="x") for n in range(20, 29)]))
    (found,) = [x for x in differences(one, other) if x.table == "audit"]
    assert found == Difference("audit", 10, "20")


def test_a_difference_in_a_job_is_told_in_each_of_its_tables(kept: Kept) -> None:
    done = whole(12)
    fold = done.states[JOB]
    assert isinstance(fold, JobFold)
    tasks = fold.job.tasks
    other_job = replace(
        fold.job, name="other", tasks=tasks | {1: replace(tasks[1], reason="other")}
    )
    one, other = two(kept, second=job_changes(12, replace(fold, job=other_job)))
    tables = {x.table for x in differences(one, other)}
    assert {"job", "task", "state"} <= tables


def test_a_comparison_is_of_the_moment_when_it_began(kept: Kept) -> None:
    """The views in use go on while they are compared."""
    one, other = two(kept)
    comparison = one.comparison(other)
    one.commit(changes(13, trail=[audit(13)]))
    other.commit(changes(14, trail=[audit(14)]))
    assert comparison.differences() == ()
    comparison.close()
    comparison.close()
    assert {x.table for x in differences(one, other)} >= {"audit", "tracking"}


def test_a_comparison_tells_whether_both_are_at_one_position(kept: Kept) -> None:
    one, other = two(kept)
    comparisons = [one.comparison(other)]
    other.commit(changes(13))
    comparisons.append(one.comparison(other))
    assert [x.at_one_position() for x in comparisons] == [True, False]
    for comparison in comparisons:
        comparison.close()
        with pytest.raises(Unavailable):
            comparison.at_one_position()


def test_a_comparison_is_given_up_at_once(kept: Kept) -> None:
    one, other = two(kept)
    for store in (one, other):
        store.commit(changes(9000, trail=[audit(n, message="a b c") for n in range(20, 9000)]))
    comparison, outcomes = one.comparison(other), list[object]()

    def compare() -> None:
        try:
            outcomes.append(comparison.differences())
        except Unavailable as error:
            outcomes.append(error)

    thread = threading.Thread(target=compare)
    thread.start()
    comparison.close()
    thread.join()
    assert len(outcomes) == 1
    with pytest.raises(Unavailable):
        comparison.differences()
    one.close()


def test_views_are_closed_under_a_comparison(kept: Kept) -> None:
    one, other = two(kept)
    comparison = one.comparison(other)
    thread = threading.Thread(target=one.close)
    thread.start()
    comparison.close()
    thread.join()
    with pytest.raises(Unavailable):
        one.comparison(other)


def test_views_that_are_still_read_stay_until_they_are_discarded(kept: Kept) -> None:
    """A reader opens connections when it needs them, and must not find an empty file."""
    files = kept.files()
    old = kept.opened(files.open(files.begin()))
    old.commit(whole(3))
    files.switch(old.name)
    new = kept.opened(files.open(files.begin()))
    files.switch(new.name, old.name)
    again = files.open(old.name)
    assert again.position() == 3
    for store in (again, old):
        store.close()
    files.discard(old.name)
    assert kept.names() == {new.name}
