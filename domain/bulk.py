"""One request to cancel many jobs: which ones it means, and whether it was asked before.

What becomes of each job is decided on that job (``domain.decide``), as if it were asked for alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.cluster import JOB_ID_MAX
from domain.errors import BadRequest, Corrupt
from domain.job import Job
from domain.labels import check_new_labels, words_of
from domain.ranges import joined
from domain.states import JOB_ENDED, CancelMode

BULK_JOBS_MAX: Final = 10_000
"""As many jobs as one request may cancel."""

RANGES_CHARACTERS_MAX: Final = 40_000
"""Of the jobs in one event, which may have 64 KiB."""

SPANS_TOLD_MAX: Final = 500
"""Ranges of jobs that a plan has missed, or that have changed since."""


class HowToCancel(Struct, frozen=True):
    """What is asked of each of the jobs."""

    mode: CancelMode
    message: str
    reason_code: str


VALUES_MAX: Final = 100
"""How many values of one kind may be wanted."""

TEXT_CHARACTERS_MAX: Final = 256
NO_LABELS: Final = ',"labels":[]}'
"""How a wish for no label ends. Digests of requests from before there were labels are without."""

# --- which jobs -----------------------------------------------------------------------------------


def is_wanted(wanted: e.JobsWanted, job: Job) -> bool:
    """Whether the job is not over and is what is wanted."""
    return (
        job.state not in JOB_ENDED
        and (not wanted.owners or job.owner in wanted.owners)
        and (not wanted.states or job.state in wanted.states)
        and (not wanted.job_types or job.job_type in wanted.job_types)
        and (not wanted.priorities or job.priority in wanted.priorities)
        and (not wanted.name or folded(wanted.name) in folded(job.name))
        and (not wanted.nodes or not given(wanted.nodes).isdisjoint(given(job.nodes)))
        and (not wanted.labels or set(wanted.labels).issubset(words_of(job.labels)))
    )


def check_wanted(wanted: e.JobsWanted) -> None:
    """Pass, or raise ``BadRequest``: too many values of a kind, or a text that no job has."""
    for name in wanted.__struct_fields__:
        values = getattr(wanted, name)
        texts = (values,) if isinstance(values, str) else values
        if len(texts) > VALUES_MAX:
            raise BadRequest(f"{len(texts)} {name} are given; at most {VALUES_MAX} can be")
        if name == "labels":
            check_labels_wanted(texts)
            continue
        for text in texts:
            if len(text) > TEXT_CHARACTERS_MAX or not text.isprintable():
                raise BadRequest(
                    f"{name} cannot hold {text[:40]!r}: at most {TEXT_CHARACTERS_MAX} printable "
                    "characters"
                )


def check_labels_wanted(texts: Iterable[str]) -> None:
    """Pass, or raise ``BadRequest``: no job can have such a label."""
    for text in texts:
        name, given_value, value = text.partition("=")
        check_new_labels({name: value if given_value else name})


def given(nodes: Iterable[str]) -> set[bytes]:
    """Names of nodes, to be compared."""
    return {folded(name) for name in nodes}


def folded(text: str) -> bytes:
    """A text without the case of ASCII letters."""
    return text.encode("utf-8", "surrogatepass").lower()


# --- sets of jobs ---------------------------------------------------------------------------------


def spans(jobs: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of numbers, rising."""
    found: list[tuple[int, int]] = []
    for job in sorted(jobs):
        if found and job == found[-1][1] + 1:
            found[-1] = (found[-1][0], job)
        else:
            found.append((job, job))
    return found


def job_set(jobs: Iterable[int]) -> e.JobSet:
    """How many they are, and the first ranges of them."""
    found = spans(jobs)
    return e.JobSet(sum(b - a + 1 for a, b in found), joined(found[:SPANS_TOLD_MAX]))


