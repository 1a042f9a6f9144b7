"""What every reader of views promises of the job view: filters, orders, pages."""

from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Final

import pytest
from hypothesis import strategies as st

from application.view_store import ViewStore
from application.views import (
    PAGE_ROWS_MAX,
    VALUES_MAX,
    JobFilter,
    JobOrder,
    Page,
    ViewReader,
    job_key,
)
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.job import CancelInForce, Job, Task
from domain.states import CancelMode, JobPriority, JobState, JobType, NodeRelease, TaskState
from projections.folding import JobFold
from projections.job_view import JobRow, job_row, labels_in, task_row
from projections.stamps import stamp
from tests.contract.views import (
    ALL,
    FIRST,
    LAST,
    Kept,
    ViewKind,
    at,
    changes,
    holds,
    job,
    job_changes,
)

PEOPLE: Final = ("alice", "bob", "b\u00f6b", "Bob", "o'hara", '"', "")
LABELS: Final[tuple[dict[str, str], ...]] = (
    {},
    {},
    {"env": "prod"},
    {"env": "production", "a": "b=c"},
    {"nv": "env=prod"},
)
NODES: Final = ((), ("n1",), ('n"2', "n\u00f63"), ("N1", 'n"2'))
NAMES: Final = (
    "",
    "render",
    "Render 1",
    "100%",
    "a_b",
    "a\\b",
    "r\u00e4nder",
    "\U0001f6d1",
    "x" * 80,
)


def canceled_by(actor: str) -> CancelInForce:
    """A cancel in force."""
    mode, release = CancelMode.FORCED, NodeRelease.NONE
    return CancelInForce("r1", mode, "why", "quota", actor, "olga", at(5), at(4), 3, 15, release)


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    """Jobs with few values, so that many are equal."""
    numbers = draw(st.lists(st.integers(1, 60), unique=True, max_size=25))
    moments = st.integers(0, 6).map(at)
    return [
        job(
            number,
            name=draw(st.sampled_from(NAMES)),
            owner=draw(st.sampled_from(PEOPLE)),
            job_type=draw(st.sampled_from(JobType)),
            priority=draw(st.sampled_from(JobPriority)),
            state=draw(st.sampled_from(JobState)),
            created_at=draw(moments),
            changed_at=draw(moments),
            ended_at=draw(st.none() | moments),
            cancel=draw(st.none() | st.sampled_from(PEOPLE).map(canceled_by)),
            nodes=draw(st.sampled_from(NODES)),
            labels=draw(st.sampled_from(LABELS)),
            submitted_at=draw(st.none() | moments),
            started_at=draw(st.none() | moments),
            previous_state=draw(st.none() | st.sampled_from(JobState)),
            run_as=draw(st.sampled_from(PEOPLE)),
            requeue_count=draw(st.integers(0, 2)),
            error_code=draw(st.sampled_from((0, 1, 0x80040201, 0x80040370))),
        )
        for number in numbers
    ]


