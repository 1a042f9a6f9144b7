"""A task's properties by HPC Pack's names."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from adapters.hpcpack.answers import Property
from adapters.hpcpack.error_names import signed
from adapters.hpcpack.job_properties import named
from adapters.hpcpack.times import maybe_time
from application.subtasks import SubtaskCounts, SubtaskView, counts_of
from domain.events import Exit
from domain.job import Job, Task
from domain.states import TASK_ENDED, TaskState, TaskType
from domain.sweeps import value_of
from domain.task_errors import subtask_error, task_error

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
    """A task, or a subtask as a task of its own, with its job."""

    job: Job
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
    "UnitType": "Core",
}
"""Every task here has these values, and no other."""


def seen_as_task(task: Task, seen: SubtaskView) -> Task:
    """A subtask as a task of its own, with what is known of its run.

    It changes with its task: when each of a million did is not kept.
    """
    over = seen.state in TASK_ENDED and seen.ended_at is not None
    return Task(
        replace(task.spec, command=seen.command, work_directory=seen.work_directory),
        seen.state,
        instance=seen.instance,
        attempt=seen.attempt,
        node=seen.node,
        exit=Exit(code=seen.exit_code, signal=seen.exit_signal) if over else None,
        started_at=read_stamp(seen.started_at),
        ended_at=read_stamp(seen.ended_at),
        code=seen.code,
        reason=seen.reason,
        explicitly_canceled=seen.explicitly_canceled,
        changed_at=task.changed_at,
    )


def read_stamp(stamp: str | None) -> datetime | None:
    """A time that is kept as RFC 3339 text."""
    return None if stamp is None else datetime.fromisoformat(stamp)


def task_id(one: Owned) -> str:
    """``22.1``, and of a subtask ``22.1.3``."""
    whole = f"{one.job.id}.{one.task.spec.id}"
    return f"{whole}.{one.task.instance}" if one.task.instance else whole


def error_code(one: Owned) -> str | None:
    """How it ended, as a signed number; None for well, not yet, or not known."""
    task = one.task
    number = subtask_error(one.job, task) if task.instance else task_error(task)
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


def index_value(task: Task) -> str | None:
    """What the index is in this subtask of a sweep; None for anything else."""
    return index(task, value_of(task.spec, task.instance)) if task.instance else None


def counted(of: Callable[[SubtaskCounts], int]) -> Callable[[Owned], str | None]:
    """A number of subtasks; None for a task that has none."""
    return lambda o: None if o.task.subtasks is None else str(of(counts_of(o.task)))


def queued(one: Owned) -> str | None:
    """How many subtasks wait in the queue; None for a task that has none."""
    found = one.task.subtasks
    if found is None:
        return None
    return str(counts_of(one.task).waiting if found.waits_as is TaskState.QUEUED else 0)


def always(value: str) -> Callable[[Owned], str]:
    """What every one of them has."""
    return lambda _: value


READABLE: Final = {
    p.name.lower(): p
    for p in (
        Readable("TaskId", task_id),
        Readable("Name", lambda o: o.task.spec.name),
        Readable("State", lambda o: o.task.state.value),
        Readable("CommandLine", lambda o: o.task.spec.command),
        Readable("ExitCode", lambda o: exit_code(o.task)),
        Readable("ParentJobId", lambda o: str(o.job.id)),
        Readable("JobTaskId", lambda o: str(o.task.spec.id)),
        Readable("InstanceId", lambda o: str(o.task.instance)),
        Readable("Type", lambda o: o.task.spec.type.value),
        Readable("WorkDirectory", lambda o: o.task.spec.work_directory),
        Readable("IsParametric", lambda o: str(is_sweep(o.task))),
        Readable("StartValue", lambda o: index(o.task, o.task.spec.start)),
        Readable("EndValue", lambda o: index(o.task, o.task.spec.end)),
        Readable("IncrementValue", lambda o: index(o.task, o.task.spec.increment)),
        Readable("InstanceValue", lambda o: index_value(o.task)),
        Readable("TotalSubTaskNumber", counted(lambda c: c.total)),
        Readable("ParametricQueuedCount", queued),
        Readable("ParametricRunningCount", counted(lambda c: c.running)),
        Readable("ParametricFailedCount", counted(lambda c: c.failed)),
        Readable("ParametricCanceledCount", counted(lambda c: c.canceled)),
        Readable("DependsOn", lambda o: ",".join(o.task.spec.depends_on)),
        Readable("HasRuntime", lambda o: str(o.task.spec.runtime_seconds > 0)),
        Readable("Runtime", lambda o: str(o.task.spec.runtime_seconds)),
        Readable("ValidExitCodes", lambda o: o.task.spec.valid_exit_codes),
        Readable("StdInFilePath", lambda o: o.task.spec.stdin),
        Readable("StdOutFilePath", lambda o: o.task.spec.stdout),
        Readable("StdErrFilePath", lambda o: o.task.spec.stderr),
        Readable("ErrorCode", error_code),
        Readable("ErrorMessage", lambda o: o.task.reason),
        Readable("RequeueCount", lambda o: str(max(0, o.task.attempt - 1))),
        Readable("StartTime", lambda o: maybe_time(o.task.started_at)),
        Readable("EndTime", lambda o: maybe_time(end_time(o.task))),
        Readable("ChangeTime", lambda o: maybe_time(o.task.changed_at)),
        Readable("AllocatedNodes", lambda o: o.task.node),
        *(Readable(name, always(value)) for name, value in FIXED.items()),
    )
}

Sort: TypeAlias = Callable[[Owned], Any]
"""What gives the key of a row; the keys of one sort compare with each other."""

NUMBERS: Final = frozenset(
    {
        "exitcode",
        "instanceid",
        "startvalue",
        "endvalue",
        "incrementvalue",
        "instancevalue",
        "totalsubtasknumber",
        "parametricqueuedcount",
        "parametricrunningcount",
        "parametricfailedcount",
        "parametriccanceledcount",
        "runtime",
        "errorcode",
        "requeuecount",
    }
)
TIMES: Final[dict[str, Callable[[Task], datetime | None]]] = {
    "starttime": lambda t: t.started_at,
    "endtime": end_time,
    "changetime": lambda t: t.changed_at,
}
BY_NUMBER: Final = frozenset({"taskid", "jobtaskid"})
"""The order that rows have anyway: by task, then by subtask."""

SAME_FOR_ALL: Final = frozenset({"parentjobid", *map(str.lower, FIXED)})
"""Properties that the tasks of a job do not differ in: by these they stay in their order."""


def sort_by(name: str) -> Sort:
    """The order by a property that there is, by its key; those without a value come first."""
    time = TIMES.get(name)
    if time is not None:
        return lambda o: (time(o.task) or BEFORE_ALL, *place(o))
    read, number = READABLE[name].read, name in NUMBERS

    def key(one: Owned) -> Any:
        value = read(one)
        known = int(value or 0) if number else value or ""
        return (value is not None, known, *place(one))

    return key


def place(one: Owned) -> tuple[int, int]:
    """Where it stands among equal ones."""
    return one.task.spec.id, one.task.instance


SORTS: Final[dict[str, Sort]] = {
    name: sort_by(name) for name in READABLE if name not in BY_NUMBER | SAME_FOR_ALL
}
"""By what tasks can be sorted beside their number."""


def task_properties(one: Owned, names: Sequence[str]) -> tuple[Property, ...]:
    """The named properties of a task in this order, all for none; without those without a value.

    ``Malformed`` for a name that there is not.
    """
    chosen = [named(READABLE, name) for name in names] or list(READABLE.values())
    values = ((p.name, p.read(one)) for p in chosen)
    return tuple(Property(name, value) for name, value in values if value is not None)
