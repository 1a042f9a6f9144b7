"""Text of other people cannot act on a terminal, hide, or break a line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.escape import safe, safe_json

HOSTILE = (
    "\x1b[31m",
    "\x00",
    "\x7f",
    "\x9b",
    "\r",
    "\u202e",
    "\u2066",
    "\u200e",
    "\u200f",
    "\u061c",
    "\u200b",
    "\u200d",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\U000e0041",
    "\u3164",
    "\u00ad",
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße 漢字 \U0001f600", "Grüße 漢字 \U0001f600"),
        ("e\u0301", "e\u0301"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("two\nlines\ttab\rcr", "two\\nlines\\ttab\\rcr"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_characters_are_gone_from_both_forms(text: str) -> None:
    assert text[0] not in safe(f"a{text}b")
    assert text[0] not in safe_json(json.dumps(f"a{text}b", ensure_ascii=False))


@given(st.text())
def test_json_means_the_same(text: str) -> None:
    assert json.loads(safe_json(json.dumps(text, ensure_ascii=False))) == text


@given(st.text(st.characters(exclude_categories=[])))
def test_one_line_of_visible_characters(text: str) -> None:
    shown = safe(text)
    assert all(c.isprintable() or c.isspace() for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
