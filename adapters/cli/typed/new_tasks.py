"""Tasks from a command line: the options that say what they are, and the bodies they become."""

import os
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypedDict, TypeVar

import click

from adapters.cli.typed.options import Asked, either

SECONDS: Final = click.IntRange(min=0)
SWEEP: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,10})(?::([0-9]{1,10}))?", re.ASCII)
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


def checked_labels(ctx: object, param: object, value: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, or NAME- for "": each name once."""
    pairs = (x if "=" in x or not x.endswith("-") else f"{x[:-1]}=" for x in value)
    return checked_pairs(ctx, param, tuple(pairs))


class Sweep(NamedTuple):
    """The index of a sweep: its first value, a bound for its last, and what is between two."""

    start: int
    end: int
    increment: int


def checked_sweep(ctx: object, param: object, value: str | None) -> Sweep | None:
    """FIRST-LAST or FIRST-LAST:STEP."""
    if value is None:
        return None
    found = SWEEP.fullmatch(value)
    start, end, step = (int(x or 1) for x in found.groups()) if found else (0, 0, 0)
    if not 1 <= start <= end or not step:
        raise click.BadParameter(
            f"{value!r}: allowed is FIRST-LAST or FIRST-LAST:STEP with whole numbers from 1, the "
            "last not below the first, such as 1-100 or 10-90:5"
        )
    return Sweep(start, end, step)


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
    click.option(
        "--sweep",
        metavar="A-B[:STEP]",
        callback=checked_sweep,
        help="Run each task once for every value; * in CMD is the value, *** with leading zeros.",
    ),
    click.option(
        "--service",
        metavar="N",
        type=click.IntRange(min=1),
        help="Keep N instances of each task running until the job is ended.",
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
LABEL: Final = click.option(
    "--label",
    "labels",
    metavar="K=V",
    multiple=True,
    callback=checked_pairs,
    help="A word about it, for rules of the policy and for lists; several are allowed.",
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
    sweep: Sweep | None
    service: int | None
    task_name: str
    depends_on: tuple[str, ...]
    stdin: str
    stdout: str
    stderr: str


def new_tasks(commands: tuple[str, ...], said: TaskOptions) -> list[dict[str, object]]:
    """The tasks of a request's body; node preparation comes first, node release last."""
    kind = kind_of(commands, said)
    kinds = [("NodePrep", said["prep"])] if said["prep"] else []
    kinds += [(kind, command) for command in commands]
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
        **(said["sweep"]._asdict() if said["sweep"] else {}),
        **({"instances": said["service"]} if said["service"] else {}),
    }
    return [
        {
            "command": command,
            "type": type_,
            "work_directory": directory,
            "environment": said["environment"],
            **(own if type_ == kind else {}),
        }
        for type_, command in kinds
    ]


def kind_of(commands: tuple[str, ...], said: TaskOptions) -> str:
    """What type the tasks on the line are. A usage error for two, and for one without any task."""
    either(("--sweep", said["sweep"]), ("--service", said["service"]))
    name = "--sweep" if said["sweep"] else "--service" if said["service"] else ""
    if name and not commands:
        raise click.UsageError(f"{name} says what the tasks are; give -- CMD, or --task CMD")
    return {"--sweep": "ParametricSweep", "--service": "Service"}.get(name, "Basic")


def task_options(verb: F) -> F:
    """All options that say what tasks are, on a verb that makes some."""
    for option in reversed(OPTIONS):
        verb = option(verb)
    return verb
