"""What every store of views promises: rows and position together, and which file is in use."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from application.view_store import Changes, Difference, ViewStore
from application.views import AuditFilter, CancellationFilter, JobFilter, JobOrder
from domain import events as e
from domain.errors import Corrupt, Unavailable
from domain.job import Outlived, Task
from domain.states import CancelMode, JobState, TaskState
from projections.cancellations import Cancellation
from projections.folding import Around, ClusterFold, Fold, JobFold, RequestFold
from projections.job_view import job_row, task_row
from projections.tally import CountKey, Measure
from tests.contract.views import (
    ALL,
    Kept,
    at,
    audit,
    cancellation,
    changes,
    differences,
    job,
    job_changes,
)
from tests.domain.builders import cancel, cancel_task, killed, running_job
from tests.projections.folded import folded

JOB = e.job_aggregate(7)
CLUSTER = e.Aggregate(e.CLUSTER, "hpc1")
DAY = e.Aggregate(e.REQUEST, "20260301")
REQUESTS = CountKey(Measure.REQUESTS, ("cancel", "accepted"))


@pytest.fixture
def store(kept: Kept) -> ViewStore:
    return kept.store()


def seen(store: ViewStore) -> tuple[object, ...]:
    """All that a reader and the one who folds on can see."""
    reader = store.reader()
    jobs = reader.jobs(JobFilter(), JobOrder.ID, False, ALL)
    return (
        store.position(),
        store.around(),
        store.counts(),
        store.states([JOB, CLUSTER, DAY]),
        jobs,
        [reader.tasks(row.job_id, (), ALL) for row in jobs.rows],
        reader.trail(AuditFilter(), False, ALL),
        reader.cancellations(CancellationFilter(), at(0), ALL),
        reader.troubles(at(0)),
    )


def whole(position: int) -> Changes:
    """A commit that touches everything there is."""
    state = story_state()
    states: dict[e.Aggregate, Fold | None] = {
        JOB: state,
        CLUSTER: ClusterFold(),
        DAY: RequestFold(3),
    }
    return Changes(
        position=position,
        around=Around(60, at(9)),
        states=states,
        jobs=[job_row(state.job, position)],
        tasks=[task_row(7, task) for task in state.job.tasks.values()],
        removed=[],
        trail=[audit(position, message="disk full")],
        cancellations=[cancellation(position, open=1)],
        counts={REQUESTS: 5},
    )


def story_state() -> JobFold:
    """A job with an open cancel, one with survivors, and tasks in several states."""
    story = running_job(3, release=True, started=2)
    story.ask(cancel_task(1, "t1", CancelMode.FORCED), cancel("r1", message="enough"))
    story.tell(killed(1, "t1", survivors=2))
    state = folded(story).states[JOB]
    assert isinstance(state, JobFold)
    assert state.cancellations
    assert state.asked_for
    assert state.job.tasks[1].survivors
    return state


# --- one commit -----------------------------------------------------------------------------------


def test_new_views_are_empty(store: ViewStore) -> None:
    assert (store.position(), store.around(), store.counts()) == (0, Around(), {})
    assert store.states([JOB, CLUSTER, DAY]) == {}
    assert store.reader().position() == 0
    assert store.reader().trail(AuditFilter(), True, ALL).rows == ()


def test_rows_folds_and_position_are_there_together(store: ViewStore) -> None:
    done = whole(12)
    store.commit(done)
    assert store.position() == store.reader().position() == 12
    assert store.around() == Around(60, at(9))
    assert store.counts() == {REQUESTS: 5}
    assert store.states([JOB, CLUSTER, DAY, e.job_aggregate(8)]) == done.states
    reader = store.reader()
    jobs = reader.jobs(JobFilter(), JobOrder.ID, True, ALL)
    assert (jobs.rows, jobs.more, jobs.position) == (tuple(done.jobs), False, 12)
    assert reader.tasks(7, (), ALL).rows == tuple(done.tasks)
    assert reader.trail(AuditFilter(), True, ALL).rows == tuple(done.trail)
    found = reader.cancellations(CancellationFilter(), at(0), ALL)
    assert [x.row for x in found.rows] == list(done.cancellations)


class Broken(Exception):
    """Something goes wrong in the middle of a commit."""


class Breaking(list[object]):
    """Rows that cannot be had."""

    def __iter__(self) -> Iterator[object]:
        raise Broken


@pytest.mark.parametrize("part", ["jobs", "tasks", "removed", "trail", "cancellations"])
def test_a_commit_that_fails_in_the_middle_leaves_nothing(store: ViewStore, part: str) -> None:
    store.commit(whole(12))
    before = seen(store)
    with pytest.raises(Broken):
        store.commit(replace(whole(13), **{part: Breaking()}))
    assert seen(store) == before
    store.commit(replace(whole(13), trail=[audit(13)]))
    assert store.position() == 13


def test_a_row_that_cannot_be_stored_leaves_nothing(store: ViewStore) -> None:
    store.commit(whole(12))
    before = seen(store)
    with pytest.raises(Exception):  # noqa: B017, PT011 - which one is the store's own affair
        store.commit(replace(whole(13), trail=[audit(13), audit(14, job_id=2**70)]))
    assert seen(store) == before


@pytest.mark.parametrize("position", [1, 11, 12])
def test_a_position_must_rise(store: ViewStore, position: int) -> None:
    store.commit(whole(12))
    before = seen(store)
    with pytest.raises(Corrupt, match="two projectors"):
        store.commit(replace(whole(position), trail=[audit(99)]))
    assert seen(store) == before


def test_positions_may_leave_gaps_and_rows_be_none(store: ViewStore) -> None:
    store.commit(changes(5))
    store.commit(changes(1000))
    assert store.position() == 1000


def test_what_is_stored_survives_a_restart(kept: Kept) -> None:
    files = kept.files()
    name = files.begin()
    store = files.open(name)
    store.commit(whole(12))
    before = seen(store)
    store.close()
    assert seen(kept.opened(kept.files().open(name))) == before


def test_counts_are_totals_and_the_lag_of_times_only_grows(store: ViewStore) -> None:
    other = CountKey(Measure.REFUSALS, ('a"b', "rule\n"))
    store.commit(changes(1, counts={REQUESTS: 1, other: 2}))
    store.commit(changes(2, counts={REQUESTS: 7}))
    assert store.counts() == {REQUESTS: 7, other: 2}


def test_around_may_have_no_latest_time(store: ViewStore) -> None:
    store.commit(changes(1, around=Around(1, None)))
    assert store.around() == Around(1, None)
    moment = at(0) + timedelta(microseconds=1)
    store.commit(changes(2, around=Around(1, moment)))
    assert store.around() == Around(1, moment)


# --- folds ----------------------------------------------------------------------------------------


def test_a_job_of_a_thousand_tasks_comes_back_as_it_was(store: ViewStore) -> None:
    story = running_job(999, release=True, started=3)
    state = folded(story).states[JOB]
    assert isinstance(state, JobFold)
    store.commit(job_changes(1, state))
    assert store.states([JOB]) == {JOB: state}
    assert len(store.reader().tasks(7, (), ALL).rows) == 1000


def test_only_the_tasks_that_changed_are_given_and_all_come_back(store: ViewStore) -> None:
    state = story_state()
    store.commit(job_changes(1, state))
    task = replace(state.job.tasks[2], state=TaskState.FAILED, reason="why")
    later = replace(state, job=replace(state.job, version=99, tasks=state.job.tasks | {2: task}))
    done = job_changes(2, later, before=state)
    assert [row.task_id for row in done.tasks] == [2]
    store.commit(done)
    assert store.states([JOB]) == {JOB: later}


def test_every_kind_of_fold_keeps_what_it_holds(store: ViewStore) -> None:
    lived = Outlived(e.RunRange(1, 2, "n1"), 3)
    open_one = Cancellation(
        position=3,
        job_id=7,
        task=None,
        owner="alice",
        request_id="r\x7f'\"",
        mode=CancelMode.GRACEFUL,
        message="\U0001f6d1 \u202e",
        reason_code="",
        actor="bob",
        on_behalf_of="",
        requested_at=at(1) + timedelta(microseconds=1),
        running=1,
        waiting=0,
        due_at=None,
        outlived=(lived,),
    )
    tasks = {n: Task(e.TaskSpec(n, "true"), outlived=(lived,)) for n in (1, 2)}
    fold = JobFold(job(7, tasks=tasks, state=JobState.CANCELING), (open_one,), ())
    store.commit(job_changes(1, fold))
    assert store.states([JOB]) == {JOB: fold}


def test_a_removed_job_leaves_the_job_view_and_never_the_trail(store: ViewStore) -> None:
    store.commit(whole(12))
    row = cancellation(13, job_id=7, late=1)
    gone: dict[e.Aggregate, Fold | None] = {JOB: None}
    store.commit(changes(13, states=gone, removed=[7], trail=[audit(13)], cancellations=[row]))
    reader = store.reader()
    assert store.states([JOB]) == {}
    assert reader.jobs(JobFilter(), JobOrder.ID, True, ALL).rows == ()
    assert reader.tasks(7, (), ALL).rows == ()
    assert [x.position for x in reader.trail(AuditFilter(), False, ALL).rows] == [12, 13]
    found = reader.cancellations(CancellationFilter(job_id=7), at(0), ALL)
    assert [(x.row, x.trouble) for x in found.rows] == [(row, None)]


def test_a_job_made_and_removed_in_one_commit_was_never_there(store: ViewStore) -> None:
    gone: dict[e.Aggregate, Fold | None] = {JOB: None}
    store.commit(changes(5, states=gone, removed=[7]))
    assert store.reader().jobs(JobFilter(), JobOrder.ID, True, ALL).rows == ()


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
    assert not any(x.name.startswith(names[0]) for x in kept.directory.iterdir())


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
    names = {x.name for x in kept.directory.iterdir()}
    assert not any(name.startswith(left) for name in names)
    assert {used, fresh} <= names


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
