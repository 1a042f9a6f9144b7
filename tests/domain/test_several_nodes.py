"""Jobs on several nodes: preparation and release for each, and services, which are replaced."""

from datetime import timedelta

import pytest

from domain import commands as c
from domain import events as e
from domain.readiness import not_before, startable, usable_nodes
from domain.states import CancelMode, StopStep, TaskState, TaskType
from domain.subtasks import subtask
from tests.domain.builders import HANDLE, SIGTERM, Story, add, asked, cancel, end_job, requeue

NODES = ("n1", "n2")
PREP = e.TaskSpec(1, "prepare", TaskType.NODE_PREP)
WORK = e.TaskSpec(2, "work")
RELEASE = e.TaskSpec(3, "clean", TaskType.NODE_RELEASE)
SERVICE = e.TaskSpec(1, "serve", TaskType.SERVICE, instances=2)


def started(*tasks: e.TaskSpec, nodes: tuple[str, ...] = NODES) -> Story:
    story = Story(add(tasks, submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(nodes))
    return story


def begin(task: int, node: str, instance: int = 0, attempt: int = 1) -> c.StartTask:
    return c.StartTask(task, attempt, node, HANDLE, instance)


def ends(task: int, instance: int = 0, code: int = 0, attempt: int = 1) -> c.RecordRunEnd:
    return c.RecordRunEnd(task, attempt, e.Exit(code=code), instance=instance)


# --- preparation and release ----------------------------------------------------------------------


def test_preparation_runs_on_each_node_and_only_there() -> None:
    story = started(PREP, WORK, RELEASE)
    assert [(t.instance, t.node) for t in startable(story.job)] == [(1, "n1"), (2, "n2")]
    assert story.tell(begin(1, "n2", instance=1)) == (), "it is for the first node"
    assert story.tell(begin(1, "n1", instance=1)) != ()


def test_work_starts_where_preparation_is_done() -> None:
    story = started(PREP, WORK, RELEASE)
    story.tell(begin(1, "n1", 1), begin(1, "n2", 2))
    assert story.tell(begin(2, "n1")) == ()
    story.tell(ends(1, instance=2))
    assert usable_nodes(story.job) == ("n2",)
    assert story.tell(begin(2, "n1")) == ()
    assert story.tell(begin(2, "n2")) != ()


def test_a_failed_preparation_drops_its_node_and_the_job_goes_on() -> None:
    story = started(PREP, WORK, RELEASE)
    story.tell(begin(1, "n1", 1), begin(1, "n2", 2), ends(1, 1, code=1), ends(1, 2))
    assert usable_nodes(story.job) == ("n2",)
    assert story.job.tasks[1].state is TaskState.FINISHED
    story.tell(begin(2, "n2"), ends(2))
    (ending,) = story.tell(end_job())
    assert isinstance(ending, e.JobEnding)
    assert ending.outcome == "Finished"


def test_a_node_whose_preparation_failed_stays_the_jobs_and_is_released() -> None:
    """What the preparation had done before it failed is to be put in order."""
    story = started(PREP, WORK, RELEASE)
    story.tell(begin(1, "n1", 1), begin(1, "n2", 2), ends(1, 1, code=1), ends(1, 2))
    story.tell(begin(2, "n2"), ends(2), end_job())
    assert story.job.nodes == NODES
    (fact,) = story.tell(c.StartRelease(1, "n1", HANDLE, 1))
    assert isinstance(fact, e.NodeReleaseStarted)
    assert fact.node == "n1"


def test_without_any_node_left_the_job_fails() -> None:
    story = started(PREP, WORK)
    story.tell(begin(1, "n1", 1), begin(1, "n2", 2), ends(1, 1, code=1), ends(1, 2, code=1))
    (failed,) = story.tell(end_job())
    assert isinstance(failed, e.JobFailed)
    assert failed.message == (
        "there is no node left: node preparation failed on n1, n2 "
        "(on n1: ended by itself with exit code 1)"
    )


def test_release_runs_on_each_node_and_the_end_waits_for_all() -> None:
    story = started(e.TaskSpec(1, "work"), e.TaskSpec(2, "clean", TaskType.NODE_RELEASE))
    story.tell(begin(1, "n2"))
    story.ask(cancel())
    story.tell(c.OrderStop(SIGTERM), ends(1))
    for instance, node in enumerate(NODES, 1):
        (fact,) = story.tell(c.StartRelease(1, node, HANDLE, instance))
        assert isinstance(fact, e.NodeReleaseStarted)
        assert fact.node == node
    story.tell(ends(2, instance=1))
    assert story.tell(end_job()) == ()
    story.tell(ends(2, instance=2))
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert end.released


@pytest.mark.parametrize("cut_last", [True, False])
def test_release_that_was_killed_on_one_of_its_nodes_did_not_run(cut_last: bool) -> None:
    story = started(e.TaskSpec(1, "work"), e.TaskSpec(2, "clean", TaskType.NODE_RELEASE))
    story.tell(begin(1, "n1"), ends(1), end_job())
    story.tell(c.StartRelease(1, "n1", HANDLE, 1), c.StartRelease(1, "n2", HANDLE, 2))
    story.ask(cancel(mode=CancelMode.FORCED))
    stop = c.StopSeen("r1", StopStep.KILL, False, 8, 1, 0)
    killed = c.RecordRunEnd(2, 1, e.Exit(signal=9), stop, instance=1)
    last = (ends(2, 2), killed) if cut_last else (killed, ends(2, 2))
    story.tell(c.OrderStop(SIGTERM), *last)
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.released, end.force_stopped, end.stopped) == (False, 1, 0)


