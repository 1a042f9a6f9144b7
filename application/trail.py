"""Facts without rules of their own: requests on jobs that do not exist, gathered by the day."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.events import CancelRefused, Event, Recorded
from domain.identity import Caller
from domain.refusal import reused

TRAIL_ANSWERS_MAX: Final = 10_000
TrailKey = tuple[str, str, int | None, str]


def trail_key(caller: Caller, fact: Event) -> TrailKey:
    """The scope of a request id on what does not exist: who asks, which job and task as asked."""
    if not isinstance(fact, CancelRefused):
        return caller.asker, "", None, ""
    return caller.asker, fact.job, fact.task, fact.request_id


def as_reused(fact: CancelRefused) -> CancelRefused:
    """The refusal of a request whose id stands for another one already."""
    no = reused(fact.request_id, "cancel of this job")
    return replace(fact, code=no.code, hresult=no.hresult, rule=no.rule, explanation=no.explanation)


class Trail(Struct, frozen=True):
    """Facts that have no rules of their own: which version answered which request, the latest ones.

    ``answered`` is shared by all states of one load, for a day may hold very many facts.
    """

    version: int
    answered: OrderedDict[TrailKey, tuple[int, Event]]


class TrailKind:
    """An aggregate that only gathers facts."""

    def empty(self) -> Trail:
        """None yet."""
        return Trail(0, OrderedDict())

    def fold(self, state: Trail, recorded: Recorded) -> Trail:
        """One more; the first answer to a request stands."""
        key = trail_key(recorded.event.caller, recorded.data)
        state.answered.setdefault(key, (recorded.version, recorded.data))
        while len(state.answered) > TRAIL_ANSWERS_MAX:
            state.answered.popitem(last=False)
        return Trail(recorded.version, state.answered)
