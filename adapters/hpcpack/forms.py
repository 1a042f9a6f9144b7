"""JSON or XML: what a client accepts decides, and JSON when it does not care."""

import re
from enum import StrEnum
from typing import Final, assert_never

import msgspec
from msgspec import Struct

from adapters.hpcpack import answers as a
from adapters.hpcpack.faults import FaultBody
from adapters.hpcpack.xml_writing import content, document, element, xml_bytes
from adapters.web.text import valid

QUALITY: Final = re.compile(r"[qQ]=([01](?:\.[0-9]{0,3})?)")
ACCEPT_CHARACTERS_MAX: Final = 1000


class Form(StrEnum):
    """The form of an answer: its media type."""

    JSON = "application/json; charset=utf-8"
    XML = "application/xml; charset=utf-8"


NAMED: Final = {
    "application/json": (Form.JSON,),
    "text/json": (Form.JSON,),
    "application/xml": (Form.XML,),
    "text/xml": (Form.XML,),
    "application/*": (Form.JSON, Form.XML),
    "text/*": (Form.JSON, Form.XML),
    "*/*": (Form.JSON, Form.XML),
}


class Wanted(Struct, frozen=True):
    """How much a client wants a form."""

    quality: float
    form: Form


def form_of(accept: str) -> Form:
    """The form that ``Accept`` wants most; JSON where it wants both as much, or neither."""
    best = Wanted(0.0, Form.JSON)
    for part in accept[:ACCEPT_CHARACTERS_MAX].split(","):
        media, *parameters = (x.strip() for x in part.split(";"))
        for form in NAMED.get(media.lower(), ()):
            quality = quality_of(parameters)
            if quality > best.quality or (quality == best.quality and form is Form.JSON):
                best = Wanted(quality, form)
    return best.form


def quality_of(parameters: list[str]) -> float:
    """The ``q`` of a media type; 1 when there is none."""
    found = [m for m in map(QUALITY.fullmatch, parameters) if m]
    return float(found[0][1]) if found else 1.0


def answer_bytes(answer: a.Answer, form: Form) -> bytes:
    """An answer in a form."""
    return xml_bytes(answer) if form is Form.XML else json_bytes(answer)


def json_bytes(answer: a.Answer) -> bytes:
    """An answer as JSON."""
    match answer:
        case a.Nothing():
            return b""
        case a.Text(text):
            return msgspec.json.encode(valid(text))
        case a.Number(number):
            return msgspec.json.encode(number)
        case a.Texts(texts):
            return msgspec.json.encode([valid(text) for text in texts])
        case a.Properties(rows):
            return msgspec.json.encode([valid_property(one) for one in rows])
        case a.Objects(objects):
            return msgspec.json.encode([valid_object(one) for one in objects])
        case a.Nodes(nodes):
            return msgspec.json.encode(nodes)
        case a.Groups(groups):
            return msgspec.json.encode(groups)
        case a.Counts(counts):
            return msgspec.json.encode(counts)
        case a.One(record):
            return msgspec.json.encode(record)
        case _:
            assert_never(answer)


def valid_property(one: a.Property) -> a.Property:
    """A property that can be sent as UTF-8."""
    return a.Property(valid(one.name), valid(one.value))


def valid_object(one: a.Object) -> a.Object:
    """An object that can be sent as UTF-8."""
    return a.Object(tuple(valid_property(x) for x in one.properties))


def fault_bytes(body: FaultBody, form: Form) -> bytes:
    """A fault in a form: ``{"Message": ...}``, or the element that ASP.NET makes of it."""
    if form is Form.JSON:
        return msgspec.json.encode(body)
    fields = {"Message": body.message, "Code": str(body.code), "Name": body.name}
    inner = "".join(element(name, content(value)) for name, value in fields.items())
    return document(element("Error", inner))