def few(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    """Some of these values, mostly none."""
    return st.just(()) | st.lists(values, max_size=3).map(tuple)


def filters() -> st.SearchStrategy[JobFilter]:
    """Any combination of what can be asked for."""
    moments = st.none() | st.integers(-1, 7).map(at)
    return st.builds(
        JobFilter,
        ids=few(st.integers(0, 61)),
        owners=few(st.sampled_from(PEOPLE)),
        states=few(st.sampled_from(JobState)),
        job_types=few(st.sampled_from(JobType)),
        priorities=few(st.sampled_from(JobPriority)),
        name=st.sampled_from(("", "", "", "REN", "%", "_", "\\", "\u00e4", "n", "\U0001f6d1")),
        canceled_by=few(st.sampled_from(PEOPLE)),
        labels=few(st.sampled_from(("env", "env=prod", "env=", "nv", "a=b=c", "a=b", "", "%"))),
        nodes=few(st.sampled_from(("n1", "N1", 'n"2', "N\u00f63", "n\u00d63", ""))),
        since=moments,
        until=moments,
    )


def matches(row: JobRow, which: JobFilter) -> bool:
    """What the filter means, said once more in the plainest way."""

    def one_of(value: object, values: tuple[object, ...]) -> bool:
        return not values or (value != "" and value in values)

    return (
        one_of(row.job_id, which.ids)
        and one_of(row.owner, which.owners)
        and one_of(row.state, which.states)
        and one_of(row.job_type, which.job_types)
        and one_of(row.priority, which.priorities)
        and one_of(row.cancel_actor, which.canceled_by)
        and (not which.nodes or any(lower(x) in map(lower, row.nodes) for x in which.nodes if x))
        and all(has_label(labels_in(row.labels), label) for label in which.labels)
        and lower(which.name) in lower(row.name)
        and (which.since is None or row.changed_at >= stamp(which.since))
        and (which.until is None or row.changed_at <= stamp(which.until))
    )


def has_label(labels: dict[str, str], label: str) -> bool:
    """Whether a job has it."""
    name, equals, value = label.partition("=")
    return name in labels and (not equals or labels[name] == value)


def lower(text: str) -> str:
    """In small letters, as far as they are ASCII."""
    return "".join(c.lower() if c.isascii() else c for c in text)


def in_order(rows: list[JobRow], order: JobOrder, descending: bool) -> list[JobRow]:
    """The rows as they must come."""
    return sorted(rows, key=lambda row: (job_key(row, order), row.job_id), reverse=descending)


def stored(store: ViewStore, made: list[Job]) -> list[JobRow]:
    """The jobs, in the views; their rows."""
    store.commit(job_changes(100, *map(JobFold, made)))
    return [job_row(x, 100) for x in made]


def paged(
    reader: ViewReader, which: JobFilter, order: JobOrder, descending: bool, size: int
) -> list[JobRow]:
    """Everything, page by page."""
    page, rows = Page(size), list[JobRow]()
    while True:
        answer = reader.jobs(which, order, descending, page)
        assert len(answer.rows) <= size
        assert answer.position == 100
        rows += answer.rows
        if not answer.more:
            return rows
        assert len(answer.rows) == size, "a page that is not the last one is full"
        page = Page(size, job_key(answer.rows[-1], order))


def paging_gives_what_is_found(
    kind: ViewKind, made: list[Job], which: JobFilter, order: JobOrder, descending: bool, size: int
) -> None:
    with kind.new_store() as store:
        rows = stored(store, made)
        found = paged(store.reader(), which, order, descending, size)
        assert found == in_order([r for r in rows if matches(r, which)], order, descending)


def test_paging_gives_what_the_filter_finds_once_and_in_order(kind: ViewKind) -> None:
    holds(
        paging_gives_what_is_found,
        kind,
        made=jobs(),
        which=filters(),
        order=st.sampled_from(JobOrder),
        descending=st.booleans(),
        size=st.integers(1, 7),
    )


def rows_from_a_number_on(
    kind: ViewKind,
    made: list[Job],
    which: JobFilter,
    order: JobOrder,
    descending: bool,
    start: int,
    size: int,
) -> None:
    with kind.new_store() as store:
        rows = stored(store, made)
        found = store.reader().jobs_from(which, order, descending, start, size)
        expected = in_order([r for r in rows if matches(r, which)], order, descending)
        assert (found.rows, found.count) == (tuple(expected[start : start + size]), len(expected))
        assert found.position == 100


def test_rows_from_a_number_on_with_the_count_of_all(kind: ViewKind) -> None:
    holds(
        rows_from_a_number_on,
        kind,
        made=jobs(),
        which=filters(),
        order=st.sampled_from(JobOrder),
        descending=st.booleans(),
        start=st.integers(0, 30) | st.just(2**70),
        size=st.integers(1, 7),
    )


@pytest.mark.parametrize("order", JobOrder)
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_with_every_page_size(kept: Kept, order: JobOrder, descending: bool) -> None:
    store = kept.store()
    made = [
        job(
            n,
            name=NAMES[n % 3],
            owner=PEOPLE[n % 2],
            priority=tuple(JobPriority)[n % 3],
            created_at=at(n % 4),
            changed_at=at(n % 2),
            ended_at=None if n % 3 else at(n % 2),
        )
        for n in range(1, 14)
    ]
    rows = in_order(stored(store, made), order, descending)
    for size in range(1, 15):
        assert paged(store.reader(), JobFilter(), order, descending, size) == rows


ONE_EACH: Final[dict[str, tuple[JobFilter, list[int]]]] = {
    "nothing": (JobFilter(), [1, 2, 3]),
    "ids": (JobFilter(ids=(3, 1, 9)), [1, 3]),
    "owner": (JobFilter(owners=("bob",)), [2]),
    "owners": (JobFilter(owners=("bob", "carol")), [2, 3]),
    "state": (JobFilter(states=(JobState.CANCELED,)), [2]),
    "type": (JobFilter(job_types=(JobType.ADMIN,)), [3]),
    "priority": (JobFilter(priorities=(JobPriority.HIGHEST,)), [3]),
    "name": (JobFilter(name="END"), [1, 2]),
    "name with a wildcard": (JobFilter(name="e%r"), []),
    "canceled by": (JobFilter(canceled_by=("olga",)), [2]),
    "node": (JobFilter(nodes=("N2",)), [2, 3]),
    "nodes": (JobFilter(nodes=("n1", "n3")), [1, 3]),
    "label": (JobFilter(labels=("env=prod",)), [1]),
    "label by name": (JobFilter(labels=("env",)), [1, 2]),
    "labels": (JobFilter(labels=("env", "team=film")), [2]),
    "no such label": (JobFilter(labels=("env=pro",)), []),
    "no such node": (JobFilter(nodes=("n", "n1,n2")), []),
    "since": (JobFilter(since=at(2)), [2, 3]),
    "until": (JobFilter(until=at(2)), [1, 2]),
    "since in another zone": (
        JobFilter(since=at(2).astimezone(timezone(timedelta(hours=-11)))),
        [2, 3],
    ),
    "owner and state": (JobFilter(owners=("alice",), states=(JobState.CANCELED,)), []),
}


@pytest.mark.parametrize("name", ONE_EACH)
def test_each_filter_alone(kept: Kept, name: str) -> None:
    store = kept.store()
    stored(
        store,
        [
            job(1, name="render", changed_at=at(1), nodes=("n1",), labels={"env": "prod"}),
            job(
                2,
                name="Render",
                owner="bob",
                state=JobState.CANCELED,
                changed_at=at(2),
                cancel=canceled_by("olga"),
                nodes=("n2",),
                labels={"env": "test", "team": "film"},
            ),
            job(
                3,
                name="clean",
                owner="carol",
                job_type=JobType.ADMIN,
                priority=JobPriority.HIGHEST,
                changed_at=at(3),
                nodes=("n2", "n3"),
            ),
        ],
    )
    which, found = ONE_EACH[name]
    answer = store.reader().jobs(which, JobOrder.ID, False, ALL)
    assert [row.job_id for row in answer.rows] == found


def test_a_job_is_found_by_the_nodes_of_its_last_round_only(kept: Kept) -> None:
    store = kept.store()

    def found(node: str) -> list[int]:
        which = JobFilter(nodes=(node,))
        return [row.job_id for row in store.reader().jobs(which, JobOrder.ID, False, ALL).rows]

    store.commit(job_changes(1, JobFold(job(1, nodes=("n1", "n2"))), JobFold(job(2))))
    assert (found("n1"), found("n2"), found("n3")) == ([1], [1], [])
    store.commit(
        job_changes(2, JobFold(job(1, nodes=("n2", "n3"))), JobFold(job(2, nodes=("n1",))))
    )
    assert (found("n1"), found("n2"), found("n3")) == ([2], [1], [1])
    store.commit(job_changes(3, JobFold(job(1))))
    assert (found("n1"), found("n2"), found("n3")) == ([2], [], [])
    store.commit(changes(4, removed=[2]))
    assert found("n1") == []


HOSTILE: Final = ("'", '"; DROP TABLE job; --', "\0", "a\0b", "\ud800", "%", "\\", "x" * 100_000)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda x: repr(x)[:20])
def test_hostile_text_finds_nothing_and_breaks_nothing(kept: Kept, text: str) -> None:
    reader, made = kept.store(), [job(1, name="a")]
    stored(reader, made)
    for which in (
        JobFilter(name=text),
        JobFilter(owners=(text,)),
        JobFilter(nodes=(text,)),
        JobFilter(canceled_by=(text, "alice")),
    ):
        assert reader.reader().jobs(which, JobOrder.ID, True, ALL).rows == ()
    assert reader.reader().tasks(1, (text,), ALL).rows == ()


