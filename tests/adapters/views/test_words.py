"""What people type becomes a search of the index, or is refused; never anything else."""

import re
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.http.contract.fields import Words
from adapters.views.facets import MANY, facet, facets_of, tasks_of
from adapters.views.ranges import in_ranges, numbers
from adapters.views.schema import OTHERS
from adapters.views.store import SqliteViewStore
from adapters.views.words import SEARCHABLE, plain, search
from application.views import AuditFilter
from domain.errors import BadRequest
from tests.contract.views import ALL, audit, changes


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    """The index with one row."""
    database = sqlite3.connect(":memory:")
    (made,) = [x for x in OTHERS if "audit_index" in x]
    database.execute(made)
    database.execute("INSERT INTO audit_index (rowid, message, facets) VALUES (1, 'a b', 'c')")
    yield database
    database.close()


special = st.sampled_from('"*^:(){}-+, \0\ud800\u0301\ue000aN')
texts = st.text(alphabet=st.characters(codec=None) | special, max_size=30)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(texts)
def test_any_text_is_a_search_or_a_bad_request(index: sqlite3.Connection, text: str) -> None:
    try:
        terms = search(text, "message explanation")
    except BadRequest:
        return
    terms.encode()
    index.execute("SELECT rowid FROM audit_index WHERE audit_index MATCH ?", (terms,)).fetchall()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("disk", '("disk")'),
        ("disk full", '("disk" AND "full")'),
        ('"disk full" now', '("disk full" AND "now")'),
        ("dis*", '("dis" *)'),
        ('"disk fu"*', '("disk fu" *)'),
        ("a*b", '("a b")'),
        ("AND", '("AND")'),
        ('a"b', '("a b")'),
        ("\u00c9COLE", '("ecole")'),
        ("e\u0301cole", '("ecole")'),
        ("Stra\u00dfe", '("strasse")'),
        ("\u0939\u093f\u0928\u094d\u0926\u0940", '("\u0939\u093f\u0928\u094d\u0926\u0940")'),
        ("a\0b", '("a b")'),
        ("fire \U0001f525", '("fire" AND "\U0001f525")'),
        ("a\U0001f525b", '("a \U0001f525 b")'),
        ("\U0001f44d\U0001f3fd", '("\U0001f44d")'),
        ("\u2764\ufe0f*", '("\u2764" *)'),
        ("\U0001f1e9\U0001f1ea", '("\U0001f1e9 \U0001f1ea")'),
        ("disk - full", '("disk" AND "full")'),
        ('-- "!" 5* \u0301', '("5" *)'),
    ],
)
def test_a_search_in_the_terms_of_the_index(text: str, terms: str) -> None:
    assert search(text, "message") == f"{{message}} : {terms}"


@pytest.mark.parametrize("text", ["", " \t\n", '- "!" *', "\0\x7f", "_"])
def test_what_has_nothing_to_search_for_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="no letter and no digit"):
        search(text, "message")


@pytest.mark.parametrize("text", ["\u2026", "\u0301", "\u200d \ue000", "\ud800"])
def test_signs_beyond_ascii_are_in_no_text(index: sqlite3.Connection, text: str) -> None:
    found = search(text, "message")
    assert found == '{message} : ("")'
    query = "SELECT rowid FROM audit_index WHERE audit_index MATCH ?"
    assert index.execute(query, (found,)).fetchall() == []


@given(st.text(max_size=6))
@settings(max_examples=2000, deadline=None, derandomize=True)
def test_the_published_pattern_is_what_is_searchable(text: str) -> None:
    pattern = Words().schema().pattern
    assert isinstance(pattern, str)
    assert bool(re.search(pattern, text)) is bool(SEARCHABLE.search(text))


def test_every_letter_and_digit_there_is_can_be_searched_for() -> None:
    every = (chr(n) for n in range(sys.maxunicode + 1))
    for c in every:
        if unicodedata.category(c)[0] in "LN":
            assert plain(c).strip(), hex(ord(c))


symbols = st.characters(categories=["So"])


@given(symbols, st.text(max_size=9), st.text(max_size=9))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_a_symbol_is_a_word_by_itself(symbol: str, before: str, behind: str) -> None:
    words = plain(f"{before}{symbol}{behind}").lower().split()
    assert plain(symbol).split()[0] in words
    apart = [*plain(before).split(), *plain(symbol + behind).split()]
    assert words == [word.lower() for word in apart]


def test_a_symbol_is_found_where_it_stands_and_nowhere_else(tmp_path: Path) -> None:
    messages = (
        "fire",
        "fire \U0001f525",
        "\U0001f44d\U0001f3fdok",
        "\u2764\ufe0f",
        "no\U0001f525w",
    )
    store = SqliteViewStore(tmp_path / "views", "log/1")
    rows = [audit(n, message=message) for n, message in enumerate(messages, 1)]
    store.commit(changes(len(rows), trail=rows))
    for words, found in (
        ("\U0001f525", [2, 5]),
        ("fire \U0001f525", [2]),
        ("fire", [1, 2]),
        ("\U0001f44d", [3]),
        ("\U0001f44d\U0001f3ff ok", [3]),
        ("\u2764", [4]),
        ("w", [5]),
        ("\U0001f6d1", []),
    ):
        answer = store.reader().trail(AuditFilter(words=words), False, ALL)
        assert [row.position for row in answer.rows] == found, words
    store.close()


def test_a_value_in_a_message_is_not_taken_for_a_column(tmp_path: Path) -> None:
    """Whoever knows how values are kept in the index cannot smuggle a row into a filter."""
    store = SqliteViewStore(tmp_path / "views", "log/1")
    store.commit(changes(1, trail=[audit(1, message=facet("actor", "root"))]))
    assert store.reader().trail(AuditFilter(actors=("root",)), True, ALL).rows == ()
    store.close()


def test_values_of_columns_are_told_apart() -> None:
    words = facets_of(audit(1, owner="a", actor="a", rule="x,y", tasks="1-2", job_id=7)).split()
    assert len(set(words)) == len(words) == 8  # with the event's id
    assert all(word.isalnum() or word[0] == "\ue000" for word in words)


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ("", ()),
        ("7", ("7",)),
        ("-5", ("-5",)),
        ("1-3,7", ("1", "2", "3", "7")),
        ("1-8", tuple("12345678")),
        ("1-9", (MANY,)),
        ("1-999999999999", (MANY,)),
        ("no range", ()),
        ("2.17", ("2",)),
        ("4,2.1-500,2.7,3.1-2", ("4", "2", "3")),
    ],
)
def test_tasks_have_words_while_they_are_few(ranges: str, words: tuple[str, ...]) -> None:
    assert tasks_of(ranges) == words


@pytest.mark.parametrize(
    "ranges", ["", "x", "1-", "-", "--5", ",", "1-2-3", "9" * 50, "1;2", "1.", "1.x"]
)
def test_what_is_no_range_holds_no_task(ranges: str) -> None:
    assert not in_ranges(1, ranges)
    assert not numbers(ranges, 3) or ranges.isdigit()


@pytest.mark.parametrize(
    ("ranges", "held"),
    [("1-3,7", {1, 2, 3, 7}), ("-5", {-5}), ("4", {4}), ("2-3,5.1-9", {2, 3, 5})],
)
def test_which_tasks_are_in_a_range(ranges: str, held: set[int]) -> None:
    assert {n for n in range(-9, 12) if in_ranges(n, ranges)} == held
    assert set(numbers(ranges, 8) or ()) == held
