"""Tasks from a command line: the options that say what they are, and the bodies they become."""

import os
from typing import Final

import click

from adapters.cli.options import Asked

SECONDS: Final = click.IntRange(min=0)
PRIORITIES: Final = ("Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest")


def checked_environment(ctx: object, param: object, value: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, each name once."""
    found: dict[str, str] = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not name or not equals or name in found:
            raise click.BadParameter(f"{text!r}: allowed is NAME=VALUE, each name once")
        found[name] = content
    return found


tasks_option = click.option(
    "--task", "tasks", metavar="CMD", multiple=True, help="A task, run by /bin/sh -c."
)
directory_option = click.option("--cwd", metavar="DIR", help="Working directory of the tasks.")
environment_option = click.option(
    "--env",
    "environment",
    metavar="K=V",
    multiple=True,
    callback=checked_environment,
    help="A variable for the tasks; several are allowed.",
)

task_runtime_option = click.option(
    "--task-runtime",
    metavar="SECONDS",
    type=SECONDS,
    default=0,
    help="Stop a run of a task that takes longer.",
)


def hint_at_task(asked: Asked, command: tuple[str, ...]) -> None:
    """One argument with blanks is the name of one program, which is seldom what was meant."""
    if len(command) == 1 and len(command[0].split()) > 1:
        asked.out.note(f"note: {command[0]!r} is run as one word; --task runs a line of the shell")


def new_tasks(
    commands: tuple[str, ...],
    release: str,
    cwd: str | None,
    environment: dict[str, str],
    task_runtime: int,
) -> list[dict[str, object]]:
    """The tasks of a request's body; node release comes last."""
    kinds = [("Basic", command) for command in commands]
    kinds += [("NodeRelease", release)] if release else []
    return [
        {
            "command": command,
            "type": kind,
            "name": "",
            "work_directory": os.path.abspath(cwd) if cwd else "",
            "environment": environment,
            "runtime_seconds": task_runtime if kind == "Basic" else 0,
        }
        for kind, command in kinds
    ]
