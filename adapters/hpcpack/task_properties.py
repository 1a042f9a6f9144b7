"""A task's properties by HPC Pack's names."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from msgspec import Struct

from adapters.hpcpack.answers import Property
from adapters.hpcpack.error_names import signed
from adapters.hpcpack.job_properties import named
from adapters.hpcpack.times import maybe_time
from domain.job import Task
from domain.states import TaskState, TaskType
from domain.task_errors import task_error

DEFAULTS: Final = (
    "TaskId",
    "Name",
    "State",
    "CommandLine",
    "ExitCode",
    "ParentJobId",
    "JobTaskId",
    "InstanceId",
)
BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
ENDED_BY_SIGNAL: Final = 128
"""Added to a signal's number, as a shell gives the exit code of what it ended."""


class Owned(Struct, frozen=True):
    """A task with its job's number."""

    job_id: int
    task: Task


class Readable(Struct, frozen=True):
    """How a property is read: None while it has no value."""

    name: str
    read: Callable[[Owned], str | None]


FIXED: Final = {
    "IsExclusive": "False",
    "IsRerunnable": "True",
    "MinCores": "1",
    "RequiredNodes": "",
}
"""Every task here has these values, and no other."""


def error_code(task: Task) -> str | None:
    """How it ended, as a signed number; None for well, or not yet."""
    number = task_error(task)
    return None if number is None else str(signed(number))


def exit_code(task: Task) -> str | None:
    """The exit code; 128 and the signal for what a signal ended; None before the end."""
    if task.exit is None:
        return None
    if task.exit.code is not None:
        return str(task.exit.code)
    return None if task.exit.signal is None else str(ENDED_BY_SIGNAL + task.exit.signal)


def end_time(task: Task) -> datetime | None:
    """When it ended; None for one that runs again."""
    ended = (TaskState.FINISHED, TaskState.FAILED, TaskState.CANCELED)
    return task.ended_at if task.state in ended else None


def is_sweep(task: Task) -> bool:
    """Whether it is a parametric sweep."""
    return task.spec.type is TaskType.PARAMETRIC_SWEEP


def index(task: Task, value: int) -> str | None:
    """A part of a sweep's index; None for any other task."""
    return str(value) if is_sweep(task) else None


def always(value: str) -> Callable[[Owned], str]:
    """What every one of them has."""
    return lambda _: value


READABLE: Final = {
    p.name.lower(): p
    for p in (
        Readable("TaskId", lambda o: f"{o.job_id}.{o.task.spec.id}"),
        Readable("Name", lambda o: o.task.spec.name),
        Readable("State", lambda o: o.task.state.value),
        Readable("CommandLine", lambda o: o.task.spec.command),
        Readable("ExitCode", lambda o: exit_code(o.task)),
        Readable("ParentJobId", lambda o: str(o.job_id)),
        Readable("JobTaskId", lambda o: str(o.task.spec.id)),
        Readable("InstanceId", lambda _: "0"),
        Readable("Type", lambda o: o.task.spec.type.value),
        Readable("WorkDirectory", lambda o: o.task.spec.work_directory),
        Readable("IsParametric", lambda o: str(is_sweep(o.task))),
        Readable("StartValue", lambda o: index(o.task, o.task.spec.start)),
        Readable("EndValue", lambda o: index(o.task, o.task.spec.end)),
        Readable("IncrementValue", lambda o: index(o.task, o.task.spec.increment)),
        Readable("DependsOn", lambda o: ",".join(o.task.spec.depends_on)),
        Readable("HasRuntime", lambda o: str(o.task.spec.runtime_seconds > 0)),
        Readable("Runtime", lambda o: str(o.task.spec.runtime_seconds)),
        Readable("ValidExitCodes", lambda o: o.task.spec.valid_exit_codes),
        Readable("StdInFilePath", lambda o: o.task.spec.stdin),
        Readable("StdOutFilePath", lambda o: o.task.spec.stdout),
        Readable("StdErrFilePath", lambda o: o.task.spec.stderr),
        Readable("ErrorCode", lambda o: error_code(o.task)),
        Readable("ErrorMessage", lambda o: o.task.reason),
        Readable("RequeueCount", lambda o: str(max(0, o.task.attempt - 1))),
        Readable("StartTime", lambda o: maybe_time(o.task.started_at)),
        Readable("EndTime", lambda o: maybe_time(end_time(o.task))),
        Readable("ChangeTime", lambda o: maybe_time(o.task.changed_at)),
        Readable("AllocatedNodes", lambda o: o.task.node),
        *(Readable(name, always(value)) for name, value in FIXED.items()),
    )
}

Sort: TypeAlias = Callable[[Task], Any]
"""What gives the key of a task; the keys of one sort compare with each other."""

SORTS: Final[dict[str, Sort]] = {
    "taskid": lambda t: (0, t.spec.id),
    "jobtaskid": lambda t: (0, t.spec.id),
    "name": lambda t: (t.spec.name, t.spec.id),
    "state": lambda t: (t.state.value, t.spec.id),
    "type": lambda t: (t.spec.type.value, t.spec.id),
    "commandline": lambda t: (t.spec.command, t.spec.id),
    "exitcode": lambda t: (int(exit_code(t) or -1), t.spec.id),
    "starttime": lambda t: (t.started_at or BEFORE_ALL, t.spec.id),
    "endtime": lambda t: (end_time(t) or BEFORE_ALL, t.spec.id),
    "changetime": lambda t: (t.changed_at or BEFORE_ALL, t.spec.id),
    "requeuecount": lambda t: (max(0, t.attempt - 1), t.spec.id),
    "allocatednodes": lambda t: (t.node, t.spec.id),
    "workdirectory": lambda t: (t.spec.work_directory, t.spec.id),
    "errormessage": lambda t: (t.reason, t.spec.id),
}
"""By what tasks can be sorted; equal ones by number."""

SAME_FOR_ALL: Final = frozenset({"parentjobid", "instanceid", *map(str.lower, FIXED)})
"""Properties that the tasks of a job do not differ in: by these they stay in their order."""


def task_properties(one: Owned, names: Sequence[str]) -> tuple[Property, ...]:
    """The named properties of a task in this order, all for none; without those without a value.

    ``Malformed`` for a name that there is not.
    """
    chosen = [named(READABLE, name) for name in names] or list(READABLE.values())
    values = ((p.name, p.read(one)) for p in chosen)
    return tuple(Property(name, value) for name, value in values if value is not None)