@pytest.mark.parametrize(
    "which",
    [
        JobFilter(ids=(2**70, -(2**70))),
        JobFilter(since=LAST),
        JobFilter(until=FIRST),
    ],
)
def test_values_beyond_all_bounds_find_nothing(kept: Kept, which: JobFilter) -> None:
    store = kept.store()
    stored(store, [job(1)])
    assert store.reader().jobs(which, JobOrder.ID, True, ALL).rows == ()


@pytest.mark.parametrize(
    "which",
    [
        JobFilter(since=FIRST),
        JobFilter(until=LAST),
    ],
)
def test_times_beyond_all_bounds_leave_everything(kept: Kept, which: JobFilter) -> None:
    store = kept.store()
    stored(store, [job(1)])
    assert len(store.reader().jobs(which, JobOrder.ID, True, ALL).rows) == 1


REFUSED: Final[dict[str, Callable[[ViewReader], object]]] = {
    "too many ids": lambda r: r.jobs(
        JobFilter(ids=tuple(range(VALUES_MAX + 1))), JobOrder.ID, True, ALL
    ),
    "too many nodes": lambda r: r.jobs_from(
        JobFilter(nodes=("n",) * (VALUES_MAX + 1)), JobOrder.ID, True, 0, 1
    ),
    "no rows from a number on": lambda r: r.jobs_from(JobFilter(), JobOrder.ID, True, 0, 0),
    "too many rows from a number on": lambda r: r.jobs_from(
        JobFilter(), JobOrder.ID, True, 0, PAGE_ROWS_MAX + 1
    ),
    "too many states": lambda r: r.tasks(1, ["Running"] * (VALUES_MAX + 1), ALL),
    "no rows": lambda r: r.jobs(JobFilter(), JobOrder.ID, True, Page(0)),
    "negative rows": lambda r: r.tasks(1, (), Page(-1)),
    "too many rows": lambda r: r.jobs(JobFilter(), JobOrder.ID, True, Page(PAGE_ROWS_MAX + 1)),
    "text for a number": lambda r: r.jobs(JobFilter(), JobOrder.ID, True, Page(1, ("1",))),
    "a key too short": lambda r: r.jobs(JobFilter(), JobOrder.NAME, True, Page(1, ("a",))),
    "a key too long": lambda r: r.jobs(JobFilter(), JobOrder.NAME, True, Page(1, ("a", 1, 2))),
    "none in a key": lambda r: r.jobs(JobFilter(), JobOrder.ENDED, True, Page(1, (None, 1))),
    "another order's key": lambda r: r.jobs(
        JobFilter(), JobOrder.PRIORITY, True, Page(1, ("a", 1))
    ),
    "a key of two for tasks": lambda r: r.tasks(1, (), Page(1, (1, 2))),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_question_is_refused(kept: Kept, name: str) -> None:
    with pytest.raises(BadRequest):
        REFUSED[name](kept.store().reader())


def test_as_many_values_as_are_allowed(kept: Kept) -> None:
    store = kept.store()
    stored(store, [job(n) for n in range(1, VALUES_MAX + 2)])
    which = JobFilter(ids=tuple(range(1, VALUES_MAX + 1)))
    assert len(store.reader().jobs(which, JobOrder.ID, True, ALL).rows) == VALUES_MAX


@pytest.mark.parametrize("key", [("\ud800", 1), ("", 2**70), ("\U0010ffff", -(2**70))])
def test_a_key_of_any_text_and_number_goes_on_somewhere(kept: Kept, key: tuple[str, int]) -> None:
    store = kept.store()
    stored(store, [job(1)])
    store.reader().jobs(JobFilter(), JobOrder.NAME, True, Page(1, key))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_tasks_come_by_number_in_pages(kept: Kept, size: int) -> None:
    store = kept.store()
    tasks = {
        n: Task(TaskSpec(n, f"work {n}"), TaskState.RUNNING if n % 2 else TaskState.QUEUED)
        for n in (1, 2, 3, 4, 5, 10, 11)
    }
    stored(store, [job(1, tasks=tasks), job(2, tasks={1: Task(TaskSpec(1, "other"))})])
    for states, numbers in (((), [1, 2, 3, 4, 5, 10, 11]), (("Running",), [1, 3, 5, 11])):
        page, found = Page(size), list[int]()
        while True:
            answer = store.reader().tasks(1, states, page)
            found += [row.task_id for row in answer.rows]
            if not answer.more:
                break
            page = Page(size, (answer.rows[-1].task_id,))
        assert found == numbers
    row = store.reader().tasks(1, (), Page(1)).rows[0]
    assert row == task_row(1, tasks[1])
