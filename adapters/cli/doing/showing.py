"""One task of a job, its subtasks page by page, or one of those."""

from typing import Final

from adapters.cli.doing.pages import Pages, print_pages
from adapters.cli.exits import NO_SUCH_JOB, Failure
from adapters.cli.printing.job import SUBTASK_HEADERS, TASK_HEADERS, subtask_row, task_row
from adapters.cli.printing.moments import shown
from adapters.cli.reaching.server import Query
from adapters.cli.reaching.shapes import SubtaskItem, TaskDetail
from adapters.cli.typed.options import Asked
from adapters.cli.typed.targets import Target

FACTS: Final = ("state", "index", "command", "work_directory", "attempt", "node", "reason")


def show_part(asked: Asked, on: Target, states: tuple[str, ...], wanted: int | None) -> None:
    """The subtask that was named, the task's subtasks, or the task itself when it has none."""
    if on.subtask is not None:
        show_subtask(asked, on)
        return
    task = task_of(asked, on)
    if task.get("subtasks"):
        list_subtasks(asked, on, task, states, wanted)
        return
    asked.out.check(TaskDetail)
    if asked.out.for_people:
        asked.out.table(TASK_HEADERS, [task_row(task, asked.out.utc)])
    else:
        asked.out.value(task, TaskDetail)


def task_of(asked: Asked, on: Target) -> TaskDetail:
    """The task; ``Failure`` when the job has none of this number."""
    tasks = asked.server.job(on.job).get("tasks", [])
    for task in tasks:
        if task["task_id"] == on.task:
            return task
    there = ", ".join(str(task["task_id"]) for task in tasks[:20]) or "none"
    raise Failure(
        NO_SUCH_JOB,
        f"job {on.job} has no task {on.task}; its tasks are {there}",
        code="unknown_task",
    )


def list_subtasks(
    asked: Asked, on: Target, task: TaskDetail, states: tuple[str, ...], wanted: int | None
) -> None:
    """Those that were reached, by number; for people the task stands above them."""
    out = asked.out
    out.check(SubtaskItem)
    if out.for_people:
        out.table(TASK_HEADERS, [task_row(task, out.utc)])
        out.line("")
    query: Query = [("state", x) for x in states]
    pages = Pages(asked, f"{on.path}/subtasks", "subtasks", query, wanted, goes_by="after")
    sheet = out.sheet(SubtaskItem, SUBTASK_HEADERS, lambda x: subtask_row(x, out.utc))
    print_pages(asked, pages, sheet, lambda last: "--limit N or --all")


def show_subtask(asked: Asked, on: Target) -> None:
    """One subtask."""
    out = asked.out
    out.check(SubtaskItem)
    found = asked.server.subtask(on.path)["subtask"]
    if not out.for_people:
        out.value(found, SubtaskItem)
        return
    out.fact("subtask", on.named)
    for name in FACTS:
        value = found[name]
        if value not in ("", None, 0):
            out.fact(name.partition("_")[2] or name, str(value), heading=name.upper())
    for name in ("started", "ended"):
        time = shown(found[f"{name}_at"], out.utc)  # type: ignore[literal-required]
        if time:
            out.fact(name, time)
    exit_ = subtask_row(found, out.utc)[SUBTASK_HEADERS.index("EXIT")]
    if exit_:
        out.fact("exit", str(exit_), heading="EXIT")
