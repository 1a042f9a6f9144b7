"""Tasks from a command line: the options that say what they are, and the bodies they become."""

import os
from collections.abc import Callable
from typing import Any, Final, TypedDict, TypeVar

import click

from adapters.cli.typed.options import Asked

SECONDS: Final = click.IntRange(min=0)
F = TypeVar("F", bound=Callable[..., Any])
PRIORITIES: Final = ("Lowest", "BelowNormal", "Normal", "AboveNormal", "Highest")


def checked_pairs(ctx: object, param: object, value: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, each name once."""
    found: dict[str, str] = {}
    for text in value:
        name, equals, content = text.partition("=")
        if not name or not equals or name in found:
            raise click.BadParameter(f"{text!r}: allowed is NAME=VALUE, each name once")
        found[name] = content
    return found


OPTIONS: Final = (
    click.option(
        "--task", "tasks", metavar="CMD", multiple=True, help="A task, run by /bin/sh -c."
    ),
    click.option("--prep", metavar="CMD", default="", help="Run on each node before all else."),
    click.option("--release", metavar="CMD", default="", help="Run on each node at the very end."),
    click.option("--cwd", metavar="DIR", help="Working directory of the tasks."),
    click.option(
        "--env",
        "environment",
        metavar="K=V",
        multiple=True,
        callback=checked_pairs,
        help="A variable for the tasks; several are allowed.",
    ),
    click.option(
        "--task-runtime",
        metavar="SECONDS",
        type=SECONDS,
        default=0,
        help="Stop a run of a task that takes longer.",
    ),
    click.option(
        "--retries",
        metavar="N",
        type=SECONDS,
        help="Run a failed task again by itself, so often.",
    ),
    click.option("--task-name", metavar="NAME", default="", help="What the tasks are called."),
    click.option(
        "--depends-on",
        metavar="NAME",
        multiple=True,
        help="Start when all tasks of this name are Finished; several are allowed.",
    ),
    click.option("--stdin", metavar="FILE", default="", help="What the tasks read."),
    click.option("--stdout", metavar="FILE", default="", help="Where their output goes."),
    click.option("--stderr", metavar="FILE", default="", help="Where their complaints go."),
)
EXIT_CODES: Final = click.option(
    "--valid-exit-codes", metavar="CODES", help="Exit codes that are success, such as 0,10..20."
)
PROPERTY: Final = click.option(
    "--property",
    "properties",
    metavar="K=V",
    multiple=True,
    callback=checked_pairs,
    help="A property of your own; several are allowed.",
)
PROJECT: Final = click.option("--project", metavar="NAME", help="The project it belongs to.")
TASK_RETRIES: Final = click.option(
    "--task-retries",
    "task_retry_count",
    metavar="N",
    type=SECONDS,
    help="Run any failed task of it again by itself, so often.",
)
HOLD_UNTIL: Final = click.option(
    "--hold-until", metavar="TIME", help="Do not start it before this time."
)


def hint_at_task(asked: Asked, command: tuple[str, ...]) -> None:
    """One argument with blanks is the name of one program, which is seldom what was meant."""
    if len(command) == 1 and len(command[0].split()) > 1:
        asked.out.note(f"note: {command[0]!r} is run as one word; --task runs a line of the shell")


class TaskOptions(TypedDict):
    """What the options say of all tasks on the line; the name and what it depends on of each."""

    prep: str
    release: str
    cwd: str | None
    environment: dict[str, str]
    task_runtime: int
    retries: int | None
    task_name: str
    depends_on: tuple[str, ...]
    stdin: str
    stdout: str
    stderr: str


def new_tasks(commands: tuple[str, ...], said: TaskOptions) -> list[dict[str, object]]:
    """The tasks of a request's body; node preparation comes first, node release last."""
    kinds = [("NodePrep", said["prep"])] if said["prep"] else []
    kinds += [("Basic", command) for command in commands]
    kinds += [("NodeRelease", said["release"])] if said["release"] else []
    directory = os.path.abspath(said["cwd"]) if said["cwd"] else ""
    own = {
        "name": said["task_name"],
        "depends_on": list(said["depends_on"]),
        "runtime_seconds": said["task_runtime"],
        "retry_count": said["retries"],
        "stdin": said["stdin"],
        "stdout": said["stdout"],
        "stderr": said["stderr"],
    }
    return [
        {
            "command": command,
            "type": kind,
            "work_directory": directory,
            "environment": said["environment"],
            **(own if kind == "Basic" else {}),
        }
        for kind, command in kinds
    ]


def task_options(verb: F) -> F:
    """All options that say what tasks are, on a verb that makes some."""
    for option in reversed(OPTIONS):
        verb = option(verb)
    return verb
