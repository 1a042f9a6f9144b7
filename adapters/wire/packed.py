"""MessagePack of folded state, in which sets of numbers go as ranges ("1-3,7")."""

from typing import Any, Final

import msgspec

from domain.numbers import Numbers


def as_ranges(value: Any) -> str:
    """A set of numbers as text. Raises ``NotImplementedError`` for anything else."""
    if isinstance(value, Numbers):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be packed")


def from_ranges(kind: type, value: Any) -> Any:
    """A set of numbers from its text."""
    if kind is Numbers:
        return Numbers.read(value)
    raise NotImplementedError(f"{kind.__name__} cannot be unpacked")


ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=as_ranges)


def packed(value: object) -> bytes:
    """The bytes of a state."""
    return ENCODER.encode(value)
