"""Folding into a store: the same rows whichever way the events came, and damage where it lies."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.views.store import SqliteViewStore
from application.ports import Stored, Undecodable
from application.view_store import Changes
from application.view_writer import (
    AGGREGATES_AT_ONCE,
    STATES_KEPT_MAX,
    TASKS_KEPT_MAX,
    Recent,
    ViewWriter,
    parts,
)
from application.views import AuditFilter, JobFilter, JobOrder, Page
from domain import events as e
from domain.errors import Corrupt, Unavailable
from domain.states import CancelMode
from projections.folding import JobFold
from tests.contract.views import job
from tests.domain.builders import cancel, queued_job, running_job
from tests.projections.folded import Folds, as_job
from tests.projections.lives import histories
from tests.support.stack import World
from tests.support.viewed import all_events, contents, folded_at_once, new_views, play, stored

MEMORY: Final = Path("/dev/shm")
ALL: Final = Page(1000)


@pytest.fixture
def many() -> list[Stored]:
    """Ten jobs that are queued and canceled, one after the other."""
    history: list[e.Recorded] = []
    for number in range(1, 11):
        story = queued_job(2)
        story.ask(cancel("r1", message="enough"))
        history += as_job(story.history, number)
    return stored(history)


# --- whichever way they came ----------------------------------------------------------------------


async def test_rows_do_not_depend_on_how_the_events_came(world: World, tmp_path: Path) -> None:
    await play(world)
    events = await all_events(world.log)
    seen = []
    for size in (1, 3, 1000):
        with new_views(tmp_path, f"by{size}") as store:
            writer = ViewWriter(store)
            for start in range(0, len(events), size):
                if size == 3:
                    writer = ViewWriter(store)  # as after a restart: nothing in memory
                writer.apply(events[start : start + size])
            assert store.position() == len(events)
            seen.append(contents(store))
    assert seen[0] == seen[1] == seen[2]


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(histories(), st.lists(st.integers(1, 9), min_size=1, max_size=12), st.booleans())
def test_any_history_in_any_batches_gives_the_same_rows(
    history: list[e.Recorded], sizes: list[int], fresh: bool
) -> None:
    events = stored(history)
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        directory = Path(name)
        with new_views(directory, "whole") as store:
            whole = contents(folded_at_once(store, events))
        with new_views(directory, "one") as store:
            for event in events:
                ViewWriter(store).apply([event])
            assert contents(store) == whole
        with new_views(directory, "batches") as store:
            writer, start = ViewWriter(store), 0
            while start < len(events):
                size = sizes[start % len(sizes)]
                writer.apply(events[start : start + size])
                start += size
                writer = ViewWriter(store) if fresh else writer
            assert contents(store) == whole
            assert_as_folded(store, history)


def assert_as_folded(store: SqliteViewStore, history: list[e.Recorded]) -> None:
    """The store holds what the folds give in memory."""
    folds, reader = Folds().take_all(history), store.reader()
    jobs = reader.jobs(JobFilter(), JobOrder.ID, False, ALL).rows
    assert list(jobs) == sorted(folds.jobs, key=lambda row: row.job_id)
    assert list(reader.trail(AuditFilter(), False, ALL).rows) == folds.trail
    assert store.counts() == folds.counts
    assert store.around() == folds.around
    assert store.states(list(folds.states)) == folds.states


def test_a_batch_of_very_many_aggregates_is_stored_in_parts() -> None:
    stories = [as_job(queued_job(1).history, n) for n in range(1, 300)]
    events = stored([x for story in stories for x in story])
    found = list(parts(events))
    assert [x for part in found for x in part] == events
    assert len(found) == 3
    assert all(len({x.aggregate for x in part}) <= AGGREGATES_AT_ONCE for part in found)
    assert list(parts([])) == []


def test_what_is_held_is_bounded_in_folds_and_tasks() -> None:
    recent, small, big = Recent(), JobFold(job(1)), folded_big()
    for n in range(STATES_KEPT_MAX + 10):
        recent.put(e.job_aggregate(n), small)
    recent.trim()
    assert len(recent) == STATES_KEPT_MAX
    assert recent.get(e.job_aggregate(0)) is None, "the oldest goes first"
    for n in range(100):
        recent.put(e.job_aggregate(10_000 + n), big)
    recent.trim()
    assert len(recent) == TASKS_KEPT_MAX // 1000
    assert recent.get(e.job_aggregate(10_099)) is big
    recent.put(e.job_aggregate(10_099), None)
    assert recent.get(e.job_aggregate(10_099)) is None
    recent.clear()
    assert len(recent) == 0


def folded_big() -> JobFold:
    """A job of a thousand tasks."""
    state = Folds().take_all(queued_job(1000).history).states[e.job_aggregate(7)]
    assert isinstance(state, JobFold)
    return state


# --- damage ---------------------------------------------------------------------------------------


def undecodable(event: Stored) -> Stored:
    return replace(event, fact=Undecodable(event.aggregate, None, event.type, "no such name"))


def recorded_as(**changed: object) -> Callable[[Stored], Stored]:
    def change(event: Stored) -> Stored:
        assert isinstance(event.fact, e.Recorded)
        return replace(event, fact=replace(event.fact, **changed))

    return change


def with_fact(fact: e.Event) -> Callable[[Stored], Stored]:
    def change(event: Stored) -> Stored:
        assert isinstance(event.fact, e.Recorded)
        return replace(event, fact=replace(event.fact, event=replace(event.fact.event, data=fact)))

    return change


def added_with(**columns: object) -> e.JobAdded:
    fact = queued_job(1).facts[0]
    assert isinstance(fact, e.JobAdded)
    return replace(fact, **({"job_id": 6} | columns))


def elsewhere(event: Stored) -> Stored:
    return replace(event, position=27)


DAMAGES: Final[dict[str, tuple[Callable[[Stored], Stored], str]]] = {
    "an event that was left out": (elsewhere, "26 must come next"),
    "bytes that nobody can read": (undecodable, "no such name"),
    "a gap in the versions": (recorded_as(version=3), "version 3 follows 0"),
    "a fold that raises": (
        with_fact(added_with(tasks=None)),
        "TypeError",
    ),
    "another number": (with_fact(added_with(job_id=60)), "added as job 60"),
    "text that is no Unicode": (with_fact(added_with(name="\ud800")), "UnicodeEncodeError"),
    "text where a number belongs": (with_fact(added_with(priority="x")), "AttributeError|KeyError"),
}
"""What becomes of the first event of the sixth job, at position 26."""


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_damage_stops_the_views_before_it_and_says_where(
    many: list[Stored], tmp_path: Path, damage: str, size: int
) -> None:
    change, words = DAMAGES[damage]
    broken = [*many[:25], change(many[25]), *many[26:]]
    with new_views(tmp_path) as store:
        writer = ViewWriter(store)
        batches = [broken[n : n + size] for n in range(0, len(broken), size)]
        with pytest.raises(Corrupt, match=words) as raised:
            apply_all(writer, batches)
        assert "(JobAdded of job/6)" in raised.value.message
        assert raised.value.message.isprintable()
        assert (writer.position, store.position()) == (25, 25)
        with pytest.raises(Corrupt, match=words):
            writer.apply(broken[25:])
        writer.apply(many[25:])  # as it was in truth
        with new_views(tmp_path, "whole") as whole:
            assert contents(store) == contents(folded_at_once(whole, many))


def apply_all(writer: ViewWriter, batches: Sequence[Sequence[Stored]]) -> None:
    for batch in batches:
        writer.apply(batch)


def test_numbers_that_no_store_can_hold_are_damage_at_their_event(
    many: list[Stored], tmp_path: Path
) -> None:
    number = 2**70
    added = with_fact(added_with(job_id=number))(many[25])
    added = recorded_as(aggregate=e.job_aggregate(number))(added)
    added = replace(added, aggregate=e.job_aggregate(number))
    with new_views(tmp_path) as store:
        with pytest.raises(Corrupt, match=r"position 26 .*OverflowError"):
            ViewWriter(store).apply([*many[:25], added, *many[26:]])
        assert store.position() == 25


def test_a_very_long_reason_is_cut(many: list[Stored], tmp_path: Path) -> None:
    long = with_fact(added_with(name="\ud800" * 70_000))(many[25])
    with new_views(tmp_path) as store, pytest.raises(Corrupt) as raised:
        ViewWriter(store).apply([*many[:25], long])
    assert len(raised.value.message) < 1000


# --- a store that fails ---------------------------------------------------------------------------


class Failing(SqliteViewStore):
    """A store that fails as often as it is told to, before or after it has committed."""

    failures = 0
    stored_before = False

    def commit(self, changes: Changes) -> None:
        if self.failures:
            self.failures -= 1
            if self.stored_before:
                super().commit(changes)
            raise Unavailable("the disk does not answer")
        super().commit(changes)


@pytest.mark.parametrize("stored_before", [False, True])
def test_after_a_failure_it_knows_nothing_but_what_is_stored(
    many: list[Stored], tmp_path: Path, stored_before: bool
) -> None:
    store = Failing(tmp_path / "views.sqlite", "memory/1")
    with closing(store):
        writer = ViewWriter(store)
        writer.apply(many[:12])
        store.failures, store.stored_before = 1, stored_before
        with pytest.raises(Unavailable):
            writer.apply(many[12:20])
        assert writer.position == store.position() == (20 if stored_before else 12)
        writer.apply(many[writer.position :])
        with new_views(tmp_path, "whole") as whole:
            assert contents(store) == contents(folded_at_once(whole, many))
        assert writer.counts == store.counts()


def test_two_writers_on_one_store_are_noticed(many: list[Stored], tmp_path: Path) -> None:
    with new_views(tmp_path) as store:
        one, other = ViewWriter(store), ViewWriter(store)
        one.apply(many[:10])
        before = contents(store)
        with pytest.raises(Corrupt):
            other.apply(many[:10])
        with pytest.raises(Corrupt, match="11 must come next"):
            ViewWriter(store).apply(many[9:10])
        assert contents(store) == before
        one.apply(many[10:])
        assert one.position == store.position() == len(many)


def test_only_what_changed_is_written(many: list[Stored], tmp_path: Path) -> None:
    seen: list[Changes] = []

    class Watched(SqliteViewStore):
        def commit(self, changes: Changes) -> None:
            seen.append(changes)
            super().commit(changes)

    story = running_job(1000, started=2)
    story.ask(cancel("r1", CancelMode.GRACEFUL))
    events, started = stored(story.history), story.names().index("TaskStarted") + 1
    with closing(Watched(tmp_path / "views.sqlite", "memory/1")) as store:
        writer = ViewWriter(store)
        writer.apply(events[:started])
        writer.apply(events[started : started + 1])
        assert [row.task_id for row in seen[-1].tasks] == [2], "the one that was started"
        ViewWriter(store).apply(events[started + 1 :])
        assert len(seen[-1].tasks) == 998, "the waiting ones, which are Canceled now"


def test_a_fold_that_somebody_spoiled_is_damage(many: Sequence[Stored], tmp_path: Path) -> None:
    with new_views(tmp_path) as store:
        ViewWriter(store).apply(many[:12])
        with closing(sqlite3.connect(store.path)) as database:
            database.execute("UPDATE state SET bytes = x'c1' WHERE id = '3'")
            database.commit()
        with pytest.raises(Corrupt, match="job/3"):
            ViewWriter(store).apply(many[12:])
        assert store.position() == 12
