"""What every store of views promises: rows and position together, folds as they were."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from application.view_store import ViewStore
from application.views import AuditFilter, CancellationFilter, JobFilter, JobOrder
from domain import events as e
from domain.errors import Corrupt
from domain.job import Outlived, Task
from domain.states import CancelMode, JobState, TaskState
from projections.cancellations import Cancellation
from projections.folding import Around, Fold, JobFold
from projections.tally import CountKey, Measure
from tests.contract.views import (
    ALL,
    Kept,
    at,
    audit,
    cancellation,
    changes,
    job,
    job_changes,
    subtask,
)
from tests.contract.whole import CLUSTER, DAY, JOB, REQUESTS, story_state, whole
from tests.domain.builders import running_job
from tests.projections.folded import folded


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
        reader.subtasks(7, 2, range(1, 10)),
        reader.trail(AuditFilter(), False, ALL),
        reader.cancellations(CancellationFilter(), at(0), ALL),
        reader.troubles(at(0)),
    )


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
    assert reader.subtasks(7, 2, (1, 2, 3)).rows == (subtask(1), subtask(3, attempt=2))
    assert reader.trail(AuditFilter(), True, ALL).rows == tuple(done.trail)
    found = reader.cancellations(CancellationFilter(), at(0), ALL)
    assert [x.row for x in found.rows] == list(done.cancellations)


class Broken(Exception):
    """Something goes wrong in the middle of a commit."""


class Breaking(list[object]):
    """Rows that cannot be had."""

    def __iter__(self) -> Iterator[object]:
        raise Broken


@pytest.mark.parametrize("part", ["jobs", "tasks", "subtasks", "removed", "trail", "cancellations"])
def test_a_commit_that_fails_in_the_middle_leaves_nothing(store: ViewStore, part: str) -> None:
    store.commit(whole(12))
    before = seen(store)
    with pytest.raises(Broken):
        store.commit(replace(whole(13), **{part: Breaking()}))
    assert seen(store) == before
    store.commit(replace(whole(13), trail=[audit(13)]))
    assert store.position() == 13


def test_the_last_ended_run_of_a_subtask_takes_the_place_of_the_one_before(
    store: ViewStore,
) -> None:
    store.commit(whole(12))
    store.commit(replace(whole(13), subtasks=[subtask(1, attempt=2)], trail=[audit(13)]))
    reader = store.reader()
    assert reader.subtasks(7, 2, (3, 1)).rows == (subtask(1, attempt=2), subtask(3, attempt=2))
    assert reader.subtasks(7, 2, (2,)).rows == reader.subtasks(7, 1, (1,)).rows == ()
    assert reader.subtasks(7, 2, ()).rows == ()


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


def test_who_is_alone_is_the_one_that_writes(store: ViewStore) -> None:
    assert store.may_write()
    store.commit(changes(1))
    store.check_writing()
    assert store.may_write()


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
    assert reader.subtasks(7, 2, (1, 2, 3)).rows == ()
    assert [x.position for x in reader.trail(AuditFilter(), False, ALL).rows] == [12, 13]
    found = reader.cancellations(CancellationFilter(job_id=7), at(0), ALL)
    assert [(x.row, x.trouble) for x in found.rows] == [(row, None)]


def test_a_job_made_and_removed_in_one_commit_was_never_there(store: ViewStore) -> None:
    gone: dict[e.Aggregate, Fold | None] = {JOB: None}
    store.commit(changes(5, states=gone, removed=[7]))
    assert store.reader().jobs(JobFilter(), JobOrder.ID, True, ALL).rows == ()
