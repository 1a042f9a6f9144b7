"""What the docstrings of facts say: of the whole, and of each field.

A field's meaning stands behind its name (in double backquotes) and a colon, anywhere in the
docstring of its Struct, and goes on to the next one or to the end of the paragraph. What has no
meaning there has the one that it has everywhere, from the docstring of ``domain.events``; and "as
in JobCancelRefused" stands for what is said there.
"""

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from msgspec import Struct

from domain import events

ITEM: Final = re.compile(r"``(\w+)``((?:(?:,| and) ``\w+``)*):\s+")
NAME: Final = re.compile(r"``(\w+)``")
ELSEWHERE: Final = re.compile(r"[Aa]s (?:in|on) (\w+)\.")


class Told(Struct, frozen=True):
    """What a docstring says, as Markdown.

    ``summary``: its first paragraph without the meanings of fields; ``text``: all paragraphs
    without them; ``fields``: the meanings, by field.
    """

    summary: str
    text: str
    fields: Mapping[str, str]


@cache
def told(kind: type) -> Told:
    """What the docstring of a Struct or an enumeration says."""
    return read(inspect.getdoc(kind) or "", frozenset(getattr(kind, "__struct_fields__", ())))


@cache
def words() -> Mapping[str, str]:
    """What fields mean everywhere."""
    doc = inspect.getdoc(events) or ""
    return read(doc, frozenset(NAME.findall(doc))).fields


def meaning(kind: type, field: str) -> str:
    """What a field of ``kind`` means; "" when nobody has said it."""
    found = told(kind).fields.get(field, "")
    elsewhere = ELSEWHERE.fullmatch(found)
    if elsewhere is not None:
        other = getattr(events, elsewhere[1], None)
        found = meaning(other, field) if isinstance(other, type) else found
    return found or words().get(field, "")


def read(doc: str, fields: frozenset[str]) -> Told:
    """Take a docstring apart; only names in ``fields`` are taken for fields."""
    prose: list[str] = []
    meanings: dict[str, str] = {}
    for paragraph in paragraphs(doc):
        items = [m for m in ITEM.finditer(paragraph) if fields.issuperset(NAME.findall(m[0]))]
        ends = [*(m.start() for m in items[1:]), len(paragraph)]
        prose.append(paragraph[: items[0].start()] if items else paragraph)
        for item, end in zip(items, ends, strict=False):
            text = sentence(paragraph[item.end() : end])
            meanings |= dict.fromkeys(NAME.findall(item[0]), text)
    said = [markdown(text) for text in prose if text.strip()]
    return Told(said[0] if said else "", "\n\n".join(said), meanings)


def paragraphs(doc: str) -> Iterable[str]:
    """Each in one line, but for the items of a list, which have lines of their own."""
    for paragraph in re.split(r"\n\s*\n", doc):
        lines = (line.strip() for line in paragraph.splitlines())
        yield re.sub(r" (?=\* )", "\n", " ".join(lines))


def sentence(text: str) -> str:
    """A meaning as a sentence: a capital first, where it begins with a word, and a full stop."""
    words = markdown(text).rstrip(";,.")
    return f"{words[:1].upper()}{words[1:]}."


def markdown(text: str) -> str:
    """``name`` becomes `name`."""
    return text.strip().replace("``", "`")
