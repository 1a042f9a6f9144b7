"""``countermand ls``: jobs, or accepted cancels that do not go as they should."""

from typing import Any, Final

import click

from adapters.cli.doing.pages import Pages, print_pages
from adapters.cli.exits import DONE, NO_SUCH_JOB, SOME_FAILED
from adapters.cli.printing.events import by
from adapters.cli.printing.moments import brief
from adapters.cli.printing.stdout import warn
from adapters.cli.reaching.view_shapes import CancellationItem, JobItem
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import AnyCase, Order
from adapters.cli.typed.lists import (
    all_option,
    limit_option,
    rows_wanted,
    since_option,
    span_query,
    until_option,
)
from adapters.cli.words import JOB_STATES, JOB_TYPES
from projections.quoting import quoted

HEADINGS: Final = ("JOB", "NAME", "OWNER", "STATE", "TASKS", "SINCE", "CANCELED BY", "WHY")
STUCK_HEADINGS: Final = ("JOB", "TROUBLE", "STAGE", "MODE", "BY", "SINCE", "DUE", "WHY")
SINCE: Final = {
    "Submitted": "submitted_at",
    "Queued": "queued_at",
    "Running": "started_at",
    "Finished": "ended_at",
    "Failed": "ended_at",
    "Canceled": "ended_at",
}
"""Since when a job is in its state, where a time of its own says that."""

TROUBLES: Final = {"stuck": "is overdue", "late": "ended late"}


@click.command("ls")
@o.some_jobs_argument
@click.option(
    "--state",
    "states",
    type=AnyCase(JOB_STATES),
    metavar="STATE",
    multiple=True,
    help=f"One of {', '.join(JOB_STATES)}; repeatable.",
)
@click.option("--owner", "owners", metavar="NAME", multiple=True, help="Of this owner; repeatable.")
@click.option("--name", metavar="PART", help="With this in the name.")
@click.option("--type", "job_type", type=AnyCase(JOB_TYPES), metavar="TYPE", help="Batch or Admin.")
@click.option(
    "--canceled-by", metavar="NAME", multiple=True, help="Last canceled by them; repeatable."
)
@click.option(
    "--node", "nodes", metavar="NAME", multiple=True, help="Was given this node; repeatable."
)
@click.option(
    "--label", "labels", metavar="K[=V]", multiple=True, help="With this label; several: with all."
)
@since_option
@until_option
@click.option("--sort", type=Order(), metavar="KEY|-KEY", help="By this; -: the largest first.")
@click.option("--stuck", is_flag=True, help="Cancels that are stuck, late or have survivors.")
@limit_option
@all_option
@o.talks
def verb(
    asked: o.Asked,
    jobs: tuple[str, ...],
    owners: tuple[str, ...],
    canceled_by: tuple[str, ...],
    stuck: bool,
    limit: int | None,
    all_rows: bool,
    **filters: Any,
) -> int:
    """List jobs, the latest first: state, tasks done of all, who canceled them and why. Of a sweep
    each subtask counts as a task.

    Several values of one option mean any of them (of --label all), several options all of them.
    --since and --until are about the last change. --sort takes id, changed, created, submitted,
    started, ended, priority, owner, run_as, name, type, state, previous_state, requeues or error;
    by id each job comes once, also when jobs change while a long list is read.

    \b
      countermand ls --state Running --state Canceling
      countermand ls --label env=prod --label team
      countermand ls --owner alice --since -24h --sort -changed
      countermand ls --stuck                    # what does not go as it should, the worst first
      countermand ls --all --fields job_id,state,cancel.actor -o csv
    """
    wanted = rows_wanted(limit, all_rows or (bool(jobs) and limit is None))
    if stuck:
        refuse(filters, jobs)
        return list_stuck(asked, jobs, owners, canceled_by, wanted)
    asked.out.check(JobItem)
    query = [("id", job) for job in dict.fromkeys(jobs)]
    query += [("owner", x) for x in owners] + [("canceled_by", x) for x in canceled_by]
    query += job_query(asked, **filters)
    pages = Pages(asked, "/jobs", "jobs", query, wanted)
    seen = Seen(asked, {int(x) for x in jobs if x.isascii() and x.isdecimal()})
    print_pages(asked, pages, seen, lambda last: "--limit N or --all")
    only_named = all(name == "id" for name, _ in query) and not pages.more
    return seen.missing() if only_named else DONE


