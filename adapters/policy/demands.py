"""What a rule that permits a cancel demands first: ``@hold("60s")`` and ``@approvals("2")``."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct

HOLD: Final = "hold"
APPROVALS: Final = "approvals"
HOLD_FORM: Final = re.compile(r"([1-9][0-9]{0,5})([smh])")
APPROVALS_FORM: Final = re.compile(r"[1-9][0-9]?")
UNITS_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
HOLD_SECONDS_MAX: Final = 7 * 24 * 3600
APPROVALS_MAX: Final = 10
HOLD_WORDS: Final = "a number and s, m or h, from 1s to 168h"
APPROVALS_WORDS: Final = f"a number from 1 to {APPROVALS_MAX}"


class Demands(Struct, frozen=True):
    """How long a cancel is held, and how many other people are to approve it."""

    hold_seconds: int = 0
    approvals: int = 0


class Demanded(Struct, frozen=True):
    """A rule's demands as they are written; None where it has none."""

    hold: str | None = None
    approvals: str | None = None


def demanded(annotations: Mapping[str, str]) -> Demanded:
    """What the annotations of a rule demand."""
    return Demanded(annotations.get(HOLD), annotations.get(APPROVALS))


def demands_of(written: Demanded) -> Demands:
    """What they mean. Of a set without flaws all of them are good."""
    hold = HOLD_FORM.fullmatch(written.hold or "")
    seconds = int(hold[1]) * UNITS_SECONDS[hold[2]] if hold else 0
    return Demands(seconds, int(written.approvals or 0))


def strictest(written: Iterable[Demanded]) -> Demands:
    """The longest hold and the most approvals of all: a rule without demands lifts none."""
    found = [demands_of(one) for one in written]
    return Demands(
        max((one.hold_seconds for one in found), default=0),
        max((one.approvals for one in found), default=0),
    )


def wrong_demands(written: Demanded, *, permits_cancels: bool) -> Iterator[str]:
    """What keeps them from being demands. ``permits_cancels``: whether the rule may permit one."""
    if written == Demanded():
        return
    if not permits_cancels:
        yield f"@{HOLD} and @{APPROVALS} are for rules that permit the action cancel; it does not"
        return
    if written.hold is not None and not good_hold(written.hold):
        yield f"its @{HOLD} is {written.hold[:40]!r}; allowed is {HOLD_WORDS}"
    if written.approvals is not None and not good_approvals(written.approvals):
        yield f"its @{APPROVALS} is {written.approvals[:40]!r}; allowed is {APPROVALS_WORDS}"


def good_hold(text: str) -> bool:
    """A time within the limits."""
    found = HOLD_FORM.fullmatch(text)
    return bool(found) and demands_of(Demanded(hold=text)).hold_seconds <= HOLD_SECONDS_MAX


def good_approvals(text: str) -> bool:
    """A number within the limits."""
    return bool(APPROVALS_FORM.fullmatch(text)) and int(text) <= APPROVALS_MAX
