"""What a request says: body, query and headers, each checked, with words for what is wrong.

A lone surrogate or a control character in a text is let through: whether a message may hold it is
for the domain, which refuses it and keeps the refusal.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from adapters.http.contract.fields import Tags, Value
from adapters.http.contract.operation import Operation, Parameter
from adapters.web.requests import (
    Malformed,
    WebRequest,
    only,
    real_number,
    whole_body,
    whole_number,
)
from application.views import VALUES_MAX

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
QUERY_FIELDS_MAX: Final = 1000
"""More than any operation has parameters, each as often as it may be given."""

B = TypeVar("B", bound=Struct)
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T", int, float, str, datetime)


# --- bodies ---------------------------------------------------------------------------------------


async def body_of(request: WebRequest, kind: type[B]) -> B:
    """The body as ``kind``; an empty body is {}. ``Malformed`` says what is wrong."""
    raw = await whole_body(request) or b"{}"
    try:
        found = msgspec.json.decode(raw, type=kind)
        json.loads(
            raw, parse_int=whole_number, parse_float=real_number, object_pairs_hook=once_each
        )
        return found
    except msgspec.ValidationError as error:
        return leniently(raw, kind, str(error))
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: {error.reason}") from None
    except RecursionError:
        raise Malformed("the body is nested too deep") from None
    except msgspec.DecodeError as error:
        if b"\\u" not in raw:
            raise Malformed(f"the body is not JSON: {error}") from None
        return leniently(raw, kind, str(error))


def leniently(raw: bytes, kind: type[B], error: str) -> B:
    """What the fast decoder refuses and JSON allows: escaped lone surrogates, 5.0 for 5."""
    try:
        found = json.loads(
            raw.decode("utf-8"),
            parse_constant=no_constant,
            parse_int=whole_number,
            parse_float=number,
            object_pairs_hook=once_each,
        )
    except UnicodeDecodeError as bad:
        raise Malformed(f"the body is not UTF-8: {bad.reason}") from None
    except ValueError:
        raise Malformed(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise Malformed("the body is nested too deep") from None
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as bad:
        raise unfit(bad, kind) from None


def once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON; ``Malformed`` when it has a member twice, of which one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        name = next(name for name, count in counts.items() if count > 1)
        raise Malformed(f"the body has {name[:80]!r} twice in one object; give it once")
    return found


def number(text: str) -> int | float:
    """A whole number is one however it is written, as in JSON Schema."""
    value = real_number(text)
    return int(value) if value.is_integer() else value


def no_constant(name: str) -> NoReturn:
    """NaN and the infinities are not JSON."""
    raise ValueError(f"{name} is not JSON")


def unfit(error: msgspec.ValidationError, kind: type[Struct]) -> Malformed:
    """JSON of another shape."""
    names = ", ".join(kind.__struct_fields__) or "none: send {} or nothing"
    return Malformed(f"the body does not fit: {error}; its fields are {names}")


def choice(text: str, kind: type[E], what: str) -> E:
    """One of a few words."""
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(kind)
        raise Malformed(f"{what} cannot be {text[:80]!r}: it is one of {allowed}") from None


# --- parameters -----------------------------------------------------------------------------------


class Query:
    """A request's parameters, as its operation describes them: those of the query and of headers.

    Others are refused: ``Malformed`` says what is allowed. Each getter gives None for what was not
    given.
    """

    def __init__(self, request: WebRequest, operation: Operation) -> None:
        self._found: dict[str, tuple[Value, ...]] = {}
        in_query = {p.name: p for p in operation.of("query")}
        for name, texts in grouped(pairs(request), in_query).items():
            self._found[name] = tuple(in_query[name].field.read(x, name) for x in texts)
        for header in operation.of("header"):
            if isinstance(header.field, Tags):
                continue  # a list, which may stand on several lines: ``reading.conditions`` has it
            text = only(request.headers, header.name)
            if text is not None:
                self._found[header.name] = (header.field.read(text, header.name),)

    def number(self, name: str) -> int | None:
        """A whole number."""
        return self._one(name, int)

    def seconds(self, name: str) -> float | None:
        """A number of seconds."""
        return self._one(name, float)

    def moment(self, name: str) -> datetime | None:
        """A time in UTC."""
        return self._one(name, datetime)

    def text(self, name: str) -> str | None:
        """A text or a word."""
        return self._one(name, str)

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter that may be repeated."""
        return tuple(x for x in self._found.get(name, ()) if isinstance(x, str))

    def numbers(self, name: str) -> tuple[int, ...]:
        """Every value of a parameter that may be repeated."""
        return tuple(x for x in self._found.get(name, ()) if isinstance(x, int))

    def words(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Every value, as words of an enumeration."""
        return tuple(kind(text) for text in self.texts(name))

    def yes(self, name: str) -> bool | None:
        """Yes for true, no for false."""
        text = self.text(name)
        return None if text is None else text == "true"

    def _one(self, name: str, kind: type[T]) -> T | None:
        value = next(iter(self._found.get(name, ())), None)
        assert value is None or isinstance(value, kind), f"{name} is described otherwise"
        return value


def grouped(given: list[tuple[str, str]], allowed: Mapping[str, Parameter]) -> dict[str, list[str]]:
    """The texts of each parameter of the query; ``Malformed`` for one that is not allowed."""
    found: dict[str, list[str]] = {}
    for name, value in given:
        if name not in allowed:
            names = ", ".join(allowed) or "none"
            raise Malformed(f"there is no query field {name[:80]!r} here; there are: {names}")
        found.setdefault(name, []).append(value)
        most = VALUES_MAX if allowed[name].many else 1
        if len(found[name]) > most:
            times = "once" if most == 1 else f"at most {most} times"
            raise Malformed(f"the query field {name} is given too often; give it {times}")
    return found


def pairs(request: WebRequest) -> list[tuple[str, str]]:
    """The query's fields as they stand there."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise Malformed(f"the query has more than {QUERY_FIELDS_MAX} fields") from None


def placed_text(operation: Operation, name: str, text: str) -> str:
    """A text in the path."""
    (parameter,) = (p for p in operation.of("path") if p.name == name)
    return str(parameter.field.read(text, name))


def placed(operation: Operation, name: str, text: str) -> int:
    """A whole number in the path."""
    (parameter,) = (p for p in operation.of("path") if p.name == name)
    number = parameter.field.read(text, name)
    assert isinstance(number, int), f"{name} is described otherwise"
    return number
