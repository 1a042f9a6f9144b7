"""Numbers of jobs for a shell that completes a command line: soon, or none; never an error."""

from collections.abc import Iterable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from adapters.cli.reaching.endpoint import find
from adapters.cli.reaching.server import Patience, Server
from adapters.cli.words import ENDED_STATES, JOB_STATES
from adapters.escape import safe

ASK_SECONDS_MAX: Final = 1.0
JOBS_MAX: Final = 200
HELP_CHARACTERS_MAX: Final = 60

LIVE: Final = tuple(x for x in JOB_STATES if x not in ENDED_STATES)
STATES: Final = {
    "cancel": LIVE,
    "finish": LIVE,
    "requeue": ("Failed", "Canceled"),
    "configure": ("Queued", "Failed", "Canceled"),
}
"""Which jobs a verb is for; the others are about any."""


def jobs(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """The latest jobs that the verb is for and whose number begins so."""
    try:
        return list(fitting(latest(ctx), incomplete, named(ctx)))
    except Exception:
        return []  # a shell has no place for what went wrong; the verb itself will say it


def latest(ctx: click.Context) -> list[Any]:
    """The latest jobs, asked for as the options so far say."""
    said = ctx.params
    server = Server(
        lambda: find(said.get("endpoint"), said.get("token")),
        said.get("as_user") or "",
        Patience(ASK_SECONDS_MAX, attempts=1),
    )
    states = [("state", x) for x in STATES.get(ctx.info_name or "", ())]
    found: list[Any] = server.page("/jobs", [*states, ("limit", str(JOBS_MAX))])["jobs"]
    return found


def named(ctx: click.Context) -> frozenset[str]:
    """Jobs that stand on the command line already."""
    said = ctx.params.get("jobs") or ()
    return frozenset(said)


def fitting(
    found: Iterable[Any], incomplete: str, named: frozenset[str]
) -> Iterable[CompletionItem[str]]:
    """Those that begin so, each with its state and name."""
    for job in found:
        number = str(int(job["job_id"]))
        if number.startswith(incomplete) and number not in named:
            words = safe(f"{job['state']} {job['name']}")[:HELP_CHARACTERS_MAX]
            yield CompletionItem(number, help=words.strip())
