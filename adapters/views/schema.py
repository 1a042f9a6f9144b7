"""The tables: STRICT, a column a field of the row's Struct, in the same order."""

import typing
from types import NoneType, UnionType
from typing import Final, get_args, get_origin

from msgspec import Struct

from projections.audit_trail import AuditRow
from projections.cancellations import CancellationRow
from projections.job_view import JobRow, TaskRow
from projections.subtask_view import SubtaskRow

TABLES: Final[dict[str, type[Struct]]] = {
    "job": JobRow,
    "task": TaskRow,
    "subtask": SubtaskRow,
    "audit": AuditRow,
    "cancellation": CancellationRow,
}
KEYS: Final = {
    "job": ("job_id",),
    "task": ("job_id", "task_id"),
    "subtask": ("job_id", "task_id", "instance"),
    "audit": ("position",),
    "cancellation": ("position",),
    "state": ("kind", "id"),
    "tally": ("measure", "labels"),
}
NODES: Final = JobRow.__struct_fields__.index("nodes")
"""The one column that is JSON text: a job's nodes."""

EXTRA: Final = {
    "task": "state_bytes BLOB NOT NULL",
    "cancellation": "in_view INTEGER NOT NULL",
}
"""``state_bytes``: the task as it is folded on, in MessagePack. ``in_view``: 0 for a cancel of a
job that has left the job view."""

FOLDED: Final = {"state": ("kind", "id", "bytes"), "tally": ("measure", "labels", "total")}
"""The columns of two tables below: what is folded on, and totals."""

OTHERS: Final = (
    """CREATE TABLE state (
    kind TEXT NOT NULL, id TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE tally (
    measure TEXT NOT NULL, labels TEXT NOT NULL, total INTEGER NOT NULL,
    PRIMARY KEY (measure, labels)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE about (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, log_id TEXT NOT NULL,
    release_seconds INTEGER NOT NULL, high TEXT
) STRICT""",
    "CREATE TABLE stretch (first INTEGER PRIMARY KEY) STRICT",
    """CREATE TABLE job_node (
    job_id INTEGER NOT NULL, node TEXT NOT NULL COLLATE NOCASE, PRIMARY KEY (job_id, node)
) STRICT, WITHOUT ROWID""",
    """CREATE VIRTUAL TABLE audit_index USING fts5 (
    message, explanation, facets, content = '', columnsize = 0, tokenize = 'ascii'
)""",
)
"""``stretch``: the first rows of stretches of the trail in which the clock was not set back.
``job_node``: a job's nodes one by one, to be searched for.
``audit_index``: words of a row as ``words.plain`` gives them, and for each exact value a word of
its own (``facets``). What a word is depends on that alone, not on the tokenizer's Unicode."""

INDEXES: Final = (
    "CREATE INDEX job_by_id ON job (job_id, state, owner, changed_at)",
    "CREATE INDEX job_by_state ON job (state, job_id, owner, changed_at)",
    "CREATE INDEX job_by_owner ON job (owner, job_id, state, changed_at)",
    "CREATE INDEX job_by_change ON job (changed_at, job_id, state, owner)",
    "CREATE INDEX job_by_end ON job (coalesce(ended_at, ''), job_id, state, owner, changed_at)",
    "CREATE INDEX job_node_by_node ON job_node (node, job_id)",
    "CREATE INDEX cancellation_by_job ON cancellation (job_id, position)",
    "CREATE INDEX cancellation_by_owner ON cancellation (owner, position)",
    "CREATE INDEX cancellation_open ON cancellation (position) WHERE open = 1",
    "CREATE INDEX cancellation_outlived ON cancellation (position) WHERE survivors > 0",
    "CREATE INDEX cancellation_late ON cancellation (position) WHERE late = 1 AND in_view = 1",
)
"""Jobs are counted, and passed over, in an index alone where it holds all that a filter asks for:
a row of ``job`` is ten times as long. So each of theirs has the columns that are asked for most."""


def statements() -> list[str]:
    """Everything that makes an empty file."""
    return [*(table(name) for name in TABLES), *OTHERS, *INDEXES]


def table(name: str) -> str:
    """The table of a row's Struct."""
    columns = [column(field, kind) for field, kind in fields(TABLES[name]).items()]
    columns += [EXTRA[name]] if name in EXTRA else []
    key = KEYS[name]
    if len(key) == 1:
        columns = [c + " PRIMARY KEY" if c.startswith(f"{key[0]} ") else c for c in columns]
        return f"CREATE TABLE {name} ({', '.join(columns)}) STRICT"
    columns.append(f"PRIMARY KEY ({', '.join(key)})")
    return f"CREATE TABLE {name} ({', '.join(columns)}) STRICT, WITHOUT ROWID"


def fields(row: type[Struct]) -> dict[str, object]:
    """A Struct's fields and their types, in order."""
    hints = typing.get_type_hints(row)
    return {name: hints[name] for name in row.__struct_fields__}


def column(name: str, kind: object) -> str:
    """A column; an optional field may be NULL, a tuple is JSON text."""
    plain, optional = without_none(kind)
    type_ = "INTEGER" if plain is int else "TEXT"
    return f"{name} {type_}" + ("" if optional else " NOT NULL")


def without_none(kind: object) -> tuple[object, bool]:
    """The type, and whether None is allowed beside it."""
    if get_origin(kind) is not UnionType:
        return kind, False
    others = [x for x in get_args(kind) if x is not NoneType]
    return others[0], len(others) < len(get_args(kind))


def width(name: str) -> int:
    """How many columns a table has."""
    return len(all_columns(name))


def all_columns(name: str) -> tuple[str, ...]:
    """All columns of a table that whole rows are written into, in order."""
    if name in FOLDED:
        return FOLDED[name]
    extra = (EXTRA[name].partition(" ")[0],) if name in EXTRA else ()
    return (*TABLES[name].__struct_fields__, *extra)


def columns_of(name: str) -> str:
    """The columns of a row's Struct, in its order."""
    return ", ".join(TABLES[name].__struct_fields__)
