"""Cancels that wait: which one is meant."""

from adapters.cli.exits import ILLEGAL_STATE, USAGE, Failure
from adapters.cli.reaching.server import quoted
from adapters.cli.typed.options import Asked

NAMED_MAX = 5


def path_of(asked: Asked, job: str, cancel: str) -> str:
    """Where the cancel is: the one of this request id, or the only one that waits on the job."""
    name = cancel or the_only(asked, job)
    return f"/jobs/{quoted(job)}/cancellations/{quoted(name)}"


def the_only(asked: Asked, job: str) -> str:
    """The request id of the one cancel that waits."""
    waiting = asked.server.job(job).get("waiting_cancels") or []
    if len(waiting) == 1:
        return waiting[0]["request_id"]
    if not waiting:
        raise Failure(ILLEGAL_STATE, f"job {job}: no cancel waits", code="illegal_transition")
    ids = ", ".join(x["request_id"] for x in waiting[:NAMED_MAX])
    words = f"job {job}: {len(waiting)} cancels wait ({ids})"
    raise Failure(USAGE, words, "say which with --request")
