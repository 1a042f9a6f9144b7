"""Exact values as words of the index, so that any combination of filters is one lookup.

An inverted index intersects rare with common at the speed of the rare, keeps the stream's order,
and needs no index for each combination of columns. A value becomes one word: the letter of its
column and a digest, whatever characters it holds.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from projections.audit_trail import AuditRow

LETTERS: Final = {
    "kind": "k",
    "type": "t",
    "operation": "p",
    "outcome": "u",
    "subject": "s",
    "owner": "w",
    "actor": "a",
    "on_behalf_of": "b",
    "requested_by": "q",
    "origin": "o",
    "mode": "m",
    "reason_code": "r",
    "rule": "l",
    "code": "c",
}
"""Columns that are searched by their exact value."""

DIGEST_BYTES: Final = 12
REMEMBERED: Final = 4096


@lru_cache(REMEMBERED)
def facet(column: str, value: str) -> str:
    """The word for a value of a column."""
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    return LETTERS[column] + digest.hexdigest()


def facets_of(row: AuditRow) -> str:
    """All words for the values of a row; an empty value has none."""
    return " ".join(words_of(row))


def words_of(row: AuditRow) -> Iterator[str]:
    """The words one by one; each rule of several has its own."""
    for column in LETTERS:
        value = getattr(row, column)
        if column == "rule":
            yield from (facet("rule", rule) for rule in value.split(",") if rule)
        elif value:
            yield facet(column, value)


def any_of(column: str, values: Iterable[str]) -> str:
    """The part of a search that asks for any of these values."""
    return "(" + " OR ".join(facet(column, value) for value in values) + ")"
