"""What cannot be folded is damage, and is said."""

import pytest
from msgspec.structs import replace

from domain import events as e
from domain.errors import Corrupt
from domain.states import CancelMode
from projections.folding import Around, ClusterFold, JobFold, RequestFold, fold
from tests.domain.builders import ALLOWED, queued_job, recorded
from tests.projections.folded import CLUSTER, REQUESTS, Folds, apart, as_job, job_fact

JOB = e.job_aggregate(7)
SET = e.ClusterParameterSet("NodeReleaseTaskTimeout", "60", "10", "p1", ALLOWED)
REFUSED = e.CancelRefused(
    "r1", "99", None, CancelMode.NORMAL, "", 0, "", "", "unknown_job", 1, "job-exists", "no"
)


def state() -> JobFold:
    """A queued job, at version 4."""
    found = Folds().take_all(queued_job(1).history).states[JOB]
    assert isinstance(found, JobFold)
    return found


DAMAGES: dict[str, tuple[object, e.Recorded, str]] = {
    "a gap in a job": (state(), job_fact(6, e.JobQueued()), "version 6 follows 4"),
    "a job's fact a second time": (state(), job_fact(4, e.JobQueued()), "version 4 follows 4"),
    "a job that begins in the middle": (None, job_fact(2, e.JobQueued()), "version 2 follows 0"),
    "a job that begins with something else": (None, job_fact(1, e.JobQueued()), "not JobAdded"),
    "a job added twice": (
        state(),
        replace(queued_job(1).history[0], version=5),
        "added twice",
    ),
    "a job under another's number": (
        None,
        replace(queued_job(1).history[0], aggregate=e.job_aggregate(8)),
        "added as job 7",
    ),
    "a number that is written otherwise": (
        None,
        replace(queued_job(1).history[0], aggregate=e.Aggregate(e.JOB, "07")),
        "added as job 7",
    ),
    "a fact of the cluster on a job": (state(), recorded(5, SET), "not a fact about a job"),
    "a gap in the cluster": (None, apart(2, SET), "2 follows 0"),
    "a fact of a job on the cluster": (
        None,
        replace(job_fact(1, e.JobQueued()), aggregate=CLUSTER),
        "not about the cluster",
    ),
    "a gap in the requests of a day": (RequestFold(1), apart(3, REFUSED), "version 3 follows 1"),
    "a fact of a job among requests": (
        None,
        replace(job_fact(1, e.JobQueued()), aggregate=REQUESTS),
        "no request on nothing",
    ),
    "an aggregate of no kind": (
        None,
        replace(job_fact(1, e.JobQueued()), aggregate=e.Aggregate("dream", "1")),
        "no known kind",
    ),
    "a fold of another kind": (ClusterFold(), job_fact(1, e.JobQueued()), "JobFold belongs"),
    "an event after the removal": (None, job_fact(5, e.JobQueued()), "version 5 follows 0"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_said(damage: str) -> None:
    before, fact, words = DAMAGES[damage]
    assert before is None or isinstance(before, JobFold | ClusterFold | RequestFold)
    with pytest.raises(Corrupt, match=words):
        fold(before, fact, 9, Around())


def test_a_parameter_is_in_force_for_what_follows_it() -> None:
    folds = Folds()
    assert folds.around.release_seconds == 10
    folds.take(apart(1, SET))
    assert folds.around.release_seconds == 60
    folds.take(apart(2, e.JobIdsReserved(1, 100)))
    assert folds.around.release_seconds == 60


def test_what_people_asked_is_not_held() -> None:
    """The views answer no requests; a job that was asked a thousand times stays small."""
    folds = Folds().take_all(queued_job(1).history)
    folds.take(apart(1, SET))
    held, cluster = folds.states[JOB], folds.states[CLUSTER]
    assert isinstance(held, JobFold)
    assert isinstance(cluster, ClusterFold)
    assert (held.job.asked, cluster.cluster.asked) == ({}, {})


def test_a_removed_job_leaves() -> None:
    folds = Folds().take_all(as_job(queued_job(1).history, 3))
    done = folds.take(replace(job_fact(5, e.JobRemoved("ttl")), aggregate=e.job_aggregate(3)))
    assert done.state is None
    assert folds.jobs == []
