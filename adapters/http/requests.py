"""What a request says: body, query and headers, each checked, with words for what is wrong.

A lone surrogate or a control character in a text is let through: whether a message may hold it is
for the domain, which refuses it and keeps the refusal.
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NoReturn, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from adapters.http.problem import Malformed, WebRequest

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
QUERY_FIELDS_MAX: Final = 100
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
SPACE_FOR_PLUS: Final = re.compile(r" (?=\d\d:\d\d$)")

B = TypeVar("B", bound=Struct)
E = TypeVar("E", bound=StrEnum)


# --- bodies ---------------------------------------------------------------------------------------


class NothingBody(Struct, forbid_unknown_fields=True):
    """A command without anything to say."""


async def body_of(request: WebRequest, kind: type[B]) -> B:
    """The body as ``kind``; an empty body is {}. ``Malformed`` says what is wrong."""
    raw = await request.body() or b"{}"
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise unfit(error, kind) from None
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: {error.reason}") from None
    except RecursionError:
        raise Malformed("the body is nested too deep") from None
    except msgspec.DecodeError as error:
        return leniently(raw, kind, str(error))


def leniently(raw: bytes, kind: type[B], error: str) -> B:
    """JSON with an escaped lone surrogate, which the fast decoder refuses and RFC 8259 allows."""
    if b"\\u" not in raw:
        raise Malformed(f"the body is not JSON: {error}")
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=no_constant)
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


def choices(texts: Sequence[str], kind: type[E], what: str) -> tuple[E, ...]:
    """Several of a few words."""
    return tuple(choice(text, kind, what) for text in texts)


# --- the query ------------------------------------------------------------------------------------


class Query:
    """The query's fields: those in ``single`` once, those in ``many`` often, others never."""

    def __init__(
        self, request: WebRequest, single: tuple[str, ...] = (), many: tuple[str, ...] = ()
    ) -> None:
        self._found: dict[str, list[str]] = {}
        for name, value in pairs(request):
            if name not in single + many:
                allowed = ", ".join(single + many) or "none"
                raise Malformed(f"there is no query field {name[:80]!r} here; there are: {allowed}")
            self._found.setdefault(name, []).append(value)
            if name in single and len(self._found[name]) > 1:
                raise Malformed(f"the query field {name} is given several times; give it once")

    def text(self, name: str) -> str | None:
        """The field, or None."""
        return self._found.get(name, [None])[0]

    def texts(self, name: str) -> list[str]:
        """Every value of a field that may be repeated."""
        return self._found.get(name, [])

    def number(self, name: str, minimum: int, maximum: int) -> int | None:
        """A whole number, or None."""
        text = self.text(name)
        return None if text is None else whole_number(text, name, minimum, maximum)

    def seconds(self, name: str, maximum: int) -> float | None:
        """A number of seconds, with a fraction if one likes, or None."""
        text = self.text(name)
        if text is None:
            return None
        if not SECONDS.fullmatch(text) or float(text) > maximum:
            raise Malformed(f"{name} cannot be {text[:80]!r}: it is a number from 0 to {maximum}")
        return float(text)

    def moment(self, name: str) -> datetime | None:
        """A time in UTC, or None."""
        text = self.text(name)
        return None if text is None else moment(text, name)

    def word(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of ``allowed``, or None."""
        text = self.text(name)
        if text is not None and text not in allowed:
            words = ", ".join(allowed)
            raise Malformed(f"{name} cannot be {text[:80]!r}: it is one of {words}")
        return text


def pairs(request: WebRequest) -> list[tuple[str, str]]:
    """The query's fields as they stand there."""
    text = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
    except ValueError:
        raise Malformed(f"the query has more than {QUERY_FIELDS_MAX} fields") from None


def whole_number(text: str, what: str, minimum: int, maximum: int) -> int:
    """A whole number within limits."""
    digits = text.isascii() and text.isdigit() and len(text) <= 20
    if not digits or not minimum <= int(text) <= maximum:
        raise Malformed(
            f"{what} cannot be {text[:80]!r}: it is a whole number from {minimum} to {maximum}"
        )
    return int(text)


def moment(text: str, what: str) -> datetime:
    """An RFC 3339 time with its zone, in UTC. A plus sign may have become a space on its way."""
    try:
        found = datetime.fromisoformat(SPACE_FOR_PLUS.sub("+", text))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Malformed(
        f"{what} cannot be {text[:80]!r}: it is a time with its zone, "
        "such as 2026-11-23T07:00:00.123456Z"
    )


# --- headers --------------------------------------------------------------------------------------


def request_id_of(request: WebRequest) -> str | None:
    """The header ``Idempotency-Key``, or None."""
    key = request.headers.get("idempotency-key")
    if key is None or REQUEST_ID.fullmatch(key):
        return key
    raise Malformed(
        f"the Idempotency-Key {key[:80]!r} is not allowed: 1 to 64 letters, digits and . _ : -"
    )
