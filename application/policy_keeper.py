"""Keeps the policy in force as the stream has it: read at the start, recorded where it is new.

The first thing that a stream says is which rules decide. A stream from before there were such facts
says it from its next start on; and a release with another schema says so when it starts.
"""

import asyncio
from contextlib import aclosing
from datetime import datetime
from typing import Final

from application.ledger import Cause, Ledger
from application.policy_in_force import PolicyInForce
from application.ports import CaughtUp, EventLog, Reporter, Rules, Undecodable
from domain import events as e
from domain.errors import Corrupt, Unavailable
from domain.policy_life import Candidate, PolicyLife, begin

RETRY_SECONDS: Final = 1.0
TYPES: Final = frozenset(
    {"PolicySchemaRecorded", "PolicyActivated", "PolicyShadowStarted", "PolicyShadowStopped"}
)


class PolicyKeeper:
    """``shipped``, ``schema``: what came with this release. ``caught_up``: the stream has been read
    to its end, and may be appended to.

    ``begun``: the first attempt to record is over; ``check`` says whether it was recorded.
    """

    def __init__(
        self,
        ledger: Ledger,
        log: EventLog,
        in_force: PolicyInForce,
        shipped: Rules,
        schema: str,
        caught_up: asyncio.Event,
        reporter: Reporter,
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._in_force = in_force
        self._shipped = Candidate(
            shipped.digest, shipped.text, shipped.schema_digest, shipped.rule_count
        )
        self._schema = schema
        self._caught_up = caught_up
        self._reporter = reporter
        self._not_yet = "the policy is not on the stream yet"
        self.begun = asyncio.Event()

    async def load(self) -> None:
        """Know what the stream says now. Damage in it leaves nothing in force."""
        try:
            pages = self._ledger.histories.pages(self._ledger.policy_aggregate)
            async with aclosing(pages) as all_pages:
                async for page in all_pages:
                    for stored in page:
                        if isinstance(stored.fact, Undecodable):
                            raise Corrupt(f"event {stored.position} cannot be read")
                        self._in_force.take(stored.position, stored.fact.data)
        except Corrupt as error:
            self._in_force.unreadable(f"what the stream says of it is damaged: {error.message}")
        if self._in_force.broken:
            self._reporter("policy_broken", reason=self._in_force.broken)

    async def run(self) -> None:
        """Record what is new, then follow, until cancelled; an outage is waited out."""
        await self._caught_up.wait()
        while True:
            try:
                await self._record()
                self.begun.set()
                await self._follow()
            except Unavailable as error:
                self._not_yet = self._not_yet and f"the policy is not recorded yet: {error.message}"
                self.begun.set()
                await asyncio.sleep(RETRY_SECONDS)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: nothing is decided before it is on the stream by what."""
        if self._not_yet:
            raise Unavailable(self._not_yet)

    async def _record(self) -> None:
        def decide(life: PolicyLife, _: datetime) -> tuple[e.PolicyEvent, ...]:
            return begin(life, self._shipped, self._schema)

        try:
            done = await self._ledger.change_policy(decide, Cause())
        except Corrupt as error:
            self._in_force.unreadable(f"what the stream says of it is damaged: {error.message}")
            self._not_yet = ""
            return
        first = done.position - len(done.recorded) + 1
        for position, recorded in enumerate(done.recorded, first):
            self._in_force.take(position, recorded.data)
            self._reporter("policy_recorded", type=type(recorded.data).__name__, position=position)
        self._not_yet = ""

    async def _follow(self) -> None:
        source = self._log.read(self._in_force.position, types=TYPES, follow=True)
        async with aclosing(source) as batches:
            async for batch in batches:
                for stored in () if isinstance(batch, CaughtUp) else batch:
                    if isinstance(stored.fact, Undecodable):
                        self._in_force.unreadable(f"event {stored.position} cannot be read")
                    else:
                        self._in_force.take(stored.position, stored.fact.data)
