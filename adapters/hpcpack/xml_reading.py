"""XML that others wrote, read without danger: no DTD and so no entities, and limits on everything.

Names are read without their namespace: clients send it, leave it out, or send another edition's.
The parser is expat itself, because the ways to it in the standard library resolve entities.
"""

from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from adapters.web.requests import Malformed

DEPTH_MAX: Final = 16
ELEMENTS_MAX: Final = 100_000
SEPARATOR: Final = " "


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
        made = Element(local(name), {local(k): v for k, v in attributes.items()})
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
    """A name without its namespace."""
    return name.rpartition(SEPARATOR)[2]
