"""What the views are asked: filters, orders and pages, and the port that answers."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from domain.errors import BadRequest
from domain.states import JobPriority, JobState, JobType
from projections.audit_trail import AuditRow
from projections.cancellations import CancellationRow
from projections.job_view import JobRow, TaskRow
from projections.subtask_view import SubtaskRow

PAGE_ROWS_MAX: Final = 1000
PAGE_ROWS: Final = 100
VALUES_MAX: Final = 100
"""How many values of one kind a filter may name."""


class JobOrder(StrEnum):
    """By what jobs are sorted; equal ones by number.

    ``type``: the job's. ``error``: its error code, as a signed number, as HPC Pack has it.
    """

    ID = "id"
    CHANGED = "changed"
    CREATED = "created"
    ENDED = "ended"
    PRIORITY = "priority"
    OWNER = "owner"
    NAME = "name"
    STATE = "state"
    PREVIOUS_STATE = "previous_state"
    TYPE = "type"
    SUBMITTED = "submitted"
    STARTED = "started"
    RUN_AS = "run_as"
    REQUEUES = "requeues"
    ERROR = "error"


class JobFilter(Struct, frozen=True):
    """Which jobs; what is empty or None does not restrict. Several values of one kind: any of them;
    an empty text among them finds nothing.

    ``name``: a part of the name, without regard to the case of ASCII letters. ``canceled_by``: who
    asked for the last cancel. ``nodes``: allocated to the job in its present or last round; the
    case of ASCII letters does not matter. ``labels``: each as ``name=value``, or a name alone for
    any value; a job with all of them. ``since``, ``until``: of the last change, both included.
    """

    ids: tuple[int, ...] = ()
    owners: tuple[str, ...] = ()
    states: tuple[JobState, ...] = ()
    job_types: tuple[JobType, ...] = ()
    priorities: tuple[JobPriority, ...] = ()
    name: str = ""
    canceled_by: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class AuditFilter(Struct, frozen=True):
    """Which rows of the trail; what is empty or None does not restrict.

    Several values of one kind: any of them, an empty text among them finds nothing; different
    kinds: all of them. ``words``: every word is in the message or the explanation; a phrase in
    double quotes as it stands, ``word*`` the beginning of a word; without regard to case and
    accents; a symbol (an emoji) is a word by itself. ``job``: a number, or the text of a row's
    subject (what was asked for instead of a job, a parameter). ``task``: it is one of the row's
    tasks, or a subtask of it is. ``rules``: one of the row's rules, or with commas between (as a
    row has them) all of these. ``forced``: asked for by force, or stopped by force. ``refused``:
    only refusals. ``since``, ``until``: by the event's own time, both included. ``position_min``
    and ``position_max``: places in the stream, both included.
    """

    words: str = ""
    job: str = ""
    task: int | None = None
    owners: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    on_behalf_of: tuple[str, ...] = ()
    requested_by: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    reason_codes: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    forced: bool = False
    refused: bool = False
    message: str = ""
    explanation: str = ""
    request_id: str = ""
    event_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    position_min: int = 0
    position_max: int | None = None


class Trouble(StrEnum):
    """What is wrong with a cancel.

    ``survivors``: processes outlived SIGKILL and are still there. ``stuck``: it is not over, and
    was due. ``late``: it is over, but after it was due.
    """

    SURVIVORS = "survivors"
    STUCK = "stuck"
    LATE = "late"


class CancellationFilter(Struct, frozen=True):
    """Which accepted cancels. ``troubled``: only those with a ``Trouble``. ``job_id``: of one job.

    ``open``: only those that are, or are not, being carried out.
    """

    owners: tuple[str, ...] = ()
    job_id: int | None = None
    modes: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    troubled: bool = False
    open: bool | None = None


TRAIL_COLUMNS: Final = tuple(f for f in AuditRow.__struct_fields__ if f != "time_high")
"""What a row of the trail says to people, in the order in which every form has it."""

TRAIL_VALUES: Final = {
    "owner": "owners",
    "actor": "actors",
    "on_behalf_of": "on_behalf_of",
    "requested_by": "requested_by",
    "kind": "kinds",
    "type": "types",
    "operation": "operations",
    "outcome": "outcomes",
    "mode": "modes",
    "reason_code": "reason_codes",
    "origin": "origins",
    "rule": "rules",
    "code": "codes",
}
"""Columns of the trail that are searched by exact values, and the filter's name for each."""

Key = tuple[str | int | None, ...]


class Page(Struct, frozen=True):
    """Which part of an answer: at most ``rows`` (1 to 1000) after the row with the key ``after``.

    ``after``: () for the first page.
    """

    rows: int = PAGE_ROWS
    after: Key = ()


R = TypeVar("R")


class Answer(Struct, Generic[R], frozen=True):
    """Rows, whether more follow, and the position of the stream that they are true for."""

    rows: tuple[R, ...]
    more: bool
    position: int


class Numbered(Struct, Generic[R], frozen=True):
    """Rows from a number on, how many there are of all, and the position that both are true for."""

    rows: tuple[R, ...]
    count: int
    position: int


class TroubledCancellation(Struct, frozen=True):
    """An accepted cancel with what is wrong with it, None for nothing.

    ``group``: 0 for the worst; the order of an answer is by group, then the latest first.
    """

    row: CancellationRow
    trouble: Trouble | None
    group: int


class Troubles(Struct, frozen=True):
    """How many cancels are open, stuck and late, and how many processes outlived SIGKILL."""

    open: int
    stuck: int
    late: int
    survivors: int


