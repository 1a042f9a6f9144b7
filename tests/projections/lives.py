"""Any history at all: jobs that live through arbitrary commands, and a cluster beside them."""

from collections.abc import Sequence

from hypothesis import strategies as st

from domain import events as e
from domain.states import CancelMode
from tests.domain.builders import ALLOWED, DENIED
from tests.domain.test_laws import Began, Life, Move, lives, moves
from tests.projections.folded import apart, as_job, mixed

TIMES = ("10", "60", "1", "86400")


def job_history(number: int, began: Began, happens: Sequence[Move], ends: bool) -> list[e.Recorded]:
    """The events of one job that lived so."""
    life = Life(began)
    for move in happens:
        move(life)
    if ends:
        life.live_to_the_end()
    return as_job(life.story.history, number)


def cluster_history(values: Sequence[str]) -> list[e.Recorded]:
    """Changes of a parameter, refused ones among them."""
    facts: list[e.ClusterEvent] = [e.JobIdsReserved(1, 100)]
    for n, value in enumerate(values):
        name, request = "NodeReleaseTaskTimeout", f"p{n}"
        if value == TIMES[-1]:
            facts.append(
                e.ClusterCommandRefused(request, "set_parameter", "no", 1, "r", "no", DENIED)
            )
        else:
            facts.append(e.ClusterParameterSet(name, value, "10", request, ALLOWED))
    return [apart(n, fact) for n, fact in enumerate(facts, 1)]


def request_history(count: int) -> list[e.Recorded]:
    """Cancels of jobs that do not exist."""
    refused = [
        e.CancelRefused(
            f"r{n}", "99", None, CancelMode.NORMAL, "", 0, "", "", "unknown_job", 1, "no", "no"
        )
        for n in range(count)
    ]
    return [apart(n, fact) for n, fact in enumerate(refused, 1)]


@st.composite
def histories(draw: st.DrawFn, jobs: int = 3, most_moves: int = 25) -> list[e.Recorded]:
    """Events of several aggregates in one order, sometimes only the first of them."""
    every = [
        job_history(
            number,
            draw(lives),
            draw(st.lists(moves, max_size=most_moves)),
            draw(st.sampled_from((True, True, False))),
        )
        for number in range(1, draw(st.integers(1, jobs)) + 1)
    ]
    every.append(cluster_history(draw(st.lists(st.sampled_from(TIMES), max_size=3))))
    every.append(request_history(draw(st.integers(0, 2))))
    stream = mixed(every, draw(st.lists(st.integers(0, 9), max_size=80)))
    return stream[: draw(st.integers(1, len(stream)))] if draw(st.booleans()) else stream
