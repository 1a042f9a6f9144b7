"""Cancels that wait: each is settled when its time has come, after the rules were asked again.

When that is stands in the stream, so nothing is remembered here, and a start knows all of it again.
What becomes of a cancel is decided on the job as it is at that moment and appended under guard: of
a withdrawal and the end of a hold whichever is first in the stream is what happened.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from application.board import Board
from application.ledger import Cause, Ledger
from application.patience import RETRY_SECONDS
from application.ports import Clock, Policy, Reporter
from application.run_limits import seconds_until
from domain import events as e
from domain.commands import SettleCancel
from domain.errors import CountermandError, Unknown
from domain.freezing import FreezeWindow, in_force
from domain.identity import SYSTEM_CALLER, Caller, Principal
from domain.job import Job
from domain.parameters import TASK_CANCEL_GRACE_PERIOD
from domain.questions import approval_again, question_again
from domain.states import Effect
from domain.waiting import WaitingCancel
from domain.waiting_cancels import asks_again, due_cancels, settle

RolesNow = Callable[[Principal], Awaitable[Principal]]
"""Somebody with the roles that they have now. Raises ``Unknown`` for who is not known any more, and
``Unavailable`` when that cannot be told."""


class Found(Struct, frozen=True):
    """How those stand now who are behind a cancel. ``unknown``, ``uncounted``, ``decision``: as in
    ``SettleCancel``. ``asker``: as they are now, or as they were when it does not matter."""

    asker: Caller
    unknown: str = ""
    uncounted: str = ""
    decision: e.Decision | None = None


class WaitingCancels:
    """Settles them. ``room`` raises while no new command is taken; then they wait on."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        policy: Policy,
        clock: Clock,
        reporter: Reporter,
        room: Callable[[], None],
        roles_now: RolesNow,
        freeze_windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._policy = policy
        self._clock = clock
        self._reporter = reporter
        self._room = room
        self._roles_now = roles_now
        self._freeze_windows = freeze_windows
        self._told: dict[int, str] = {}

    async def run(self) -> None:
        """Until cancelled; an outage is waited out."""
        await self._board.caught_up.wait()
        while True:
            looked_at = self._board.position
            if await self.settle_due():
                left = seconds_until(self._board.waiting.earliest(), self._clock.now())
                await self._board.moved(looked_at, left, at_once=bool(self._board.waiting))
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def settle_due(self) -> bool:
        """Settle each on which something is due; whether all could be."""
        well = True
        for job_id in self._board.waiting.until(self._clock.now()):
            well = await self._settle_job(job_id) and well
        return well

    async def _settle_job(self, job_id: int) -> bool:
        """One job's; another job's are not held up by its trouble."""
        try:
            job = await self._ledger.job(job_id)
            for waiting in due_cancels(job, self._clock.now()) if job else ():
                await self._settle(job_id, waiting)
        except CountermandError as error:
            if self._told.get(job_id) != error.message:
                self._reporter("waiting_cancel_waits", job=job_id, reason=error.message)
            self._told[job_id] = error.message
            return False
        self._told.pop(job_id, None)
        return True

    async def _settle(self, job_id: int, waiting: WaitingCancel) -> None:
        """Decide, and store as whose act it is: what takes effect is its requester's, what lapses
        the service's. Should the job have changed in between, it is looked at again."""
        self._room()
        job = await self._ledger.job(job_id)
        if job is None or job.removed:
            return
        found = Found(waiting.caller)
        if asks_again(job, waiting):
            found = await self._found(job, waiting)
        command = await self._command(job, waiting, found)
        foreseen = settle(job, command)
        if not foreseen:
            return
        lapses = isinstance(foreseen[0], e.JobCancelLapsed)
        caller = SYSTEM_CALLER if lapses else found.asker

        def decide(job: Job | None, now: datetime) -> Sequence[e.Event]:
            made = settle(job, replace(command, at=now)) if job and not job.removed else ()
            return made if [type(x) for x in made] == [type(x) for x in foreseen] else ()

        done = await self._ledger.change_job(job_id, decide, Cause(caller, waiting.request_id))
        for recorded in done.recorded:
            self._tell(job_id, waiting, recorded.data)

    async def _command(self, job: Job, waiting: WaitingCancel, found: Found) -> SettleCancel:
        """What is known now: also what the rules say, when all it was to wait for is done."""
        now, decision = self._clock.now(), found.decision
        if asks_again(job, waiting) and not (found.unknown or found.uncounted):
            windows = in_force(self._freeze_windows, now)
            decision = self._policy.decide(question_again(job, waiting, found.asker, now, windows))
        grace_seconds = await self._ledger.parameter(TASK_CANCEL_GRACE_PERIOD)
        who = (found.unknown, found.uncounted)
        return SettleCancel(waiting.request_id, now, decision, grace_seconds, *who)

    async def _found(self, job: Job, waiting: WaitingCancel) -> Found:
        """Whether all who are behind it are known, and whether each approval still counts."""
        asker, unknown = await self._as_now(waiting.caller)
        if unknown:
            return Found(asker, unknown=unknown)
        for before, approval in enumerate(waiting.approvals):
            approver, unknown = await self._as_now(approval.caller)
            if unknown:
                return Found(asker, uncounted=unknown)
            windows = in_force(self._freeze_windows, approval.at)
            question = approval_again(job, waiting, before, approver, windows)
            decision = self._policy.decide(question)
            if decision.effect is Effect.DENY:
                return Found(asker, uncounted=approver.subject.name, decision=decision)
        return Found(asker)

    async def _as_now(self, caller: Caller) -> tuple[Caller, str]:
        """Who asked, and whom they acted for, with the roles that each has now; or who of them is
        not known any more."""
        now: list[Principal] = []
        for one in (caller.actor, caller.on_behalf_of):
            try:
                now += [] if one is None else [await self._roles_now(one)]
            except Unknown:
                return caller, one.name if one is not None else ""
        actor, *whom = now
        return replace(caller, actor=actor, on_behalf_of=whom[0] if whom else None), ""

    def _tell(self, job_id: int, waiting: WaitingCancel, fact: e.Event) -> None:
        facts = {"job": job_id, "request": waiting.request_id, "by": waiting.caller.asker}
        if isinstance(fact, e.JobCancelLapsed):
            self._reporter("waiting_cancel_lapsed", cause=str(fact.cause), **facts)
        else:
            self._reporter("waiting_cancel_takes_effect", **facts)
