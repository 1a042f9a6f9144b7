"""The values of properties, read: what a text stands for, or why it is none."""

from collections.abc import Mapping
from typing import Final

from adapters.hpcpack.face import login
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN
from adapters.hpcpack.times import read_time
from adapters.web.requests import Malformed
from domain.checks import ACCOUNT_NAME
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.states import JobPriority, JobType, TaskType
from domain.submission import CORES_MAX, RUNTIME_SECONDS_MAX

USER_CHARACTERS_MAX: Final = 80
PASSWORD_CHARACTERS_MAX: Final = 127
WHOLE_MAX: Final = 2**31 - 1
"""More than any limit here. Larger numbers are not read; what is within it, the domain limits."""

JOB_TYPES: Final = {"1": JobType.BATCH, "2": JobType.ADMIN}
TASK_TYPES: Final = dict(zip("01234", TaskType, strict=True))
INFINITE: Final = "infinite"
NEVER: Final = 1
"""The year of .NET's DateTime.MinValue, which stands for no time."""


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


def task_type(text: str) -> TaskType:
    """A task's type by name or by number, Basic for none."""
    by_name = {t.value.lower(): t for t in TaskType}
    found = by_name.get(text.lower()) or TASK_TYPES.get(text)
    if text and found is None:
        raise Malformed(
            f"Type cannot be {text[:SHOWN]!r}: it is one of {', '.join(TaskType)}, or 0 to 4"
        )
    return found or TaskType.BASIC


def whole(text: str, name: str, most: int) -> int:
    """A whole number from 0 to ``most``, as the domain has it; 0 for none. Clients also write
    ``10.0``."""
    digits, _, fraction = text.strip().partition(".")
    if not digits and not fraction:
        return 0
    found = None if fraction.strip("0") else number(digits)
    if found is None:
        raise Malformed(f"{name} cannot be {text[:SHOWN]!r}: it is a whole number from 0 to {most}")
    return found


def cores(text: str, name: str) -> int:
    """An upper bound, from 1."""
    found = number(text.strip())
    if not found:
        raise Malformed(
            f"{name} cannot be {text[:SHOWN]!r}: it is a whole number from 1 to {CORES_MAX}"
        )
    return found


def number(digits: str) -> int | None:
    """A whole number of at most ``WHOLE_MAX``; None for anything else."""
    if not (digits.isascii() and digits.isdigit()):
        return None
    significant = digits.lstrip("0") or "0"
    if len(significant) > len(str(WHOLE_MAX)) or int(significant) > WHOLE_MAX:
        return None
    return int(significant)


def seconds(text: str, name: str) -> int:
    """A run-time limit in seconds; 0 for none, which is also called Infinite."""
    return 0 if text.strip().lower() == INFINITE else whole(text, name, RUNTIME_SECONDS_MAX)


def hold(text: str) -> str:
    """A time in UTC as RFC 3339; "" for none, which is also .NET's first moment."""
    if not text.strip():
        return ""
    moment = read_time(text, "HoldUntil")
    return "" if moment.year == NEVER else moment.isoformat()


def task_names(text: str) -> tuple[str, ...]:
    """Names of tasks with commas between them."""
    return tuple(dict.fromkeys(x for x in (x.strip() for x in text.split(",")) if x))
