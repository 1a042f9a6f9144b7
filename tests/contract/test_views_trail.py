"""What every reader of views promises of the trail: it finds what a look at every row finds."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from application.view_store import ViewStore
from application.views import AuditFilter, Span
from domain.errors import BadRequest
from projections.audit_trail import AuditRow, Kind
from tests.contract.naive import EXACT, Term, matches, paged
from tests.contract.views import (
    ALL,
    Kept,
    ViewKind,
    at,
    at_times,
    audit,
    cells,
    changes,
    holds,
    values_of,
)

WORDS: Final = (
    *("disk", "Disk", "DISK", "d\u00edsk", "di\u0301sk", "disks", "full", "r2d2", "7", "x"),
    *(
        "gr\u00f6\u00dfe",
        "GROSSE",
        "\u0939\u093f\u0928\u094d\u0926\u0940",
        "\u0939\u093f",
        "\U00030000x",
        "\u00c9cole",
        "ecole",
        "\u6570\u636e",
        "\u03a9",
        "not",
        "\U0001f525",
        "\U0001f44d",
        "\u2764",
    ),
)
BETWEEN: Final = (
    " ",
    "  ",
    "-",
    ".",
    "\n",
    "\t",
    "'",
    '"',
    " ^ ",
    "*",
    "(",
    ")",
    ":",
    " \U0001f6d1 ",
    "\U0001f525",
    "\U0001f44d\U0001f3fd",
    "\u2764\ufe0f",
    "\u200d",
)
VALUES: Final = ("a", "b", "A", "\u00e4", "a b", "a,b", "'", '"', "forced", "\U0001f6d1", "")
SECONDS: Final = (0, 1, 30, 59, 60, 90, 120, 500, 501, 560, 1000)
TASKS: Final = ("", "1", "2", "1-3", "1,3", "-5", "2-40", "1-3,7,9-12")
JOBS: Final = ("", "1", "01", "7", "99999999999", "no job", "'", "1 ", "\u0663")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A few words with something between them."""
    words = draw(st.lists(st.sampled_from(WORDS), max_size=5))
    return "".join(word + draw(st.sampled_from(BETWEEN)) for word in words)


@st.composite
def trails(draw: st.DrawFn) -> list[AuditRow]:
    """Rows of few values whose times may go back, by little or by much."""
    rows, seconds, position = list[AuditRow](), list[int](), 0
    value = st.sampled_from(VALUES)
    for _ in range(draw(st.integers(0, 14))):
        position += draw(st.sampled_from((1, 1, 1, 2, 9)))
        seconds.append(draw(st.sampled_from(SECONDS)))
        columns: dict[str, object] = {column: draw(value) for column in EXACT.values()}
        job = draw(st.sampled_from((None, 1, 7)))
        rows.append(
            audit(
                position,
                **columns
                | {
                    "kind": draw(st.sampled_from(Kind)).value,
                    "mode": draw(st.sampled_from(("", "normal", "forced"))),
                    "rule": draw(st.sampled_from(("", "a", "b", "a,b", "c,a"))),
                    "message": draw(texts()),
                    "explanation": draw(texts()),
                    "job_id": job,
                    "subject": "" if job else draw(st.sampled_from(JOBS)),
                    "tasks": draw(st.sampled_from(TASKS)),
                    "request_id": draw(value),
                },
            )
        )
    return at_times(rows, seconds)


terms = st.builds(
    Term,
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(tuple),
    st.booleans(),
)
searches = st.lists(terms, max_size=2).map(tuple)
kinds_of_search = st.fixed_dictionaries(
    {}, optional={"words": searches, "message": searches, "explanation": searches}
)


@st.composite
def filters(draw: st.DrawFn) -> tuple[AuditFilter, dict[str, tuple[Term, ...]]]:
    """One or a few conditions together, and the searches that they were made of."""
    which = AuditFilter()
    conditions = st.sampled_from((*EXACT, *CONDITIONS))
    for name in draw(st.lists(conditions, max_size=3)):
        which = replace(which, **draw(CONDITIONS.get(name, exact(name))))
    asked = draw(kinds_of_search)
    typed = {name: " ".join(t.typed() for t in found) for name, found in asked.items()}
    return replace(which, **typed), asked


