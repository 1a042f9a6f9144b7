"""Numbers of jobs, tasks and subtasks for a shell that completes: soon, or none; never an error."""

from collections.abc import Iterable
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from adapters.cli.reaching.endpoint import find
from adapters.cli.reaching.server import Patience, Server, quoted
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

WITH_PARTS: Final = frozenset({"cancel", "finish", "requeue", "show"})
"""Verbs that take JOB.TASK and JOB.TASK.SUBTASK."""


def jobs(ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
    """The latest jobs that the verb is for and whose number begins so."""
    try:
        if "." in incomplete and ctx.info_name in WITH_PARTS:
            return list(parts(ctx, incomplete))
        return list(fitting(latest(ctx), incomplete, named(ctx)))
    except Exception:
        return []  # a shell has no place for what went wrong; the verb itself will say it


def latest(ctx: click.Context) -> list[Any]:
    """The latest jobs, asked for as the options so far say."""
    states = [("state", x) for x in STATES.get(ctx.info_name or "", ())]
    found: list[Any] = server_of(ctx).page("/jobs", [*states, ("limit", str(JOBS_MAX))])["jobs"]
    return found


def server_of(ctx: click.Context) -> Server:
    """The server, as the options so far say."""
    said = ctx.params
    return Server(
        lambda: find(said.get("endpoint"), said.get("token")),
        said.get("as_user") or "",
        Patience(ASK_SECONDS_MAX, attempts=1),
    )


def parts(ctx: click.Context, incomplete: str) -> Iterable[CompletionItem[str]]:
    """Tasks of the job (JOB.), or subtasks of the task (JOB.TASK.), that begin so."""
    job, *more = incomplete.split(".")
    if len(more) == 1:
        tasks = server_of(ctx).page(f"/jobs/{quoted(job)}/tasks", [("limit", str(JOBS_MAX))])
        found = [(x["task_id"], x["state"], x["name"] or x["command"]) for x in tasks["tasks"]]
    else:
        path = f"/jobs/{quoted(job)}/tasks/{quoted(more[0])}/subtasks"
        subtasks = server_of(ctx).page(path, [("limit", str(JOBS_MAX))])["subtasks"]
        found = [(x["subtask_id"], x["state"], x["command"]) for x in subtasks]
    before = incomplete.rpartition(".")[0]
    for number, state, words in found:
        name = f"{before}.{int(number)}"
        if name.startswith(incomplete) and name not in named(ctx):
            yield CompletionItem(name, help=safe(f"{state} {words}")[:HELP_CHARACTERS_MAX].strip())


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
