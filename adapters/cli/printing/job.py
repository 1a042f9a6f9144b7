"""A job for people: what there is to say of it, then its tasks."""

from collections.abc import Iterator
from typing import Final

from adapters.cli.printing.events import by
from adapters.cli.printing.moments import shown
from adapters.cli.printing.output import Output
from adapters.cli.printing.waiting import waiting
from adapters.cli.reaching.shapes import (
    CancelFacts,
    HeldFacts,
    JobDetail,
    MarkFacts,
    SubtaskCounts,
    SubtaskItem,
    TaskDetail,
)
from projections.quoting import quoted

SUBTASK_HEADERS: Final = (
    *("SUBTASK", "INDEX", "STATE", "ATTEMPT", "NODE", "EXIT", "ENDED"),
    *("REASON", "COMMAND"),
)
TASK_HEADERS: Final = ("TASK", "TYPE", "STATE", "ATTEMPT", "NODE", "EXIT", "REASON", "COMMAND")


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
    yield "project", detail.get("project") or ""
    yield "labels", ", ".join(f"{k}={v}" for k, v in (detail.get("labels") or {}).items())
    yield "protected", mark(detail.get("protection"), utc)
    yield "legal hold", mark(detail.get("legal_hold"), utc)
    yield "rules", ", ".join(rules(detail))
    yield "progress", progress(detail)
    yield "held until", shown(detail.get("hold_until"), utc)
    for word in ("created", "submitted", "queued", "started", "ended"):
        yield word, shown(detail.get(f"{word}_at"), utc)  # type: ignore[arg-type]
    yield "requeued", f"{detail['requeue_count']} times" if detail.get("requeue_count") else ""
    yield "nodes", ", ".join(detail.get("nodes") or [])
    yield "cancel", request(detail.get("cancel"), utc)
    yield "finish", request(detail.get("finish"), utc)
    failing = detail.get("failing")
    yield "failing", failing["message"] if failing else ""
    yield "held", held(detail.get("held"), utc)
    for facts_of in detail.get("waiting_cancels") or ():
        yield "waits", waiting(facts_of, utc)
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
    if detail.get("valid_exit_codes"):
        yield f"exit codes {detail['valid_exit_codes']} are success"
    if detail.get("task_retry_count"):
        yield f"a failed task runs again {detail['task_retry_count']} times"


def progress(detail: JobDetail) -> str:
    """How far it is, as its owner says; "" where nothing is said."""
    percent, words = detail.get("progress") or 0, detail.get("progress_message") or ""
    if not percent and not words:
        return ""
    return f"{percent} %" + (f": {quoted(words)}" if words else "")


def held(facts: HeldFacts | None, utc: bool) -> str:
    """Which filter does not let it start, since when and why."""
    if not facts:
        return ""
    words = f"by {facts['filter']} since {shown(facts['at'], utc)} ({facts['hold']})"
    return f"{words}: {quoted(facts['reason'])}" if facts["reason"] else words


def mark(facts: MarkFacts | None, utc: bool) -> str:
    """Who marked it, since when and why."""
    if not facts:
        return ""
    who = by(facts["actor"], facts["on_behalf_of"])
    return f"by {who} since {shown(facts['at'], utc)}: {quoted(facts['message'])}"


def request(facts: CancelFacts | None, utc: bool) -> str:
    """Who asked for the end, when, how and why."""
    if not facts:
        return ""
    who = by(facts.get("actor", ""), facts.get("on_behalf_of"))
    words = f"{facts.get('mode', '')} by {who} at {shown(facts.get('at'), utc)}".strip()
    reason, message = facts.get("reason_code"), facts.get("message")
    words += f", reason {reason}" if reason else ""
    return f"{words}: {quoted(message)}" if message else words


def task_row(task: TaskDetail, utc: bool) -> tuple[object, ...]:
    """A task as a row."""
    return (
        task["task_id"],
        task.get("type", ""),
        task["state"],
        task.get("attempt") or "",
        task.get("node") or "",
        ending(task),
        "; ".join(reasons(task, utc)),
        task.get("command", ""),
    )


def ending(run: TaskDetail | SubtaskItem) -> str:
    """The exit code, or the signal."""
    signal, code = run.get("exit_signal"), run.get("exit_code")
    return f"signal {signal}" if signal else "" if code is None else str(code)


def subtask_row(one: SubtaskItem, utc: bool) -> tuple[object, ...]:
    """A subtask as a row."""
    left = f"{one['survivors']} processes survived" if one["survivors"] else ""
    return (
        one["subtask_id"],
        "" if one["index"] is None else one["index"],
        one["state"],
        one["attempt"] or "",
        one["node"],
        ending(one),
        shown(one["ended_at"], utc),
        "; ".join(filter(None, (left, one["reason"]))),
        one["command"],
    )


def how_far(counts: SubtaskCounts) -> str:
    """How many subtasks do what, in words."""
    ended = counts["finished"] + counts["failed"] + counts["canceled"]
    words = ("running", "waiting", "finished", "failed", "canceled")
    some = [f"{counts[x]} {x}" for x in words if counts[x]]  # type: ignore[literal-required]
    return f"{ended} of {counts['total']} subtasks done: {', '.join(some)}"


def reasons(task: TaskDetail, utc: bool) -> Iterator[str]:
    """What there is to say of how the task ended, or is going to."""
    counts = task.get("subtasks")
    if counts:
        yield how_far(counts)
    if task.get("survivors"):
        yield f"{task['survivors']} processes survived"
    if task.get("finish"):
        yield f"finish {request(task['finish'], utc)}"
    if task.get("reason"):  # last, for it may end in what a person said
        yield task["reason"] or ""
