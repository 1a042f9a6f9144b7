"""Limits of texts, names and values: what is wrong is said in a sentence with what is allowed.

All raise ``BadRequest``.
"""

import re
from datetime import UTC, datetime
from typing import Final

from domain.errors import BadRequest
from domain.exit_codes import CHARACTERS_MAX as EXIT_CODES_CHARACTERS_MAX
from domain.exit_codes import FORM as EXIT_CODES_FORM
from domain.exit_codes import spans
from domain.hresult import HResult

CUSTOM_NAME_CHARACTERS_MAX: Final = 80
CUSTOM_VALUE_CHARACTERS_MAX: Final = 1024
"""Source: ISchedulerJob::SetCustomProperty and ISchedulerTask::SetCustomProperty."""

VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
OWN_VARIABLES: Final = (
    "CCP_JOBID",
    "CCP_JOBNAME",
    "CCP_NODES",
    "CCP_NODES_CORES",
    "CCP_TASKID",
    "CCP_TASKINSTANCEID",
    "COUNTERMAND_RUN",
)
"""Variables that every run is given with values of its own. Another value would never reach it."""

ACCOUNT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
SHOWN: Final = 80


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


def check_custom(where: str, properties: dict[str, str]) -> None:
    """Further properties, each for itself."""
    for name, value in properties.items():
        what = f"{where}: the property {name[:SHOWN]!r}"
        if not name or not name.isprintable():
            raise wrong(f"{what} has no name that can be printed; give it one")
        if len(name) > CUSTOM_NAME_CHARACTERS_MAX:
            raise BadRequest(
                f"{what}: its name has {len(name)} characters; at most "
                f"{CUSTOM_NAME_CHARACTERS_MAX} are allowed",
                hresult=HResult.CUSTOM_PROPERTY_NAME_TOO_LONG,
            )
        if len(value) > CUSTOM_VALUE_CHARACTERS_MAX:
            raise BadRequest(
                f"{what}: its value has {len(value)} characters; at most "
                f"{CUSTOM_VALUE_CHARACTERS_MAX} are allowed",
                hresult=HResult.CUSTOM_PROPERTY_VALUE_TOO_LONG,
            )


def check_variables(where: str, environment: dict[str, str], bytes_max: int) -> None:
    """Variables: their names, and all together. None of those that every run is given."""
    for name in environment:
        if name in OWN_VARIABLES:
            raise wrong(
                f"{where}: the variable {name} cannot be given, because every run is given its own "
                f"value of it, as of each of {', '.join(OWN_VARIABLES)}; choose another name"
            )
        if not VARIABLE_NAME.fullmatch(name):
            raise wrong(
                f"{where}: {name[:SHOWN]!r} cannot be a variable's name: letters, digits and _, "
                "not beginning with a digit"
            )
    check_size(f"{where}: the environment", environment, bytes_max)


def check_exit_codes(where: str, valid: str) -> None:
    """Exit codes that count as success; "" for 0 alone."""
    if len(valid) > EXIT_CODES_CHARACTERS_MAX:
        raise wrong(
            f"{where}: the valid exit codes have {len(valid)} characters; at most "
            f"{EXIT_CODES_CHARACTERS_MAX} are allowed"
        )
    try:
        spans(valid or "0")
    except ValueError as error:
        raise wrong(
            f"{where}: {str(error)[:SHOWN]!r} is no exit code; allowed are {EXIT_CODES_FORM}"
        ) from None


def check_hold(hold_until: str) -> datetime | None:
    """The moment, in UTC; None for "". It has an offset."""
    if not hold_until:
        return None
    try:
        moment = datetime.fromisoformat(hold_until)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadRequest(
            f"{hold_until[:SHOWN]!r} is no time to hold a job until; give one such as "
            "2026-11-27T15:00:00Z",
            hresult=HResult.INVALID_HOLD_UNTIL,
        )
    return moment.astimezone(UTC)


def check_future(hold_until: str, now: datetime) -> None:
    """A job is held until a moment that is still to come. Source: SetHoldUntil."""
    moment = check_hold(hold_until)
    if moment is not None and moment <= now:
        raise BadRequest(
            f"{hold_until[:SHOWN]} is over; a job is held until a time that is still to come",
            hresult=HResult.INVALID_HOLD_UNTIL,
        )
