"""From the error families to the exceptions that users of the library catch: one table."""

from typing import Final

from eventsourcing.persistence import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    PersistenceError,
    ProgrammingError,
)

from domain.errors import (
    Conflict,
    Corrupt,
    CountermandError,
    Misconfigured,
    OutcomeUnknown,
    Unavailable,
)


class SettingsError(InterfaceError, OSError):
    """A setting is missing or not allowed; an ``OSError`` too, as in the library's own modules."""


class OutcomeUnknownError(OperationalError):
    """The events may have been stored, and the stream could not be asked within the deadline.

    Read the aggregate again before a retry: a retry of stored events raises ``IntegrityError``.
    """


LIBRARYS: Final[tuple[tuple[type[CountermandError], type[PersistenceError]], ...]] = (
    (Conflict, IntegrityError),
    (OutcomeUnknown, OutcomeUnknownError),
    (Unavailable, OperationalError),
    (Corrupt, InternalError),
    (Misconfigured, ProgrammingError),
    (CountermandError, PersistenceError),
)
"""The first row that fits. ``ProgrammingError`` is what databases say of a missing table."""


def in_librarys_words(error: CountermandError) -> PersistenceError:
    """The library's exception with the same sentence."""
    for family, kind in LIBRARYS:
        if isinstance(error, family):
            return kind(error.message)
    raise AssertionError("the last row fits all")
