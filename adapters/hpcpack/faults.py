"""No, in HPC Pack's words: one table from our codes to a status and an error number.

The message is a sentence for a person, with HPC Pack's name and number at its end; nothing of the
inside is told: an unexpected error gives an id that stands in the log.
"""

import math
from collections.abc import Callable
from typing import Final

from litestar.exceptions import HTTPException
from msgspec import Struct

from adapters.hpcpack.error_names import name_of, signed
from adapters.web.requests import Malformed
from adapters.web.text import valid
from adapters.web.unexpected import HTTP_CODES, logged
from application.receipts import Receipt
from domain import errors as x
from domain.hresult import HResult
from domain.outcome import Outcome


class NotSupported(x.CountermandError):
    """Something of HPC Pack's that there is not here (yet). The sentence says what."""

    code = "not_supported"


class Kind(Struct, frozen=True):
    """How a code is answered. ``hresult``: where the error brings none.

    ``retry_after_seconds``: for what may be tried again as it is.
    """

    status: int
    hresult: int
    retry_after_seconds: int | None = None


NO_JOB: Final = Kind(404, HResult.INVALID_JOB_ID)
BUSY: Final = Kind(503, HResult.SERVER_IS_BUSY, 1)
FORM: Final = Kind(422, HResult.ARGUMENT_OUT_OF_RANGE)

KINDS: Final = {
    "malformed": Kind(400, HResult.ARGUMENT_OUT_OF_RANGE),
    "not_authenticated": Kind(401, HResult.AUTHENTICATION_FAILURE),
    "not_permitted": Kind(403, HResult.PERMISSION_DENIED),
    "policy_error": Kind(403, HResult.PERMISSION_DENIED),
    "not_found": Kind(404, HResult.INVALID_OPERATION),
    "unknown_job": NO_JOB,
    "unknown_task": Kind(404, HResult.INVALID_TASK_ID),
    "unknown_person": Kind(404, HResult.SERVICE_AS_CLIENT_BAD_USER_NAME),
    "unknown": Kind(404, HResult.ARGUMENT_OUT_OF_RANGE),
    "method_not_allowed": Kind(405, HResult.INVALID_OPERATION),
    "illegal_transition": Kind(409, HResult.INVALID_OPERATION),
    "conflict": Kind(409, HResult.SERVER_IS_BUSY),
    "too_large": Kind(413, HResult.ARGUMENT_OUT_OF_RANGE),
    "not_this_task_type": Kind(422, HResult.TASK_OF_TYPE_CANNOT_BE_RECONFIGURED),
    "refused": FORM,
    "bad_search": Kind(400, HResult.ARGUMENT_OUT_OF_RANGE),
    "throttled": Kind(429, HResult.SERVER_IS_BUSY, 1),
    "unavailable": BUSY,
    "views_building": Kind(503, HResult.SERVER_IS_BUSY, 5),
    "store_full": Kind(503, HResult.SERVER_IS_BUSY, 30),
    "read_only": Kind(503, HResult.SERVER_IS_BUSY),
    "not_supported": Kind(501, HResult.INVALID_OPERATION),
    "internal": Kind(500, HResult.UNKNOWN_ERROR),
}
"""A code that is missing here is answered as the family of its error is."""

FAMILIES: Final[tuple[tuple[type[x.CountermandError], str], ...]] = (
    (Malformed, "malformed"),
    (NotSupported, "not_supported"),
    (x.NotAuthenticated, "not_authenticated"),
    (x.NotPermitted, "not_permitted"),
    (x.IllegalTransition, "illegal_transition"),
    (x.Refused, "refused"),
    (x.Throttled, "throttled"),
    (x.Unknown, "unknown"),
    (x.Conflict, "conflict"),
    (x.StoreFull, "store_full"),
    (x.ReadOnly, "read_only"),
    (x.Unavailable, "unavailable"),
)
HTTP_WORDS: Final = {
    "malformed": "the request cannot be understood",
    "not_found": "there is no such operation; check the path",
    "method_not_allowed": "this operation has another method",
    "too_large": "the body is too large",
}


class FaultBody(Struct, frozen=True, rename="pascal"):
    """What goes out. ``code``: HPC Pack's number as a signed one; ``name``: its name for it."""

    message: str
    code: int
    name: str


class Fault(Struct, frozen=True):
    """A refusal or an error, ready to go out."""

    status: int
    body: FaultBody
    retry_after_seconds: int | None = None


class RefusedByRules(x.Refused):
    """A receipt that says no, on its way out."""


def fault(kind: Kind, sentence: str, hresult: int | None, wait: float | None = None) -> Fault:
    """A fault of a kind. ``hresult``: the error's own number, if it has one."""
    number = int(hresult or kind.hresult)
    name = name_of(number)
    seconds = kind.retry_after_seconds if wait is None else max(1, math.ceil(wait))
    message = f"{valid(sentence)} ({name}, 0x{number:08X})"
    return Fault(kind.status, FaultBody(message, signed(number), name), seconds)


def fault_of(error: Exception, new_id: Callable[[], str]) -> Fault:
    """Any exception as a fault. What nobody expected is logged under a new incident id."""
    if isinstance(error, x.CountermandError):
        family = next((c for kind, c in FAMILIES if isinstance(error, kind)), None)
        found = KINDS.get(error.code) or (KINDS[family] if family else None)
        if found is not None:
            wait = error.retry_after_seconds if isinstance(error, x.Throttled) else None
            return fault(found, error.message, error.hresult, wait)
    if isinstance(error, HTTPException) and error.status_code in HTTP_CODES:
        code = HTTP_CODES[error.status_code]
        return fault(KINDS[code], HTTP_WORDS[code], None)
    incident = logged(error, new_id)
    words = f"the service met something it does not know; report the incident {incident}"
    return fault(KINDS["internal"], words, None)


DONE: Final = frozenset({Outcome.ACCEPTED, Outcome.ESCALATED, Outcome.REPEATED, Outcome.HELD})


def done(receipt: Receipt) -> Receipt:
    """The receipt of a request that was accepted; raises what it says otherwise.

    The refusal is stored already: this only tells it.
    """
    if receipt.outcome in DONE:
        return receipt
    unknown = receipt.outcome is Outcome.UNKNOWN
    kind = x.Unknown if unknown else RefusedByRules
    raise kind(receipt.explanation, code=receipt.code, hresult=receipt.hresult or None)
