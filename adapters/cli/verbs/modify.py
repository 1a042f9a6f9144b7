"""``countermand modify``: new values of a job's properties, or of those of one of its tasks."""

import os
from typing import Any, Final

import click

from adapters.cli.doing.one_job import send
from adapters.cli.reaching.server import quoted
from adapters.cli.typed import options as o
from adapters.cli.typed.new_tasks import (
    HOLD_UNTIL,
    PRIORITIES,
    PROPERTY,
    SECONDS,
    TASK_RETRIES,
    checked_labels,
    checked_pairs,
)

EMPTY: Final = click.UNPROCESSED
"""For a text whose empty value says something: that what was there is taken away."""

OF_BOTH: Final = ("name", "runtime_seconds", "valid_exit_codes", "properties", "environment")
OF_TASKS: Final = (
    *OF_BOTH,
    "command",
    "work_directory",
    "depends_on",
    "retry_count",
    "stdin",
    "stdout",
    "stderr",
)
ONLY_TASKS: Final = tuple(x for x in OF_TASKS if x not in OF_BOTH)


@click.command("modify")
@o.job_argument
@o.task_option
@click.option("--name", type=EMPTY, metavar="TEXT", help="What it is called.")
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False))
@click.option("--run-as", metavar="ACCOUNT", help="Whom the tasks run as.")
@click.option(
    "--runtime", "runtime_seconds", metavar="SECONDS", type=SECONDS, help="How long it may run."
)
@click.option(
    "--fail-on-task-failure/--no-fail-on-task-failure",
    default=None,
    help="Whether the first failed task stops the rest.",
)
@click.option(
    "--run-until-canceled/--no-run-until-canceled",
    default=None,
    help="Whether it goes on when all its tasks have ended.",
)
@click.option("--project", type=EMPTY, metavar="NAME", help="The project it belongs to.")
@PROPERTY
@click.option(
    "--label",
    "labels",
    metavar="K=V",
    multiple=True,
    callback=checked_labels,
    help="A word about it; K- takes it away; several are allowed.",
)
@click.option(
    "--env",
    "environment",
    metavar="K=V",
    multiple=True,
    callback=checked_pairs,
    help="A variable; K= takes it away; several are allowed.",
)
@click.option(
    "--valid-exit-codes",
    type=EMPTY,
    metavar="CODES",
    help="Exit codes that are success, such as 0,10..20.",
)
@TASK_RETRIES
@HOLD_UNTIL
@click.option("--no-hold", is_flag=True, help="Do not hold it any longer.")
@click.option("--progress", type=click.IntRange(0, 100), metavar="PERCENT", help="How far it is.")
@click.option("--progress-message", type=EMPTY, metavar="TEXT", help="How far it is, in words.")
@click.option("--command", metavar="CMD", help="With --task: the line that /bin/sh -c runs.")
@click.option("--cwd", "work_directory", metavar="DIR", help="With --task: its directory.")
@click.option(
    "--depends-on", metavar="NAME", multiple=True, help="With --task: start after these tasks."
)
@click.option("--retries", "retry_count", metavar="N", type=SECONDS, help="With --task: its own.")
@click.option("--stdin", type=EMPTY, metavar="FILE", help="With --task: what it reads.")
@click.option("--stdout", type=EMPTY, metavar="FILE", help="With --task: where its output goes.")
@click.option("--stderr", type=EMPTY, metavar="FILE", help="With --task: where its complaints go.")
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    task: int | None,
    hold_until: str | None,
    no_hold: bool,
    if_version: int | None,
    key: str,
    **changes: Any,
) -> int:
    """Give properties of a job, or of one of its tasks, new values, all of them or none.

    In Configuring all of them may change; later the priority, the run-time limit (counted from the
    start), what a failed task does, variables, properties of your own and the project; while the
    job runs, its name; labels and progress always. A task may change while it waits. K= takes a
    property or variable away, K- a label.

    \b
      countermand modify 17 --priority Highest
      countermand modify 17 --runtime 7200 --property "cost centre=42" --env OMP_NUM_THREADS=8
      countermand modify 17 --label env=prod --label owner-team-
      countermand modify 17 --task 2 --command "./second --slow" --retries 2
    """
    o.either(("--hold-until", hold_until), ("--no-hold", no_hold))
    held = "" if no_hold else o.moment_or_none(hold_until, asked, "--hold-until")
    if changes["work_directory"]:
        changes["work_directory"] = os.path.abspath(changes["work_directory"])
    given = {**changes, "hold_until": held}
    body = {name: value for name, value in given.items() if value not in (None, (), {})}
    if not body:
        raise click.UsageError("there is nothing to change: give an option such as --priority")
    check_place(body, task)
    place = f"/jobs/{quoted(job)}" + ("" if task is None else f"/tasks/{task}")
    operation = "change" if task is None else "change_task"
    return send(asked, job, operation, place, body, key, if_version, "PATCH")


def check_place(body: dict[str, Any], task: int | None) -> None:
    """Pass, or say which of the options are for a task only, or for a job only."""
    wrong = [x for x in body if (x in ONLY_TASKS if task is None else x not in OF_TASKS)]
    if wrong:
        whose = "a task; name it with --task" if task is None else "the job; leave out --task"
        words = ", ".join(name.replace("_", "-") for name in wrong)
        raise click.UsageError(f"this is a property of {whose}: {words}")
