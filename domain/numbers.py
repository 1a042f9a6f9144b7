"""Sets of whole numbers, as large as a million, that cost bits instead of objects."""

from collections.abc import Iterator
from typing import Final

from domain.ranges import joined, lowest, span, spans_in, spans_of

FEW: Final = 1024
"""How many numbers are looked through at a time, so that the whole is not copied for each."""


class Numbers:
    """An immutable set of numbers from 0 on. Text and back: "1-3,7", as facts name subtasks."""

    __slots__ = ("_bits",)

    def __init__(self, bits: int = 0) -> None:
        self._bits = bits

    @classmethod
    def between(cls, first: int, last: int) -> "Numbers":
        """All from ``first`` to ``last``; none when that is before it."""
        return cls(span(first, last))

    @classmethod
    def one(cls, number: int) -> "Numbers":
        """The number alone."""
        return cls(1 << number)

    @classmethod
    def read(cls, text: str) -> "Numbers":
        """Those of a text of ranges. Raises ``ValueError`` for any other text."""
        bits = 0
        for first, last in spans_in(text):
            bits |= span(first, last)
        return cls(bits)

    def bounded(self, spans_max: int) -> tuple[str, int]:
        """As ranges, of which at most ``spans_max`` are named, and how many numbers are not."""
        spans = list(spans_of(self._bits))
        rest = sum(b - a + 1 for a, b in spans[spans_max:])
        return joined(spans[:spans_max]), rest

    @property
    def bits(self) -> int:
        """All of them as one number: its bit ``n`` is set when ``n`` is among them."""
        return self._bits

    def __str__(self) -> str:
        return joined(spans_of(self._bits))

    def __repr__(self) -> str:
        return f"Numbers.read({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Numbers) and self._bits == other._bits

    def __hash__(self) -> int:
        return hash(self._bits)

    def __bool__(self) -> bool:
        return bool(self._bits)

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __contains__(self, number: int) -> bool:
        return bool(self._bits >> number & 1)

    def __iter__(self) -> Iterator[int]:
        """Rising, found a few at a time: whoever needs a few of a million pays for a few."""
        bits, base = self._bits, 0
        while bits:
            gap = lowest(bits)
            bits, base = bits >> gap, base + gap
            few = bits & span(0, FEW - 1)
            while few:
                number = lowest(few)
                yield base + number
                few ^= 1 << number
            bits, base = bits >> FEW, base + FEW

    def falling(self) -> Iterator[int]:
        """From the highest down, found a few at a time."""
        bits = self._bits
        while bits:
            base = max(0, bits.bit_length() - FEW)
            few = bits >> base
            bits ^= few << base
            while few:
                number = few.bit_length() - 1
                yield base + number
                few ^= 1 << number

    def first(self, count: int) -> "Numbers":
        """The lowest ``count`` of them, all when there are no more; found by halving."""
        low, high = 0, self._bits.bit_length()
        while low < high:
            middle = (low + high) // 2
            if (self._bits & span(0, middle - 1)).bit_count() < count:
                low = middle + 1
            else:
                high = middle
        return Numbers(self._bits & span(0, low - 1))

    def __or__(self, other: "Numbers") -> "Numbers":
        return Numbers(self._bits | other._bits)

    def __and__(self, other: "Numbers") -> "Numbers":
        return Numbers(self._bits & other._bits)

    def __sub__(self, other: "Numbers") -> "Numbers":
        return Numbers(self._bits & ~other._bits)


NONE = Numbers()
