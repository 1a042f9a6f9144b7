"""A command to one job, or to one of its tasks: send it, say what became of it."""

from collections.abc import Mapping
from functools import partial

from adapters.cli.doing.outcome import say, settle
from adapters.cli.reaching.server import quoted
from adapters.cli.reaching.shapes import Receipt
from adapters.cli.typed.options import Asked, the_key


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
    return send(asked, job, operation, path_of(job, task, operation), body, key, if_version)


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


def path_of(job: str, task: int | None, operation: str) -> str:
    """The route, of the job or of its task."""
    of_task = "" if task is None else f"/tasks/{task}"
    return f"/jobs/{quoted(job)}{of_task}/{operation}"
