"""Annotations that would do nothing: a misspelt one looks like a demand and is none.

Rules that are in force are not broken by such a one, so it keeps nobody from asking them; but none
is put in force with it any more.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from adapters.policy.demands import APPROVALS, HOLD

ID: Final = "id"
WHO: Final = "who"
DENY_MESSAGE: Final = "deny_message"
NOTE: Final = "note"
"""Free text for whoever reads the rule."""

KNOWN: Final = (ID, WHO, DENY_MESSAGE, HOLD, APPROVALS, NOTE)
ALIKE: Final = 0.6


def idle(annotations: Mapping[str, str], *, permits: bool) -> Iterator[str]:
    """What is wrong with those that would do nothing on a rule that permits, or forbids."""
    for name in annotations:
        if name not in KNOWN:
            yield f"@{name} is no annotation that means anything{meant(name)}; there are {named()}"
    if permits and DENY_MESSAGE in annotations:
        yield f"@{DENY_MESSAGE} is for rules that forbid: nothing is refused by one that permits"
    if not permits and WHO in annotations:
        yield f"@{WHO} is for rules that permit: it names those whom the rule allows something"


def meant(name: str) -> str:
    """The one that was meant, if there is one like it."""
    alike = get_close_matches(name.lower(), KNOWN, 1, ALIKE)
    return f" (is @{alike[0]} meant?)" if alike else ""


def named() -> str:
    """All of them."""
    return ", ".join(f"@{name}" for name in KNOWN)