def job_query(
    asked: o.Asked,
    states: tuple[str, ...],
    nodes: tuple[str, ...],
    labels: tuple[str, ...],
    name: str | None,
    job_type: str | None,
    since: str | None,
    until: str | None,
    sort: str | None,
) -> list[tuple[str, str]]:
    """The other filters, and the order."""
    query = [("state", x) for x in states] + [("node", x) for x in nodes]
    query += [("label", x) for x in labels]
    given = (("name", name), ("job_type", job_type), ("sort", sort))
    query += [(field, x) for field, x in given if x]
    return query + span_query(asked, since, until)


class Seen:
    """The list of jobs, which knows which of those that were named are not in it."""

    def __init__(self, asked: o.Asked, named: set[int]) -> None:
        self._sheet = asked.out.sheet(JobItem, HEADINGS, lambda job: row(job, asked.out.utc))
        self._named = named
        self._found: set[int] = set()

    def add(self, rows: Any) -> None:
        """Print jobs."""
        self._found |= {job["job_id"] for job in rows}
        self._sheet.add(rows)

    def close(self) -> None:
        """Print what ends the list."""
        self._sheet.close()

    def missing(self) -> int:
        """Say which are missing; 3 when all are, 8 when some are."""
        gone = sorted(self._named - self._found)
        for job in gone:
            warn(f"job {job}: there is no such job in the job view")
        return DONE if not gone else SOME_FAILED if self._found else NO_SUCH_JOB


def row(job: Any, utc: bool) -> tuple[object, ...]:
    """A job as a row."""
    cancel, tasks = job["cancel"], job["tasks"]
    done = tasks["finished"] + tasks["failed"] + tasks["canceled"]
    since = job.get(SINCE.get(job["state"], "")) or job["changed_at"]
    return (
        job["job_id"],
        job["name"],
        job["owner"],
        job["state"],
        f"{done}/{tasks['total']}",
        brief(since, utc),
        by(cancel["actor"], cancel["on_behalf_of"]) if cancel else "",
        why(cancel) if cancel else job["error_message"],
    )


def why(cancel: Any) -> str:
    """The message, the reason code, and the mode when it is not the usual one."""
    message, reason = cancel["message"], cancel["reason_code"]
    words = [message and quoted(message), reason and f"[{reason}]"]
    words += [f"({cancel['mode']})"] if cancel["mode"] != "normal" else []
    return " ".join(x for x in words if x)


# --- cancels that do not go as they should --------------------------------------------------------


def refuse(filters: dict[str, Any], jobs: tuple[str, ...]) -> None:
    """A usage error for filters of jobs beside --stuck."""
    given = [f"--{name.replace('_', '-')}" for name, value in filters.items() if value]
    if given:
        names = {"--states": "--state", "--nodes": "--node", "--labels": "--label"}
        names |= {"--job-type": "--type"}
        told = " and ".join(names.get(x, x) for x in given)
        raise click.UsageError(
            f"--stuck lists cancels and does not go with {told}; it takes one JOB, --owner, "
            "--canceled-by and --limit"
        )
    if len(jobs) > 1:
        raise click.UsageError("--stuck takes one JOB at most")


def list_stuck(
    asked: o.Asked,
    jobs: tuple[str, ...],
    owners: tuple[str, ...],
    actors: tuple[str, ...],
    wanted: int | None,
) -> int:
    """What has survivors first, then what is stuck, then what is late. None is good news."""
    asked.out.check(CancellationItem)
    query = [("troubled", "true"), *(("job", job) for job in jobs)]
    query += [("owner", x) for x in owners] + [("actor", x) for x in actors]
    utc = asked.out.utc
    sheet = asked.out.sheet(CancellationItem, STUCK_HEADINGS, lambda x: stuck_row(x, utc))
    pages = Pages(asked, "/cancellations", "cancellations", query, wanted)
    print_pages(asked, pages, sheet, lambda last: "--limit N or --all")
    return DONE


def stuck_row(x: Any, utc: bool) -> tuple[object, ...]:
    """A cancel as a row."""
    task = "" if x["task_id"] is None else f".{x['task_id']}"
    task += "" if x["subtask_id"] is None else f".{x['subtask_id']}"
    return (
        f"{x['job_id']}{task}",
        trouble(x),
        x["stage"],
        x["mode"],
        by(x["actor"], x["on_behalf_of"]),
        brief(x["requested_at"], utc),
        brief(x["due_at"], utc),
        x["message"],
    )


def trouble(x: Any) -> str:
    """What is wrong, in words; processes that outlived SIGKILL are counted."""
    if x["survivors"]:
        return f"{x['survivors']} survivor{'' if x['survivors'] == 1 else 's'}"
    return TROUBLES.get(x["trouble"], x["trouble"] or "")
