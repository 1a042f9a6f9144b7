"""Integers of any size: msgpack has 64 bits, and a set of a million bits is an integer too.

They are taken out of a value before it is packed, a zero left in their place, and put back after.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import fields, replace

LEAST: Final = -(2**63)
MOST: Final = 2**64 - 1

Step: TypeAlias = str | int
Value = TypeVar("Value")


class Wide(Struct, frozen=True, array_like=True):
    """An integer beyond 64 bits: where it stands, and its bytes (signed, the lowest first).

    ``path``: names of fields; of a dict or a tuple the place, from 0, in its order.
    """

    path: tuple[Step, ...]
    value: bytes


def taken_out(value: Value) -> tuple[Value, tuple[Wide, ...]]:
    """The value with zeros in the place of its wide integers, and these."""
    wides = tuple(wides_of(value, ()))
    zeros = [Wide(wide.path, b"") for wide in wides]
    return put_back(value, zeros), wides


def wides_of(value: object, path: tuple[Step, ...]) -> Iterator[Wide]:
    """The wide integers of structs, the values of dicts, and tuples, in order."""
    if isinstance(value, int):
        if not LEAST <= value <= MOST:
            size = value.bit_length() // 8 + 1
            yield Wide(path, value.to_bytes(size, "little", signed=True))
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from wides_of(getattr(value, name), (*path, name))
    elif isinstance(value, dict | tuple):
        for n, inner in enumerate(value.values() if isinstance(value, dict) else value):
            yield from wides_of(inner, (*path, n))


def put_back(value: Value, wides: Sequence[Wide], depth: int = 0) -> Value:
    """The value with these integers in their places; all have the same path up to ``depth``.

    Raises ``LookupError`` or ``TypeError`` for a place that the value does not have.
    """
    if not wides:
        return value
    if len(wides[0].path) == depth:
        if type(value) is not int:
            raise TypeError(f"a {type(value).__name__} stands where an integer should")
        return int.from_bytes(wides[0].value, "little", signed=True)  # type: ignore[return-value]
    parts = {step: list(group) for step, group in groupby(wides, lambda wide: wide.path[depth])}
    return with_parts(value, parts, depth + 1)


def with_parts(value: Value, parts: dict[Step, list[Wide]], depth: int) -> Value:
    """A struct, a dict or a tuple with some of its parts put back."""
    if isinstance(value, Struct):
        known = {field.name for field in fields(value)}
        if not known.issuperset(parts):
            raise LookupError(f"{type(value).__name__} has not all of {list(parts)}")
        new = {str(n): put_back(getattr(value, str(n)), x, depth) for n, x in parts.items()}
        return replace(value, **new)
    if isinstance(value, dict):
        keys = list(value)
        filled = {keys[int(n)]: put_back(value[keys[int(n)]], x, depth) for n, x in parts.items()}
        return value | filled  # type: ignore[return-value]
    if isinstance(value, tuple):
        items = list(value)
        for n, wides in parts.items():
            items[int(n)] = put_back(items[int(n)], wides, depth)
        return tuple(items)  # type: ignore[return-value]
    raise TypeError(f"{type(value).__name__} has no parts")
