"""Plans of canceling many jobs: a digest names exactly one set, as it was, and how to cancel it.

A plan changes nothing and stands in no log, so it is kept in memory only, and the newest ones.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from domain import events as e
from domain.bulk import HowToCancel
from domain.commands import content_sha256
from domain.errors import Unknown
from domain.outcome import Outcome
from domain.states import JobState

JOBS_KEPT_MAX: Final = 200_000
"""Jobs in all plans that are kept: about 20 MB."""


class Foreseen(Struct, frozen=True):
    """One job of a plan, and what its cancel would have been answered when the plan was made.

    ``owner`` and ``state`` are "" and None for a job that there is not, or that who asks may not
    see.
    """

    job_id: int
    owner: str
    state: JobState | None
    outcome: Outcome
    explanation: str


class Plan(Struct, frozen=True):
    """Which jobs, in order, each at which version; ``position``: up to where they were known.

    A version is 0 where there is nothing to compare: for a job that is over or that there is not.
    ``wanted``: by what they were found; None when they were named.
    """

    position: int
    wanted: e.JobsWanted | None
    how: HowToCancel
    versions: Mapping[int, int]
    digest: str


def plan_of(
    position: int, wanted: e.JobsWanted | None, how: HowToCancel, versions: Mapping[int, int]
) -> Plan:
    """The plan with its digest: the same for the same jobs at the same versions, and how."""
    told = msgspec.json.encode((wanted, how, sorted(versions.items())), order="deterministic")
    return Plan(position, wanted, how, versions, content_sha256("plan", told.decode()))


class Plans:
    """The newest plans, by who made them."""

    def __init__(self, jobs_max: int = JOBS_KEPT_MAX) -> None:
        self._jobs_max = jobs_max
        self._plans: OrderedDict[tuple[str, str], Plan] = OrderedDict()

    def keep(self, asker: str, plan: Plan) -> None:
        """Remember this one; the oldest are forgotten when there are too many."""
        self._plans.pop((asker, plan.digest), None)
        self._plans[asker, plan.digest] = plan
        while self._jobs() > self._jobs_max and len(self._plans) > 1:
            self._plans.popitem(last=False)

    def get(self, asker: str, digest: str) -> Plan:
        """The plan that this person made. Raises ``Unknown``."""
        found = self._plans.get((asker, digest))
        if found is None:
            raise Unknown(
                f"you have no plan {digest[:64]} here: it is another one's, or it was made before "
                "the service was started, or many have been made since; plan again",
                code="unknown_plan",
            )
        return found

    def _jobs(self) -> int:
        return sum(len(plan.versions) for plan in self._plans.values())
