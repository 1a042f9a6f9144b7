"""What may be stored: new facts while there is room, and of one person only so many refusals."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from application.ports import Clock
from application.throttle import RefusalLimit
from domain import events as e
from domain.identity import Caller
from domain.states import TaskState

F = TypeVar("F", bound=e.Event)


class Admission:
    """Lets facts pass. ``room`` raises ``StoreFull`` while the store takes no new commands."""

    def __init__(self, room: Callable[[], None], refusals: RefusalLimit, clock: Clock) -> None:
        self._room = room
        self._refusals = refusals
        self._clock = clock

    def admitted(self, caller: Caller, facts: Sequence[F]) -> Sequence[F]:
        """``facts``, when there is room for them. Raises ``StoreFull`` or ``Throttled``.

        What only adds to the trail is counted.
        """
        for fact in facts:
            self._room()
            if only_trail(fact):
                self._refusals.take(caller.actor.name, self._clock.now())
        return facts


def only_trail(fact: e.Event) -> bool:
    """Whether it changes nothing: a refusal, a repeat, or a requeue of what waits already."""
    if isinstance(fact, e.TaskRequeued):
        return fact.from_state is TaskState.QUEUED
    return isinstance(fact, e.RefusalEvent | e.JobCancelRepeated | e.TaskCancelRepeated)
