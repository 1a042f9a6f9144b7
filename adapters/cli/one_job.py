"""A command to one job: send it, say what became of it."""

from collections.abc import Mapping

from adapters.cli.options import Asked, the_key
from adapters.cli.outcome import say, settle
from adapters.cli.server import quoted


def order(asked: Asked, job: str, operation: str, body: Mapping[str, object], key: str) -> int:
    """Ask the server for ``operation`` on ``job``, print one line or the receipt."""
    mine = the_key(key)
    path = f"/jobs/{quoted(job)}/{operation}"
    outcome = settle(job, operation, mine, lambda: asked.server.command(path, body, mine))
    if asked.out.for_people:
        say(asked.out, outcome)
    else:
        asked.out.value(outcome.receipt)
    return outcome.status
