"""What every reader of views promises of the trail: it finds what a look at every row finds."""

import string
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from application.view_store import ViewStore
from application.views import VALUES_MAX, AuditFilter, Page, Span, ViewReader
from domain.errors import BadRequest
from projections.audit_trail import AuditRow, Kind
from tests.contract.naive import EXACT, Term, matches
from tests.contract.views import ALL, FIRST, LAST, Kept, at, audit, changes, new_store

THOROUGH: Final = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
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
    "\u200d",
)
VALUES: Final = ("a", "b", "A", "\u00e4", "a b", "a,b", "'", '"', "forced", "\U0001f6d1", "")
TASKS: Final = ("", "1", "2", "1-3", "1,3", "-5", "2-40", "1-3,7,9-12")
JOBS: Final = ("", "1", "01", "7", "99999999999", "no job", "'", "1 ", "\u0663")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A few words with something between them."""
    words = draw(st.lists(st.sampled_from(WORDS), max_size=5))
    return "".join(word + draw(st.sampled_from(BETWEEN)) for word in words)


@st.composite
def trails(draw: st.DrawFn) -> list[AuditRow]:
    """Rows of few values whose times may go back."""
    rows, high, position = list[AuditRow](), at(0), 0
    value = st.sampled_from(VALUES)
    for _ in range(draw(st.integers(0, 14))):
        position += draw(st.sampled_from((1, 1, 1, 2, 9)))
        time = at(draw(st.integers(0, 12)))
        high = max(high, time)
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
                    "time": time,
                    "time_high": high,
                },
            )
        )
    return rows


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
    conditions = st.sampled_from(
        (*EXACT, "rules", "forced", "job", "task", "request_id", "event_id", "times", "places")
    )
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


moments = st.none() | st.integers(-1, 13).map(at)
places = st.integers(-1, 40)
CONDITIONS: Final[dict[str, st.SearchStrategy[dict[str, object]]]] = {
    "rules": st.sampled_from((("a",), ("b", "c"), ("a,b",), ("",))).map(lambda x: {"rules": x}),
    "forced": only("forced", (True,)),
    "job": only("job", JOBS),
    "task": only("task", (0, 1, 3, 7, 8, 40, 41, -5)),
    "request_id": only("request_id", VALUES),
    "event_id": only("event_id", ("event-1", "event-2", "event-9", "no", "")),
    "times": st.fixed_dictionaries({"since": moments, "until": moments}),
    "places": st.fixed_dictionaries({"position_min": places, "position_max": st.none() | places}),
}


def paged(reader: ViewReader, which: AuditFilter, descending: bool, size: int) -> list[AuditRow]:
    """Everything, page by page."""
    page, rows = Page(size), list[AuditRow]()
    while True:
        answer = reader.trail(which, descending, page)
        assert len(answer.rows) <= size
        rows += answer.rows
        if not answer.more:
            return rows
        page = Page(size, (answer.rows[-1].position,))


@THOROUGH
@given(rows=trails(), asked=filters(), size=st.integers(1, 5), cut=st.integers(0, 14))
def test_a_filter_finds_what_a_look_at_every_row_finds(
    kind: str,
    rows: list[AuditRow],
    asked: tuple[AuditFilter, dict[str, tuple[Term, ...]]],
    size: int,
    cut: int,
) -> None:
    which, terms = asked
    expected = [row for row in rows if matches(row, which, terms)]
    with new_store(kind) as store:
        store.commit(changes(1000, trail=rows[:cut]))
        store.commit(changes(1001, trail=rows[cut:]))
        reader = store.reader()
        assert paged(reader, which, False, size) == expected
        assert paged(reader, which, True, size) == expected[::-1]
        assert [row for page in reader.trail_pages(which) for row in page] == expected
        ends = (expected[0].position, expected[-1].position) if expected else (None, None)
        assert reader.trail_span(which) == Span(len(expected), ends[0], ends[1], 1001)


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
    "\U0001f6d1stop": [6, 8],
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


# --- times and places -----------------------------------------------------------------------------


def test_times_are_exact_when_the_clock_steps_back_by_years(kept: Kept) -> None:
    store = kept.store()
    seconds = (0, 10, 5, 10**8, 6, 7, 10**8 + 1, 8, -(10**9))
    rows, high = list[AuditRow](), at(-(10**9))
    for n, second in enumerate(seconds, 1):
        high = max(high, at(second))
        rows.append(audit(n, time=at(second), time_high=high))
    for row in rows:
        store.commit(changes(row.position, trail=[row]))
    moments = [None, *(at(s) for s in sorted({*seconds, -1, 9, 11}))]
    for since in moments:
        for until in moments:
            which = AuditFilter(since=since, until=until)
            found = store.reader().trail(which, False, ALL).rows
            assert list(found) == [row for row in rows if matches(row, which, {})]


def test_a_microsecond_makes_a_difference(kept: Kept) -> None:
    store, tick = kept.store(), timedelta(microseconds=1)
    store.commit(changes(1, trail=[audit(1, time=at(1))]))
    for which, rows in (
        (AuditFilter(since=at(1), until=at(1)), 1),
        (AuditFilter(since=at(1) + tick), 0),
        (AuditFilter(until=at(1) - tick), 0),
    ):
        assert len(store.reader().trail(which, True, ALL).rows) == rows


@pytest.mark.parametrize("lag", [0, 10**9])
def test_moments_and_places_beyond_all_bounds(kept: Kept, lag: int) -> None:
    store = kept.store()
    rows = [audit(1, time=at(lag)), audit(2, time=at(0), time_high=at(lag))]
    store.commit(changes(2, trail=rows))
    reader = store.reader()
    for which, count in (
        (AuditFilter(since=FIRST, until=LAST), 2),
        (AuditFilter(since=LAST), 0),
        (AuditFilter(until=FIRST), 0),
        (AuditFilter(position_min=-(2**70), position_max=2**70), 2),
        (AuditFilter(position_min=2**70), 0),
        (AuditFilter(position_max=-(2**70)), 0),
        (AuditFilter(task=2**70), 0),
        (AuditFilter(job="9" * 500), 0),
    ):
        assert len(reader.trail(which, True, ALL).rows) == count, which
        assert reader.trail_span(which).count == count
    assert reader.trail(AuditFilter(), True, Page(5, (2**70,))).rows == tuple(rows[::-1])
    assert reader.trail(AuditFilter(), False, Page(5, (2**70,))).rows == ()


REFUSED: Final[dict[str, Callable[[ViewReader], object]]] = {
    "too many values": lambda r: r.trail(
        AuditFilter(actors=tuple(map(str, range(VALUES_MAX + 1)))), True, ALL
    ),
    "too many values of a span": lambda r: r.trail_span(AuditFilter(types=("x",) * 101)),
    "too many values of pages": lambda r: r.trail_pages(AuditFilter(types=("x",) * 101)),
    "no rows": lambda r: r.trail(AuditFilter(), True, Page(0)),
    "text for a place": lambda r: r.trail(AuditFilter(), True, Page(1, ("1",))),
    "two places": lambda r: r.trail(AuditFilter(), True, Page(1, (1, 2))),
    "too many words": lambda r: r.trail(AuditFilter(words=" ".join("a" * 33)), True, ALL),
    "too many characters": lambda r: r.trail(AuditFilter(words="a" * 1001), True, ALL),
    "no words": lambda r: r.trail(AuditFilter(words=" \t"), True, ALL),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_question_is_refused(kept: Kept, name: str) -> None:
    with pytest.raises(BadRequest):
        REFUSED[name](kept.store().reader())


def test_as_many_values_of_every_kind_as_are_allowed(kept: Kept) -> None:
    store = kept.store()
    values = tuple(f"{letter}{n}" for n in range(10) for letter in string.ascii_letters[:10])
    row = audit(1, **dict.fromkeys(EXACT.values(), values[-1]))
    store.commit(changes(1, trail=[row]))
    which = replace(AuditFilter(), **dict.fromkeys(EXACT, values))
    assert store.reader().trail(which, True, ALL).rows == (row,)


# --- all pages, while the views go on -------------------------------------------------------------


def test_all_pages_are_bounded_and_of_the_moment_of_the_call(kept: Kept) -> None:
    store = kept.store()
    store.commit(changes(5000, trail=[audit(n) for n in range(1, 5001)]))
    pages = store.reader().trail_pages(AuditFilter())
    sizes, positions = list[int](), list[int]()
    for n, page in enumerate(pages):
        store.commit(changes(5001 + n, trail=[audit(5001 + n)]))
        sizes.append(len(page))
        positions += [row.position for row in page]
    assert positions == list(range(1, 5001))
    assert max(sizes) <= 2000
    assert store.reader().trail_span(AuditFilter()).count == 5000 + len(sizes)


def test_pages_of_what_is_not_there_are_none(kept: Kept) -> None:
    assert list(kept.store().reader().trail_pages(AuditFilter(words="x"))) == []


def test_an_answer_tells_whether_more_follow(kept: Kept) -> None:
    store = kept.store()
    store.commit(changes(3, trail=[audit(n) for n in (1, 2, 3)]))
    for rows, more in ((1, True), (2, True), (3, False), (4, False)):
        assert store.reader().trail(AuditFilter(), True, Page(rows)).more is more
