"""Which cell has which colour: one for each state, red for refusals and for what is wrong."""

from collections.abc import Mapping
from typing import Final

HEADING: Final = "1"
RED: Final = "31"
RESET: Final = "\x1b[0m"

STATES: Final = {
    "Configuring": "2",
    "Submitted": "36",
    "Validating": "96",
    "ExternalValidation": "2;36",
    "Queued": "33",
    "Dispatching": "93",
    "Running": "32",
    "Finishing": "94",
    "Finished": "34",
    "Failed": RED,
    "Canceling": "95",
    "Canceled": "35",
}
LEVELS: Final = {"ok": "32", "warning": "33", "error": RED}
WRONG: Final = ("refus", "unknown", "conflict", "unavailable", "unreadable", "forced_stop", "kill")

BY_HEADING: Final[Mapping[str, Mapping[str, str]]] = {
    "STATE": STATES,
    "BEFORE": STATES,
    "AFTER": STATES,
    "LEVEL": LEVELS,
}
RED_WHEN_WRONG: Final = frozenset({"KIND", "OUTCOME", "TYPE"})
RED_WHEN_ANYTHING: Final = frozenset({"TROUBLE", "FAILURE"})


def colour_of(heading: str, text: str) -> str:
    """The colour of a cell below a heading, "" for none."""
    if heading in BY_HEADING:
        return BY_HEADING[heading].get(text.rpartition(" ")[2], "")
    if heading in RED_WHEN_ANYTHING:
        return RED if text else ""
    wrong = heading in RED_WHEN_WRONG and any(x in text.lower() for x in WRONG)
    return RED if wrong else ""


def painted(text: str, colour: str) -> str:
    """The text in a colour, or as it is."""
    return f"\x1b[{colour}m{text}{RESET}" if colour and text else text