def exact(name: str) -> st.SearchStrategy[dict[str, object]]:
    """Some values of one column."""
    values = st.sampled_from(("normal", "cancel", *VALUES, *Kind))
    return st.lists(values, min_size=1, max_size=3).map(lambda x: {name: tuple(x)})


def only(name: str, values: Sequence[object]) -> st.SearchStrategy[dict[str, object]]:
    """One value."""
    return st.sampled_from(values).map(lambda x: {name: x})


moments = st.none() | st.sampled_from((-1, *SECONDS, 61, 9999)).map(at)
places = st.integers(-1, 40)
CONDITIONS: Final[dict[str, st.SearchStrategy[dict[str, object]]]] = {
    "rules": st.sampled_from((("a",), ("b", "c"), ("a,b",), ("",))).map(lambda x: {"rules": x}),
    "forced": only("forced", (True,)),
    "refused": only("refused", (True,)),
    "job": only("job", JOBS),
    "task": only("task", (0, 1, 3, 7, 8, 40, 41, -5)),
    "request_id": only("request_id", VALUES),
    "event_id": only("event_id", ("event-1", "event-2", "event-9", "no", "")),
    "times": st.fixed_dictionaries({"since": moments, "until": moments}),
    "places": st.fixed_dictionaries({"position_min": places, "position_max": st.none() | places}),
}


def finds_what_a_look_finds(
    kind: ViewKind,
    rows: list[AuditRow],
    asked: tuple[AuditFilter, dict[str, tuple[Term, ...]]],
    size: int,
    cut: int,
) -> None:
    which, terms = asked
    expected = [row for row in rows if matches(row, which, terms)]
    with kind.new_store() as store:
        store.commit(changes(1000, trail=rows[:cut]))
        store.commit(changes(1001, trail=rows[cut:]))
        reader = store.reader()
        assert paged(reader, which, False, size) == expected
        assert paged(reader, which, True, size) == expected[::-1]
        for named in (False, True):
            pages = reader.trail_lines(which, named=named)
            found = [values_of(line) for page in pages for line in page.lines]
            assert found == [cells(row) for row in expected]
        ends = (expected[0].position, expected[-1].position) if expected else (None, None)
        assert reader.trail_span(which) == Span(len(expected), ends[0], ends[1], 1001)


def test_a_filter_finds_what_a_look_at_every_row_finds(kind: ViewKind) -> None:
    holds(
        finds_what_a_look_finds,
        kind,
        rows=trails(),
        asked=filters(),
        size=st.integers(1, 5),
        cut=st.integers(0, 14),
    )


def test_a_time_is_found_before_a_clock_that_was_set_back(kind: ViewKind) -> None:
    """With places that no row has on both sides of where it was set back."""
    places = (1, 10, 12, 13, 14, 23, 32, 33, 34)
    rows = [audit(place, kind=Kind.STOP.value) for place in places]
    rows = at_times(rows, [30, 0, 30, 120, 1000, 120, 120, 1000, 60])
    with kind.new_store() as store:
        store.commit(changes(40, trail=rows))
        found = paged(store.reader(), AuditFilter(since=at(1000)), False, 5)
    assert [row.position for row in found] == [14, 33]


@pytest.mark.parametrize(
    ("job", "places"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("7", [1, 2]),
        ("007", [1, 2]),
        ("8", []),
        ("no such job", [3]),
        ("NO SUCH JOB", []),
        ("99999999999", [4]),
        ("TTLCompletedJobs", [5]),
    ],
)
def test_a_job_by_its_number_or_what_was_asked_for_by_its_text(
    kept: Kept, job: str, places: list[int]
) -> None:
    store = kept.store()
    rows = [audit(1, job_id=7), audit(2, job_id=7, subject="8")]
    texts = ("no such job", "99999999999", "TTLCompletedJobs")
    rows += [audit(n, subject=text) for n, text in enumerate(texts, 3)]
    store.commit(changes(5, trail=rows))
    answer = store.reader().trail(AuditFilter(job=job), False, ALL)
    assert [row.position for row in answer.rows] == places


# --- words ----------------------------------------------------------------------------------------


@pytest.fixture
def trail(kept: Kept) -> ViewStore:
    """A few messages."""
    store = kept.store()
    messages = (
        "The disk is full",
        "full disk",
        "DISKS of r\u00e4ndering",
        "nothing",
        "a.b-c/d_e:f",
        'He said "stop"',
        "k" * 300,
        "\U0001f6d1 stop \u202e now",
    )
    rows = [audit(n, message=text, explanation="may not") for n, text in enumerate(messages, 1)]
    store.commit(changes(20, trail=rows))
    return store


