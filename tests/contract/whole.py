"""A commit that touches everything that views hold."""

from application.view_store import Changes
from domain import events as e
from domain.states import CancelMode
from projections.folding import Around, ClusterFold, Fold, JobFold, RequestFold
from projections.job_view import job_row, task_row
from projections.tally import CountKey, Measure
from tests.contract.views import (
    at,
    audit,
    cancellation,
    subtask,
)
from tests.domain.builders import cancel, cancel_task, killed, running_job
from tests.projections.folded import folded

JOB = e.job_aggregate(7)
CLUSTER = e.Aggregate(e.CLUSTER, "hpc1")
DAY = e.Aggregate(e.REQUEST, "20260301")
REQUESTS = CountKey(Measure.REQUESTS, ("cancel", "accepted"))


def whole(position: int) -> Changes:
    """A commit that touches everything there is."""
    state = story_state()
    states: dict[e.Aggregate, Fold | None] = {
        JOB: state,
        CLUSTER: ClusterFold(),
        DAY: RequestFold(3),
    }
    return Changes(
        position=position,
        around=Around(60, at(9)),
        states=states,
        jobs=[job_row(state.job, position)],
        tasks=[task_row(7, task) for task in state.job.tasks.values()],
        subtasks=[subtask(3, attempt=2), subtask(1)],
        removed=[],
        trail=[audit(position, message="disk full")],
        cancellations=[cancellation(position, open=1)],
        counts={REQUESTS: 5},
    )


def story_state() -> JobFold:
    """A job with an open cancel, one with survivors, and tasks in several states."""
    story = running_job(3, release=True, started=2)
    story.ask(cancel_task(1, "t1", CancelMode.FORCED), cancel("r1", message="enough"))
    story.tell(killed(1, "t1", survivors=2))
    state = folded(story).states[JOB]
    assert isinstance(state, JobFold)
    assert state.cancellations
    assert state.asked_for
    assert state.job.tasks[1].survivors
    return state
