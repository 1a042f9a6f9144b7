"""What a list is asked for: filters, order and page, read from the query."""

from typing import Final

from adapters.http.problem import Malformed, WebRequest
from adapters.http.requests import Query, choices, whole_number
from application.listing import Order
from application.views import (
    PAGE_ROWS,
    PAGE_ROWS_MAX,
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
)
from domain.states import CancelMode, JobPriority, JobState, JobType, TaskState
from projections.audit_trail import Kind

PAGE: Final = ("limit", "cursor")
JOB_SINGLE: Final = ("name", "since", "until", "sort", *PAGE)
JOB_MANY: Final = ("id", "state", "owner", "job_type", "priority", "canceled_by")
AUDIT_MANY: Final = {
    "owner": "owners",
    "actor": "actors",
    "on_behalf_of": "on_behalf_of",
    "requested_by": "requested_by",
    "kind": "kinds",
    "type": "types",
    "operation": "operations",
    "outcome": "outcomes",
    "mode": "modes",
    "reason_code": "reason_codes",
    "origin": "origins",
    "rule": "rules",
    "code": "codes",
}
"""Query fields that may be repeated, and the filter's names for them."""

AUDIT_SINGLE: Final = (
    *("words", "message", "explanation", "job", "task", "forced", "refused"),
    *("request_id", "event_id", "since", "until", "from", "to"),
)
AT_LEAST: Final = "countermand-at-least"
POSITION_MAX: Final = 2**63 - 1
ID_MAX: Final = 2**31 - 1


def at_least(request: WebRequest) -> int:
    """The position that the answer must know: the header ``Countermand-At-Least``, or 0."""
    text = request.headers.get(AT_LEAST)
    return 0 if text is None else whole_number(text, "Countermand-At-Least", 0, POSITION_MAX)


def limit(query: Query) -> int:
    """Rows of a page."""
    return query.number("limit", 1, PAGE_ROWS_MAX) or PAGE_ROWS


def jobs_filter(query: Query) -> JobFilter:
    """Which jobs."""
    return JobFilter(
        ids=tuple(whole_number(x, "id", 1, ID_MAX) for x in query.texts("id")),
        owners=tuple(query.texts("owner")),
        states=choices(query.texts("state"), JobState, "state"),
        job_types=choices(query.texts("job_type"), JobType, "job_type"),
        priorities=choices(query.texts("priority"), JobPriority, "priority"),
        name=query.text("name") or "",
        canceled_by=tuple(query.texts("canceled_by")),
        since=query.moment("since"),
        until=query.moment("until"),
    )


def jobs_order(query: Query) -> Order:
    """``sort``: a column, with a minus before it for the largest first; the latest jobs first."""
    text = query.text("sort")
    if text is None:
        return Order()
    (by,) = choices([text.removeprefix("-")], JobOrder, "sort (with or without a minus before it)")
    return Order(by, text.startswith("-"))


def audit_filter(query: Query) -> AuditFilter:
    """Which rows of the trail."""
    many = {field: tuple(query.texts(name)) for name, field in AUDIT_MANY.items()}
    many["kinds"] = kinds(query)
    job, task = query.text("job") or "", query.number("task", 1, ID_MAX)
    if task is not None and not job:
        raise Malformed("task goes with job: give the job that it is a task of")
    return AuditFilter(
        **many,
        words=query.text("words") or "",
        message=query.text("message") or "",
        explanation=query.text("explanation") or "",
        job=job,
        task=task,
        forced=query.word("forced", ("true", "false")) == "true",
        request_id=query.text("request_id") or "",
        event_id=query.text("event_id") or "",
        since=query.moment("since"),
        until=query.moment("until"),
        position_min=query.number("from", 0, POSITION_MAX) or 0,
        position_max=query.number("to", 0, POSITION_MAX),
    )


def kinds(query: Query) -> tuple[str, ...]:
    """``kind``, and ``refused=true`` as a short word for one of them."""
    found = choices(query.texts("kind"), Kind, "kind")
    refused = query.word("refused", ("true", "false")) == "true"
    if refused and found:
        raise Malformed("refused and kind exclude each other: refused=true means kind=refusal")
    return (Kind.REFUSAL,) if refused else found


def cancellations_filter(query: Query) -> CancellationFilter:
    """Which cancels."""
    is_open = query.word("open", ("true", "false"))
    return CancellationFilter(
        owners=tuple(query.texts("owner")),
        job_id=query.number("job", 1, ID_MAX),
        modes=choices(query.texts("mode"), CancelMode, "mode"),
        actors=tuple(query.texts("actor")),
        troubled=query.word("troubled", ("true", "false")) == "true",
        open=None if is_open is None else is_open == "true",
    )


def task_states(query: Query) -> tuple[TaskState, ...]:
    """Which tasks."""
    return choices(query.texts("state"), TaskState, "state")
