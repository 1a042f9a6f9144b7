"""Many jobs that one request asked to cancel."""

from msgspec import Struct

from domain.states import CancelMode, JobPriority, JobState, JobType


class JobsWanted(Struct, frozen=True):
    """Jobs that are not over, by what they are; what is empty does not restrict.

    ``owners``: of one of these. ``states``: in one of these. ``job_types``: of one of these.
    ``priorities``: of one of these. ``name``: with this in the name, ASCII without case.
    ``nodes``: that were given one of these in the present round, ASCII without case.
    ``labels``: with all of these, each as name=value, or a name alone for any value.
    """

    owners: tuple[str, ...] = ()
    states: tuple[JobState, ...] = ()
    job_types: tuple[JobType, ...] = ()
    priorities: tuple[JobPriority, ...] = ()
    name: str = ""
    nodes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


class JobSet(Struct, frozen=True):
    """How many jobs, and which. ``count``: how many there are.

    ``jobs``: their numbers as ranges, such as "1-3,7"; of those that a plan has missed or that have
    changed at most 500 ranges.
    """

    count: int
    jobs: str = ""


class BulkCancelRequested(Struct, frozen=True):
    """One request asked for many jobs to be canceled: which ones they are, and how.

    What becomes of each is an event of that job, under the same request id: its cancel is decided,
    guarded and recorded on its own. The same request again goes on with these very jobs. A set
    that is too large for one event has several, stored together, alike but for the jobs.

    ``jobs``: the jobs; of several events those of this one. ``part``: which of the events it is,
    from 1. ``parts``: how many there are. ``total``: how many jobs all of them have. ``wanted``: by
    what the jobs were found; null when they were named one by one. ``resolved_at``: the position
    of the stream up to which the jobs were known when they were looked through, for a plan when it
    was made. ``plan``: the digest of the plan that is carried out, or "". ``changed``: those that
    something had happened to since the plan. ``joined``: jobs that are found as well by now, and
    are left alone because the plan does not have them.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    jobs: JobSet
    part: int
    parts: int
    total: int
    wanted: JobsWanted | None
    resolved_at: int
    plan: str
    changed: JobSet
    joined: JobSet
    content_sha256: str
