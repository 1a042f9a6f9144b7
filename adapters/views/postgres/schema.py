"""The tables in PostgreSQL's words: those of SQLite, and what only one of them has."""

import re
from typing import Final

from adapters.views.schema import INDEXES, KEYS, OTHERS, TABLES, all_columns, table

WORDS: Final = (
    (" STRICT, WITHOUT ROWID", ""),
    (" STRICT", ""),
    (" COLLATE NOCASE", ""),
    ("INTEGER", "BIGINT"),
    ("BLOB", "BYTEA"),
    ("TEXT", 'TEXT COLLATE "C"'),
    ("job_node (node,", "job_node (lower(node),"),
)
"""What SQLite says, and PostgreSQL. Texts are compared byte by byte in both."""

WITH_WORDS: Final = (
    "ALTER TABLE audit ADD COLUMN words tsvector NOT NULL",
    "CREATE INDEX audit_by_words ON audit USING gin (words)",
)
"""``words``: what finds a row, in the place of SQLite's table of words."""

IN_RANGES: Final = """CREATE FUNCTION in_ranges(number bigint, ranges text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM regexp_split_to_table(ranges, ',') part,
        regexp_match(part, '^(-?[0-9]+)(?:-([0-9]+)|[.]-?[0-9]+(?:-[0-9]+)?)?$') ends
        WHERE number BETWEEN ends[1]::numeric AND coalesce(ends[2], ends[1])::numeric
    )
$$"""
"""``ranges.in_ranges``, said to PostgreSQL."""

NAME: Final = re.compile(r"CREATE (?:TABLE|INDEX) (\w+)")


def statements() -> list[str]:
    """Everything that makes an empty schema, but the recorder's own table."""
    tables = [*(table(name) for name in TABLES), *(x for x in OTHERS if "VIRTUAL" not in x)]
    return [*map(in_postgres, (*tables, *INDEXES)), *WITH_WORDS, IN_RANGES]


def in_postgres(statement: str) -> str:
    """A statement of SQLite's."""
    for theirs, ours in WORDS:
        statement = statement.replace(theirs, ours)
    return statement


def relations() -> frozenset[str]:
    """The names of all tables and indexes that there must be."""
    found = (NAME.match(statement) for statement in statements())
    return frozenset(x.group(1) for x in found if x is not None)


def columns_in(name: str) -> tuple[str, ...]:
    """All columns of a table, in order."""
    return (*all_columns(name), "words") if name == "audit" else all_columns(name)


def insert(name: str) -> str:
    """Insert or replace a whole row."""
    columns = columns_in(name)
    rest = ", ".join(f"{c} = EXCLUDED.{c}" for c in columns if c not in KEYS[name])
    return (
        f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))}) "
        f"ON CONFLICT ({', '.join(KEYS[name])}) DO UPDATE SET {rest}"
    )
