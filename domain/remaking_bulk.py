"""A request on many jobs: could the rules have made it?"""

from domain import events as e
from domain.bulk import (
    BULK_JOBS_MAX,
    HowToCancel,
    content_of_named,
    content_of_plan,
    content_of_wanted,
    jobs_in,
)


def bulk_fact_refused(recorded: e.Recorded) -> str:
    """Why the rules could not have made this request on many jobs; "" when they could.

    Which jobs a filter found, and what a plan was, is taken as it stands.
    """
    data = recorded.data
    if not isinstance(data, e.BulkEvent):
        return f"{type(data).__name__} has no place in {recorded.aggregate}"
    place = e.bulk_aggregate(recorded.event.caller.asker, data.request_id)
    if recorded.aggregate != place:
        return f"it lies in {recorded.aggregate}, and its request belongs to {place}"
    if data.part != recorded.version or data.part > data.parts:
        return f"part {data.part} of {data.parts} is event {recorded.version}"
    return set_wrong(data) or content_wrong(data)


def set_wrong(data: e.BulkCancelRequested) -> str:
    """Why its jobs are no such set."""
    try:
        jobs = tuple(jobs_in(data.jobs.jobs))
    except ValueError as error:
        return str(error)
    if list(jobs) != sorted(set(jobs)) or len(jobs) != data.jobs.count:
        return f"its jobs do not rise, or are not {data.jobs.count}"
    if not 1 <= data.jobs.count <= data.total <= BULK_JOBS_MAX:
        return f"it has {data.jobs.count} of {data.total} jobs; 1 to {BULK_JOBS_MAX} are allowed"
    return ""


def content_wrong(data: e.BulkCancelRequested) -> str:
    """Why the digest of what was asked is not that of this; of a set in parts it cannot be told."""
    how = HowToCancel(data.mode, data.message, data.reason_code)
    if data.plan:
        made = content_of_plan(data.plan)
    elif data.wanted is not None:
        made = content_of_wanted(data.wanted, how)
    elif data.parts == 1:
        made = content_of_named(jobs_in(data.jobs.jobs), how)
    else:
        return ""
    return "" if made == data.content_sha256 else "its digest is of another request"
