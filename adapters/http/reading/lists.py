"""What a list is asked for: filters, order and page, as the use cases have them."""

from adapters.http.reading.requests import Query
from application.listing import Order
from application.views import (
    PAGE_ROWS,
    TRAIL_VALUES,
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
)
from domain.states import JobPriority, JobState, JobType


def at_least(query: Query) -> int:
    """The position that the answer must know, or 0."""
    return query.number("Countermand-At-Least") or 0


def limit(query: Query) -> int:
    """Rows of a page."""
    return query.number("limit") or PAGE_ROWS


def jobs_filter(query: Query) -> JobFilter:
    """Which jobs."""
    return JobFilter(
        ids=query.numbers("id"),
        owners=query.texts("owner"),
        states=query.words("state", JobState),
        job_types=query.words("job_type", JobType),
        priorities=query.words("priority", JobPriority),
        name=query.text("name") or "",
        canceled_by=query.texts("canceled_by"),
        nodes=query.texts("node"),
        labels=query.texts("label"),
        since=query.moment("since"),
        until=query.moment("until"),
    )


def jobs_order(query: Query) -> Order:
    """``sort``: a column, with a minus before it for the largest first; the latest jobs first."""
    text = query.text("sort")
    return Order(JobOrder(text.removeprefix("-")), text.startswith("-")) if text else Order()


def audit_filter(query: Query) -> AuditFilter:
    """Which rows of the trail."""
    many = {name: query.texts(column) for column, name in TRAIL_VALUES.items()}
    return AuditFilter(
        **many,
        words=query.text("words") or "",
        message=query.text("message") or "",
        explanation=query.text("explanation") or "",
        job=query.text("job") or "",
        task=query.number("task"),
        forced=query.yes("forced") is True,
        refused=query.yes("refused") is True,
        request_id=query.text("request_id") or "",
        event_id=query.text("event_id") or "",
        since=query.moment("since"),
        until=query.moment("until"),
        position_min=query.number("from") or 0,
        position_max=query.number("to"),
    )


def cancellations_filter(query: Query) -> CancellationFilter:
    """Which cancels."""
    return CancellationFilter(
        owners=query.texts("owner"),
        job_id=query.number("job"),
        modes=query.texts("mode"),
        actors=query.texts("actor"),
        troubled=query.yes("troubled") is True,
        open=query.yes("open"),
    )
