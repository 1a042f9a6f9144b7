"""When the log is down: stops without it, and their record as the next events when it is back.

What was stopped of a job is recorded before anything else is written of that job, by whomever: the
ledger asks for it (``first``). So no end of a run is ever taken for an accident, and nothing of the
job begins again in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final

from application.board import Board
from application.emergency_refusals import RefusedStops
from application.emergency_spool import Spool, Spooled, SpooledOutcome
from application.emergency_stopper import Emergency, EmergencyStopper
from application.ledger import Cause, Ledger
from application.locks import Locks
from application.patience import RETRY_SECONDS
from application.ports import Reporter
from domain import commands as c
from domain.cluster import job_number
from domain.decide import decide
from domain.errors import (
    Conflict,
    CountermandError,
    IllegalTransition,
    Refused,
    Unavailable,
    Unknown,
)
from domain.events import EmergencyStop, Event, job_aggregate
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Job
from domain.states import EmergencyOutcome
from projections.stamps import stamp

TRIES_MAX: Final = 50


class EmergencyStops:
    """``troubles``: stops that cannot be recorded, by their ids, and why, for a person.

    ``unreachable``: why no cancel can be recorded now; "" when it can. ``began``: set when it was
    tried once to record every stop that was found at the start.
    """

    def __init__(
        self,
        ledger: Ledger,
        board: Board,
        stopper: EmergencyStopper,
        spool: Spool,
        reporter: Reporter,
        unreachable: Callable[[], Awaitable[str]],
        review_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._board = board
        self._stopper = stopper
        self._spool = spool
        self._reporter = reporter
        self._unreachable = unreachable
        self._review_seconds = review_seconds
        self._pending = {x.stop.id: x for x in spool.pending()}
        self._acting: dict[int, int] = {}
        self._locks = Locks()
        self._news = asyncio.Event()
        self._told = ""
        self.troubles: dict[str, str] = {}
        self._refused = RefusedStops(ledger, spool, reporter, self.troubles)
        self.began = asyncio.Event()
        if not self._pending:
            self.began.set()

    @property
    def unrecorded(self) -> int:
        """How many stops, and refused ones, the log does not know."""
        return len(self._pending) + len(self._refused.pending)

    async def damaged(self) -> tuple[str, ...]:
        """A sentence for each file of the spool that was changed, or cannot be read."""
        try:
            return await asyncio.to_thread(self._spool.damaged)
        except OSError as error:
            return (f"the spool of emergency stops cannot be read: {error}",)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: stops of before the start are recorded first."""
        if not self.began.is_set():
            raise Unavailable(
                f"{self.unrecorded} emergency stops are being recorded; the next moment will do"
            )

    # --- while the log is down --------------------------------------------------------------------

    async def stop(
        self, caller: Caller, uid: int, job_id: str, message: str, reason_code: str
    ) -> Spooled:
        """Stop a job without the log. Raises as ``EmergencyStopper.stop``, ``Unknown`` for no such
        job, and ``Refused`` when the log can be reached."""
        why = await self._unreachable()
        if not why:
            raise Refused(
                "the stream answers, so nothing is stopped without it: use "
                f"'countermand cancel {job_id} --force'",
                code="stream_reachable",
            )
        job = self._known(job_id)
        self._acting[job.id] = self._acting.get(job.id, 0) + 1
        try:
            async with self._locks.of(job_aggregate(job.id)):
                known = Emergency(caller, uid, message, reason_code, why, self._board.position)
                done = await self._stopper.stop(job, known)
                self._pending[done.stop.id] = done
        finally:
            self._acting[job.id] -= 1
            self._take_up(job.id)
        return done

    def _take_up(self, job_id: int) -> None:
        """Have what was written recorded, also by an act that did not come to its end."""
        if not self._acting[job_id]:
            del self._acting[job_id]
        for found in self._spool.pending():
            self._pending.setdefault(found.stop.id, found)
        self._refused.take_up()
        self._news.set()

    def _known(self, job_id: str) -> Job:
        """The job as the events that were read tell it."""
        number = job_number(job_id)
        job = self._board.jobs.get(number) if number is not None else None
        if job is not None:
            return job
        if number in self._board.ended:
            raise IllegalTransition(
                f"job {job_id} is over: nothing of it runs",
                hresult=HResult.INVALID_CANCEL_JOB_STATE,
            )
        raise Unknown(
            f"there is no job {job_id[:40]!r} as far as is known here (event "
            f"{self._board.position})",
            code="unknown_job",
            hresult=HResult.INVALID_JOB_ID,
        )

    # --- when it is back --------------------------------------------------------------------------

    async def run(self) -> None:
        """Record what is pending as soon as the log takes it, until cancelled."""
        await self._board.caught_up.wait()
        while True:
            self._news.clear()
            jobs = sorted({x.stop.job for x in self._recordable()})
            done = [await self._done(job_id) for job_id in jobs]
            self.began.set()
            if all(done) and await self._refused.record():
                await self._news.wait()
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def _done(self, job_id: int) -> bool:
        """Whether nothing of the job is pending now. Why not is told once for each reason."""
        try:
            await self.first(job_id)
        except (Unavailable, Conflict) as error:
            if error.message != self._told:
                self._told = error.message
                facts = {"unrecorded": self.unrecorded, "reason": error.message}
                self._reporter("emergency_stops_wait", **facts)
            return False
        return True

    def _recordable(self) -> list[Spooled]:
        found = [x for x in self._pending.values() if x.stop.id not in self.troubles]
        return sorted(found, key=lambda x: x.stop.id)

    async def first(self, job_id: int) -> None:
        """Return when all that was stopped of the job is recorded. Raises as the ledger does.

        Waits for a stop that is being carried out.
        """
        if job_id not in self._acting and not self._of(job_id):
            return
        async with self._locks.of(job_aggregate(job_id)):
            for spooled in self._of(job_id):
                await self._record(spooled)

    def _of(self, job_id: int) -> list[Spooled]:
        return [x for x in self._recordable() if x.stop.job == job_id] if self._pending else []

    async def _record(self, spooled: Spooled) -> None:
        stop = spooled.stop
        cause = Cause(stop.caller, correlation_id=stop.id, causation_id=stop.id)

        def record(job: Job | None, now: datetime) -> Sequence[Event]:
            if job is None:
                raise Unknown(f"the stream has no job {stop.job}")
            asked = c.Asked(stop.id, stop.caller.asker, now, stop.decision)
            facts = emergency_stop(spooled)
            what = (stop.message, stop.reason_code, facts, self._review_seconds)
            return decide(job, c.RecordEmergencyStop(asked, *what))

        try:
            done = await self._ledger.change_job_at_once(stop.job, record, cause, TRIES_MAX)
        except (Unavailable, Conflict):
            raise
        except CountermandError as error:
            self.troubles[stop.id] = error.message
            facts = {"stop": stop.id, "job": stop.job, "reason": error.message}
            self._reporter("emergency_stop_not_recorded", **facts)
            return
        await asyncio.to_thread(self._spool.keep, stop.id)
        self._pending.pop(stop.id, None)
        facts = {"stop": stop.id, "job": stop.job, "position": done.position}
        self._reporter("emergency_stop_recorded", actor=stop.caller.actor.name, **facts)


def emergency_stop(spooled: Spooled) -> EmergencyStop:
    """What is recorded of it."""
    stop, seen = spooled.stop, spooled.outcome
    seen = seen or SpooledOutcome(stop.ordered_at, EmergencyOutcome.UNKNOWN, 0, 0, 0)
    return EmergencyStop(
        ordered_at=stamp(stop.ordered_at),
        uid=stop.uid,
        unreachable=stop.unreachable,
        known_position=stop.known_position,
        known_version=stop.known_version,
        known_state=stop.known_state,
        runs=stop.runs,
        outcome=seen.outcome,
        ended=seen.ended,
        killed=seen.killed,
        survivors=seen.survivors,
        spool_sha256=spooled.sha256,
    )
