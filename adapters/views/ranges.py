"""Ranges of task numbers as the trail holds them, such as "1-3,7"; what is no range names no task.

Subtasks ("2.17", "2.1-500") name their task.

People may have asked for any number, so it may be negative: "-5" is one number.
"""

import re
from collections.abc import Iterator
from typing import Final

SPAN: Final = re.compile(r"(-?\d+)(?:-(\d+)|\.-?\d+(?:-\d+)?)?")


def spans(ranges: str) -> Iterator[tuple[int, int]]:
    """First and last of each range."""
    for text in filter(None, ranges.split(",")):
        found = SPAN.fullmatch(text)
        if found is not None:
            first, last = found.groups()
            yield int(first), int(last or first)


def in_ranges(number: int, ranges: str) -> bool:
    """Whether a number is within ranges; within "" is none. For queries."""
    return any(first <= number <= last for first, last in spans(ranges))


def numbers(ranges: str, most: int) -> list[int] | None:
    """The numbers within ranges; None when there are more than ``most``."""
    found: dict[int, None] = {}
    for first, last in dict.fromkeys(spans(ranges)):
        if last - first >= most - len(found):
            return None
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)
