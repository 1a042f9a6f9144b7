"""What a job may be made of: limits, checked when it is created. Source: the job model's limits."""

import re
from typing import Final

from domain.commands import AddJob
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.hresult import HResult
from domain.states import TASK_TYPES_ACCEPTED, JobType, TaskType

NAME_CHARACTERS_MAX: Final = 80
COMMAND_BYTES_MAX: Final = 8 * 1024
COMMAND_JOB_CHARACTERS_MAX: Final = 480
ENVIRONMENT_BYTES_MAX: Final = 32 * 1024
WORK_DIRECTORY_BYTES_MAX: Final = 4096
TASKS_MAX: Final = 1000
PROPERTIES_BYTES_MAX: Final = 16 * 1024
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
ACCOUNT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")


def check_submission(command: AddJob) -> None:
    """Pass, or raise ``BadRequest``: what is wrong, what is allowed."""
    check_text("the job's name", command.name, NAME_CHARACTERS_MAX)
    if command.run_as and not ACCOUNT_NAME.fullmatch(command.run_as):
        raise wrong(f"the account {command.run_as[:80]!r} is not an account name")
    if len(command.tasks) > TASKS_MAX:
        raise wrong(f"the job has {len(command.tasks)} tasks; at most {TASKS_MAX} are allowed")
    check_size("the job's properties", command.properties, PROPERTIES_BYTES_MAX)
    if [t.id for t in command.tasks] != list(range(1, len(command.tasks) + 1)):
        raise wrong("the tasks of a job are numbered 1, 2, 3, ... without a gap")
    for task in command.tasks:
        check_task(task)
        if command.job_type is JobType.ADMIN and len(task.command) > COMMAND_JOB_CHARACTERS_MAX:
            raise wrong(
                f"task {task.id}: the command line of a command job has at most "
                f"{COMMAND_JOB_CHARACTERS_MAX} characters; this one has {len(task.command)}"
            )
    check_types(command.tasks)


def check_types(tasks: tuple[TaskSpec, ...]) -> None:
    """At most one node release task, and not alone."""
    releases = [t for t in tasks if t.type is TaskType.NODE_RELEASE]
    if len(releases) > 1:
        raise BadRequest(
            f"the job has {len(releases)} node release tasks; at most one is allowed",
            hresult=HResult.MULTIPLE_NODE_RELEASE,
        )
    if releases and len(tasks) == 1:
        raise BadRequest(
            "the job has only a node release task; add a task that does the work",
            hresult=HResult.ONLY_PREP_OR_RELEASE,
        )


def check_task(task: TaskSpec) -> None:
    """One task's limits."""
    where = f"task {task.id}"
    if task.type not in TASK_TYPES_ACCEPTED:
        accepted = " and ".join(sorted(TASK_TYPES_ACCEPTED))
        raise wrong(f"{where}: tasks of type {task.type} are not supported yet; {accepted} are")
    check_text(f"{where}: the name", task.name, NAME_CHARACTERS_MAX)
    if not task.command.strip():
        raise wrong(f"{where}: the command line is empty; give the command to run")
    check_bytes(f"{where}: the command line", task.command, COMMAND_BYTES_MAX)
    check_bytes(f"{where}: the work directory", task.work_directory, WORK_DIRECTORY_BYTES_MAX)
    if task.work_directory and not task.work_directory.startswith("/"):
        raise wrong(f"{where}: the work directory must be absolute, that is, begin with /")
    for name in task.environment:
        if not VARIABLE_NAME.fullmatch(name):
            raise wrong(
                f"{where}: {name[:80]!r} cannot be a variable's name: letters, digits and _, "
                "not beginning with a digit"
            )
    check_size(f"{where}: the environment", task.environment, ENVIRONMENT_BYTES_MAX)


def check_text(what: str, text: str, characters_max: int) -> None:
    """A short text on one line."""
    if len(text) > characters_max:
        raise wrong(f"{what} has {len(text)} characters; at most {characters_max} are allowed")
    if not text.isprintable():
        raise wrong(f"{what} holds a character that cannot be printed; use plain text")


def check_bytes(what: str, text: str, bytes_max: int) -> None:
    """A text that becomes an argument of a process: UTF-8 without NUL."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise wrong(f"{what} holds a lone surrogate, which is not text; remove it") from None
    if "\0" in text:
        raise wrong(f"{what} holds a NUL character; remove it")
    if size > bytes_max:
        raise wrong(f"{what} has {size} bytes; at most {bytes_max} are allowed")


def check_size(what: str, pairs: dict[str, str], bytes_max: int) -> None:
    """Names and values together."""
    for name, value in pairs.items():
        check_bytes(f"{what}, name {name[:40]!r}", name, bytes_max)
        check_bytes(f"{what}, value of {name[:40]!r}", value, bytes_max)
    size = sum(len(k.encode()) + len(v.encode()) + 2 for k, v in pairs.items())
    if size > bytes_max:
        raise wrong(f"{what} has {size} bytes; at most {bytes_max} are allowed")


def wrong(sentence: str) -> BadRequest:
    """A limit that was not kept."""
    return BadRequest(sentence, hresult=HResult.ARGUMENT_OUT_OF_RANGE)
