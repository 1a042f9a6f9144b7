"""States right after events of our own, for who meets these events when they come back.

Who decides folds an event before it is stored; the board would fold the same event onto the same
job once more.
"""

from typing import Final

from domain.events import NewEvent, Recorded
from domain.job import Job

KEPT_MAX: Final = 8192
"""Events under way, and those that were never stored."""


class FreshFolds:
    """The latest ones; each can be taken once."""

    def __init__(self, kept_max: int = KEPT_MAX) -> None:
        self._kept: dict[str, tuple[NewEvent, object]] = {}
        self._kept_max = kept_max

    def put(self, event: NewEvent, state: object) -> None:
        """The state right after this event, wherever it is about to be stored."""
        self._kept[event.id] = (event, state)
        if len(self._kept) > self._kept_max:
            del self._kept[next(iter(self._kept))]

    def take(self, recorded: Recorded) -> Job | None:
        """The job right after this very event at this version; None where that is not known.

        An event is stored only onto the history that it was decided on, so no other job is meant.
        """
        event, state = self._kept.pop(recorded.event.id, (None, None))
        if event is not recorded.event and event != recorded.event:
            return None
        return state if isinstance(state, Job) and state.version == recorded.version else None
