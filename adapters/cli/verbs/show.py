"""``countermand show``: a job now or then, or its events."""

import click

from adapters.cli.doing.live import Following, print_live
from adapters.cli.doing.showing import show_part
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
from adapters.cli.typed.kinds import AnyCase
from adapters.cli.typed.lists import all_option, limit_option, rows_wanted
from adapters.cli.typed.targets import target
from adapters.cli.words import TASK_STATES


@click.command("show")
@o.job_argument
@click.option(
    "--events", is_flag=True, help="Its events instead, each with its place in the stream."
)
@click.option("--follow", "follow_it", is_flag=True, help="Its events, until the job has ended.")
@click.option("--at", metavar="TIME", help="As it was at this time.")
@click.option("--version", type=click.IntRange(1), metavar="N", help="As it was after N events.")
@click.option(
    "--state",
    "states",
    type=AnyCase(TASK_STATES),
    metavar="STATE",
    multiple=True,
    help="Of a task's subtasks those in this state; repeatable.",
)
@limit_option
@all_option
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    events: bool,
    follow_it: bool,
    at: str | None,
    version: int | None,
    states: tuple[str, ...],
    limit: int | None,
    all_rows: bool,
) -> int:
    """Show a job: its state, its tasks, who canceled it and why.

    JOB.TASK shows one task, with the subtasks of it that were reached; JOB.TASK.SUBTASK one of
    these.

    \b
      countermand show 17
      countermand show 17.2 --state Failed --all   # failed subtasks of the sweep that is task 2
      countermand show 17.2.3
      countermand show 17 --events
      countermand show 17 --at 12:00:04        # or -5m, or 2026-11-23T12:00:04Z
      countermand show 17 --fields state,cancel.actor,cancel.message -o json
    """
    o.either(("--at", at), ("--version", version), ("--events", events), ("--follow", follow_it))
    on = target(job)
    if on.task is not None:
        only_whole(
            ("--at", at), ("--version", version), ("--events", events), ("--follow", follow_it)
        )
        show_part(asked, on, states, rows_wanted(limit, all_rows))
        return DONE
    if states or all_rows or limit is not None:
        raise click.UsageError("--state, --limit and --all are for the subtasks of JOB.TASK")
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


def only_whole(*given: tuple[str, object]) -> None:
    """A usage error for what is about whole jobs only."""
    for name, value in given:
        if value:
            raise click.UsageError(f"{name} is about a whole job; leave out the task")


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
