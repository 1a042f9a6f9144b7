"""``countermand replay``: a job told again from its events."""

import sys

import click

from adapters.cli import options as o
from adapters.cli.events import by
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.moments import shown
from adapters.cli.output import Output
from adapters.cli.shapes import Replay, Step

HEADERS = ("EVENT", "VERSION", "TIME", "TYPE", "ACTOR", "STATE", "TASKS", "SUMMARY")


@click.command("replay")
@o.job_argument
@click.option("--to", "version", type=click.IntRange(1), metavar="VERSION", help="Stop after it.")
@click.option("--at", metavar="TIME", help="Stop at this time.")
@click.option("--step", is_flag=True, help="One event at a time: Enter goes on, q ends.")
@o.talks
def verb(asked: o.Asked, job: str, version: int | None, at: str | None, step: bool) -> int:
    """Tell a job again, event by event, and compare the end with the live state.

    The exit status is 1 when replay and live state differ.

    \b
      countermand replay 17
      countermand replay 17 --to 4 --step
    """
    o.either(("--to", version), ("--at", at))
    then = [("version", str(version))] if version else []
    then += [("at", o.moment_of(at, asked.out.utc))] if at else []
    out = asked.out
    out.check(Step)
    told = asked.server.replay(job, then)
    if out.form == "json" and not out.fields:
        out.value(told)
    elif out.form == "ndjson" and not out.fields:
        out.values([*told["steps"], {x: told[x] for x in ("job", "position", "matches_live")}])
    elif not out.for_people:
        out.values(told["steps"], Step)
    elif step:
        step_through(out, told["steps"])
        out.line(verdict(told))
    else:
        out.table(HEADERS, (row(x, out.utc) for x in told["steps"]))
        out.line(verdict(told))
    return FAILURE if told["matches_live"] is False else DONE


def row(step: Step, utc: bool) -> tuple[object, ...]:
    """A step as a row."""
    return (
        step["position"],
        step["version"],
        shown(step["time"], utc),
        short(step["type"]),
        by(step["actor"], step["on_behalf_of"]),
        states(step["state_before"], step["state_after"]),
        tasks(step),
        step["summary"],
    )


def step_through(out: Output, steps: list[Step]) -> None:
    """One block a step; on a terminal each waits for Enter."""
    asks = sys.stdin is not None and sys.stdin.isatty()
    for n, step in enumerate(steps, start=1):
        time, who = shown(step["time"], out.utc), by(step["actor"], step["on_behalf_of"])
        out.line(
            f"{n}/{len(steps)}  event {step['position']}  {time}  {short(step['type'])} by {who}"
        )
        out.line(f"    job: {states(step['state_before'], step['state_after'])}")
        for change in step["tasks"]:
            moved = states(change["before"], change["after"])
            out.line(f"    task {change['task']} (attempt {change['attempt']}): {moved}")
        out.line(f"    {step['summary']}")
        if asks and n < len(steps) and input().strip().lower() == "q":
            return


def short(name: str) -> str:
    """The type without prefix and version."""
    parts = name.split(".")
    return parts[1] if len(parts) == 3 else name


def states(before: str | None, after: str) -> str:
    """``Running -> Canceling``, or the state that stayed."""
    return after if before == after else f"{before or 'nothing'} -> {after}"


def tasks(step: Step) -> str:
    """What changed about tasks."""
    return ", ".join(f"{x['task']}: {x['after']}" for x in step["tasks"])


def verdict(told: Replay) -> str:
    """The comparison with the live state."""
    match told["matches_live"]:
        case True:
            return "replay equals the live state: yes"
        case False:
            return "replay equals the live state: NO; they differ, tell the administrator"
        case None:
            return "replay equals the live state: not compared, because --to or --at was given"
