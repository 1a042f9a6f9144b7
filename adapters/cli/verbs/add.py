"""``countermand add``: tasks for a job that there is."""

import shlex

import click

from adapters.cli import options as o
from adapters.cli.new_tasks import (
    directory_option,
    environment_option,
    hint_at_task,
    new_tasks,
    task_runtime_option,
    tasks_option,
)
from adapters.cli.one_job import send
from adapters.cli.server import quoted


@click.command("add", options_metavar="[OPTIONS]")
@o.job_argument
@click.argument("command", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED)
@tasks_option
@click.option("--release", metavar="CMD", default="", help="Run on each node at the very end.")
@directory_option
@environment_option
@task_runtime_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    command: tuple[str, ...],
    tasks: tuple[str, ...],
    release: str,
    cwd: str | None,
    environment: dict[str, str],
    task_runtime: int,
    if_version: int | None,
    key: str,
) -> int:
    """Add tasks to a job in Configuring, or to one that is queued or running, where they wait.

    \b
      countermand submit --hold -- ./first        # says its number, such as 17
      countermand add 17 --task "./second --fast"
      countermand submit --job 17
    """
    o.either(("-- CMD", command), ("--task", tasks))
    if not (command or tasks or release):
        raise click.UsageError("there is nothing to add: give -- CMD, or --task CMD")
    hint_at_task(asked, command)
    lines = tasks or ((shlex.join(command),) if command else ())
    body = {"tasks": new_tasks(lines, release, cwd, environment, task_runtime)}
    return send(asked, job, "add_tasks", f"/jobs/{quoted(job)}/tasks", body, key, if_version)
