"""No, in the web's words: one table from codes to HTTP statuses, and RFC 9457 problem details.

The codes are ours and stable; whoever reads them needs no status. A sentence says what was wrong
and what is allowed, ``what_to_do`` what comes next. Nothing of the inside is told: an unexpected
error gives an id that stands in the log.
"""

import math
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException
from msgspec import UNSET, Meta, Struct, UnsetType

from adapters.escape import safe
from adapters.http.answers import POSITION
from adapters.http.bodies.receipts import ReceiptBody
from adapters.http.bodies.shapes import Count
from adapters.web.requests import Malformed
from adapters.web.unexpected import HTTP_CODES, logged
from domain import errors as x

MEDIA_TYPE: Final = "application/problem+json"
AUTHENTICATE: Final = 'Bearer realm="countermand", Basic realm="countermand", charset="UTF-8"'


class Kind(Struct, frozen=True):
    """How a code is answered. ``retry_after_seconds``: for what may be tried again as it is."""

    status: int
    title: str
    what_to_do: str
    retry_after_seconds: int | None = None


SAME_ID: Final = "ask again with the same Idempotency-Key: it is never done twice"
CORRECT: Final = "correct the request and send it again"

KINDS: Final = {
    "malformed": Kind(400, "The request cannot be understood", CORRECT),
    "not_authenticated": Kind(
        401,
        "Not authenticated",
        "use the Unix socket, or send Authorization: Bearer TOKEN or Basic",
    ),
    "not_permitted": Kind(
        403, "Not permitted", "ask somebody with the role named in the detail to do it"
    ),
    "policy_error": Kind(
        403,
        "The policy could not decide",
        "tell an administrator: the rules in force answer with an error",
    ),
    "policy_invalid": Kind(
        422, "These rules cannot be used", "correct them: policy check says how"
    ),
    "policy_locks_out": Kind(
        422, "Too few could activate other rules", "permit activate_policy to two administrators"
    ),
    "backtest_unknown": Kind(
        422, "No backtest of these rules", "run policy backtest on the file, and give its id"
    ),
    "policy_in_force": Kind(409, "In force already", "nothing need be done"),
    "policy_in_shadow": Kind(
        409, "In shadow already", "stop what runs in shadow, then start these rules"
    ),
    "no_policy_in_shadow": Kind(409, "Nothing in shadow", "nothing need be done"),
    "waiting_for_another_person": Kind(
        409, "Another person has to do it", "ask another administrator to activate the same file"
    ),
    "unknown_policy": Kind(404, "No such policy", "GET /api/v1/policy/history lists them"),
    "not_found": Kind(404, "There is nothing here", "check the path; the API is under /api/v1"),
    "unknown_job": Kind(404, "No such job", "check the job id"),
    "unknown_task": Kind(404, "No such task", "look at the job for the ids of its tasks"),
    "unknown_parameter": Kind(404, "No such parameter", "GET /api/v1/parameters lists them"),
    "unknown_version": Kind(404, "No such version", "look at the job's events for what there is"),
    "unknown_cursor": Kind(404, "No such place in this list", "begin without a cursor"),
    "unknown_plan": Kind(404, "No such plan", "plan again, and apply what that gives"),
    "unknown_position": Kind(404, "No such position", "begin from a position that exists"),
    "unknown_person": Kind(404, "No such person", "check the name in Countermand-As"),
    "no_such_person": Kind(
        404, "Nobody is called so", "check the name; `countermand principals list` has them"
    ),
    "unknown_schema": Kind(
        404, "No such document", "GET /api/v1/schema/events lists the events and the documents"
    ),
    "unknown": Kind(404, "Not known", "check the request"),
    "method_not_allowed": Kind(405, "Not with this method", "use a method from the header Allow"),
    "illegal_transition": Kind(
        409, "Not in this state", "look at the job; another command may fit its state"
    ),
    "stream_reachable": Kind(
        409, "The stream can be reached", "cancel the job by force: that is recorded first"
    ),
    "version_mismatch": Kind(
        412,
        "At another version",
        "look again for the version there is now (this refusal made one too), and ask with a new "
        "Idempotency-Key",
    ),
    "conflict": Kind(409, "Somebody else was faster", SAME_ID),
    "too_large": Kind(413, "The body is too large", "send less; at most 8 MiB are taken"),
    "message_too_long": Kind(422, "The message is too long", "shorten the message"),
    "message_bad_character": Kind(
        422, "The message holds a forbidden character", "remove the character"
    ),
    "message_required": Kind(422, "A message is required", "say why, and send it again"),
    "bad_reason_code": Kind(422, "The reason code has another form", CORRECT),
    "request_id_reused": Kind(
        422, "The request id was used for something else", "use a new Idempotency-Key"
    ),
    "no_graceful_task_cancel": Kind(
        422, "A task has no graceful cancel", "use mode normal or forced"
    ),
    "not_this_task_type": Kind(
        422, "Not for this type of task", "a command to the whole job may do it"
    ),
    "bad_search": Kind(400, "This cannot be searched for", CORRECT),
    "bad_parameter_value": Kind(422, "The value is not allowed", CORRECT),
    "account_not_allowed": Kind(422, "No task may run as this account", CORRECT),
    "no_job_named": Kind(422, "It is not said which job is meant", CORRECT),
    "ambiguous_question": Kind(422, "More than one moment is asked about", CORRECT),
    "no_jobs_named": Kind(422, "It is not said which jobs are meant", CORRECT),
    "too_many_jobs": Kind(422, "Too many jobs for one request", CORRECT),
    "bad_request": Kind(422, "A limit or form was not kept", CORRECT),
    "refused": Kind(422, "Refused", CORRECT),
    "throttled": Kind(429, "Too many requests", "wait, then go on", 1),
    "unavailable": Kind(503, "Not available now", SAME_ID, 1),
    "views_building": Kind(503, "The views are being built", "come back in a while", 5),
    "views_unreachable": Kind(
        503, "The views cannot be reached", "come back in a while; commands go on without them", 5
    ),
    "view_behind": Kind(503, "The views are not there yet", "come back in a while", 1),
    "stream_behind_journal": Kind(
        409, "The stream has lost events", "mend the stream from the journal first"
    ),
    "outcome_unknown": Kind(503, "It may have been stored", SAME_ID, 1),
    "store_full": Kind(
        503, "No room for new commands", "an administrator makes room; cancels under way go on", 30
    ),
    "read_only": Kind(
        503,
        "Read-only: the stream is not what it was",
        "an administrator stops the service, looks at the stream, and starts it again",
    ),
    "job_ids_used_up": Kind(503, "No job ids are left", "ask an administrator"),
    "corrupt": Kind(
        500, "Stored events do not verify", "ask an administrator; nothing was changed"
    ),
    "misconfigured": Kind(500, "The service is not set up right", "ask an administrator"),
    "internal": Kind(
        500, "Something unexpected", "report the incident id: it stands in the service's log"
    ),
}
"""The one table. A code that is missing here is answered as the family of its error is."""

