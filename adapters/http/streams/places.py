"""Who may follow the stream: so many clients at once, and of one person not all of them."""

from collections import Counter
from typing import Final

from adapters.http.streams.sse import StreamLimits
from domain.errors import Throttled
from domain.identity import Principal, Role

COME_BACK_SECONDS: Final = 5
KEPT_FOR: Final = frozenset(
    {Role.ADMINISTRATOR, Role.JOB_ADMINISTRATOR, Role.JOB_OPERATOR, Role.AUDITOR}
)
"""Whose place is not to be taken by people who look after their own jobs."""


class Places:
    """The places of clients that follow the stream. Lives in one event loop."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._taken = Counter[str]()

    def take(self, actor: Principal) -> None:
        """A place for one client more. ``Throttled`` when there is none for this person."""
        limits, mine, all_ = self._limits, self._taken[actor.name], self._taken.total()
        if mine >= limits.streams_per_person_max:
            raise no_place(
                f"{actor.name} has {mine} streams open, and one person may have at most "
                f"{limits.streams_per_person_max}"
            )
        if all_ >= limits.streams_max:
            raise no_place(f"{all_} streams are open, which is as many as the service carries")
        if all_ >= limits.streams_max - limits.streams_kept and not KEPT_FOR & set(actor.roles):
            raise no_place(
                f"{all_} streams are open; the last {limits.streams_kept} are for administrators, "
                "job administrators, job operators and auditors"
            )
        self._taken[actor.name] += 1

    def leave(self, actor: Principal) -> None:
        """A client has gone."""
        self._taken[actor.name] -= 1
        self._taken += Counter()  # people without a stream are forgotten


def no_place(why: str) -> Throttled:
    """Not now."""
    return Throttled(f"{why}; close one, or come back", COME_BACK_SECONDS)