FOUND: Final[dict[str, list[int]]] = {
    "disk": [1, 2],
    "DISK": [1, 2],
    "d\u00efsk": [1, 2],
    "disk full": [1, 2],
    '"full disk"': [2],
    '"disk is"': [1],
    '"disk is f"*': [1],
    "disk*": [1, 2, 3],
    "RANDER*": [3],
    "b": [5],
    "a.b-c": [5],
    '"a b c d e f"': [5],
    "full -disk": [1, 2],
    "disk OR nothing": [],
    "NOT disk": [1, 2],
    "said AND stop": [],
    "stop": [6, 8],
    '"said stop': [6],
    "k" * 300: [7],
    "may": [1, 2, 3, 4, 5, 6, 7, 8],
    "\U0001f6d1stop": [8],
    "\U0001f6d1": [8],
    "\u6570\u636e": [],
    "stop \U0001f6d1x": [],
    "now\u202e": [8],
    "\uff52*": [],
}


@pytest.mark.parametrize("words", FOUND)
def test_words_phrases_and_beginnings(trail: ViewStore, words: str) -> None:
    answer = trail.reader().trail(AuditFilter(words=words), False, ALL)
    assert [row.position for row in answer.rows] == FOUND[words]


def test_message_and_explanation_are_searched_apart(trail: ViewStore) -> None:
    def found(which: AuditFilter) -> list[int]:
        return [row.position for row in trail.reader().trail(which, False, ALL).rows]

    assert found(AuditFilter(message="disk", explanation="may")) == [1, 2]
    assert found(AuditFilter(message="may")) == []
    assert found(AuditFilter(explanation="disk")) == []
    assert found(AuditFilter(words="disk may")) == [1, 2], "each word in either"


HOSTILE: Final = (
    *("'", '"', '""', '"""', "*", "^", ":", "(", ")", "-", "+", ",", ".", "\\", "/", "{", "}"),
    *("AND", "OR", "NOT", "NEAR", "NEAR(a b)", "NEAR(a b, 1)", "a AND", "AND a", "a NOT b"),
    *("^a", "a^", "a:b", "message:a", "{message}:a", "-message:a", "- {facets} : a", "facets:a"),
    *("(a", "a)", "(a OR b)", 'a"', '"a', '"a"b"', "a*b", "**", '"a" *', '"a"*', "a * b", "*a"),
    *("\0", "a\0b", "\0a", "\ud800", "a\udfffb", "\ue000", "\ue000ka", "\U0001f6d1", "\u202ea"),
    *("\u0301", "a\u0301", "\u00ad", "\u200b", "\ufffe", "\U0010ffff", "\ufeffa", "%", "_", ";"),
    *("'; DROP TABLE audit; --", "1 OR 1=1", "\n", "\r\n", "\t", " ", "a\nb", "MATCH", "rank"),
    *("a" * 1000, "a" * 1001, "a " * 400, '"' + "a " * 400 + '"', " ".join("abcdefgh" * 4)),
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda x: repr(x)[:24])
def test_hostile_words_are_a_search_or_a_bad_request(trail: ViewStore, text: str) -> None:
    for which in (
        AuditFilter(words=text),
        AuditFilter(message=text),
        AuditFilter(explanation=text),
        AuditFilter(words=text, kinds=(text,), job=text),
    ):
        with suppress(BadRequest):  # and nothing else
            trail.reader().trail(which, True, ALL)
            trail.reader().trail_span(which)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda x: repr(x)[:24])
def test_hostile_values_find_what_is_exactly_so(kept: Kept, text: str) -> None:
    store, storable = kept.store(), text.isprintable()
    row = audit(1, **dict.fromkeys(EXACT.values(), text if storable else "other"))
    store.commit(changes(1, trail=[row]))
    for name in (*EXACT, "rules"):
        found = store.reader().trail(replace(AuditFilter(), **{name: (text,)}), True, ALL).rows
        assert found == ((row,) if storable and text and name != "rules" else ())
    for which in (AuditFilter(request_id=text or "x"), AuditFilter(event_id=text or "x")):
        assert store.reader().trail(which, True, ALL).rows == ()
