"""``countermand replay``: a job told again from its events."""

from typing import Final

import click

from adapters.cli.doing.differences import Differences, differences, span_of
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.printing.job import show_job
from adapters.cli.printing.output import Output
from adapters.cli.printing.sheets import words
from adapters.cli.printing.steps import HEADINGS, row, step_through, verdict
from adapters.cli.reaching.shapes import FieldDifference, Replay, Step
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import EventType

DIFFERENCE_HEADINGS: Final = ("FIELD", "BEFORE", "AFTER")


@click.command("replay")
@o.job_argument
@click.option("--to", "version", type=click.IntRange(1), metavar="VERSION", help="Stop after it.")
@click.option("--at", metavar="TIME", help="Stop at this time.")
@click.option("--step", is_flag=True, help="One event at a time: Enter goes on, q ends.")
@click.option(
    "--break-on",
    "stop_type",
    type=EventType(),
    metavar="TYPE",
    help="Stop after the first event of this type, and show the job there.",
)
@click.option(
    "--diff", metavar="A..B", help="Only what differs between two versions, and the events between."
)
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    version: int | None,
    at: str | None,
    step: bool,
    stop_type: str | None,
    diff: str | None,
) -> int:
    """Tell a job again, event by event, and compare the end with the live state.

    The exit status is 1 when replay and live state differ.

    \b
      countermand replay 17
      countermand replay 17 --to 4 --step
      countermand replay 17 --break-on TaskForceStopped     # how was it when that happened?
      countermand replay 17 --diff 6..9                     # what did these events change?
    """
    o.either(("--to", version), ("--at", at), ("--diff", diff))
    o.either(("--diff", diff), ("--step", step))
    o.either(("--diff", diff), ("--break-on", stop_type))
    if diff is not None:
        return tell_differences(asked, job, *span_of(diff))
    asked.out.check(Step)
    then = [("version", str(version))] if version else []
    then += o.at_query(asked, at)
    told = asked.server.replay(job, then)
    stopped = stop_type is not None and stop(asked, job, told, stop_type)
    tell(asked.out, told, step, stopped)
    if stop_type is not None and not stopped:
        asked.out.note(f"there was no {stop_type} to stop at")
    return FAILURE if told["matches_live"] is False else DONE


def stop(asked: o.Asked, job: str, told: Replay, stop_type: str) -> bool:
    """End the replay at the first event of a type, with the job as it was; False for none."""
    for n, step in enumerate(told["steps"], start=1):
        if step["type"] == stop_type:
            there = asked.server.job(job, [("version", str(step["version"]))])
            told["steps"] = told["steps"][:n]
            told["job"], told["position"], told["matches_live"] = there, step["position"], None
            return True
    return False


def tell(out: Output, told: Replay, step: bool, stopped: bool) -> None:
    """The steps in the form that was asked for, and how it ends."""
    if out.form == "json" and not out.fields:
        out.value(told)
    elif out.form == "ndjson" and not out.fields:
        out.values([*told["steps"], {x: told[x] for x in ("job", "position", "matches_live")}])
    elif not out.for_people:
        out.values(told["steps"], Step)
    else:
        if step:
            step_through(out, told["steps"])
        else:
            out.table(HEADINGS, (row(x, out.utc) for x in told["steps"]))
        if stopped:
            out.line("")
            show_job(out, told["job"])
        else:
            out.line(verdict(told))


# --- two versions ---------------------------------------------------------------------------------


def tell_differences(asked: o.Asked, job: str, first: int, last: int) -> int:
    """What the events after version ``first`` up to ``last`` changed."""
    out = asked.out
    out.check(FieldDifference)
    before = asked.server.job(job, [("version", str(first))])
    after = asked.server.job(job, [("version", str(last))])
    steps = asked.server.replay(job, [("version", str(last))])["steps"]
    found: Differences = {
        "job_id": after["job_id"],
        "from_version": first,
        "to_version": last,
        "differences": differences(before, after),
        "events": [step for step in steps if step["version"] > first],
    }
    if out.form == "json" and not out.fields:
        out.value(found)
    elif not out.for_people:
        out.values(found["differences"], FieldDifference)
    else:
        show_differences(out, found)
    return DONE


def show_differences(out: Output, found: Differences) -> None:
    """The fields, then the events. For people nothing and an empty text are the same."""
    rows = [
        (x["path"], *(words(x["path"], value, out.utc) for value in (x["before"], x["after"])))
        for x in found["differences"]
    ]
    out.table(DIFFERENCE_HEADINGS, [row for row in rows if row[1] != row[2]])
    out.line("")
    out.table(HEADINGS, (row(x, out.utc) for x in found["events"]))
