"""Texts of people in a fact: could they be as long, and be what they are? Checked by themselves,
where the fact is not decided again with them."""

import re
from typing import Final

from domain import events as e
from domain.errors import BadRequest
from domain.message import MESSAGE_UNITS_MAX, check_message, units
from domain.requests import JOB_ID_UNITS_MAX, REASON_CODE_MAX, check_reason

SHA256: Final = re.compile(r"[0-9a-f]{64}")
REPLACED: Final = "\ufffd"

WITH_TEXTS: Final = frozenset(
    {
        e.BulkCancelRequested,
        e.JobCancelRefused,
        e.TaskCancelRefused,
        e.CancelRefused,
        e.JobCommandRefused,
    }
)
"""All others are decided again with their texts, or hold no person's."""

Kept = e.JobCancelRefused | e.TaskCancelRefused | e.JobCommandRefused | e.CancelRefused


def texts_refused(data: e.Event) -> str:
    """Why no request with such texts leads to such a fact; "" when one may."""
    if type(data) not in WITH_TEXTS:
        return ""
    match data:
        case e.BulkCancelRequested():
            return accepted_wrong(data.message, data.reason_code)
        case e.JobCancelRefused() | e.TaskCancelRefused():
            return kept_wrong(data) or too_long("reason_code", data.reason_code, REASON_CODE_MAX)
        case e.CancelRefused():
            return (
                kept_wrong(data)
                or too_long("reason_code", data.reason_code, REASON_CODE_MAX)
                or too_long("job", data.job, JOB_ID_UNITS_MAX)
            )
        case e.JobCommandRefused():
            return kept_wrong(data)
        case _:
            raise AssertionError(f"{type(data).__name__} has no such texts")


def accepted_wrong(message: str, reason_code: str) -> str:
    """Why a request with these was not accepted."""
    try:
        check_message(message)
        check_reason(reason_code)
    except BadRequest as no:
        return no.message
    return ""


def kept_wrong(data: Kept) -> str:
    """Why this is not what a refusal keeps of a message: all of it, or a beginning and a digest."""
    found = units(data.message)
    wrong = too_long("message", data.message, MESSAGE_UNITS_MAX)
    if wrong:
        return wrong
    if not data.message_sha256:
        whole = f"message_units is {data.message_units}, and the message has {found}"
        return "" if data.message_units == found else whole
    if SHA256.fullmatch(data.message_sha256) is None:
        return f"message_sha256 is {data.message_sha256[:80]!r}, which is no SHA-256"
    shorter = data.message_units > found
    if shorter or (data.message_units == found and REPLACED in data.message):
        return ""
    return (
        f"message_units is {data.message_units}, and the message, of which only the beginning is "
        f"kept, has {found}"
    )


def too_long(what: str, text: str, units_max: int) -> str:
    """Why a text is not what was kept of one."""
    found = units(text)
    if found <= units_max:
        return ""
    return f"{what} has {found} UTF-16 code units; at most {units_max} are kept"