class Span(Struct, frozen=True):
    """How many rows of the trail a filter finds, and the places of the first and the last."""

    count: int
    first: int | None
    last: int | None
    position: int


class Lines(Struct, frozen=True):
    """A page of an export: its lines, and the place of the last one in the stream."""

    lines: Sequence[bytes]
    last: int


class ViewReader(Protocol):
    """Answers from the views. Synchronous, from any thread, many at once.

    Each answer is read from one state of the views, and says for which position. Raises
    ``BadRequest`` for words that cannot be searched for, a filter of too many values, a page of too
    many rows or a key of another question; whatever else is asked for finds what there is of it,
    and may be nothing. ``Unavailable`` while the views cannot be read, also for ever, when others
    took their place; ``Corrupt`` when they are damaged.
    """

    def position(self) -> int:
        """The views are true for the stream up to here."""
        ...

    def jobs(
        self, which: JobFilter, order: JobOrder, descending: bool, page: Page
    ) -> Answer[JobRow]:
        """Jobs in order; the key of a row is ``job_key``."""
        ...

    def jobs_from(
        self, which: JobFilter, order: JobOrder, descending: bool, start: int, rows: int
    ) -> Numbered[JobRow]:
        """At most ``rows`` (1 to 1000) jobs in order, beginning with number ``start`` (from 0).

        For who must show a number of pages; ``jobs`` goes on at the same cost however far it is,
        and by its keys no job is missed or met twice while others come and go.
        """
        ...

    def tasks(self, job_id: int, states: Sequence[str], page: Page) -> Answer[TaskRow]:
        """Tasks of a job by number; the key of a row is its number."""
        ...

    def subtasks(self, job_id: int, task_id: int, numbers: Sequence[int]) -> Answer[SubtaskRow]:
        """The last ended runs of these subtasks (at most 1000), rising by number; a subtask none of
        whose runs has ended has no row."""
        ...

    def trail(self, which: AuditFilter, descending: bool, page: Page) -> Answer[AuditRow]:
        """Rows of the trail in the stream's order; the key of a row is its position."""
        ...

    def trail_span(self, which: AuditFilter) -> Span:
        """How many rows the filter finds, and where they begin and end."""
        ...

    def trail_lines(self, which: AuditFilter, *, named: bool) -> Iterator[Lines]:
        """All rows that the filter finds now, in the stream's order, in bounded pages.

        Each row is one line of JSON in UTF-8: the values of ``TRAIL_COLUMNS`` in their order, as an
        array, or ``named`` as an object. Exports are long, and to make a Python object of each
        value would take most of the time. What comes into the views meanwhile is not in it.
        """
        ...

    def cancellations(
        self, which: CancellationFilter, now: datetime, page: Page
    ) -> Answer[TroubledCancellation]:
        """Accepted cancels: those with survivors first, then stuck, then late, then the rest, each
        the latest first. The key of a row is (group, position)."""
        ...

    def troubles(self, now: datetime) -> Troubles:
        """What is wrong, in numbers."""
        ...


Filter = JobFilter | AuditFilter | CancellationFilter


def check(which: Filter) -> None:
    """Pass, or raise ``BadRequest``: too many values of a kind."""
    for name in which.__struct_fields__:
        values = getattr(which, name)
        if isinstance(values, tuple):
            check_values(name.replace("_", " "), values)


def check_values(what: str, values: Sequence[object]) -> None:
    """Pass, or raise ``BadRequest``."""
    if len(values) > VALUES_MAX:
        raise BadRequest(
            f"{len(values)} {what} are asked for; at most {VALUES_MAX} can be",
            code="too_many_values",
        )


def check_page(page: Page) -> None:
    """Pass, or raise ``BadRequest``."""
    check_rows(page.rows)


def check_rows(rows: int) -> None:
    """Pass, or raise ``BadRequest``: more rows than a page may have, or none."""
    if not 1 <= rows <= PAGE_ROWS_MAX:
        raise BadRequest(
            f"a page of {rows} rows is asked for; it may have 1 to {PAGE_ROWS_MAX}",
            code="bad_page",
        )


def job_key(row: JobRow, order: JobOrder) -> Key:
    """What a page of jobs in this order goes on after."""
    return (row.job_id,) if order is JobOrder.ID else (COMPARED[order](row), row.job_id)


COMPARED: Final[dict[JobOrder, Callable[[JobRow], str | int]]] = {
    JobOrder.ID: lambda row: row.job_id,
    JobOrder.CHANGED: lambda row: row.changed_at,
    JobOrder.CREATED: lambda row: row.created_at,
    JobOrder.ENDED: lambda row: row.ended_at or "",
    JobOrder.PRIORITY: lambda row: row.priority_number,
    JobOrder.OWNER: lambda row: row.owner,
    JobOrder.NAME: lambda row: row.name,
    JobOrder.STATE: lambda row: row.state,
    JobOrder.PREVIOUS_STATE: lambda row: row.previous_state or "",
    JobOrder.TYPE: lambda row: row.job_type,
    JobOrder.SUBMITTED: lambda row: row.submitted_at or "",
    JobOrder.STARTED: lambda row: row.started_at or "",
    JobOrder.RUN_AS: lambda row: row.run_as,
    JobOrder.REQUEUES: lambda row: row.requeue_count,
    JobOrder.ERROR: lambda row: row.error_code - (2**32 if row.error_code >= 2**31 else 0),
}
"""What each order compares of a row."""
