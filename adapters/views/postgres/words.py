"""Words of the trail as PostgreSQL searches them: lexemes that we make, without its dictionaries.

A message's words have weight A, an explanation's B, each with its place; an exact value is a lexeme
without a place. So a row is found as SQLite's index finds it, in one look at one index.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from adapters.views.clauses import in_small_letters
from adapters.views.cursor import Cursor
from adapters.views.facets import words_of
from adapters.views.postgres.schema import insert
from adapters.views.words import Term, plain, terms_of
from projections.audit_trail import AuditRow

WEIGHTS: Final = {"message": "A", "explanation": "B"}
GAP: Final = 10
"""Places between a message and an explanation: no phrase goes from one to the other."""

PLACE_MAX: Final = 16383
"""PostgreSQL's: words beyond it are found, but in no phrase."""

WORD_CHARACTERS_MAX: Final = 500
"""PostgreSQL takes 2046 bytes. Of a longer word, and of a search for one, the beginning counts."""

NOWHERE: Final = "'\ue001'"
"""A word that no text has."""


class LexemeIndex:
    """``TrailIndex`` in a column of the trail."""

    condition = "a.words @@ ?::tsquery"
    stretches_max = 4  # each query is a way to the server and back

    def source(self, indexed: bool) -> tuple[str, str]:
        return "audit a", "a.position"

    def search(self, text: str, columns: str) -> str:
        weights = "".join(WEIGHTS[column] for column in columns.split())
        weights = "" if len(weights) == len(WEIGHTS) else weights
        return self.all_of([asked_for(term, weights) for term in terms_of(text)])

    def value(self, facet: str) -> str:
        return quoted(facet)

    def values(self, part: str) -> str:
        return part

    def all_of(self, parts: Sequence[str]) -> str:
        return f"({' & '.join(parts)})"

    def any_of(self, parts: Sequence[str]) -> str:
        return f"({' | '.join(parts)})"

    def put(self, cursor: Cursor, rows: Sequence[AuditRow]) -> None:
        cursor.executemany(insert("audit"), ((*astuple(row), lexemes(row)) for row in rows))


def asked_for(term: Term, weights: str) -> str:
    """A term as PostgreSQL's text of a search."""
    if not term.words:
        return NOWHERE
    marks = ["" for _ in term.words[1:]] + ["*" if term.begins else ""]
    ends = [f":{mark}{weights}" if mark or weights else "" for mark in marks]
    words = [quoted(lexeme(word)) + end for word, end in zip(term.words, ends, strict=True)]
    return f"({' <-> '.join(words)})"


def lexemes(row: AuditRow) -> str:
    """All that finds a row, as PostgreSQL's text of lexemes."""
    places: dict[str, list[str]] = {}
    begin = 1
    for text, weight in ((row.message, "A"), (row.explanation, "B")):
        words = plain(text).split()
        for place, word in enumerate(words, begin):
            places.setdefault(lexeme(word), []).append(f"{min(place, PLACE_MAX)}{weight}")
        begin += len(words) + GAP
    there = [f"{quoted(word)}:{','.join(found)}" for word, found in places.items()]
    return " ".join([*there, *map(quoted, words_of(row))])


def lexeme(word: str) -> str:
    """A word as the index holds it."""
    return in_small_letters(word)[:WORD_CHARACTERS_MAX]


def quoted(word: str) -> str:
    """A word in quotes, whatever it is made of."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
