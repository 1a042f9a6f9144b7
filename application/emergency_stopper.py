"""An emergency stop: asked for, written down, done, and what came of it written beside.

The log is not needed for any of it. Whether it can be reached is asked before, by who calls this.
"""

import asyncio
from typing import Final

from msgspec import Struct

from application.emergency_act import kill, named, outcome_of, runs_to_stop
from application.emergency_spool import Spool, Spooled, SpooledOutcome, SpooledStop
from application.engine import Engine
from application.ports import Clock, Ids, Policy, Reporter
from domain.errors import IllegalTransition, NotPermitted, Unavailable
from domain.events import Decision
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Job
from domain.message import MESSAGE_UNITS_MAX, check_message, units
from domain.policy import Action
from domain.questions import of_cancel, on_job
from domain.requests import check_reason
from domain.states import CancelMode, Effect
from domain.transitions import CANCEL_JOB, CancelAnswer

MARGIN_SECONDS: Final = 3.0
"""How much longer than a kill may take its end is waited for."""


class Emergency(Struct, frozen=True):
    """Who stops, why, and what is known of the log.

    ``uid``: by the kernel's word. ``unreachable``: why the log cannot be asked. ``position``: of
    the last event that is known.
    """

    caller: Caller
    uid: int
    message: str
    reason_code: str
    unreachable: str
    position: int


class EmergencyStopper:
    """``kill_seconds``: how long the engine takes at most to see what SIGKILL left behind."""

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        spool: Spool,
        clock: Clock,
        ids: Ids,
        reporter: Reporter,
        kill_seconds: float,
        units_max: int = MESSAGE_UNITS_MAX,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._spool = spool
        self._clock = clock
        self._ids = ids
        self._reporter = reporter
        self._seconds_max = kill_seconds + MARGIN_SECONDS
        self._units_max = units_max

    async def stop(self, job: Job, why: Emergency) -> Spooled:
        """Stop all that runs of the job. The facts are on the disk before, the outcome after it.

        Raises ``BadRequest``, ``IllegalTransition`` or ``NotPermitted`` when the rules say no, and
        ``Unavailable`` when the facts cannot be written: then nothing was done.
        """
        check_message(why.message, self._units_max)
        check_reason(why.reason_code)
        check_state(job)
        decision = self._allowed(job, why)
        runs = await runs_to_stop(self._engine, job.id)
        stop = SpooledStop(
            id=self._ids.new(),
            job=job.id,
            caller=why.caller,
            ordered_at=self._clock.now(),
            uid=why.uid,
            message=why.message,
            reason_code=why.reason_code,
            unreachable=why.unreachable,
            known_position=why.position,
            known_version=job.version,
            known_state=job.state,
            runs=named(runs),
            decision=decision,
        )
        await self._put(stop)
        actor = why.caller.actor.name
        facts = {"job": job.id, "actor": actor, "uid": why.uid, "runs": len(runs), "stop": stop.id}
        self._reporter("emergency_stop_ordered", **facts, unreachable=why.unreachable)
        ends = await kill(self._engine, runs, stop.id, self._seconds_max)
        outcome = outcome_of(ends, self._clock.now())
        self._reporter("emergency_stop_done", **facts, outcome=str(outcome.outcome))
        return await self._complete(stop, outcome)

    async def _complete(self, stop: SpooledStop, outcome: SpooledOutcome) -> Spooled:
        """What came of it, noted; where that fails, the stop stands as it was written before."""
        try:
            return await asyncio.to_thread(self._spool.complete, stop.id, outcome)
        except OSError as error:
            self._reporter("emergency_stop_outcome_not_noted", stop=stop.id, reason=str(error))
        (found,) = (x for x in self._spool.pending() if x.stop.id == stop.id)
        return found

    def _allowed(self, job: Job, why: Emergency) -> Decision:
        now = self._clock.now()
        said = of_cancel(CancelMode.FORCED, units(why.message), why.reason_code, now)
        decision = self._policy.decide(on_job(why.caller, Action.CANCEL, job, said, now))
        if decision.effect is not Effect.ALLOW:
            words = decision.explanation or "; ".join(decision.errors) or "the policy said no"
            raise NotPermitted(f"{words}; nothing was stopped", hresult=HResult.PERMISSION_DENIED)
        return decision

    async def _put(self, stop: SpooledStop) -> None:
        try:
            await asyncio.to_thread(self._spool.put, stop)
        except OSError as error:
            raise Unavailable(
                f"the stop could not be written down ({error}), so nothing was stopped: make room "
                "or mend the disk of the data directory"
            ) from error


def check_state(job: Job) -> None:
    """Pass, or raise ``IllegalTransition``: no forced cancel would be accepted."""
    if job.removed or CANCEL_JOB[job.state].answer is CancelAnswer.REFUSE:
        raise IllegalTransition(
            f"job {job.id} is {job.state} as far as is known here: nothing of it can be stopped",
            hresult=HResult.INVALID_CANCEL_JOB_STATE,
        )
