"""Whether the filter programs of a site can be run: said alike by health and by ``doctor``."""

from typing import Final

from msgspec import Struct

from adapters.bootstrap.evidence import journal_path
from adapters.filters.checks import refusal
from adapters.journal import SqliteJournal
from application.settings import Settings
from domain.cluster import Cluster, evolve_cluster
from domain.events import CLUSTER, Aggregate, Recorded
from domain.parameters import (
    ACTIVATION_FILTER_PROGRAM,
    SUBMISSION_FILTER_PROGRAM,
    Parameter,
)

PAGE_EVENTS: Final = 1000


class Kind(Struct, frozen=True):
    """A kind of filter. ``meanwhile``: what becomes of jobs while it cannot be run."""

    name: str
    program: Parameter
    meanwhile: str


KINDS: Final = (
    Kind("submission", SUBMISSION_FILTER_PROGRAM, "every job that is submitted is refused"),
    Kind("activation", ACTIVATION_FILTER_PROGRAM, "no job starts"),
)


class FilterFound(Struct, frozen=True):
    """A filter that is set. ``why``: why it cannot be run, "" when it can."""

    kind: Kind
    program: str
    why: str

    @property
    def sentence(self) -> str:
        """How it is."""
        if not self.why:
            return f"the {self.kind.name} filter {self.program} can be run"
        return f"the {self.kind.name} filter cannot be run, and {self.kind.meanwhile}: {self.why}"

    @property
    def what_to_do(self) -> str:
        """What helps; "" when it can be run."""
        name = self.kind.program.name
        return f"mend it, or set {name} to another program or to none" if self.why else ""


def filters_of(cluster: Cluster) -> tuple[FilterFound, ...]:
    """The filters that are set, each looked at as it is before it is run. Blocks, for a moment."""
    named = [(kind, cluster.text(kind.program)) for kind in KINDS]
    return tuple(
        FilterFound(kind, program, no.reason if (no := refusal(program)) else "")
        for kind, program in named
        if program
    )


def cluster_in(settings: Settings) -> Cluster:
    """The cluster as its journal, which must be there, tells it without a service.

    ``Misconfigured`` when it is no journal; ``Unavailable``, ``Corrupt`` when it cannot be read."""
    cluster, after, own = Cluster(), 0, Aggregate(CLUSTER, settings.cluster)
    journal = SqliteJournal(journal_path(settings), settings.cluster)
    try:
        while page := journal.page(own, after, PAGE_EVENTS):
            for stored in page:
                if isinstance(stored.fact, Recorded):  # what cannot be read is for the health page
                    cluster = evolve_cluster(cluster, stored.fact)
            after = page[-1].position
    finally:
        journal.close()
    return cluster
