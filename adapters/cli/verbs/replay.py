"""``countermand replay``: a job told again from its events."""

from collections.abc import Iterator
from typing import Final

import click

from adapters.cli.doing.differences import Differences, differences, span_of
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.printing.job import show_job
from adapters.cli.printing.output import Output
from adapters.cli.printing.sheets import JsonMember, Sheet, words
from adapters.cli.printing.steps import HEADINGS, row, step_through, verdict
from adapters.cli.reaching.server import Query
from adapters.cli.reaching.shapes import FieldDifference, Replay, Step
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import EventType

ENDING: Final = ("job", "position", "matches_live")
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
    telling = Telling(asked, job, then, stop_type)
    tell(asked.out, telling, step)
    if stop_type is not None and not telling.stopped:
        asked.out.note(f"there was no {stop_type} to stop at")
    return FAILURE if telling.end["matches_live"] is False else DONE


class Telling:
    """A replay page by page, up to the first event of ``stop_type`` if there is one.

    ``end``: the latest page; ``stopped``: whether that event was met.
    """

    def __init__(self, asked: o.Asked, job: str, then: Query, stop_type: str | None) -> None:
        self._asked = asked
        self._job = job
        self._then = then
        self._stop_type = stop_type
        self.stopped = False
        self.end: Replay

    def __iter__(self) -> Iterator[list[Step]]:
        for told in self._asked.server.replay(self._job, self._then):
            self.end = told
            self.stopped = self._stop_type is not None and self._stop()
            yield self.end["steps"]
            if self.stopped:
                return

    def _stop(self) -> bool:
        """End this page at the first event of the type, with the job as it was; False for none."""
        told = self.end
        for n, step in enumerate(told["steps"], start=1):
            if step["type"] == self._stop_type:
                there = self._asked.server.job(self._job, [("version", str(step["version"]))])
                told["steps"] = told["steps"][:n]
                told["job"], told["position"], told["matches_live"] = there, step["position"], None
                return True
        return False


def tell(out: Output, telling: Telling, step: bool) -> None:
    """The steps in the form that was asked for, as they come, and how it ends."""
    if step and out.for_people:
        for steps in telling:
            ends = telling.stopped or telling.end.get("next") is None
            if not step_through(out, steps, ends):
                break
    else:
        print_steps(out, telling)
    if out.for_people and telling.stopped:
        out.line("")
        show_job(out, telling.end["job"])
    elif out.for_people:
        out.line(verdict(telling.end))


def print_steps(out: Output, telling: Telling) -> None:
    """A table, or data: in JSON with the end beside them."""
    whole = not out.fields and out.form in ("json", "ndjson")
    sheet: Sheet | None = None
    for steps in telling:
        if sheet is None:
            named = JsonMember({"job_id": telling.end["job_id"]}, "steps")
            usual = out.sheet(Step, HEADINGS, lambda x: row(x, out.utc))
            sheet = named if whole and out.form == "json" else usual
        sheet.add(steps)
    assert sheet is not None, "there is at least one page"
    ending = {x: telling.end[x] for x in ENDING}
    if isinstance(sheet, JsonMember):
        sheet.after = ending
    elif whole:
        sheet.add([ending])
    sheet.close()


# --- two versions ---------------------------------------------------------------------------------


def tell_differences(asked: o.Asked, job: str, first: int, last: int) -> int:
    """What the events after version ``first`` up to ``last`` changed."""
    out = asked.out
    out.check(FieldDifference)
    before = asked.server.job(job, [("version", str(first))])
    after = asked.server.job(job, [("version", str(last))])
    told = asked.server.replay(job, [("version", str(last))], first)
    steps = [step for page in told for step in page["steps"]]
    found: Differences = {
        "job_id": after["job_id"],
        "from_version": first,
        "to_version": last,
        "differences": differences(before, after),
        "events": steps,
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
