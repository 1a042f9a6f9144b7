"""PostgreSQL's errors in our words; none of them ever says a password."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
from eventsourcing.persistence import DataError, IntegrityError, PersistenceError
from psycopg import errors

from domain.errors import Corrupt, CountermandError, StoreFull, Unavailable

NOT_OURS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    DataError,
    IntegrityError,
)
"""Rows that no table can hold: who writes them finds out which."""

DAMAGE: Final = (
    errors.DataCorrupted,
    errors.IndexCorrupted,
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
)
"""What is there cannot be read, or what must be there is not."""


@contextmanager
def our_errors() -> Iterator[None]:
    """The library's and PostgreSQL's errors in our words."""
    try:
        yield
    except (CountermandError, *NOT_OURS):
        raise
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the views hold what cannot be read: {error}") from error
    except (psycopg.Error, PersistenceError) as error:
        raise in_our_words(error) from error


def in_our_words(error: Exception) -> CountermandError:
    """What an error of PostgreSQL means to the users of views."""
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if isinstance(cause, errors.DiskFull):
        return StoreFull(f"the disk of the views is full: {first_line(error)}")
    if isinstance(cause, DAMAGE):
        return Corrupt(f"the views in PostgreSQL are damaged: {first_line(error)}")
    if isinstance(cause, errors.InsufficientPrivilege):
        return Unavailable(
            f"PostgreSQL does not let the account of views do what it must: {first_line(error)}; "
            "it needs CREATE on its database"
        )
    return Unavailable(
        f"the views in PostgreSQL cannot be used now: {first_line(error)}",
        code="views_unreachable",
    )


def first_line(error: Exception) -> str:
    """What went wrong, without hints and places."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
