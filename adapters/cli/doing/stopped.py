"""Views that have stopped: what came after is not in their answers, and asking again is no help."""

from collections.abc import Mapping
from typing import Any

from adapters.cli.printing.output import Output
from adapters.cli.printing.stdout import warn


def stopped_of(body: Mapping[str, Any]) -> str:
    """Where the views stopped, and why, as an answer says it; "" while they go on."""
    return str(body.get("stopped") or "")


def say_stopped(out: Output, stopped: str) -> None:
    """Say so on stderr, also with --quiet: a list that lacks something must not look whole."""
    if stopped:
        warn(f"{stopped}; what came after is not shown")
