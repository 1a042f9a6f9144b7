"""A task that a person stopped says who it was and what they said."""

from typing import Final

import pytest

from domain import commands as c
from domain import events as e
from domain.states import CancelMode, StopStep, TaskState, TaskType
from tests.domain.builders import (
    HANDLE,
    NODE,
    SIGTERM,
    Story,
    add,
    asked,
    cancel,
    cancel_task,
    configure,
    end_job,
    ends,
    finish,
    finish_task,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    requeue,
    requeue_task,
    running_job,
    submit,
)

ORDER: Final = c.OrderStop(SIGTERM)
FORCED: Final = CancelMode.FORCED
SWEEP: Final = e.TaskSpec(1, "work *", TaskType.PARAMETRIC_SWEEP, start=1, end=4, increment=1)


def reasons(story: Story) -> dict[int, str]:
    """By the number of the task, as far as it has one."""
    return {n: t.reason for n, t in story.job.tasks.items() if t.reason}


@pytest.mark.parametrize(
    ("message", "words"), [("TCMSG", "canceled by alice: TCMSG"), ("", "canceled by alice")]
)
def test_a_task_that_was_canceled(message: str, words: str) -> None:
    story = running_job(3, started=2)
    story.ask(cancel_task(1, "t1", message=message), cancel_task(3, "t3", message=message))
    assert reasons(story) == {3: words}, "the other one runs still"
    story.tell(ORDER, heeds(1, "t1"))
    assert story.job.tasks[1].state is TaskState.FAILED
    assert reasons(story) == {1: words, 3: words}


@pytest.mark.parametrize("end", [heeds, outlasts])
@pytest.mark.parametrize(
    ("message", "words"), [("FTMSG", "finished by alice: FTMSG"), ("", "finished by alice")]
)
def test_a_task_that_was_finished(end: type, message: str, words: str) -> None:
    story = running_job(3, started=2)
    story.ask(finish_task(1, "f1", message), finish_task(3, "f3", message))
    story.tell(ORDER, end(1, "f1"))
    assert {story.job.tasks[n].state for n in (1, 3)} == {TaskState.FINISHED}
    assert reasons(story) == {1: words, 3: words}


@pytest.mark.parametrize(
    ("message", "words"),
    [("JCMSG", "its job was canceled by alice: JCMSG"), ("", "its job was canceled by alice")],
)
def test_tasks_of_a_job_that_was_canceled(message: str, words: str) -> None:
    story = running_job(4, started=3)
    story.tell(ends(3))
    story.ask(cancel("r1", message=message))
    story.tell(ORDER, heeds(1, "r1"), ends(2, code=3), end_job())
    assert reasons(story) == {1: words, 2: "ended by itself with exit code 3", 4: words}


def test_the_stronger_cancel_has_the_last_word() -> None:
    story = running_job(2)
    story.ask(cancel("r1", message="please"))
    story.tell(ORDER)
    story.ask(cancel("r2", FORCED, "now", actor="bob"))
    story.tell(ORDER, killed(1, "r2"), end_job())
    assert reasons(story) == {
        1: "its job was canceled by bob: now",
        2: "its job was canceled by alice: please",
    }


def test_of_a_finished_job_the_message_is_not_kept_with_its_tasks() -> None:
    story = running_job(2)
    story.ask(finish("f1", "enough"))
    story.tell(ORDER, heeds(1, "f1"), end_job())
    assert [t.state for t in story.job.work] == [TaskState.FINISHED, TaskState.CANCELED]
    assert reasons(story) == dict.fromkeys((1, 2), "its job was finished by alice")


def test_its_own_cancel_counts_and_not_the_later_one_of_the_job() -> None:
    story = running_job(2)
    story.ask(cancel_task(2, "t2", message="mine"), cancel("r1", message="all"))
    story.tell(ORDER, heeds(1, "r1"), end_job())
    assert reasons(story) == {1: "its job was canceled by alice: all", 2: "canceled by alice: mine"}


def test_another_run_forgets_it() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(1, "t1", message="no"))
    story.tell(ORDER, heeds(1, "t1"))
    story.ask(requeue_task(1))
    assert reasons(story) == {}
    story.ask(cancel("r1", message="all"))
    story.tell(ORDER, heeds(2, "r1"), end_job())
    story.ask(requeue("q2"))
    assert reasons(story) == {}


def test_what_stays_canceled_in_the_next_round_keeps_its_own() -> None:
    story = queued_job(2)
    story.ask(cancel_task(1, "t1", message="never"), configure(), submit())
    assert reasons(story) == {1: "canceled by alice: never"}


# --- node release ---------------------------------------------------------------------------------


def test_a_node_release_that_a_forced_cancel_killed() -> None:
    story = running_job(1, release=True)
    story.tell(ends(1), end_job(), release())
    story.ask(cancel("r1", FORCED, "the node goes down"))
    story.tell(ORDER, killed(2, "r1"), end_job())
    assert reasons(story) == {2: "its job was canceled by alice: the node goes down"}


def test_a_node_release_that_a_forced_cancel_left_out() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1", FORCED, "the node goes down"))
    words = "its job was canceled by alice: the node goes down"
    story.tell(ORDER, killed(1, "r1"), c.SkipRelease(), end_job())
    assert reasons(story) == {1: words, 2: words}


# --- subtasks -------------------------------------------------------------------------------------


def sweep() -> Story:
    """Two of four run."""
    story = Story(add((SWEEP,), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    story.tell(*(c.StartTask(1, 1, NODE, HANDLE, n) for n in (1, 2)))
    return story


def stop(instance: int, request_id: str) -> c.RecordRunEnd:
    """A subtask ends within its grace period."""
    seen = c.StopSeen(request_id, StopStep.SIGNAL, False, 40, 0, 0)
    return c.RecordRunEnd(1, 1, e.Exit(signal=SIGTERM), seen, instance=instance)


@pytest.mark.parametrize("waits", [True, False])
def test_a_sweep_says_whose_cancel_of_its_job_ended_it(waits: bool) -> None:
    story = sweep()
    if not waits:
        story.tell(*(c.StartTask(1, 1, NODE, HANDLE, n) for n in (3, 4)))
    story.ask(cancel("r1", message="the wrong input"))
    assert reasons(story) == {1: "its job was canceled by alice: the wrong input"}


def test_a_sweep_says_whose_cancel_or_finish_of_it_ended_it() -> None:
    for request, words in (
        (cancel_task(1, "t1", message="no"), "canceled by alice: no"),
        (finish_task(1, "t1", "enough"), "finished by alice: enough"),
        (finish("t1", "enough"), "its job was finished by alice"),
    ):
        story = sweep()
        story.ask(request)
        story.tell(ORDER, stop(1, "t1"), stop(2, "t1"))
        assert reasons(story) == {1: words}


def test_the_cancel_of_one_subtask_says_nothing_of_its_task() -> None:
    story = sweep()
    one = c.CancelTask(asked("t1"), 1, CancelMode.NORMAL, "not this one", 15, instance=2)
    story.ask(one)
    story.tell(ORDER, stop(2, "t1"))
    assert reasons(story) == {}
