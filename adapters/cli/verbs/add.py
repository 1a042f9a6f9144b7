"""``countermand add``: tasks for a job that there is."""

import shlex
from typing import Any, cast

import click

from adapters.cli.doing.one_job import send
from adapters.cli.reaching.server import quoted
from adapters.cli.typed import options as o
from adapters.cli.typed.new_tasks import TaskOptions, hint_at_task, new_tasks, task_options


@click.command("add", options_metavar="[OPTIONS]")
@o.job_argument
@click.argument("command", metavar="-- CMD...", nargs=-1, type=click.UNPROCESSED)
@task_options
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    command: tuple[str, ...],
    tasks: tuple[str, ...],
    if_version: int | None,
    key: str,
    **said: Any,
) -> int:
    """Add tasks to a job in Configuring, or to one that is queued or running, where they wait.

    \b
      countermand submit --hold -- ./first        # says its number, such as 17
      countermand add 17 --task "./second --fast" --task-name second
      countermand add 17 --task ./third --depends-on second --retries 2
      countermand submit --job 17
    """
    o.either(("-- CMD", command), ("--task", tasks))
    if not (command or tasks or said["prep"] or said["release"]):
        raise click.UsageError("there is nothing to add: give -- CMD, or --task CMD")
    hint_at_task(asked, command)
    lines = tasks or ((shlex.join(command),) if command else ())
    body = {"tasks": new_tasks(lines, cast(TaskOptions, said))}
    return send(asked, job, "add_tasks", f"/jobs/{quoted(job)}/tasks", body, key, if_version)