def test_force_skips_release_on_every_node() -> None:
    story = started(e.TaskSpec(1, "work"), e.TaskSpec(2, "clean", TaskType.NODE_RELEASE))
    story.ask(cancel(mode=CancelMode.FORCED))
    assert story.tell(c.SkipRelease()) == (e.NodeReleaseSkipped("n1, n2", "forced"),)
    assert isinstance(story.tell(end_job())[0], e.JobCanceled)


def test_the_next_round_may_have_other_nodes_and_attempts_go_on() -> None:
    story = started(PREP, WORK)
    story.tell(begin(1, "n1", 1), ends(1, 1, code=1), begin(1, "n2", 2), ends(1, 2, code=1))
    story.tell(end_job())
    story.ask(requeue())
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n3",)))
    assert story.tell(begin(1, "n3", attempt=1)) == ()
    assert story.tell(begin(1, "n3", attempt=2)) != ()


# --- services -------------------------------------------------------------------------------------


def test_an_instance_that_ends_is_replaced() -> None:
    story = started(SERVICE)
    story.tell(begin(1, "n1", 1), begin(1, "n2", 2))
    (fact,) = story.tell(ends(1, 1))
    assert fact == e.TaskFinished((e.RunRange(1, 1, "n1", "1"),), e.Exit(0), runs_again=True)
    assert story.tell(begin(1, "n1", 1, attempt=2)) != ()


def test_an_instance_that_was_canceled_is_replaced_too() -> None:
    story = started(SERVICE)
    story.tell(begin(1, "n1", 1))
    story.ask(c.CancelTask(asked("t1"), 1, CancelMode.FORCED, "", 15, instance=1))
    stop = c.StopSeen("t1", StopStep.KILL, False, 8, 1, 0)
    story.tell(c.OrderStop(SIGTERM))
    (fact,) = story.tell(c.RecordRunEnd(1, 1, e.Exit(signal=9), stop, instance=1))
    assert isinstance(fact, e.TaskForceStopped)
    assert fact.runs_again
    again = subtask(story.job.tasks[1], 1)
    assert again
    assert (again.state, again.order, again.cancel) == (TaskState.QUEUED, None, None)


def test_a_service_goes_on_until_its_job_is_canceled() -> None:
    story = started(SERVICE)
    story.tell(begin(1, "n1", 1), ends(1, 1))
    assert story.tell(end_job()) == ()
    story.ask(cancel(mode=CancelMode.FORCED))
    assert isinstance(story.tell(end_job())[0], e.JobCanceled)


@pytest.mark.parametrize(("short_runs", "pause"), [(1, None), (2, 1), (3, 2), (4, 4), (9, 60)])
def test_short_runs_in_a_row_make_the_pause_longer(short_runs: int, pause: int | None) -> None:
    story = started(SERVICE)
    for attempt in range(1, short_runs + 1):
        story.tell(begin(1, "n1", 1, attempt), ends(1, 1, code=1, attempt=attempt))
    one = subtask(story.job.tasks[1], 1)
    assert one
    moment = not_before(one)
    if pause is None:
        assert moment is None
    else:
        assert one.ended_at
        assert moment == one.ended_at + timedelta(seconds=pause)
