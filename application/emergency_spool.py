"""What is written of an emergency stop before the act, and the port of where it is kept."""

from datetime import datetime
from typing import Protocol

from msgspec import Struct

from domain.events import Decision, RunSet
from domain.identity import Caller
from domain.states import EmergencyOutcome, JobState


class SpooledStop(Struct, frozen=True):
    """A stop that is about to be ordered without the log: who, when, why, and what is stopped.

    ``id``: a UUIDv7, the name of the stop and of its order. ``uid``: by the kernel's word.
    ``unreachable``: why the log was not asked. ``known_*``: what was known of the log and the job.
    ``decision``: the policy's answer. ``runs``: those that are going to be stopped.
    """

    id: str
    job: int
    caller: Caller
    ordered_at: datetime
    uid: int
    message: str
    reason_code: str
    unreachable: str
    known_position: int
    known_version: int
    known_state: JobState
    runs: RunSet
    decision: Decision


class SpooledOutcome(Struct, frozen=True):
    """What was seen after the act. ``ended``: runs; ``killed``, ``survivors``: processes."""

    at: datetime
    outcome: EmergencyOutcome
    ended: int
    killed: int
    survivors: int


class SpooledRefusal(Struct, frozen=True):
    """A stop that the rules refused while the log was away; fields as in ``SpooledStop``."""

    id: str
    job: int
    caller: Caller
    asked_at: datetime
    uid: int
    message: str
    reason_code: str
    unreachable: str
    known_position: int
    known_version: int
    known_state: JobState
    decision: Decision


class Spooled(Struct, frozen=True):
    """A stop as its file has it. ``outcome``: None when nobody lived to note it.

    ``sha256``: of the whole file.
    """

    stop: SpooledStop
    outcome: SpooledOutcome | None
    sha256: str


class Spool(Protocol):
    """Stops that the log does not know yet, and beside them those that it does.

    Synchronous. What was written is durable on return; each call raises ``OSError``.
    """

    def put(self, stop: SpooledStop) -> None:
        """Write a stop that is new. Nothing may be done before this has returned."""
        ...

    def complete(self, stop_id: str, outcome: SpooledOutcome) -> Spooled:
        """Write what came of it, beside what was written before, which stays as it is."""
        ...

    def pending(self) -> tuple[Spooled, ...]:
        """Those that are not recorded yet, the oldest first. A damaged one is none of them."""
        ...

    def keep(self, stop_id: str) -> None:
        """It is recorded: put its file aside as it is. Repeated, it does nothing."""
        ...

    def recorded(self) -> tuple[str, ...]:
        """The ids of those that were put aside, the oldest first."""
        ...

    def refuse(self, refusal: SpooledRefusal) -> None:
        """Write a refusal. Raises ``OSError`` also when as many wait as may."""
        ...

    def refused(self) -> tuple[SpooledRefusal, ...]:
        """Refusals that are not recorded yet, the oldest first. A damaged one is none of them."""
        ...

    def keep_refused(self, stop_id: str) -> None:
        """As ``keep``, of a refusal."""
        ...

    def damaged(self) -> tuple[str, ...]:
        """A sentence for each file that cannot be read as what it should be."""
        ...
