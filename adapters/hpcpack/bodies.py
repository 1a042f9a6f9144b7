"""What a body says, in JSON or XML: a message, properties, or a job file.

Clients send a cancel without a message as ``{}``, as ``null``, as nothing at all, or as an empty
element; properties likewise. A lone surrogate or a control character is let through: whether a
message may hold it is for the domain, which refuses it and keeps the refusal.
"""

import json
from typing import Any, Final, NoReturn

from msgspec import Struct

from adapters.hpcpack.answers import Property
from adapters.hpcpack.xml_reading import (
    Element,
    check_content,
    only_child,
    read_xml,
    text_of,
)
from adapters.web.requests import Malformed, real_number, whole_number

PROPERTIES_MAX: Final = 1000
MESSAGE_FORM: Final = 'the body is the message: a JSON string such as "why", {}, or nothing'
PROPERTIES_FORM: Final = (
    'the body is a list of properties: [{"Name": "Priority", "Value": "Normal"}], {}, or nothing'
)
NO_BODY: Final = (
    "this operation has no body: send nothing, or {}; a message can be given to the requeue of a "
    "task, and in POST /api/v1/jobs/{job}/requeue"
)
FILE_FORM: Final = "the body is the job's XML, as a JSON string or as it stands"


class Body(Struct, frozen=True):
    """The bytes, and the media type that they are said to have, in lower case."""

    raw: bytes
    media_type: str

    @property
    def is_xml(self) -> bool:
        """Whether it is XML: it says so, or it says nothing and looks so."""
        if "json" in self.media_type:
            return False
        return "xml" in self.media_type or self.raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"

    @property
    def empty(self) -> bool:
        """Whether there is nothing."""
        return not self.raw.strip()


def message_of(body: Body) -> str:
    """The message, "" for none."""
    if body.empty:
        return ""
    if body.is_xml:
        return string_of(read_xml(body.raw))
    found = json_of(body)
    if found is None or found == {}:
        return ""
    if not isinstance(found, str):
        raise Malformed(MESSAGE_FORM)
    return found


def no_body(body: Body) -> None:
    """Pass when it says nothing, in any of the ways in which a message can be left out."""
    if body.empty:
        return
    found = string_of(read_xml(body.raw)) if body.is_xml else json_of(body)
    if found not in (None, {}, ""):
        raise Malformed(NO_BODY)


def properties_of(body: Body, *, any_case: bool = True) -> tuple[Property, ...]:
    """The properties in their order, each once; ``any_case``: whatever case its name is in."""
    rows = () if body.empty else rows_of(body)
    if len(rows) > PROPERTIES_MAX:
        raise Malformed(f"{len(rows)} properties are given; at most {PROPERTIES_MAX} can be")
    names = [row.name.casefold() if any_case else row.name for row in rows]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(rows) else ()
    if twice:
        raise Malformed(f"these properties are given twice: {', '.join(sorted(twice))[:200]}")
    return rows


def job_file_of(body: Body) -> str | bytes:
    """The job's XML: a JSON string, a ``string`` element, or the document itself."""
    if body.is_xml:
        root = read_xml(body.raw)
        return string_of(root) if root.name == "string" else body.raw
    found = json_of(body)
    if not isinstance(found, str):
        raise Malformed(FILE_FORM)
    return found


# --- JSON -----------------------------------------------------------------------------------------


def json_of(body: Body) -> Any:
    """Any JSON; a byte order mark may come before it."""
    try:
        return json.loads(
            body.raw.decode("utf-8-sig"),
            parse_constant=no_constant,
            parse_int=whole_number,
            parse_float=real_number,
        )
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: {error.reason}") from None
    except RecursionError:
        raise Malformed("the body is nested too deep") from None
    except ValueError as error:
        raise Malformed(f"the body is not JSON: {error}") from None


def no_constant(name: str) -> NoReturn:
    """NaN and the infinities are not JSON."""
    raise ValueError(f"{name} is not JSON")


def rows_of(body: Body) -> tuple[Property, ...]:
    """The properties that a body lists."""
    if body.is_xml:
        return tuple(map(element_property, array_of(read_xml(body.raw))))
    found = json_of(body)
    if found is None or found == {}:
        return ()
    if not isinstance(found, list):
        raise Malformed(PROPERTIES_FORM)
    return tuple(map(json_property, found))


def json_property(row: Any) -> Property:
    """One of them: ``Name`` and ``Value`` in any case, the value a text, a number, or yes or no."""
    fields = {str(k).lower(): v for k, v in row.items()} if isinstance(row, dict) else {}
    name, value = fields.get("name"), fields.get("value", "")
    fits = value is None or isinstance(value, str | bool | int | float)
    if not isinstance(name, str) or set(fields) - {"name", "value"} or not fits:
        raise Malformed(PROPERTIES_FORM)
    return Property(name, "" if value is None else str(value))


# --- XML ------------------------------------------------------------------------------------------


def string_of(root: Element) -> str:
    """The text of a ``string`` element."""
    if root.name != "string" or root.children:
        raise Malformed("the body is the message: a string element, or nothing")
    return text_of(root)


def array_of(root: Element) -> list[Element]:
    """The properties in an ``ArrayOfProperty`` element."""
    if root.name != "ArrayOfProperty" or any(x.name != "Property" for x in root.children):
        raise Malformed("the body is an ArrayOfProperty element with a Property for each, or none")
    check_content(root, ("Property",))
    return root.children


def element_property(one: Element) -> Property:
    """A ``Property`` with ``Name`` and ``Value``."""
    check_content(one, ("Name", "Value"))
    name, value = only_child(one, "Name"), only_child(one, "Value")
    if name is None:
        raise Malformed("a Property has no Name")
    return Property(text_of(name), text_of(value) if value else "")
