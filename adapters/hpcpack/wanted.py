"""What somebody wants a job or a task to be: properties that are kept, and others that are not.

A property that the job model does not have may be given with the value that every job here has
anyway. Any other value is ``NotSupported``: nothing is accepted that is not done.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from adapters.hpcpack import job_properties, task_properties
from adapters.hpcpack import values as v
from adapters.hpcpack.answers import Property
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, yes_or_no
from adapters.web.requests import Malformed
from application.scheduler import NewJob
from domain.commands import JobChanges, TaskChanges
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.hresult import HResult
from domain.states import JobPriority, TaskType
from domain.submission import PROGRESS_MAX, RETRY_COUNT_MAX
from domain.sweeps import INDEX_MAX

UNIT_TYPES: Final = {"0": "Core", "1": "Socket", "2": "Node"}
ALSO_CALLED: Final = {"runtimeseconds": "runtime"}
"""Names that the job file has for what is called otherwise elsewhere."""

T = TypeVar("T")


class Kind(Struct, frozen=True):
    """What a thing of this kind may be told. All names in lower case.

    ``kept``: what there is a place for. ``fixed``: values that all have. ``maxima``: upper bounds,
    which the one slot of a task is within. ``either``: what makes no difference to one slot.
    ``read_only``: what only the cluster says. ``settled``: what is given when it is made, and then
    stays.
    """

    what: str
    kept: frozenset[str]
    fixed: Mapping[str, str]
    maxima: frozenset[str]
    either: frozenset[str]
    read_only: frozenset[str]
    settled: frozenset[str] = frozenset()


def lower(names: Iterable[str]) -> frozenset[str]:
    """Names as keys."""
    return frozenset(name.lower() for name in names)


def fixed(values: Mapping[str, str]) -> dict[str, str]:
    """Values that all have, with the minima that one slot satisfies."""
    minima = dict.fromkeys(("MinCores", "MinSockets", "MinNodes"), "1")
    return {name.lower(): value for name, value in {**values, **minima}.items()}


MAXIMA: Final = lower(("MaxSockets", "MaxNodes"))
TASK_MAXIMA: Final = MAXIMA | lower(["MaxCores"])
EITHER_NAMES: Final = ("AutoCalculateMax", "AutoCalculateMin")
"""Whether the scheduler works out how much a job needs: here a task takes one slot, and no more."""

EITHER: Final = lower(EITHER_NAMES)
JOB_CHANGED: Final = (
    "Name",
    "Priority",
    "UserName",
    "Password",
    "Project",
    "RunUntilCanceled",
    "FailOnTaskFailure",
    "Runtime",
    "HoldUntil",
    "ValidExitCodes",
    "TaskExecutionFailureRetryLimit",
    "ServiceName",
    "ClientSource",
    "Progress",
    "ProgressMessage",
    "MaxCores",
)
TASK_CHANGED: Final = (
    "Name",
    "CommandLine",
    "WorkDirectory",
    "Runtime",
    "DependsOn",
    "ValidExitCodes",
    "StdInFilePath",
    "StdOutFilePath",
    "StdErrFilePath",
)
JOB_KEPT: Final = lower((*JOB_CHANGED, "JobType"))
TASK_SETTLED: Final = ("Type", "IsParametric", "StartValue", "EndValue", "IncrementValue")
TASK_KEPT: Final = lower((*TASK_CHANGED, *TASK_SETTLED))
JOB_FIXED: Final = fixed(job_properties.FIXED)
TASK_FIXED: Final = fixed(task_properties.FIXED)
EXPANDED_PRIORITY: Final = "expandedpriority"
JOB_READ_ONLY: Final = (
    frozenset(job_properties.READABLE) - JOB_KEPT - frozenset(JOB_FIXED) - {EXPANDED_PRIORITY}
)
TASK_READ_ONLY: Final = frozenset(task_properties.READABLE) - TASK_KEPT - frozenset(TASK_FIXED)

JOB: Final = Kind("a job", JOB_KEPT, JOB_FIXED, MAXIMA, EITHER, JOB_READ_ONLY)
JOB_THERE: Final = Kind(
    "a job", lower(JOB_CHANGED), JOB_FIXED, MAXIMA, EITHER, JOB_READ_ONLY, lower(["JobType"])
)
TASK: Final = Kind("a task", TASK_KEPT, TASK_FIXED, TASK_MAXIMA, frozenset(), TASK_READ_ONLY)
TASK_THERE: Final = Kind(
    "a task",
    lower(TASK_CHANGED),
    TASK_FIXED,
    TASK_MAXIMA,
    frozenset(),
    TASK_READ_ONLY,
    lower(TASK_SETTLED),
)


def kept(rows: Sequence[Property], kind: Kind) -> dict[str, str]:
    """The values that there is a place for, by name in lower case; raises for what there is none.

    ``BadRequest`` for what only the cluster says, ``NotSupported`` for what is not kept here.
    """
    found: dict[str, str] = {}
    for row in rows:
        name = key_of(row)
        if name == EXPANDED_PRIORITY and "priority" in kind.kept:
            check_expanded(row, rows)
            continue
        check(row, name, kind)
        if name in kind.kept and found.setdefault(name, row.value) != row.value:
            raise Malformed(f"{row.name[:SHOWN]} is given twice, by two names of it")
    return found


def key_of(row: Property) -> str:
    """The name of a property as a key."""
    name = row.name.lower()
    return ALSO_CALLED.get(name, name)


def check(row: Property, name: str, kind: Kind) -> None:
    """Pass, or raise as ``kept`` does."""
    if name in kind.read_only:
        raise read_only(f"{row.name[:SHOWN]} cannot be given: only the cluster says it")
    if name in kind.settled:
        raise read_only(
            f"{row.name[:SHOWN]} of {kind.what} stays as it is: it is given when it is made"
        )
    if name in kind.maxima:
        v.cores(row.value, row.name)
    elif name in kind.either:
        yes_or_no(row.value, row.name)
    elif name not in kind.kept:
        check_fixed(row, name, kind)


def check_expanded(row: Property, rows: Sequence[Property]) -> None:
    """Pass, or raise ``NotSupported``: the product has steps between two priorities, here are none.

    What Priority beside it says in other words is taken; exported files have both.
    """
    said = next((x.value for x in rows if key_of(x) == "priority"), "")
    number = list(JobPriority).index(v.priority(said))
    if row.value.strip() != str(number * job_properties.EXPANDED_STEP):
        raise NotSupported(
            f"a job cannot have {row.name[:SHOWN]} {row.value[:SHOWN]!r} with Priority "
            f"{said[:SHOWN] or JobPriority.NORMAL!s}: here it is {job_properties.EXPANDED_STEP} "
            "for each step of Priority, from Lowest with 0; give Priority"
        )


def read_only(sentence: str) -> BadRequest:
    """A property that nobody can give a value."""
    return BadRequest(sentence, code="property_read_only", hresult=HResult.PROPERTY_IS_READ_ONLY)


def check_fixed(row: Property, name: str, kind: Kind) -> None:
    """Pass, or raise ``NotSupported``: it has no place here, or all have another value."""
    only = kind.fixed.get(name)
    if only is None:
        raise NotSupported(
            f"{kind.what} cannot be given {row.name[:SHOWN]!r}: there is no place for it here"
        )
    value = row.value.strip()
    if name == "unittype":
        value = UNIT_TYPES.get(value, value)
    if value.lower() != only.lower():
        why = job_properties.WHY_FIXED.get(name, "")
        raise NotSupported(
            f"{kind.what} cannot have {row.name[:SHOWN]} {row.value[:SHOWN]!r}: here it is "
            f"{only!r} for all{why}"
        )


# --- jobs -----------------------------------------------------------------------------------------


class JobPairs(Struct, frozen=True):
    """What a job has by name: custom properties and variables."""

    properties: dict[str, str] = {}
    environment: dict[str, str] = {}


def new_job(
    rows: Sequence[Property], tasks: tuple[TaskSpec, ...] = (), pairs: JobPairs | None = None
) -> NewJob:
    """A job in Configuring. The password is checked for its length and dropped."""
    values, by_name = kept(rows, JOB), pairs or JobPairs()
    said = changes_of(values)
    return NewJob(
        name=said.name or "",
        tasks=tasks,
        job_type=v.job_type(values.get("jobtype", "")),
        priority=v.priority(values.get("priority", "")),
        run_as=said.run_as or "",
        properties=by_name.properties,
        fail_on_task_failure=said.fail_on_task_failure or False,
        run_until_canceled=said.run_until_canceled or False,
        runtime_seconds=said.runtime_seconds or 0,
        environment=by_name.environment,
        valid_exit_codes=said.valid_exit_codes or "",
        task_retry_count=said.task_retry_count or 0,
        hold_until=said.hold_until or "",
        project=said.project or "",
        service_name=said.service_name or "",
        client_source=said.client_source or "",
        progress=said.progress or 0,
        progress_message=said.progress_message or "",
        max_cores=said.max_cores or 0,
    )


def job_changes(rows: Sequence[Property]) -> JobChanges:
    """What a job that exists is to be given another value of. The password is dropped."""
    return changes_of(kept(rows, JOB_THERE))


def changes_of(values: Mapping[str, str]) -> JobChanges:
    """The values that are given. An empty ``UserName`` says nothing, as in the product."""
    return JobChanges(
        name=values.get("name"),
        priority=given(values, "Priority", v.priority),
        run_as=v.run_as(values) or None,
        fail_on_task_failure=given(values, "FailOnTaskFailure", yes_no("FailOnTaskFailure")),
        run_until_canceled=given(values, "RunUntilCanceled", yes_no("RunUntilCanceled")),
        runtime_seconds=given(values, "Runtime", lambda x: v.seconds(x, "Runtime")),
        valid_exit_codes=values.get("validexitcodes"),
        task_retry_count=given(
            values,
            "TaskExecutionFailureRetryLimit",
            lambda x: v.whole(x, "TaskExecutionFailureRetryLimit", RETRY_COUNT_MAX),
        ),
        hold_until=given(values, "HoldUntil", v.hold),
        project=values.get("project"),
        service_name=values.get("servicename"),
        client_source=values.get("clientsource"),
        progress=given(values, "Progress", lambda x: v.whole(x, "Progress", PROGRESS_MAX)),
        progress_message=values.get("progressmessage"),
        max_cores=given(values, "MaxCores", lambda x: v.cores(x, "MaxCores")),
    )


def given(values: Mapping[str, str], name: str, read: Callable[[str], T]) -> T | None:
    """A value, read; None where it is not given."""
    text = values.get(name.lower())
    return None if text is None else read(text)


def yes_no(name: str) -> Callable[[str], bool]:
    """Reads yes or no."""
    return lambda text: yes_or_no(text, name)


# --- tasks ----------------------------------------------------------------------------------------


def new_task(
    number: int,
    rows: Sequence[Property],
    environment: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> TaskSpec:
    """A task of a job. Which types are accepted is for the domain, and how many instances a service
    has: as many as its job's MaxCores says."""
    values = kept(rows, TASK)
    kind = type_of(values)
    first = "1" if kind is TaskType.PARAMETRIC_SWEEP else ""
    return TaskSpec(
        id=number,
        command=values.get("commandline", ""),
        type=kind,
        name=values.get("name", ""),
        work_directory=values.get("workdirectory", ""),
        environment=dict(environment or {}),
        runtime_seconds=v.seconds(values.get("runtime", ""), "Runtime"),
        depends_on=v.task_names(values.get("dependson", "")),
        valid_exit_codes=values.get("validexitcodes", ""),
        properties=dict(properties or {}),
        stdin=values.get("stdinfilepath", ""),
        stdout=values.get("stdoutfilepath", ""),
        stderr=values.get("stderrfilepath", ""),
        start=v.whole(values.get("startvalue", first), "StartValue", INDEX_MAX),
        end=v.whole(values.get("endvalue", ""), "EndValue", INDEX_MAX),
        increment=v.whole(values.get("incrementvalue", first), "IncrementValue", INDEX_MAX),
    )


def type_of(values: Mapping[str, str]) -> TaskType:
    """The type, or what the older ``IsParametric`` says; not both when they differ."""
    found = v.task_type(values.get("type", ""))
    sweep = given(values, "IsParametric", yes_no("IsParametric"))
    if sweep and not values.get("type"):
        return TaskType.PARAMETRIC_SWEEP
    if sweep is not None and sweep != (found is TaskType.PARAMETRIC_SWEEP):
        raise Malformed(f"IsParametric {sweep} and Type {found} contradict each other; give Type")
    return found


def task_changes(rows: Sequence[Property]) -> TaskChanges:
    """What a task that exists is to be given another value of."""
    values = kept(rows, TASK_THERE)
    return TaskChanges(
        name=values.get("name"),
        command=values.get("commandline"),
        work_directory=values.get("workdirectory"),
        runtime_seconds=given(values, "Runtime", lambda x: v.seconds(x, "Runtime")),
        depends_on=given(values, "DependsOn", v.task_names),
        valid_exit_codes=values.get("validexitcodes"),
        stdin=values.get("stdinfilepath"),
        stdout=values.get("stdoutfilepath"),
        stderr=values.get("stderrfilepath"),
    )
