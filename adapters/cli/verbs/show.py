"""``countermand show``: a job now or then, or its events."""

from collections.abc import Iterator

import click

from adapters.cli import options as o
from adapters.cli.events import HEADINGS, actor_of, by, summary, type_of
from adapters.cli.exits import DONE
from adapters.cli.live import Following, print_live
from adapters.cli.moments import brief, shown
from adapters.cli.output import Output
from adapters.cli.shapes import CancelFacts, JobDetail, StoredEvent, StreamedEvent, TaskDetail

TASK_HEADERS = ("TASK", "TYPE", "STATE", "ATTEMPT", "NODE", "EXIT", "REASON", "COMMAND")


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
    then += [("at", o.moment_of(at, asked.out.utc))] if at else []
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
    answer = asked.server.events(job)
    if out.form == "json" and not out.fields:
        out.value(answer)
    else:
        out.listed(answer["events"], StoredEvent, HEADINGS, lambda x: row(x, out.utc))


def row(stored: StoredEvent, utc: bool) -> tuple[object, ...]:
    """An event as a row."""
    event = stored["event"]
    time = brief(event.get("time"), utc)
    version = event.get("aggregateversion", "")
    return stored["position"], version, time, type_of(event), actor_of(event), summary(event)


def show_job(out: Output, detail: JobDetail) -> None:
    """Facts about the job, then its tasks."""
    for name, value in facts(detail, out.utc):
        if value:
            out.fact(name, value, heading=name.upper())
    tasks = detail.get("tasks", [])
    if tasks:
        out.line("")
        out.table(TASK_HEADERS, (task_row(x, out.utc) for x in tasks))


def facts(detail: JobDetail, utc: bool) -> Iterator[tuple[str, str]]:
    """Name and value of what there is to say."""
    name = detail.get("name")
    yield "job", f"{detail['job_id']}" + (f"  {name}" if name else "")
    before = detail.get("previous_state")
    yield "state", detail["state"] + (f" (was {before})" if before else "")
    yield "owner", detail.get("owner", "")
    run_as = detail.get("run_as")
    kind = f"{detail.get('job_type', '')}, priority {detail.get('priority', '')}"
    yield "type", kind + (f", runs as {run_as}" if run_as else "")
    yield "rules", ", ".join(rules(detail))
    for word in ("created", "submitted", "queued", "started", "ended"):
        yield word, shown(detail.get(f"{word}_at"), utc)  # type: ignore[arg-type]
    yield "requeued", f"{detail['requeue_count']} times" if detail.get("requeue_count") else ""
    yield "nodes", ", ".join(detail.get("nodes") or [])
    yield "cancel", request(detail.get("cancel"), utc)
    yield "finish", request(detail.get("finish"), utc)
    failing = detail.get("failing")
    yield "failing", failing["message"] if failing else ""
    code, text = detail.get("error_code"), detail.get("error_message") or ""
    yield "error", f"{text} ({code})" if code else text
    yield "version", f"{detail.get('version')}, event {detail.get('position')}"


def rules(detail: JobDetail) -> Iterator[str]:
    """What its owner set that the service goes by."""
    if detail.get("fail_on_task_failure"):
        yield "fails when a task fails"
    if detail.get("run_until_canceled"):
        yield "runs until it is canceled"
    seconds = detail.get("limit_seconds") or detail.get("runtime_seconds")
    if seconds:
        yield f"runs {seconds} s at most"


def request(facts: CancelFacts | None, utc: bool) -> str:
    """Who asked for the end, when, how and why."""
    if not facts:
        return ""
    who = by(facts.get("actor", ""), facts.get("on_behalf_of"))
    words = f"{facts.get('mode', '')} by {who} at {shown(facts.get('at'), utc)}".strip()
    reason, message = facts.get("reason_code"), facts.get("message")
    words += f", reason {reason}" if reason else ""
    return f'{words}: "{message}"' if message else words


def task_row(task: TaskDetail, utc: bool) -> tuple[object, ...]:
    """A task as a row."""
    signal, code = task.get("exit_signal"), task.get("exit_code")
    ended = f"signal {signal}" if signal else "" if code is None else str(code)
    return (
        task["task_id"],
        task.get("type", ""),
        task["state"],
        task.get("attempt") or "",
        task.get("node") or "",
        ended,
        "; ".join(reasons(task, utc)),
        task.get("command", ""),
    )


def reasons(task: TaskDetail, utc: bool) -> Iterator[str]:
    """What there is to say of how the task ended, or is going to."""
    if task.get("survivors"):
        yield f"{task['survivors']} processes survived"
    if task.get("reason"):
        yield task["reason"] or ""
    if task.get("finish"):
        yield f"finish {request(task['finish'], utc)}"
