"""An emergency stop: asked for, written down, done, and what came of it written beside.

The log is not needed for any of it. Whether it can be reached is asked before, by who calls this.
"""

import asyncio
from datetime import datetime
from typing import Final

from msgspec import Struct

from application.emergency_act import kill, named, outcome_of, runs_to_stop
from application.emergency_spool import Spool, Spooled, SpooledOutcome, SpooledRefusal, SpooledStop
from application.engine import Engine
from application.ports import Clock, Ids, Policy, Reporter
from domain.demands import overridden
from domain.errors import IllegalTransition, NotPermitted, Unavailable
from domain.events import Decision
from domain.freezing import FreezeWindow, in_force
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Job
from domain.message import MESSAGE_UNITS_MAX, check_message, said_units
from domain.policy import Action
from domain.questions import of_cancel, on_job
from domain.refusal import code_of
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
        freeze_windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._spool = spool
        self._clock = clock
        self._ids = ids
        self._reporter = reporter
        self._seconds_max = kill_seconds + MARGIN_SECONDS
        self._units_max = units_max
        self._freeze_windows = freeze_windows

    async def stop(self, job: Job, why: Emergency) -> Spooled:
        """Stop all that runs of the job. The facts are on the disk before, the outcome after it.

        That the rules want it to wait first is overridden, for nothing can wait: it is said in the
        facts, and reviewed. Raises ``BadRequest``, ``IllegalTransition`` or ``NotPermitted`` when
        the rules say no, which is written down too, and ``Unavailable`` when the facts cannot be
        written: then nothing was done.
        """
        check_message(why.message, self._units_max)
        check_reason(why.reason_code)
        check_state(job)
        decision = await self._allowed(job, why)
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
        said = {"unreachable": why.unreachable, "overridden": overridden(decision)}
        self._reporter("emergency_stop_ordered", **facts, **said)
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

    async def _allowed(self, job: Job, why: Emergency) -> Decision:
        """The answer: allowed, or allowed after a wait that there is nobody to keep."""
        now = self._clock.now()
        windows = in_force(self._freeze_windows, now)
        length = said_units(why.message)
        said = of_cancel(CancelMode.FORCED, length, why.reason_code, now, 1, windows)
        decision = self._policy.decide(on_job(why.caller, Action.CANCEL, job, said, now))
        if decision.effect is Effect.DENY:
            await self._note_refused(job, why, decision, now)
            raise NotPermitted(
                f"{why_not(decision)}; nothing was stopped",
                code=code_of(decision),
                hresult=HResult.PERMISSION_DENIED,
            )
        return decision

    async def _note_refused(
        self, job: Job, why: Emergency, decision: Decision, now: datetime
    ) -> None:
        """The stream cannot be told, so the log of the service is, and the spool, for later."""
        refusal = SpooledRefusal(
            id=self._ids.new(),
            job=job.id,
            caller=why.caller,
            asked_at=now,
            uid=why.uid,
            message=why.message,
            reason_code=why.reason_code,
            unreachable=why.unreachable,
            known_position=why.position,
            known_version=job.version,
            known_state=job.state,
            decision=decision,
        )
        self._reporter(
            "emergency_stop_refused",
            stop=refusal.id,
            job=job.id,
            actor=why.caller.actor.name,
            uid=why.uid,
            code=code_of(decision),
            rules=",".join(decision.rules),
            policy=decision.digest,
            errors="; ".join(decision.errors),
        )
        try:
            await asyncio.to_thread(self._spool.refuse, refusal)
        except OSError as error:
            self._reporter("emergency_refusal_not_noted", stop=refusal.id, reason=str(error))

    async def _put(self, stop: SpooledStop) -> None:
        try:
            await asyncio.to_thread(self._spool.put, stop)
        except OSError as error:
            raise Unavailable(
                f"the stop could not be written down ({error}), so nothing was stopped: make room "
                "or mend the disk of the data directory"
            ) from error


def why_not(decision: Decision) -> str:
    """The sentence of a refusal, in the rule's own words, and which rules it was."""
    words = decision.explanation or "; ".join(decision.errors) or "the policy said no"
    unsaid = [rule for rule in decision.rules if rule not in words]
    return f"{words} ({', '.join(unsaid)})" if unsaid else words


def check_state(job: Job) -> None:
    """Pass, or raise ``IllegalTransition``: no forced cancel would be accepted."""
    if job.removed or CANCEL_JOB[job.state].answer is CancelAnswer.REFUSE:
        raise IllegalTransition(
            f"job {job.id} is {job.state} as far as is known here: nothing of it can be stopped",
            hresult=HResult.INVALID_CANCEL_JOB_STATE,
        )
