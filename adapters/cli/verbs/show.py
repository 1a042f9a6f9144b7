"""``countermand show``: a job now or then, or its events."""

import click

from adapters.cli.doing.live import Following, print_live
from adapters.cli.exits import DONE
from adapters.cli.printing.events import HEADINGS, cells
from adapters.cli.printing.job import show_job
from adapters.cli.printing.sheets import JsonMember, Sheet
from adapters.cli.reaching.shapes import (
    JobDetail,
    StoredEvent,
    StreamedEvent,
)
from adapters.cli.typed import options as o


@click.command("show")
@o.job_argument
@click.option(
    "--events", is_flag=True, help="Its events instead, each with its place in the stream."
)
@click.option("--follow", "follow_it", is_flag=True, help="Its events, until the job has ended.")
@click.option("--at", metavar="TIME", help="As it was at this time.")
@click.option("--version", type=click.IntRange(1), metavar="N", help="As it was after N events.")
@o.talks
def verb(
    asked: o.Asked, job: str, events: bool, follow_it: bool, at: str | None, version: int | None
) -> int:
    """Show a job: its state, its tasks, who canceled it and why.

    \b
      countermand show 17
      countermand show 17 --events
      countermand show 17 --at 12:00:04        # or -5m, or 2026-11-23T12:00:04Z
      countermand show 17 --fields state,cancel.actor,cancel.message -o json
    """
    o.either(("--at", at), ("--version", version), ("--events", events), ("--follow", follow_it))
    if follow_it:
        o.need_lines(asked, "show --follow")
        asked.out.check(StreamedEvent)
        return print_live(asked, Following(job=job, ends_with_job=True))
    if events:
        show_events(asked, job)
        return DONE
    asked.out.check(JobDetail)
    then = [("version", str(version))] if version else []
    then += o.at_query(asked, at)
    detail = asked.server.job(job, then)
    if asked.out.for_people:
        show_job(asked.out, detail)
    else:
        asked.out.value(detail, JobDetail)
    return DONE


def show_events(asked: o.Asked, job: str) -> None:
    """Every event of the job in order."""
    out = asked.out
    out.check(StoredEvent)
    sheet: Sheet | None = None
    for answer in asked.server.events(job):
        if sheet is None:
            whole = out.form == "json" and not out.fields
            named = JsonMember({"job_id": answer["job_id"]}, "events")
            sheet = named if whole else out.sheet(StoredEvent, HEADINGS, lambda x: row(x, out.utc))
        sheet.add(answer["events"])
    assert sheet is not None, "there is at least one answer"
    sheet.close()


def row(stored: StoredEvent, utc: bool) -> tuple[object, ...]:
    """An event as a row."""
    event, why = stored["event"], stored.get("unreadable", "")
    version = "" if why or event is None else event.get("aggregateversion", "")
    return stored["position"], version, *cells(event, why, utc)
