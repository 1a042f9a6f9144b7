"""Answers as XML, in the shapes of .NET's data contracts, which HPC Pack's clients read."""

import re
from collections.abc import Iterable
from typing import Final, assert_never
from xml.sax.saxutils import escape

import msgspec

from adapters.hpcpack import answers as a
from adapters.web.text import valid

COMMON: Final = "http://schemas.microsoft.com/HPCS2008R2/common"
SERIALIZATION: Final = "http://schemas.microsoft.com/2003/10/Serialization/"
ARRAYS: Final = f"{SERIALIZATION}Arrays"
FORBIDDEN: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document can hold, not even escaped."""


def xml_bytes(answer: a.Answer) -> bytes:
    """The answer as a document."""
    return document(xml_of(answer))


def document(root: str) -> bytes:
    """A root element as a document."""
    return f'<?xml version="1.0" encoding="utf-8"?>{root}'.encode()


def xml_of(answer: a.Answer) -> str:
    """The root element."""
    match answer:
        case a.Nothing():
            return ""
        case a.Text(text):
            return element("string", content(text), SERIALIZATION)
        case a.Number(number):
            return element("int", str(number), SERIALIZATION)
        case a.Texts(texts, item):
            space = ARRAYS if item == "string" else COMMON
            return listed(item, map(content, texts), space)
        case a.Properties(properties):
            return listed("Property", map(property_content, properties), COMMON)
        case a.Objects(objects):
            return listed("Object", map(object_content, objects), COMMON)
        case a.Nodes(nodes):
            return listed("Node", map(record_content, nodes), COMMON)
        case a.Groups(groups):
            return listed("NodeGroup", map(record_content, groups), COMMON)
        case a.Counts(counts, item):
            return listed(item, map(record_content, counts), COMMON)
        case a.One(record):
            return element(type(record).__name__, record_content(record), COMMON)
        case _:
            assert_never(answer)


def listed(item: str, contents: Iterable[str], namespace: str) -> str:
    """``ArrayOfX`` with an ``X`` for each."""
    inner = "".join(element(item, one) for one in contents)
    return element(f"ArrayOf{item}", inner, namespace)


def element(name: str, inner: str, namespace: str = "") -> str:
    """An element; ``inner`` is XML already."""
    space = f' xmlns="{namespace}"' if namespace else ""
    return f"<{name}{space}>{inner}</{name}>"


def content(text: str) -> str:
    """Text of other people: escaped, and what no XML can hold as U+FFFD."""
    return escape(FORBIDDEN.sub("\ufffd", valid(text)), {"\r": "&#13;"})


def property_content(one: a.Property) -> str:
    """The inside of a ``Property``."""
    return element("Name", content(one.name)) + element("Value", content(one.value))


def object_content(one: a.Object) -> str:
    """The inside of an ``Object``."""
    inner = "".join(element("Property", property_content(x)) for x in one.properties)
    return element("Properties", inner)


def record_content(record: a.Node | a.NodeGroup | a.Count) -> str:
    """The inside of a record: an element a field, in the order of their names as .NET writes."""
    fields = sorted(msgspec.to_builtins(record).items())
    return "".join(element(name, field_content(value)) for name, value in fields)


def field_content(value: str | int | bool | tuple[str, ...]) -> str:
    """The inside of a field."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "".join(element("string", content(one)) for one in value)
    return content(str(value))
