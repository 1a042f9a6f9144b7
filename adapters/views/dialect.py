"""What two databases say in different words; the rest of the views' SQL is the same for both."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from adapters.views.cursor import Cursor, Row
from projections.audit_trail import AuditRow


class TrailIndex(Protocol):
    """The index of the trail: words of messages and explanations, and exact values as words.

    Searches are made of parts, each an expression of the index's own language.
    """

    @property
    def condition(self) -> str:
        """The condition that a row is found, with a question mark for the search."""
        ...

    @property
    def stretches_max(self) -> int:
        """In how many stretches of the trail a time is looked up, at some queries each."""
        ...

    def source(self, indexed: bool) -> tuple[str, str]:
        """The tables of a query, the trail among them as ``a``, and the place of a row.

        ``indexed``: rows are found by the index.
        """
        ...

    def search(self, text: str, columns: str) -> str:
        """Every word of ``text`` is in one of ``columns`` ("message", "explanation" or both with a
        blank between). Raises as ``words.terms_of`` does."""
        ...

    def value(self, facet: str) -> str:
        """A row has this word for a value."""
        ...

    def values(self, part: str) -> str:
        """What ``value`` was put together to, as a part of a search."""
        ...

    def all_of(self, parts: Sequence[str]) -> str:
        """All parts hold."""
        ...

    def any_of(self, parts: Sequence[str]) -> str:
        """One of the parts holds."""
        ...

    def put(self, cursor: Cursor, rows: Sequence[AuditRow]) -> None:
        """Store rows of the trail, and whatever finds them."""
        ...


class Dialect(Struct, frozen=True):
    """The words of one database.

    ``insert``: insert or replace a whole row of a table. ``lose_nodes``, ``gain_nodes``: of a job's
    number and its nodes as JSON, what ``job_node`` must not have any more, and must have.
    ``found_in``: the function that tells where a text has another, 0 for nowhere. ``node``: a
    node in ``job_node``, comparable with one in small letters. ``unequal``: the operator for values
    of which one may be NULL. ``lines``: what of each row of the trail an export reads, and ``line``
    what that is as a line of JSON; of named values or not.
    """

    insert: Callable[[str], str]
    lose_nodes: str
    gain_nodes: str
    found_in: str
    node: str
    unequal: str
    index: TrailIndex
    lines: Callable[[bool], str]
    line: Callable[[Row, bool], bytes]
