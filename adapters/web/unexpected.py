"""What every face does alike with an error that is none of its own."""

import traceback
from collections.abc import Callable
from typing import Final

import structlog

HTTP_CODES: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
}
"""What the web framework refuses by itself, as codes of ours."""

log = structlog.get_logger()


def logged(error: Exception, new_id: Callable[[], str]) -> str:
    """Log what nobody expected; the incident id under which it stands in the log."""
    incident = new_id()
    # Formatted here, so that no log's renderer adds the values of variables: they may be secrets.
    told = "".join(traceback.format_exception(error))
    log.error("unexpected_error", incident=incident, error=type(error).__name__, traceback=told)
    return incident
