"""What somebody wants a job or a task to be: properties that are kept, and others that are not.

A property that the job model does not have may be given with the value that every job here has
anyway. Any other value is ``NotSupported``: nothing is accepted that is not done.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from adapters.hpcpack import job_properties, task_properties
from adapters.hpcpack.answers import Property
from adapters.hpcpack.face import login
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, yes_or_no
from adapters.web.requests import Malformed
from application.scheduler import NewJob
from domain.errors import BadRequest
from domain.events import TaskSpec
from domain.hresult import HResult
from domain.states import JobPriority, JobType, TaskType
from domain.submission import ACCOUNT_NAME

USER_CHARACTERS_MAX: Final = 80
PASSWORD_CHARACTERS_MAX: Final = 127
UNIT_TYPES: Final = {"0": "Core", "1": "Socket", "2": "Node"}
JOB_TYPES: Final = {"1": JobType.BATCH, "2": JobType.ADMIN}
TASK_TYPES: Final = dict(zip("01234", TaskType, strict=True))


class Kind(Struct, frozen=True):
    """What a thing of this kind may be told. All names in lower case.

    ``kept``: what there is a place for. ``fixed``: values that all have. ``maxima``: upper bounds,
    which the one slot of a task is within. ``either``: what makes no difference to one slot.
    ``read_only``: what only the cluster says.
    """

    what: str
    kept: frozenset[str]
    fixed: Mapping[str, str]
    maxima: frozenset[str]
    either: frozenset[str]
    read_only: frozenset[str]


def lower(names: Iterable[str]) -> frozenset[str]:
    """Names as keys."""
    return frozenset(name.lower() for name in names)


def fixed(values: Mapping[str, str]) -> dict[str, str]:
    """Values that all have, with the minima that one slot satisfies."""
    minima = dict.fromkeys(("MinCores", "MinSockets", "MinNodes"), "1")
    return {name.lower(): value for name, value in {**values, **minima}.items()}


MAXIMA: Final = lower(("MaxCores", "MaxSockets", "MaxNodes"))
EITHER: Final = lower(("AutoCalculateMax", "AutoCalculateMin"))
JOB_KEPT: Final = lower(("Name", "Priority", "JobType", "UserName", "Password"))
TASK_KEPT: Final = lower(("Name", "CommandLine", "WorkDirectory", "Type"))
SUBMIT_KEPT: Final = lower(("UserName", "Password"))
JOB_FIXED: Final = fixed(job_properties.FIXED)
TASK_FIXED: Final = fixed(task_properties.FIXED)

JOB: Final = Kind(
    "a job",
    JOB_KEPT,
    JOB_FIXED,
    MAXIMA,
    EITHER,
    frozenset(job_properties.READABLE) - JOB_KEPT - frozenset(JOB_FIXED),
)
TASK: Final = Kind(
    "a task",
    TASK_KEPT,
    TASK_FIXED,
    MAXIMA,
    frozenset(),
    frozenset(task_properties.READABLE) - TASK_KEPT - frozenset(TASK_FIXED),
)
SUBMIT: Final = Kind("a job at submit", SUBMIT_KEPT, JOB_FIXED, MAXIMA, EITHER, frozenset())


def kept(rows: Sequence[Property], kind: Kind) -> dict[str, str]:
    """The values that there is a place for, by name in lower case; raises for what there is none.

    ``BadRequest`` for what only the cluster says, ``NotSupported`` for what is not kept here.
    """
    for row in rows:
        check(row, kind)
    return {row.name.lower(): row.value for row in rows if row.name.lower() in kind.kept}


def check(row: Property, kind: Kind) -> None:
    """Pass, or raise as ``kept`` does."""
    name = row.name.lower()
    if name in kind.read_only:
        raise BadRequest(
            f"{row.name[:SHOWN]} cannot be given: only the cluster says it",
            code="property_read_only",
            hresult=HResult.PROPERTY_IS_READ_ONLY,
        )
    if name in kind.maxima:
        check_count(row)
    elif name in kind.either:
        yes_or_no(row.value, row.name)
    elif name not in kind.kept:
        check_fixed(row, kind)


def check_fixed(row: Property, kind: Kind) -> None:
    """Pass, or raise ``NotSupported``: it has no place here, or all have another value."""
    only = kind.fixed.get(row.name.lower())
    if only is None:
        raise NotSupported(
            f"{kind.what} cannot be given {row.name[:SHOWN]!r}: there is no place for it here"
        )
    value = row.value.strip()
    if row.name.lower() == "unittype":
        value = UNIT_TYPES.get(value, value)
    if value.lower() != only.lower():
        raise NotSupported(
            f"{kind.what} cannot have {row.name[:SHOWN]} {row.value[:SHOWN]!r}: here it is "
            f"{only!r} for all"
        )


def check_count(row: Property) -> None:
    """Pass, or raise ``Malformed``: it is no whole number from 1."""
    text = row.value.strip()
    if not (text.isascii() and text.isdigit() and int(text[:9]) >= 1):
        raise Malformed(f"{row.name} cannot be {row.value[:SHOWN]!r}: it is a whole number from 1")


# --- jobs -----------------------------------------------------------------------------------------


def new_job(
    rows: Sequence[Property],
    tasks: tuple[TaskSpec, ...] = (),
    custom: Mapping[str, str] | None = None,
) -> NewJob:
    """A job in Configuring. The password is checked for its length and dropped."""
    values = kept(rows, JOB)
    return NewJob(
        name=values.get("name", ""),
        tasks=tasks,
        job_type=job_type(values.get("jobtype", "")),
        priority=priority(values.get("priority", "")),
        run_as=run_as(values),
        properties=dict(custom or {}),
    )


def submit_run_as(rows: Sequence[Property]) -> str:
    """The account that a submit names, "" for none. The password is dropped."""
    return run_as(kept(rows, SUBMIT))


def run_as(values: Mapping[str, str]) -> str:
    """The account of ``UserName``, "" for none; neither it nor the password may be too long."""
    name, password = values.get("username", ""), values.get("password", "")
    if len(name) > USER_CHARACTERS_MAX or len(password) > PASSWORD_CHARACTERS_MAX:
        raise BadRequest(
            f"UserName has at most {USER_CHARACTERS_MAX} characters, Password at most "
            f"{PASSWORD_CHARACTERS_MAX}",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )
    account = login(name)
    if account and not ACCOUNT_NAME.fullmatch(account):
        raise BadRequest(
            f"UserName {name[:SHOWN]!r} is not the name of an account here",
            hresult=HResult.ARGUMENT_OUT_OF_RANGE,
        )
    return account


def priority(text: str) -> JobPriority:
    """A priority by name or by number, Normal for none."""
    by_name = {p.value.lower(): p for p in JobPriority}
    by_number = {str(n): p for n, p in enumerate(JobPriority)}
    if not text:
        return JobPriority.NORMAL
    found = by_name.get(text.lower()) or by_number.get(text)
    if found is None:
        raise Malformed(
            f"Priority cannot be {text[:SHOWN]!r}: it is one of {', '.join(JobPriority)}, or 0 to 4"
        )
    return found


def job_type(text: str) -> JobType:
    """Batch for none, or Admin."""
    by_name = {t.value.lower(): t for t in JobType}
    found = by_name.get(text.lower()) or JOB_TYPES.get(text)
    if text and found is None:
        raise NotSupported(f"there are no jobs of type {text[:SHOWN]!r} here: Batch and Admin are")
    return found or JobType.BATCH


# --- tasks ----------------------------------------------------------------------------------------


def new_task(
    number: int, rows: Sequence[Property], environment: Mapping[str, str] | None = None
) -> TaskSpec:
    """A task of a job. Which types are accepted is for the domain."""
    values = kept(rows, TASK)
    return TaskSpec(
        id=number,
        command=values.get("commandline", ""),
        type=task_type(values.get("type", "")),
        name=values.get("name", ""),
        work_directory=values.get("workdirectory", ""),
        environment=dict(environment or {}),
    )


def task_type(text: str) -> TaskType:
    """A task's type by name or by number, Basic for none."""
    by_name = {t.value.lower(): t for t in TaskType}
    found = by_name.get(text.lower()) or TASK_TYPES.get(text)
    if text and found is None:
        raise Malformed(
            f"Type cannot be {text[:SHOWN]!r}: it is one of {', '.join(TaskType)}, or 0 to 4"
        )
    return found or TaskType.BASIC
