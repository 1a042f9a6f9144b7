"""Exact values as words of the index, so that any combination of filters is one lookup.

An inverted index intersects rare with common at the speed of the rare, keeps the stream's order,
and needs no index for each combination of columns. A value becomes one word, whatever characters it
holds: a mark that no keyboard has, the letter of its column, and a digest.
"""

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from adapters.views.dialect import TrailIndex
from adapters.views.ranges import numbers
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
    "job_id": "j",
    "request_id": "i",
    "event_id": "e",
    "task": "n",
}
"""Columns that are searched by their exact value; ``task``: each number in ``tasks``."""

MARK: Final = "\ue000"
"""For private use, so a letter to the tokenizer: ``m*`` then has no exact values to go through."""

DIGEST_BYTES: Final = 12
REMEMBERED: Final = 4096
TASKS_MAX: Final = 8
MANY: Final = "many"
"""Stands for the tasks of a row with more than ``TASKS_MAX`` of them; then the row itself tells."""


@lru_cache(REMEMBERED)
def facet(column: str, value: str) -> str:
    """The word for a value of a column."""
    digest = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES)
    return MARK + LETTERS[column] + digest.hexdigest()


def facets_of(row: AuditRow) -> str:
    """All words for the values of a row; an empty value has none."""
    return " ".join(words_of(row))


def words_of(row: AuditRow) -> Iterator[str]:
    """The words one by one; each rule of several has its own, and so has each task."""
    for column in LETTERS:
        if column == "rule":
            yield from (facet("rule", rule) for rule in row.rule.split(",") if rule)
        elif column == "task":
            yield from (facet("task", task) for task in tasks_of(row.tasks))
        elif (value := getattr(row, column)) not in ("", None):
            yield facet(column, str(value))


def tasks_of(ranges: str) -> tuple[str, ...]:
    """The numbers of some tasks; of more than a few ``MANY``."""
    if not ranges:
        return ()
    found = numbers(ranges, TASKS_MAX)
    return (MANY,) if found is None else tuple(map(str, found))


def asked(index: TrailIndex, column: str, value: str) -> str:
    """The part that asks for one value; of rules, as a row names them, for each of several."""
    rules = [rule for rule in value.split(",") if rule] if column == "rule" else []
    if len(rules) < 2:
        return index.value(facet(column, rules[0] if rules else value))
    return index.all_of([index.value(facet(column, rule)) for rule in rules])
