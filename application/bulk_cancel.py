"""Many jobs canceled by one request: each decided, guarded and recorded on its own.

Which jobs they are is found once, at one position, and recorded before the first of them is
canceled. All have the same request id, so the same request again, after a crash half-way too,
finishes the rest once. Nothing is all or nothing: a job that cannot be canceled is its own answer.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from application.board import Board
from application.bulk_plans import Foreseen, Plan, Plans, plan_of
from application.ledger import Cause, Ledger
from application.patience import RETRY_SECONDS
from application.receipts import Receipt, says
from application.scheduler import Cancel, Scheduler
from application.turns import in_turns
from application.visibility import Owned, Visibility
from domain import events as e
from domain.bulk import (
    BULK_JOBS_MAX,
    Bulk,
    HowToCancel,
    check_same,
    check_wanted,
    content_of_named,
    content_of_plan,
    content_of_wanted,
    is_wanted,
    job_set,
    request_bulk,
)
from domain.errors import BadRequest, CountermandError, StoreFull, Unavailable
from domain.identity import Caller
from domain.job import Job
from domain.outcome import outcome_of

JOBS_AT_ONCE: Final = 500
"""So many are decided together and make up one batch of the log."""

PARTS_IN_FLIGHT: Final = 2
"""While one batch is being stored the next is decided."""

PATIENCE_SECONDS: Final = 10.0
"""How long the jobs of one request wait in all, while something is not available."""

BOARD_SECONDS: Final = 10.0
"""How long a request waits until the board knows what was stored before it."""

Which: TypeAlias = "tuple[int, ...] | e.JobsWanted"
"""Jobs that are named, or what they are found by."""

REPEATED: Final = "already being canceled"
NO_JOBS: Final = e.JobSet(0)


class Found(Struct, frozen=True):
    """Jobs as they were known up to ``position``. ``wanted``: by what they were found, if at all.

    ``joined``: found as well, and left alone; ``changed``: no longer as a plan has them.
    """

    jobs: tuple[int, ...]
    position: int
    wanted: e.JobsWanted | None = None
    plan: str = ""
    changed: e.JobSet = NO_JOBS
    joined: e.JobSet = NO_JOBS


class BulkCancels:
    """Requests on many jobs. ``room`` raises ``StoreFull`` while nothing new may be stored."""

    def __init__(
        self,
        scheduler: Scheduler,
        ledger: Ledger,
        board: Board,
        visibility: Visibility,
        room: Callable[[], None],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._scheduler = scheduler
        self._ledger = ledger
        self._board = board
        self._visibility = visibility
        self._room = room
        self._patience_seconds = patience_seconds
        self._plans = Plans()

    async def request(
        self, caller: Caller, which: Which, how: HowToCancel, request_id: str
    ) -> Bulk | None:
        """Which jobs are meant, recorded; as they were when this was asked before. None: no job.

        Raises ``BadRequest`` for too many jobs, a message that no job would take, or an id that
        stands for something else.
        """
        self._scheduler.check_cancel(as_cancel(how))
        mine = self._mine(caller, which)
        content = content_of(mine, how)
        before = await self._before(caller, request_id, content)
        if before is not None:
            return before
        return await self._record(caller, await self._find(mine), how, request_id, content)

    async def apply(self, caller: Caller, plan: str, request_id: str) -> Bulk | None:
        """The jobs of a plan, recorded, with what has drifted since; as they were before.

        Raises ``Unknown`` for a plan that is not known (any more).
        """
        content = content_of_plan(plan)
        before = await self._before(caller, request_id, content)
        if before is not None:
            return before
        planned = self._plans.get(caller.asker, plan)
        found = await self._since(caller, planned)
        return await self._record(caller, found, planned.how, request_id, content)

    async def plan(
        self, caller: Caller, which: Which, how: HowToCancel, new_id: str
    ) -> tuple[Plan, list[Foreseen]]:
        """What a request would mean now, job by job: nothing is stored. Raises as ``request``."""
        self._scheduler.check_cancel(as_cancel(how))
        found = await self._find(self._mine(caller, which))
        cancel = as_cancel(how, len(found.jobs))
        plan = plan_of(found.position, found.wanted, how, self._versions(caller, found.jobs))
        foreseen = []
        async for job in in_turns(found.jobs):
            foreseen.append(await self._foreseen(caller, job, cancel, new_id))
        self._plans.keep(caller.asker, plan)
        return plan, foreseen

    async def cancel(
        self, caller: Caller, bulk: Bulk, jobs: Sequence[int]
    ) -> list[Receipt | CountermandError]:
        """What became of each of these jobs of the request, in their order."""
        waits, request_id = Patience(self._patience_seconds), bulk.first.request_id
        how = as_cancel(bulk.how, len(bulk.jobs))
        return await cancel_each(self._scheduler, caller, jobs, how, request_id, waits)

    # --- which jobs -------------------------------------------------------------------------------

    def _mine(self, caller: Caller, which: Which) -> Which:
        """What this person may mean: of jobs that are to be found only those that they see."""
        if not isinstance(which, e.JobsWanted):
            return which
        check_wanted(which)
        owners = self._visibility.owners(caller, which.owners)
        return () if owners is None else replace(which, owners=owners)

    async def _find(self, which: Which) -> Found:
        """The jobs, as they are known now. Raises ``BadRequest`` when they are too many."""
        await self._board.wait_until(self._ledger.position, BOARD_SECONDS)
        position = self._board.position
        if isinstance(which, e.JobsWanted):
            found = Found(tuple(sorted(self._those(which))), position, which)
        else:
            found = Found(which, position)
        check_number(len(found.jobs))
        return found

    async def _since(self, caller: Caller, plan: Plan) -> Found:
        """The jobs of a plan, and what is not as it was."""
        await self._board.wait_until(self._ledger.position, BOARD_SECONDS)
        jobs = tuple(plan.versions)
        now = self._versions(caller, jobs)
        changed = job_set(job for job in jobs if now[job] != plan.versions[job])
        joined = NO_JOBS
        if plan.wanted is not None:
            joined = job_set(set(self._those(plan.wanted)).difference(jobs))
        return Found(jobs, plan.position, plan.wanted, plan.digest, changed, joined)

    def _those(self, wanted: e.JobsWanted) -> Iterator[int]:
        """Jobs that are not over and are what is wanted."""
        return (n for n, job in self._board.jobs.items() if is_wanted(wanted, job))

    def _versions(self, caller: Caller, jobs: Iterable[int]) -> dict[int, int]:
        """How each is that is not over, as far as this person may see that; else 0."""
        found = {n: self._seen(caller, self._board.jobs.get(n)) for n in jobs}
        return {n: job.version if job else 0 for n, job in found.items()}

    def _seen(self, caller: Caller, job: Job | None) -> Job | None:
        """The job, if this person may see it."""
        if job is None or not self._visibility.sees(caller, Owned(job.owner, job.job_type)):
            return None
        return job

    async def _foreseen(self, caller: Caller, number: int, cancel: Cancel, new_id: str) -> Foreseen:
        job = self._board.jobs.get(number) or await self._ledger.job(number)
        fact = await self._scheduler.foresee_cancel(caller, str(number), job, cancel, new_id)
        seen = self._seen(caller, job)
        owner, state = (seen.owner, seen.state) if seen else ("", None)
        return Foreseen(number, owner, state, outcome_of(fact), foretold(fact, number))

    # --- the record -------------------------------------------------------------------------------

    async def _before(self, caller: Caller, request_id: str, content: str) -> Bulk | None:
        before = await self._ledger.bulk(e.bulk_aggregate(caller.asker, request_id))
        if before is not None:
            check_same(before, content)
        return before

    async def _record(
        self, caller: Caller, found: Found, how: HowToCancel, request_id: str, content: str
    ) -> Bulk | None:
        """The request as a fact, before the first of its jobs is canceled."""
        if not found.jobs:
            return None
        self._room()
        fact = e.BulkCancelRequested(
            request_id=request_id,
            mode=how.mode,
            message=how.message,
            reason_code=how.reason_code,
            jobs=NO_JOBS,
            part=1,
            parts=1,
            total=len(found.jobs),
            wanted=found.wanted,
            resolved_at=found.position,
            plan=found.plan,
            changed=found.changed,
            joined=found.joined,
            content_sha256=content,
        )
        done = await self._ledger.change_bulk(
            e.bulk_aggregate(caller.asker, request_id),
            lambda before, _: request_bulk(before, fact, found.jobs),
            Cause(caller, request_id, request_id),
        )
        return done.after


def foretold(fact: e.Event, number: int) -> str:
    """The sentence of an answer that is foreseen."""
    if isinstance(fact, e.RefusalEvent):
        return fact.explanation
    return says(fact, str(number)) or f"job {number}: {REPEATED}"


def as_cancel(how: HowToCancel, bulk_size: int = 1) -> Cancel:
    """How to cancel one of the jobs, of which there are so many."""
    return Cancel(how.mode, how.message, how.reason_code, bulk_size)


def check_number(count: int) -> None:
    """Pass, or raise ``BadRequest``: more than one request may cancel."""
    if count > BULK_JOBS_MAX:
        raise BadRequest(
            f"{count} jobs are meant; one request cancels at most {BULK_JOBS_MAX}: say more closely"
            " which, or do it in several",
            code="too_many_jobs",
        )


def content_of(which: Which, how: HowToCancel) -> str:
    """The digest of what is asked for."""
    if isinstance(which, e.JobsWanted):
        return content_of_wanted(which, how)
    return content_of_named(which, how)


class Patience:
    """How long a bulk waits in all, while what it needs is not available."""

    def __init__(self, seconds: float = PATIENCE_SECONDS) -> None:
        self._seconds = seconds
        self._until: float | None = None

    async def once_more(self) -> bool:
        """Wait a little before another try; False when the time is over."""
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._seconds
        if now >= self._until:
            return False
        await asyncio.sleep(RETRY_SECONDS)
        return True


async def cancel_each(
    scheduler: Scheduler,
    caller: Caller,
    jobs: Sequence[int],
    cancel: Cancel,
    request_id: str,
    patience: "Patience | None" = None,
) -> list[Receipt | CountermandError]:
    """What became of each, in their order: as ``Scheduler.cancel_job_2`` answers, or raises.

    Each job stands in ``jobs`` once. While the outside is down, or a copy of the evidence cannot
    keep up with so many, they wait as long as ``patience`` lasts for all of them together.
    """
    answers: dict[int, Receipt | CountermandError] = {}
    parts, waits = batched(jobs, JOBS_AT_ONCE), patience or Patience()

    async def some() -> None:
        for part in parts:
            left: Sequence[int] = part
            while left:
                answers.update(await scheduler.cancel_each(caller, left, cancel, request_id))
                left = [job for job in left if may_be_asked_again(answers[job])]
                if left and not await waits.once_more():
                    break

    async with asyncio.TaskGroup() as group:
        for _ in range(PARTS_IN_FLIGHT):
            group.create_task(some(), name="bulk cancel")
    return [answers[job] for job in jobs]


def may_be_asked_again(answer: Receipt | CountermandError) -> bool:
    """Whether it was only not available."""
    return isinstance(answer, Unavailable) and not isinstance(answer, StoreFull)


def batched(jobs: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """The jobs in their order, at most ``size`` at a time."""
    return (jobs[n : n + size] for n in range(0, len(jobs), size))
