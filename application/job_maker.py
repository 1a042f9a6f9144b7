"""Making jobs: which id, which events, and the same request twice makes one job."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from application.ledger import Cause, Ledger, readable
from application.ports import Stored
from application.receipts import Receipt, receipt
from domain import commands as c
from domain import events as e
from domain.adding import add_job, content_of_job
from domain.cluster import ReserveJobIds, reserve
from domain.errors import BadRequest
from domain.identity import Caller
from domain.job import Job

TRIED_MAX: Final = 10_000
MAKING_EVENTS_MAX: Final = 1000
"""A job is made by one append, and no append holds more events."""


class JobKeys:
    """Which job a creation's request id made: (asker, request id) -> job id.

    Filled from the stream by the board, and here at once after an append.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[str, int]] = {}

    def made(self, asker: str, request_id: str) -> int | None:
        """The job, if this asker used this id before."""
        return self._made.get(asker, {}).get(request_id)

    def note(self, asker: str, request_id: str, job_id: int) -> None:
        """Remember; the first stands."""
        if request_id:
            self._made.setdefault(asker, {}).setdefault(request_id, job_id)

    def all(self) -> dict[str, dict[str, int]]:
        """Everything that is known now, by asker and request id."""
        return {asker: dict(made) for asker, made in self._made.items()}

    def restore(self, made: dict[str, dict[str, int]]) -> None:
        """Know what ``all`` has told; the dicts are ours from now on."""
        self._made = made


class JobMaker:
    """Creates jobs one after the other. ``caught_up``: ``keys`` knows all that is stored."""

    def __init__(
        self, ledger: Ledger, keys: JobKeys, caught_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._caught_up = caught_up
        self._job_ids: range = range(0)
        self._tried: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._making = asyncio.Lock()

    async def add(self, caller: Caller, draft: c.AddJob, room: Callable[[], None]) -> Receipt:
        """The job made by this request, now or before; its number is ours to choose.

        ``room`` raises when no new job may be stored.
        """
        async with self._making:
            await self._caught_up()
            number = self._keys.made(caller.asker, draft.asked.request_id)
            if number is not None:
                return await self._made_before(number, draft)
            room()
            return await self._make(caller, draft)

    async def _made_before(self, number: int, draft: c.AddJob) -> Receipt:
        request_id = draft.asked.request_id
        job = await self._ledger.job(number)
        aggregate = e.job_aggregate(number)
        history = await self._ledger.histories.page(aggregate, 0, MAKING_EVENTS_MAX)
        first = readable(history[0]).data
        if isinstance(first, e.JobAdded) and first.content_sha256 != content_of_job(draft):
            raise BadRequest(
                f"the request id {request_id} made job {number} with other content; use a new id "
                "for a new job",
                code="request_id_reused",
            )
        last = made_by(history, request_id)
        return receipt(
            readable(last), last.position, "submit", str(number), job.state if job else None, True
        )

    async def _make(self, caller: Caller, draft: c.AddJob) -> Receipt:
        """A request whose outcome is unknown is tried again on its number: only one can win."""
        request_id = draft.asked.request_id
        key = (caller.asker, request_id)
        number = self._tried.get(key) or await self._next_job_id()
        self._try(key, number)

        def decide(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
            at_last = replace(draft, job_id=number, asked=replace(draft.asked, at=now))
            return () if job else add_job(at_last)

        done = await self._ledger.change_job(number, decide, Cause(caller, request_id, request_id))
        self._tried.pop(key, None)
        self._keys.note(*key, number)
        if not done.recorded:
            return await self._made_before(number, draft)
        state = done.after.state if done.after else None
        return receipt(done.recorded[-1], done.position, "submit", str(number), state)

    def _try(self, key: tuple[str, str], number: int) -> None:
        if key[1]:
            self._tried[key] = number
        while len(self._tried) > TRIED_MAX:
            self._tried.popitem(last=False)

    async def _next_job_id(self) -> int:
        """The next id of the reserved block; a new block when it is used up."""
        if not self._job_ids:
            done = await self._ledger.change_cluster(
                lambda cluster, _: [reserve(cluster, ReserveJobIds())], Cause()
            )
            block = done.recorded[0].data
            assert isinstance(block, e.JobIdsReserved)
            self._job_ids = range(block.first, block.last + 1)
        number, self._job_ids = self._job_ids[0], self._job_ids[1:]
        return number


def made_by(history: tuple[Stored, ...], request_id: str) -> Stored:
    """The last event that the creating request stored."""
    ours = [x for x in history if readable(x).event.correlation_id == request_id]
    return [x for x in ours if isinstance(readable(x).data, e.JobAdded | e.JobSubmitted)][-1]
