"""Text of other people inside a sentence: its end cannot be faked."""

import json

from hypothesis import given
from hypothesis import strategies as st

from domain import events as e
from projections.audit_words import said
from projections.quoting import plain, quoted, word
from projections.summary import summary
from tests.domain.builders import ALLOWED, DENIED


def test_marks_and_backslashes_are_escaped() -> None:
    assert quoted('x", allowed') == '"x\\", allowed"'
    assert quoted("a\\") == '"a\\\\"'
    assert quoted("two\nlines") == '"two\\nlines"'


@given(st.text())
def test_the_first_mark_that_is_not_escaped_is_the_end(text: str) -> None:
    shown = quoted(text)
    rest = shown[1:]
    while rest[0] != '"':
        rest = rest[2:] if rest[0] == "\\" else rest[1:]
    assert rest == '"'
    assert shown.isprintable()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_it_is_read_back_as_json(text: str) -> None:
    assert json.loads(quoted(text)) == text


@given(st.text(), st.sampled_from(["", ",", ", ;"]))
def test_a_word_is_one(text: str, ends: str) -> None:
    shown = word(text, ends)
    assert shown == quoted(text) or (shown == text and text)
    assert shown.startswith('"') or not set(shown) & set(f' "={ends}')


def test_what_can_be_printed_stays() -> None:
    assert plain("a \u6f22 b") == "a \u6f22 b"


def test_what_was_asked_for_cannot_add_to_itself() -> None:
    asked_for = {"name": "X", "value": "10, decision=allowed"}
    refused = e.ClusterCommandRefused(
        "r1", "set_parameter", "no", 1, "r", "no", DENIED, asked_for=asked_for
    )
    told = said(refused)
    assert told is not None
    assert told.detail == 'name=X, value="10, decision=allowed"'
    changed = e.JobPropertiesChanged("r1", {"a, b": "", "c": ""}, ALLOWED)
    assert summary(changed) == 'properties changed: "a, b", c'
