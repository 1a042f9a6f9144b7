"""What a parameter may hold: how it is read from text, and how the contract describes it."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Protocol

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from adapters.web.requests import Malformed

SECONDS: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)
RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
"""Python reads more forms of ISO 8601 than these; those are left to other programs."""
SPACE_FOR_PLUS: Final = re.compile(r" (?=\d\d:\d\d$)")
SHOWN_CHARACTERS: Final = 80
TAG: Final = r'(W/)?"[!#-~]*"'
TAGS: Final = f"^{TAG}( ?, ?{TAG}){{0,99}}$"

SEARCHABLE: Final = r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"

Value = str | int | float | datetime


class Exactly(Struct, frozen=True):
    """A schema of one value."""

    const: str


class Matching(Struct, frozen=True):
    """A schema of texts with a form."""

    pattern: str


class FieldSchema(Struct, frozen=True, kw_only=True, rename="camel"):
    """The JSON Schema of a parameter. A keyword that is not set is not there."""

    type: str
    format: str | UnsetType = UNSET
    enum: tuple[str, ...] | UnsetType = UNSET
    minimum: int | UnsetType = UNSET
    maximum: int | UnsetType = UNSET
    multiple_of: float | UnsetType = UNSET
    min_length: int | UnsetType = UNSET
    max_length: int | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    any_of: tuple[Exactly, Matching] | UnsetType = UNSET
    default: str | int | UnsetType = UNSET


class Field(Protocol):
    """Reads a text, and says what texts it reads."""

    def read(self, text: str, name: str) -> Value:
        """The value. ``Malformed`` with what is allowed."""
        ...

    def schema(self) -> FieldSchema:
        """What is allowed, as JSON Schema."""
        ...


class Whole(Struct, frozen=True):
    """A whole number within limits, both included. ``default``: what its absence means."""

    minimum: int
    maximum: int
    default: int | None = None

    def read(self, text: str, name: str) -> int:
        """The number."""
        digits = text.isascii() and text.isdigit() and len(text) <= 20
        if not digits or not self.minimum <= int(text) <= self.maximum:
            raise Malformed(
                f"{name} cannot be {text[:SHOWN_CHARACTERS]!r}: it is a whole number from "
                f"{self.minimum} to {self.maximum}"
            )
        return int(text)

    def schema(self) -> FieldSchema:
        """An integer."""
        default = UNSET if self.default is None else self.default
        return FieldSchema(
            type="integer", minimum=self.minimum, maximum=self.maximum, default=default
        )


class Digits(Whole, frozen=True):
    """A whole number from 0 in a header, where everything is text: ``maximum`` is all nines."""

    def schema(self) -> FieldSchema:
        """A string of digits."""
        return FieldSchema(type="string", pattern=f"^[0-9]{{1,{len(str(self.maximum))}}}$")


class Seconds(Struct, frozen=True):
    """A number of seconds, with up to six digits of fraction."""

    maximum: int

    def read(self, text: str, name: str) -> float:
        """The seconds."""
        if not SECONDS.fullmatch(text) or float(text) > self.maximum:
            raise Malformed(
                f"{name} cannot be {text[:SHOWN_CHARACTERS]!r}: it is a number from 0 to "
                f"{self.maximum}"
            )
        return float(text)

    def schema(self) -> FieldSchema:
        """A number."""
        return FieldSchema(type="number", minimum=0, maximum=self.maximum, multiple_of=0.001)


class Moment(Struct, frozen=True):
    """An RFC 3339 time with its zone, read as UTC. A plus sign may have become a space."""

    def read(self, text: str, name: str) -> datetime:
        """The time."""
        written = SPACE_FOR_PLUS.sub("+", text.upper())
        with suppress(ValueError, OverflowError):  # a 30th of February, or beyond the calendar
            if RFC3339.fullmatch(written):
                return datetime.fromisoformat(written).astimezone(UTC)
        raise Malformed(
            f"{name} cannot be {text[:SHOWN_CHARACTERS]!r}: it is a time with its zone, "
            "such as 2026-11-23T07:00:00.123456Z"
        )

    def schema(self) -> FieldSchema:
        """A date-time."""
        return FieldSchema(type="string", format="date-time")


class Word(Struct, frozen=True):
    """One of a few words."""

    words: tuple[str, ...]
    default: str | None = None

    def read(self, text: str, name: str) -> str:
        """The word."""
        if text in self.words:
            return text
        allowed = ", ".join(self.words)
        raise Malformed(f"{name} cannot be {text[:SHOWN_CHARACTERS]!r}: it is one of {allowed}")

    def schema(self) -> FieldSchema:
        """An enumeration."""
        default = UNSET if self.default is None else self.default
        return FieldSchema(type="string", enum=self.words, default=default)


class Text(Struct, frozen=True):
    """A text. ``pattern``: a regular expression for the whole of it, "" for any."""

    characters_min: int = 0
    characters_max: int = 1000
    pattern: str = ""
    meaning: str = ""

    def read(self, text: str, name: str) -> str:
        """The text."""
        fits = self.characters_min <= len(text) <= self.characters_max
        if fits and (not self.pattern or re.fullmatch(self.pattern, text, re.ASCII)):
            return text
        allowed = self.meaning or (f"{self.characters_min} to {self.characters_max} characters")
        raise Malformed(f"{name} cannot be {text[:SHOWN_CHARACTERS]!r}: it is {allowed}")

    def schema(self) -> FieldSchema:
        """A string."""
        return FieldSchema(
            type="string",
            min_length=self.characters_min or UNSET,
            max_length=self.characters_max,
            pattern=f"^{self.pattern}$" if self.pattern else UNSET,
        )


class Words(Text, frozen=True):
    """Words to search for: more than blanks, punctuation and control characters of ASCII.

    The search itself refuses the rest (``adapters.views.words``); here it is told.
    """

    def schema(self) -> FieldSchema:
        """A string."""
        return replace(super().schema(), pattern=SEARCHABLE)


class Tags(Struct, frozen=True):
    """Entity tags of a condition: ``reading.conditions`` reads them, here they are told."""

    def read(self, text: str, _: str) -> str:
        """The header as it stands."""
        return text

    def schema(self) -> FieldSchema:
        """``*``, or a list of tags."""
        return FieldSchema(type="string", any_of=(Exactly(const="*"), Matching(pattern=TAGS)))


YES_OR_NO: Final = Word(("true", "false"))
ONLY: Final = Word(("true",))
"""For what restricts or is left out: there is no asking for the opposite."""


def words_of(kind: type[StrEnum]) -> Word:
    """Every word of an enumeration."""
    return Word(tuple(kind))