FAMILIES: Final[tuple[tuple[type[x.CountermandError], str], ...]] = (
    (Malformed, "malformed"),
    (x.NotAuthenticated, "not_authenticated"),
    (x.NotPermitted, "not_permitted"),
    (x.IllegalTransition, "illegal_transition"),
    (x.Refused, "refused"),
    (x.Throttled, "throttled"),
    (x.Unknown, "unknown"),
    (x.Conflict, "conflict"),
    (x.StoreFull, "store_full"),
    (x.ReadOnly, "read_only"),
    (x.OutcomeUnknown, "outcome_unknown"),
    (x.Unavailable, "unavailable"),
    (x.Corrupt, "corrupt"),
    (x.Misconfigured, "misconfigured"),
)


class Problem(Struct, frozen=True):
    """RFC 9457 problem details with our extension members."""

    type: str
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    code: str
    what_to_do: str
    receipt: ReceiptBody | UnsetType = UNSET
    retry_after_seconds: Count | UnsetType = UNSET
    incident: str | UnsetType = UNSET


def problem(
    code: str,
    detail: str,
    *,
    kind: Kind | None = None,
    receipt: ReceiptBody | UnsetType = UNSET,
    retry_after_seconds: float | None = None,
    incident: str | UnsetType = UNSET,
) -> Problem:
    """The problem of a code; of one that the table lacks, as ``kind`` says."""
    found = KINDS.get(code) or kind or KINDS["refused"]
    seconds = found.retry_after_seconds if retry_after_seconds is None else retry_after_seconds
    return Problem(
        type=f"urn:countermand:problem:{code}",
        title=found.title,
        status=found.status,
        detail=safe(detail),
        code=code,
        what_to_do=found.what_to_do,
        receipt=receipt,
        retry_after_seconds=UNSET if seconds is None else max(1, math.ceil(seconds)),
        incident=incident,
    )


def problem_of(error: Exception, new_id: Callable[[], str]) -> Problem:
    """Any exception as a problem. What nobody expected is logged under a new incident id."""
    if isinstance(error, x.CountermandError):
        family = next((c for kind, c in FAMILIES if isinstance(error, kind)), None)
        if family is not None or error.code in KINDS:
            wait = error.retry_after_seconds if isinstance(error, x.Throttled) else None
            kind = KINDS[family or "internal"]
            return problem(error.code, error.message, kind=kind, retry_after_seconds=wait)
    if isinstance(error, HTTPException) and error.status_code in HTTP_CODES:
        code = HTTP_CODES[error.status_code]
        return problem(code, KINDS[code].title.lower())
    incident = logged(error, new_id)
    return problem("internal", "the service met something it does not know", incident=incident)


def refusal(receipt: ReceiptBody) -> Response[bytes]:
    """The answer to a command that the rules refused: a problem that holds the receipt."""
    said = problem(receipt.code, receipt.explanation, receipt=receipt)
    return problem_response(said, {POSITION: str(receipt.position)})


def problem_response(said: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem as an answer, with the headers that its status asks for."""
    told = dict(headers or {})
    if said.retry_after_seconds is not UNSET:
        told["Retry-After"] = str(said.retry_after_seconds)
    if said.status == 401:
        told["WWW-Authenticate"] = AUTHENTICATE
    if said.status == 413:
        told["Connection"] = "close"
    body = msgspec.json.encode(said)
    return Response(body, status_code=said.status, media_type=MEDIA_TYPE, headers=told)


def answer_to(error: Exception, new_id: Callable[[], str]) -> Response[bytes]:
    """What is answered to whatever was raised, the framework's own errors included."""
    headers = getattr(error, "headers", None)
    allow = {k: v for k, v in (headers or {}).items() if k.lower() == "allow"}
    return problem_response(problem_of(error, new_id), allow)
