"""What was stopped without the stream is recorded afterwards: always, once, as a forced cancel."""

from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.decide import decide
from domain.evolve import evolve
from domain.job import Job
from domain.remaking import job_facts_refused
from domain.states import (
    CancelMode,
    EmergencyOutcome,
    ForceReason,
    JobState,
    StopCause,
    StopStep,
    TaskState,
)
from tests.domain.builders import (
    SIGTERM,
    asked,
    at,
    cancel,
    end_job,
    ends,
    killed,
    recorded,
    run,
    running_job,
)
from tests.domain.situations import SITUATIONS, situation

RUNS: Final = e.RunSet(2, (run(1), run(2)))
DONE: Final = e.EmergencyStop(
    *("2026-03-01T08:00:00.000000Z", 0, "no answer", 8, 8, JobState.RUNNING, RUNS),
    *(EmergencyOutcome.STOPPED, 2, 3, 0, "a" * 64),
)


def emergency(
    request_id: str = "e1", message: str = "fire", stop: e.EmergencyStop = DONE
) -> c.RecordEmergencyStop:
    """The record of a stop."""
    return c.RecordEmergencyStop(asked(request_id, "root"), message, "", stop, 60)


def the(facts: tuple[e.JobEvent, ...]) -> e.EmergencyStopRecorded:
    """The only fact."""
    (fact,) = facts
    assert isinstance(fact, e.EmergencyStopRecorded)
    return fact


def test_it_is_a_forced_cancel_whose_order_was_given_already() -> None:
    story = running_job(2, release=True, started=2)
    fact = the(story.ask(emergency()))
    assert (fact.mode, fact.in_effect, fact.from_state) == (
        CancelMode.FORCED,
        True,
        JobState.RUNNING,
    )
    job = story.job
    assert job.state is JobState.CANCELING
    assert job.cancel is not None
    assert job.cancel.message == job.error_params == "fire"
    assert {t.order.request_id for t in job.on_node if t.order} == {"e1"}
    assert story.tell(c.OrderStop(SIGTERM)) == (), "no order is written after the act"


def test_the_ends_of_the_runs_are_those_of_the_stop_and_the_job_is_canceled() -> None:
    story = running_job(2, release=True, started=2)
    story.ask(emergency())
    (end,) = story.tell(killed(1, "e1"))
    assert isinstance(end, e.TaskForceStopped)
    assert (end.cause, end.why) == (StopCause.JOB_CANCEL, ForceReason.FORCED)
    story.tell(killed(2, "e1"), c.SkipRelease())
    (last,) = story.tell(end_job())
    assert isinstance(last, e.JobCanceled)
    assert (last.request_id, last.force_stopped) == ("e1", 2)


def test_a_run_that_the_stop_did_not_know_gets_an_order_of_its_own() -> None:
    story = running_job(2, started=2)
    only_one = replace(DONE, runs=e.RunSet(1, (run(1),)))
    story.ask(emergency(stop=only_one))
    (order,) = story.tell(c.OrderStop(SIGTERM))
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.request_id, order.runs) == ("e1", (run(2),))


def test_it_is_recorded_once() -> None:
    story = running_job(2, started=2)
    story.ask(emergency())
    assert story.ask(emergency()) == ()
    changed = replace(DONE, spool_sha256="b" * 64)
    assert story.ask(emergency(stop=changed)) == (), "also when its file was changed since"


def test_it_takes_over_from_a_weaker_cancel_whose_order_still_counts() -> None:
    story = running_job(2, started=2)
    story.ask(cancel("r1"))
    story.tell(c.OrderStop(SIGTERM))
    fact = the(story.ask(emergency()))
    assert (fact.escalates, fact.escalates_version) == ("r1", len(story.history) - 2)
    seen = c.StopSeen("r1", StopStep.SIGNAL, False, 9, 0, 0)
    (end,) = story.tell(c.RecordRunEnd(1, 1, e.Exit(0), seen))
    assert isinstance(end, e.TaskStopped), "it had ended by the signal before"


def test_a_second_stop_is_recorded_and_changes_nothing() -> None:
    story = running_job(2, started=2)
    story.ask(emergency())
    before = story.job
    fact = the(story.ask(emergency("e2", "again")))
    assert fact.in_effect is False
    assert story.job.error_params == "fire"
    assert story.job.cancel == before.cancel
    story.tell(killed(1, "e1"), killed(2, "e2"))
    assert [t.state for t in story.job.work] == [TaskState.FAILED, TaskState.FAILED]


@pytest.mark.parametrize("name", SITUATIONS)
def test_it_is_recorded_whatever_the_job_is_by_now(name: str) -> None:
    job = situation(name)
    fact = the(decided(job))
    after = evolve(job, recorded(job.version + 1, fact, "root"))
    if fact.in_effect:
        assert after.state is JobState.CANCELING
    else:
        same = {"asked": {}, "version": 0, "changed_at": at(0), "tasks": {}, "reviews": {}}
        assert replace(after, **same) == replace(job, **same)
        assert [t.state for t in after.runs] == [t.state for t in job.runs]


def test_fsck_makes_it_again_and_finds_what_was_changed() -> None:
    job = running_job(2, started=2).job
    fact = the(decided(job))
    assert job_facts_refused(job, [recorded(job.version + 1, fact, "root")]) == ""
    assert "in_effect" in job_facts_refused(
        job, [recorded(job.version + 1, replace(fact, in_effect=False), "root")]
    )


def test_a_run_that_ended_by_itself_before_stays_as_it_ended() -> None:
    story = running_job(2, started=2)
    story.tell(ends(1))
    story.ask(emergency())
    assert story.job.tasks[1].state is TaskState.FINISHED
    assert story.job.tasks[1].order is None


def decided(job: Job) -> tuple[e.JobEvent, ...]:
    """What is recorded of the stop."""
    return decide(job, emergency())