def job_sets(jobs: Iterable[int]) -> list[e.JobSet]:
    """All of them, in pieces that fit into an event each; one or more."""
    pieces: list[list[tuple[int, int]]] = [[]]
    used = 0
    for first, last in spans(jobs):
        used += len(f"{first}-{last},")
        if used > RANGES_CHARACTERS_MAX:
            pieces.append([])
            used = len(f"{first}-{last},")
        pieces[-1].append((first, last))
    return [e.JobSet(sum(b - a + 1 for a, b in piece), joined(piece)) for piece in pieces]


def jobs_in(text: str) -> Iterator[int]:
    """The numbers of ranges. Raises ``ValueError`` for any other text."""
    for part in text.split(",") if text else ():
        a, dash, b = part.partition("-")
        first, last = int(a), int(b if dash else a)
        if not 1 <= first <= last <= JOB_ID_MAX or last - first >= BULK_JOBS_MAX:
            raise ValueError(f"{part[:40]!r} is no range of jobs")
        yield from range(first, last + 1)


# --- the request ----------------------------------------------------------------------------------


class Bulk(Struct, frozen=True):
    """A request on many jobs, as it was recorded. ``first``: the first of its events."""

    first: e.BulkCancelRequested
    jobs: tuple[int, ...]
    version: int

    @property
    def how(self) -> HowToCancel:
        """What is asked of each job."""
        return HowToCancel(self.first.mode, self.first.message, self.first.reason_code)


def evolve_bulk(bulk: Bulk | None, recorded: e.Recorded) -> Bulk:
    """The request with one more of its events. Raises ``Corrupt`` for what cannot follow."""
    data = recorded.data
    if not isinstance(data, e.BulkEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(data).__name__} is no request on many jobs")
    version = bulk.version if bulk else 0
    if (recorded.version, data.part) != (version + 1, version + 1) or data.part > data.parts:
        raise Corrupt(f"{recorded.aggregate}: part {data.part} follows {version}")
    try:
        jobs = tuple(jobs_in(data.jobs.jobs))
    except ValueError as error:
        raise Corrupt(f"{recorded.aggregate}: {error}") from error
    if bulk is None:
        return Bulk(data, jobs, 1)
    return Bulk(bulk.first, (*bulk.jobs, *jobs), recorded.version)


def request_bulk(
    before: Bulk | None, request: e.BulkCancelRequested, jobs: Sequence[int]
) -> tuple[e.BulkCancelRequested, ...]:
    """The facts of a new request, nothing for the same one again.

    ``request``: all but its jobs. Raises ``BadRequest`` when its id stands for another one.
    """
    if before is not None:
        check_same(before, request.content_sha256)
        return ()
    pieces = job_sets(jobs)
    return tuple(
        replace(request, jobs=piece, part=part, parts=len(pieces), total=len(jobs))
        for part, piece in enumerate(pieces, 1)
    )


def check_same(before: Bulk, content_sha256: str) -> None:
    """Pass, or raise ``BadRequest``: the request id was used for something else."""
    if before.first.content_sha256 != content_sha256:
        raise BadRequest(
            f"the request id {before.first.request_id} stands for another request on many jobs; "
            "use a new one",
            code="request_id_reused",
        )


def content_of_named(jobs: Iterable[int], how: HowToCancel) -> str:
    """The digest of what is asked for jobs that are named; their order does not count."""
    return content("jobs", joined(spans(jobs)), how)


def content_of_wanted(wanted: e.JobsWanted, how: HowToCancel) -> str:
    """The digest of what is asked for jobs that are found."""
    return content("wanted", as_text(wanted), how)


def content_of_plan(plan: str) -> str:
    """The digest of what is asked when a plan is carried out."""
    return c.content_sha256("plan", plan)


def content(kind: str, which: str, how: HowToCancel) -> str:
    """The digest of which jobs, and how."""
    return c.content_sha256(kind, which, how.mode, how.reason_code, how.message)


def as_text(wanted: e.JobsWanted) -> str:
    """The same text for the same wish, also for those from before there were labels in it."""
    told = msgspec.json.encode(wanted, order="deterministic").decode()
    return told if wanted.labels else f"{told.removesuffix(NO_LABELS)}}}"
