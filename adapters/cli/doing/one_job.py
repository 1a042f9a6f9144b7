"""A command to one job, or to a task or subtask of it: send it, say what became of it."""

from collections.abc import Mapping
from functools import partial

from adapters.cli.doing.outcome import say, settle
from adapters.cli.reaching.shapes import Receipt
from adapters.cli.typed.options import Asked, the_key
from adapters.cli.typed.targets import target


def order(
    asked: Asked,
    job: str,
    operation: str,
    body: Mapping[str, object],
    key: str,
    task: int | None = None,
    if_version: int | None = None,
) -> int:
    """Ask the server for ``operation``, print one line or the receipt."""
    on = target(job, task)
    return send(asked, on.job, operation, f"{on.path}/{operation}", body, key, if_version)


def send(
    asked: Asked,
    job: str,
    operation: str,
    path: str,
    body: Mapping[str, object],
    key: str,
    if_version: int | None = None,
    method: str = "POST",
) -> int:
    """Send a command to ``path``, print one line or the receipt."""
    asked.out.check(Receipt)
    mine = the_key(key)
    ask = partial(asked.server.command, path, body, mine, method, if_version)
    outcome = settle(job, operation, mine, ask)
    if asked.out.for_people:
        say(asked.out, outcome)
    else:
        asked.out.value(outcome.receipt, Receipt)
    return outcome.status
