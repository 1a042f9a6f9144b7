"""What a schema lets a policy be told: which attributes, and which groups somebody may be in."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

CONTEXT: Final = "context"
COMMENT: Final = re.compile(r"//[^\n]*")
ENTITY: Final = re.compile(
    r"\bentity\s+(?P<names>\w+(?:\s*,\s*\w+)*)\s*"
    r"(?:in\s*(?P<groups>\[[^\]]*\]|\w+)\s*)?(?:=\s*)?"
    r"(?:\{(?P<body>.*?)\}\s*)?;",
    re.DOTALL,
)
SAID: Final = re.compile(r"\bcontext:\s*(?:(?P<name>\w+)|\{(?P<body>.*?)\}\s*,?\s*\})", re.DOTALL)
TYPE: Final = r"\btype\s+{name}\s*=\s*\{{(?P<body>.*?)\}}\s*;"
ATTRIBUTE: Final = re.compile(r'(?:"(?P<quoted>[^"]+)"|(?P<plain>\w+))\??\s*:')
WORD: Final = re.compile(r"\w+")


class Declared(Struct, frozen=True):
    """``attributes``: as (type of the entity, or "context", and name). ``groups``: as (type, type
    of what it can be in)."""

    attributes: frozenset[tuple[str, str]]
    groups: frozenset[tuple[str, str]]


def declared(schema: str) -> Declared:
    """What this schema, which the engine can read, declares."""
    text = COMMENT.sub("", schema)
    return Declared(frozenset((*of_entities(text), *of_contexts(text))), frozenset(groups(text)))


def of_entities(text: str) -> Iterator[tuple[str, str]]:
    """The attributes of each type of entity."""
    for found in ENTITY.finditer(text):
        for name in WORD.findall(found["names"]):
            for attribute in attributes(found["body"] or ""):
                yield name, attribute


def of_contexts(text: str) -> Iterator[tuple[str, str]]:
    """The attributes of the contexts of all actions together."""
    for found in SAID.finditer(text):
        body = found["body"]
        if found["name"]:
            named = re.search(TYPE.format(name=found["name"]), text, re.DOTALL)
            body = named["body"] if named else ""
        for attribute in attributes(body):
            yield CONTEXT, attribute


def groups(text: str) -> Iterator[tuple[str, str]]:
    """What each type of entity can be in."""
    for found in ENTITY.finditer(text):
        for name in WORD.findall(found["names"]):
            for group in WORD.findall(found["groups"] or ""):
                yield name, group


def attributes(body: str) -> Iterator[str]:
    """The names in a record."""
    for found in ATTRIBUTE.finditer(body):
        yield found["quoted"] or found["plain"]
