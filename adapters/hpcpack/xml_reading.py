"""XML that others wrote, read without danger: no DTD and so no entities, and limits on everything.

Names are read without their namespace: clients send it, leave it out, or send another edition's. A
namespace that is not HPC Pack's is refused, and so is content that nothing here reads
(``check_content``): left out, it would look as if it was done. The parser is expat itself, because
the ways to it in the standard library resolve entities.
"""

from collections.abc import Collection, Iterator
from typing import Final
from xml.parsers import expat

from adapters.hpcpack.fields import SHOWN
from adapters.web.requests import Malformed

DEPTH_MAX: Final = 16
ELEMENTS_MAX: Final = 100_000
SEPARATOR: Final = " "
BLANKS: Final = " \t\r\n"
"""What may stand between elements."""

NAMESPACES: Final = (
    "http://schemas.microsoft.com/HPCS2008R2/scheduler/",
    "http://schemas.microsoft.com/HPCS2008/scheduler/",
    "http://www.microsoft.com/ComputeCluster/",
    "http://schemas.microsoft.com/HPCS2008R2/common",
    "http://schemas.microsoft.com/2003/10/Serialization/",
)
"""Those of job files, the newest edition first, then of bodies. None at all is taken too, and the
slash at the end may be there or not."""

KNOWN: Final = frozenset(space.rstrip("/") for space in NAMESPACES)

ABOUT_XML: Final = (
    "http://www.w3.org/2001/XMLSchema-instance",
    "http://www.w3.org/XML/1998/namespace",
    "http://schemas.microsoft.com/2003/10/Serialization/",
)
"""Namespaces of attributes that say how the document is written (``xsi:schemaLocation``, ``i:nil``,
``z:Id``), and nothing about a job: these are left out."""


class Element:
    """An element: its local name, its attributes by local name, its text, its children."""

    __slots__ = ("attributes", "children", "name", "parts")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.parts: list[str] = []

    @property
    def text(self) -> str:
        """All of its own text."""
        return "".join(self.parts)

    def of(self, name: str) -> Iterator["Element"]:
        """The children of a name."""
        return (child for child in self.children if child.name == name)

    def first(self, name: str) -> "Element | None":
        """The first child of a name."""
        return next(self.of(name), None)


class Builder:
    """Hears what the parser says, and stops at what is not allowed."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._count += 1
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise Malformed(
                f"the XML is deeper than {DEPTH_MAX}, or has more than {ELEMENTS_MAX} elements"
            )
        made = Element(local(name), named(attributes))
        if self._open:
            self._open[-1].children.append(made)
        else:
            self.root = made
        self._open.append(made)

    def end(self, _: str) -> None:
        """It ends."""
        self._open.pop()

    def text(self, data: str) -> None:
        """Text in it."""
        if self._open:
            self._open[-1].parts.append(data)

    def doctype(self, *_: object) -> None:
        """What could define entities."""
        raise Malformed("the XML has a document type; send it without")


def read_xml(text: str | bytes) -> Element:
    """The root element. ``Malformed`` for what is no XML, or more than is taken."""
    builder = Builder()
    parser = expat.ParserCreate(namespace_separator=SEPARATOR)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.buffer_text = True
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise Malformed(f"the XML cannot be read: {error}") from None
    except (ValueError, LookupError):
        raise Malformed("the XML cannot be read: it is not text") from None
    assert builder.root is not None, "a document has a root"
    return builder.root


def local(name: str) -> str:
    """A name without its namespace. ``Malformed`` for a namespace that is not HPC Pack's."""
    space, _, own = name.rpartition(SEPARATOR)
    if space and space.rstrip("/") not in KNOWN:
        raise Malformed(
            f"{own[:SHOWN]!r} is in the namespace {space[:SHOWN]!r}, which is not HPC Pack's; "
            f"leave it out, or send {NAMESPACES[0]} in a job file, {NAMESPACES[3]} in another body"
        )
    return own


def named(attributes: dict[str, str]) -> dict[str, str]:
    """Attributes by local name, without those that are about the document."""
    found: dict[str, str] = {}
    for name, value in attributes.items():
        if name.rpartition(SEPARATOR)[0] in ABOUT_XML:
            continue
        if local(name) in found:
            raise Malformed(f"the attribute {local(name)[:SHOWN]!r} is there twice")
        found[local(name)] = value
    return found


def check_content(
    one: Element, children: Collection[str], attributes: Collection[str] | None = ()
) -> None:
    """Pass, or raise ``Malformed`` with what is there and nothing here would read: text between
    elements, and elements and attributes of other names (None: whoever calls reads them all)."""
    what = one.name[:SHOWN]
    if one.text.strip(BLANKS):
        count = len(one.text.strip(BLANKS))  # not what it says: it may be a misplaced password
        raise Malformed(f"{what} holds text that is in no element, {count} characters; remove it")
    for child in one.children:
        if child.name not in children:
            raise Malformed(f"{what} cannot have an element {child.name[:SHOWN]!r}{may(children)}")
    check_attributes(one, one.attributes if attributes is None else attributes)


def check_attributes(one: Element, allowed: Collection[str]) -> None:
    """Pass, or raise ``Malformed`` for an attribute that nothing here would read."""
    for name in one.attributes:
        if name not in allowed:
            raise Malformed(
                f"{one.name[:SHOWN]} cannot have an attribute {name[:SHOWN]!r}{may(allowed)}"
            )


def may(allowed: Collection[str]) -> str:
    """What there may be, at the end of a sentence."""
    return f"; it may have: {', '.join(allowed)}" if allowed else "; it has none here"


def text_of(one: Element) -> str:
    """The text of an element that has nothing else. ``Malformed`` if it has."""
    if one.children:
        inner = one.children[0].name[:SHOWN]
        raise Malformed(f"{one.name[:SHOWN]} is a text; it cannot have an element {inner!r}")
    check_attributes(one, ())
    return one.text


def only_child(one: Element, name: str) -> Element | None:
    """The child of a name, None without one. ``Malformed`` for several."""
    found = list(one.of(name))
    if len(found) > 1:
        raise Malformed(f"{one.name[:SHOWN]} has {len(found)} {name} elements; give one")
    return found[0] if found else None
