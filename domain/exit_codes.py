"""Which exit codes count as success: ``0,10..20``, as the product's ValidExitCodes says it.

Source: ISchedulerJob and ISchedulerTask, ValidExitCodes: whole numbers and ranges with two periods,
commas between them; ``min`` and ``max`` stand for the least and the greatest number. A task's own
take the place of its job's, and without any it is 0 alone.
"""

import re
from typing import Final

LEAST: Final = -(2**31)
GREATEST: Final = 2**31 - 1
CHARACTERS_MAX: Final = 1000
FORM: Final = "whole numbers and ranges such as 0,10..20, with commas between them; min and max"
PART: Final = re.compile(r"\s*(-?[0-9]{1,10}|min|max)\s*(?:\.\.\s*(-?[0-9]{1,10}|min|max)\s*)?")
ENDS: Final = {"min": LEAST, "max": GREATEST}
SUCCESS: Final = "0"


def counts_as_success(code: int | None, valid: str) -> bool:
    """Whether this exit code is one of them; what a signal ended has none. "" is 0 alone."""
    if code is None:
        return False
    return any(low <= code <= high for low, high in spans(valid or SUCCESS))


def spans(valid: str) -> tuple[tuple[int, int], ...]:
    """The ranges, both ends among them. ``ValueError`` for what is none."""
    return tuple(map(span, valid.lower().split(",")))


def span(part: str) -> tuple[int, int]:
    """One range. ``ValueError`` for what is none, is empty or goes beyond 32 bits."""
    found = PART.fullmatch(part)
    if found is None:
        raise ValueError(part)
    low = number(found[1])
    high = low if found[2] is None else number(found[2])
    if not LEAST <= low <= high <= GREATEST:
        raise ValueError(part)
    return low, high


def number(word: str) -> int:
    """A number, or the one that min and max stand for."""
    return ENDS[word] if word in ENDS else int(word)
