"""Emergency stops that the rules refused: written down then, and recorded when the log is back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from application.emergency_spool import Spool, SpooledRefusal
from application.ledger import Cause, Ledger
from application.ports import Reporter
from domain import commands as c
from domain.decide import decide
from domain.errors import Conflict, CountermandError, Unavailable, Unknown
from domain.events import Event
from domain.job import Job
from projections.stamps import stamp

TRIES_MAX: Final = 50


class RefusedStops:
    """``pending``: those that the log does not know, by their ids. ``troubles``: those of them that
    cannot be recorded are put there, and why, for a person."""

    def __init__(
        self, ledger: Ledger, spool: Spool, reporter: Reporter, troubles: dict[str, str]
    ) -> None:
        self._ledger = ledger
        self._spool = spool
        self._reporter = reporter
        self._troubles = troubles
        self.pending: dict[str, SpooledRefusal] = {}
        self.take_up()

    def take_up(self) -> None:
        """Know what the spool has."""
        self.pending |= {x.id: x for x in self._spool.refused()}

    async def record(self) -> bool:
        """Record all that can be; whether the log took them."""
        for refusal in [x for x in self.pending.values() if x.id not in self._troubles]:
            try:
                await self._record(refusal)
            except (Unavailable, Conflict):
                return False
        return True

    async def _record(self, refusal: SpooledRefusal) -> None:
        cause = Cause(refusal.caller, correlation_id=refusal.id, causation_id=refusal.id)

        def record(job: Job | None, now: datetime) -> Sequence[Event]:
            if job is None:
                raise Unknown(f"the stream has no job {refusal.job}")
            asked = c.Asked(refusal.id, refusal.caller.asker, now, refusal.decision)
            when = (stamp(refusal.asked_at), refusal.unreachable)
            return decide(job, c.RecordRefusedStop(asked, refusal.message, *when))

        try:
            done = await self._ledger.change_job_at_once(refusal.job, record, cause, TRIES_MAX)
        except (Unavailable, Conflict):
            raise
        except CountermandError as error:
            self._troubles[refusal.id] = error.message
            facts = {"stop": refusal.id, "job": refusal.job, "reason": error.message}
            self._reporter("emergency_stop_not_recorded", **facts)
            return
        await asyncio.to_thread(self._spool.keep_refused, refusal.id)
        self.pending.pop(refusal.id, None)
        facts = {"stop": refusal.id, "job": refusal.job, "position": done.position}
        self._reporter("emergency_stop_recorded", actor=refusal.caller.actor.name, **facts)
