"""Laws of the folds, for any history."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Final

from hypothesis import HealthCheck, given, settings

from domain import events as e
from domain.evolve import evolve, replay
from domain.job import Job
from domain.states import JOB_ENDED
from projections.audit_trail import high_after
from projections.audit_words import SAID, said
from projections.cancellations import CancellationRow, Stage
from projections.explanation import enters_a_state
from projections.folding import JobFold, fold
from projections.job_view import job_row, task_row
from projections.stamps import stamp
from projections.tally import BUCKETS_MS, SUM, Measure
from tests.projections.folded import Folds
from tests.projections.lives import histories

LAWS: Final = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ACCEPTED: Final = e.JobCancelRequested | e.TaskCancelRequested
ASKING: Final[dict[type[e.Event], str]] = {
    e.JobAdded: "add_job",
    e.JobSubmitted: "submit",
    e.JobCancelRequested: "cancel",
    e.JobCancelRepeated: "cancel",
    e.JobCancelRefused: "cancel",
    e.JobCancelHeld: "cancel",
    e.JobCancelApproved: "approve",
    e.BreakGlassReviewed: "review",
    e.JobCancelWithdrawn: "withdraw",
    e.TaskCancelRequested: "cancel_task",
    e.TaskCancelRepeated: "cancel_task",
    e.TaskCancelRefused: "cancel_task",
    e.CancelRefused: "cancel",
    e.JobFinishRequested: "finish",
    e.TaskFinishRequested: "finish_task",
    e.TaskRequeued: "requeue_task",
    e.JobConfigured: "configure",
    e.JobRequeued: "requeue",
    e.JobProtected: "protect",
    e.JobProtectionLifted: "unprotect",
    e.JobLegalHoldPlaced: "legal_hold",
    e.JobLegalHoldReleased: "release_legal_hold",
    e.ClusterParameterSet: "set_parameter",
}
"""Facts that answer a request, and the operation that was asked for."""


def by_aggregate(history: list[e.Recorded]) -> dict[e.Aggregate, list[e.Recorded]]:
    """The events of each."""
    found = defaultdict(list)
    for recorded in history:
        found[recorded.aggregate].append(recorded)
    return found


@LAWS
@given(histories())
def test_the_job_view_is_what_replay_tells(history: list[e.Recorded]) -> None:
    folds = Folds().take_all(history)
    last = {recorded.aggregate: n for n, recorded in enumerate(history, 1)}
    expected: dict[e.Aggregate, Job] = {}
    for aggregate, events in by_aggregate(history).items():
        job = replay(events) if aggregate.kind == e.JOB else None
        if job is not None and not job.removed:
            expected[aggregate] = job
    assert sorted(folds.jobs, key=lambda row: row.job_id) == [
        job_row(job, last[a]) for a, job in sorted(expected.items())
    ]
    tasks = [task_row(j.id, t) for _, j in sorted(expected.items()) for t in j.work]
    assert sorted(folds.tasks, key=lambda row: (row.job_id, row.task_id)) == tasks


@LAWS
@given(histories())
def test_every_fact_of_the_trail_has_one_row_that_leads_to_it(history: list[e.Recorded]) -> None:
    folds = Folds().take_all(history)
    expected = [n for n, x in enumerate(history, 1) if said(x.data) is not None]
    assert [row.position for row in folds.trail] == expected
    assert {type(x.data) for x in history if type(x.data) not in SAID} <= {
        type(history[n - 1].data) for n in range(1, len(history) + 1) if n not in expected
    }
    high: datetime | None = None
    for row in folds.trail:
        event = history[row.position - 1]
        assert (row.event_id, row.type) == (event.event.id, type(event.data).__name__)
        high = high_after(high, event.time)
        assert (row.time, row.time_high) == (stamp(event.time), stamp(high))
        if row.request_position is not None:
            asked = history[row.request_position - 1]
            assert row.request_position < row.position
            assert asked.aggregate == event.aggregate
            assert asked.data.request_id == row.request_id  # type: ignore[union-attr]


@LAWS
@given(histories())
def test_an_accepted_cancel_has_one_row_that_is_closed_with_its_job(
    history: list[e.Recorded],
) -> None:
    folds = Folds().take_all(history)
    accepted = [n for n, x in enumerate(history, 1) if isinstance(x.data, ACCEPTED)]
    assert [row.position for row in folds.effects] == accepted
    ended = {
        number
        for aggregate, events in by_aggregate(history).items()
        if aggregate.kind == e.JOB
        and (job := replay(events)) is not None
        and (number := job.id)
        and job.state in JOB_ENDED
    }
    for row in folds.effects:
        assert not (row.open and row.job_id in ended)
        assert (row.end_position is None) == bool(row.open)
        assert row.end_position is None or row.position < row.end_position
        assert (row.stage == "taken_over") == (row.taken_over_by is not None)
        assert all(ms is None or ms >= 0 for ms in durations(row))


def durations(row: CancellationRow) -> tuple[int | None, ...]:
    """All that was measured."""
    return row.order_ms, row.signal_ms, row.stop_ms, row.release_ms, row.total_ms


@LAWS
@given(histories())
def test_what_outlived_a_kill_is_told_of_one_cancel(history: list[e.Recorded]) -> None:
    """And of none more than the job itself tells, at every step."""
    folds = Folds()
    for recorded in history:
        folds.take(recorded)
        state = folds.states.get(recorded.aggregate)
        if isinstance(state, JobFold):
            runs = [(x.run.task, x.run.attempt) for c in state.cancellations for x in c.outlived]
            assert len(set(runs)) == len(runs)
            there = {
                (x.run.task, x.run.attempt): x.survivors
                for task in state.job.tasks.values()
                for x in task.outlived
            }
            assert all(
                there[x.run.task, x.run.attempt] == x.survivors
                for c in state.cancellations
                for x in c.outlived
            )


@LAWS
@given(histories())
def test_counts_are_the_numbers_of_events(history: list[e.Recorded]) -> None:
    folds = Folds().take_all(history)
    requests, refusals = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    made_by = dict[e.Aggregate, str]()
    for recorded in history:
        fact = recorded.data
        operation = ASKING.get(type(fact), "")
        if isinstance(fact, e.JobCommandRefused | e.ClusterCommandRefused):
            operation = fact.command
        if isinstance(fact, e.JobAdded):
            made_by[recorded.aggregate] = fact.request_id
        elif not isinstance(fact, e.TasksAdded):
            made = made_by.pop(recorded.aggregate, None)
            if isinstance(fact, e.JobSubmitted) and fact.key == made:
                continue
        if operation:
            requests[operation, outcome(fact)] += 1
        if isinstance(fact, e.RefusalEvent):
            refusals[operation, fact.rule] += 1
    assert folds.counted(Measure.REQUESTS) == requests
    assert folds.counted(Measure.REFUSALS) == refusals


def outcome(fact: e.Event) -> str:
    """What became of a request, by the name of the fact."""
    name = type(fact).__name__
    if name.endswith("Refused"):
        unknown = getattr(fact, "code", "") in ("unknown_job", "unknown_task")
        return "unknown" if unknown else "refused"
    if name.endswith("Repeated"):
        return "repeated"
    return "escalated" if getattr(fact, "escalates", "") else "accepted"


@LAWS
@given(histories())
def test_stages_and_times_are_counted_as_the_rows_tell_them(history: list[e.Recorded]) -> None:
    folds = Folds().take_all(history)
    stages, sums = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for row in folds.effects:
        stages[row.mode, Stage.REQUESTED] += 1
        stages[row.mode, Stage.ORDERED] += row.ordered_at is not None
        ended_runs = row.stopped + row.force_stopped + row.ended_otherwise
        stages[row.mode, Stage.STOPPED] += 0 < row.running <= ended_runs
        stages[row.mode, Stage.RELEASED] += row.released_at is not None
        stages[row.mode, Stage.CANCELED] += row.stage == "canceled"
        stages[row.mode, Stage.TAKEN_OVER] += row.stage == "taken_over"
        sums["order", row.mode] += row.order_ms or 0
        sums["end", row.mode] += 0 if row.taken_over_by else row.total_ms or 0
    assert folds.counted(Measure.CANCEL_STAGES) == +stages
    for measure, name in ((Measure.ORDER_MS, "order"), (Measure.END_MS, "end")):
        found = folds.counted(measure)
        assert {m: n for (m, bound), n in found.items() if bound == SUM and n} == {
            mode: n for (what, mode), n in sums.items() if what == name and n
        }
    bounds = {*map(str, BUCKETS_MS), "inf", SUM}
    for measure in (Measure.ORDER_MS, Measure.SIGNAL_MS, Measure.END_MS):
        assert {bound for _, bound in folds.counted(measure)} <= bounds


@LAWS
@given(histories(jobs=1))
def test_a_fold_is_pure(history: list[e.Recorded]) -> None:
    """The same event on the same state gives the same, and changes nothing of what it was given."""
    folds = Folds()
    for position, recorded in enumerate(history, 1):
        before, around = folds.states.get(recorded.aggregate), folds.around
        first = fold(before, recorded, position, around)
        assert fold(before, recorded, position, around) == first
        assert folds.take(recorded) == first


@LAWS
@given(histories())
def test_an_explanation_knows_without_folding_which_facts_bring_a_new_state(
    history: list[e.Recorded],
) -> None:
    for aggregate, events in by_aggregate(history).items():
        if aggregate.kind != e.JOB:
            continue
        job: Job | None = None
        for recorded in events:
            before, job = job, evolve(job, recorded)
            again = isinstance(recorded.data, e.JobConfigured | e.JobRequeued)
            new = before is None or before.state is not job.state or again
            assert enters_a_state(recorded.data) == new, recorded.data
