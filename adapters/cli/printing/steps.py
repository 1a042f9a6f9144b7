"""Steps of a replay for people: as rows of a table, or one after the other."""

import sys
from typing import Final

from adapters.cli.printing.events import by
from adapters.cli.printing.moments import brief, shown
from adapters.cli.printing.output import Output
from adapters.cli.reaching.shapes import Replay, Step

HEADINGS: Final = ("EVENT", "VERSION", "TIME", "TYPE", "ACTOR", "STATE", "TASKS", "SUMMARY")


def row(step: Step, utc: bool) -> tuple[object, ...]:
    """A step as a row."""
    return (
        step["position"],
        step["version"],
        brief(step["time"], utc),
        step["type"],
        by(step["actor"], step["on_behalf_of"]),
        states(step["state_before"], step["state_after"]),
        tasks(step),
        step["summary"],
    )


def step_through(out: Output, steps: list[Step], ends: bool) -> bool:
    """One block a step; on a terminal each waits for Enter. False when somebody has seen enough.

    ``ends``: these are the last ones, so it is known how many there are.
    """
    last = steps[-1]["version"] if ends and steps else 0
    asks = sys.stdin is not None and sys.stdin.isatty()
    for step in steps:
        time, who = shown(step["time"], out.utc), by(step["actor"], step["on_behalf_of"])
        place = f"{step['version']}/{last}" if ends else f"{step['version']}"
        out.line(f"{place}  event {step['position']}  {time}  {step['type']} by {who}")
        out.line(f"    job: {states(step['state_before'], step['state_after'])}")
        for change in step["tasks"]:
            moved = states(change["before"], change["after"])
            out.line(f"    task {change['task']} (attempt {change['attempt']}): {moved}")
        out.line(f"    {step['summary']}")
        if asks and step["version"] != last and input().strip().lower() == "q":
            return False
    return True


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
