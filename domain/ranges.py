"""Whole numbers as text of ranges ("1-3,7"), and as the bits of one large number."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

NUMBER_MAX: Final = 1_000_000
"""No job has more tasks, no task more subtasks."""

ONES: Final = re.compile("1+")


def ranges(numbers: Iterable[int]) -> str:
    """Rising numbers as ranges: 1, 2, 3, 7 gives "1-3,7"."""
    spans: list[list[int]] = []
    for n in numbers:
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return joined((a, b) for a, b in spans)


def joined(spans: Iterable[tuple[int, int]]) -> str:
    """First and last of each range as text."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def in_ranges(text: str) -> tuple[int, ...]:
    """The numbers of ``ranges``: "1-3,7" gives 1, 2, 3, 7. Mostly there is one."""
    if text.isdecimal() and (one := int(text)) <= NUMBER_MAX:
        return (one,)
    return tuple(n for a, b in spans_in(text) for n in range(a, b + 1))


def spans_in(text: str) -> Iterator[tuple[int, int]]:
    """First and last of each range of a text. Raises ``ValueError`` for any other text."""
    for part in text.split(",") if text else ():
        a, dash, b = part.partition("-")
        first, last = int(a), int(b if dash else a)
        if not 0 <= first <= last <= NUMBER_MAX:
            raise ValueError(f"{part[:40]!r} is no range of numbers up to {NUMBER_MAX}")
        yield first, last


# --- bits -----------------------------------------------------------------------------------------


def span(first: int, last: int) -> int:
    """All numbers from ``first`` to ``last``; none when that is before it."""
    return ((1 << (last - first + 1)) - 1) << first if last >= first else 0


def lowest(bits: int) -> int:
    """The smallest number there; ``bits`` holds one or more."""
    return (bits & -bits).bit_length() - 1


def spans_of(bits: int) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers, rising."""
    for found in ONES.finditer(bin(bits)[:1:-1]):
        yield found.start(), found.end() - 1
