"""What waited when its job came to its own end says what it waited for."""

from typing import Final

import pytest

from domain import commands as c
from domain import events as e
from domain.error_message import error_message
from domain.message import MESSAGE_UNITS_MAX
from domain.states import CancelMode, JobState, TaskState, TaskType
from tests.domain.builders import (
    HANDLE,
    SIGTERM,
    Story,
    add,
    cancel,
    cancel_task,
    end_job,
    ends,
    release,
    requeue,
    start,
)
from tests.domain.test_readiness import PREP, basic, running

REFUSED: Final = c.RefuseTask(1, 1, "n1", "work_directory", "there is no work directory '/x'")
CLEAN: Final = e.TaskSpec(4, "clean", TaskType.NODE_RELEASE)


def reasons(story: Story) -> list[str]:
    return [t.reason for t in story.job.tasks.values() if t.state is TaskState.CANCELED]


def on_nodes(*tasks: e.TaskSpec, nodes: tuple[str, ...] = ("n1", "n2", "n3")) -> Story:
    story = Story(add(tasks, submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(nodes))
    return story


# --- dependencies ---------------------------------------------------------------------------------


def test_it_says_which_task_failed() -> None:
    story = running(basic(1, "a"), basic(2, "", "a"))
    story.tell(start(1), ends(1, code=1), end_job())
    assert story.job.state is JobState.FAILED
    assert reasons(story) == ["depends on task 1, which failed"]


def test_also_when_node_release_comes_before_the_end() -> None:
    story = running(basic(1, "a"), basic(2, "", "a"), basic(3, "", "a"), CLEAN)
    story.tell(start(1), ends(1, code=1), end_job())
    assert reasons(story) == ["depends on task 1, which failed"] * 2
    story.tell(release(), ends(4), end_job())
    assert reasons(story) == ["depends on task 1, which failed"] * 2


def test_at_the_end_of_a_chain_it_names_both_ends() -> None:
    chain = (basic(n, f"t{n}", f"t{n - 1}") for n in range(3, 40))
    story = running(basic(1, "t1"), basic(2, "t2", "t1"), *chain)
    story.tell(start(1), ends(1, code=1), end_job())
    assert reasons(story)[0] == "depends on task 1, which failed"
    assert reasons(story)[1] == "depends on task 2, and so on task 1, which failed"
    assert reasons(story)[-1] == "depends on task 38, and so on task 1, which failed"


def test_several_and_those_that_were_canceled() -> None:
    story = running(basic(1, "a"), basic(2, "a"), basic(3, "b"), basic(4, "", "a", "b"))
    story.ask(cancel_task(3))
    story.tell(c.RecordTaskCanceled())
    story.tell(start(1), start(2), ends(1, code=1), ends(2, code=1), end_job())
    assert story.job.tasks[4].reason == (
        "depends on tasks 1-2, which failed, and on task 3, which was canceled"
    )


def test_a_sweep_that_waited_says_so_too() -> None:
    sweep = e.TaskSpec(
        2, "echo *", TaskType.PARAMETRIC_SWEEP, depends_on=("a",), start=1, end=9, increment=1
    )
    story = running(basic(1, "a"), sweep)
    story.tell(start(1), ends(1, code=1), end_job())
    assert reasons(story) == ["depends on task 1, which failed"]


def test_the_next_round_forgets_it() -> None:
    story = running(basic(1, "a"), basic(2, "", "a"))
    story.tell(start(1), ends(1, code=1), end_job())
    story.ask(requeue())
    assert [t.reason for t in story.job.tasks.values()] == ["", ""]


def test_what_a_cancel_of_the_job_found_waiting_says_whose_it_was() -> None:
    story = running(basic(1, "a"), basic(2, "", "a"))
    story.tell(start(1))
    story.ask(cancel(mode=CancelMode.GRACEFUL))
    story.tell(ends(1, code=1), end_job())
    assert reasons(story) == ["its job was canceled by alice"]


def test_what_fail_on_task_failure_stops_says_which_task_failed() -> None:
    story = running(basic(1), basic(2), basic(3), fail_on_task_failure=True)
    story.tell(start(1), start(2), ends(1, code=1), c.FailJob(15))
    assert reasons(story) == ["task 1 failed, and FailOnTaskFailure stops the rest"]


# --- node preparation -----------------------------------------------------------------------------


def test_a_refused_preparation_is_in_the_words_of_the_job_and_of_its_tasks() -> None:
    story = running(PREP, basic(2))
    story.tell(REFUSED, end_job())
    why = "node preparation failed on n1 (there is no work directory '/x')"
    assert reasons(story) == [f"has no node: {why}"]
    assert error_message(story.job.error_code, story.job.error_params) == (
        f"there is no node left: {why}"
    )


def test_on_several_nodes_the_first_reason_is_told() -> None:
    story = on_nodes(PREP, basic(2))
    for n in (1, 2, 3):
        story.tell(c.RefuseTask(1, 1, f"n{n}", "no", f"nothing on n{n}", n))
    assert story.job.tasks[1].reason == "on n1: nothing on n1"
    story.tell(end_job())
    assert reasons(story) == [
        "has no node: node preparation failed on n1, n2, n3 (on n1: nothing on n1)"
    ]


def test_a_preparation_that_failed_on_one_node_of_two_says_so() -> None:
    story = on_nodes(PREP, basic(2), nodes=("n1", "n2"))
    story.tell(c.StartTask(1, 1, "n2", HANDLE, 2), c.RecordRunEnd(1, 1, e.Exit(0), instance=2))
    story.tell(c.RefuseTask(1, 1, "n1", "no", "no such account", 1))
    assert story.job.tasks[1].state is TaskState.FINISHED
    assert story.job.tasks[1].reason == "on n1: no such account"


def test_a_preparation_that_was_canceled() -> None:
    story = running(PREP, basic(2))
    story.ask(cancel_task(1))
    story.tell(c.OrderStop(SIGTERM), c.RecordTaskCanceled(), end_job())
    assert story.job.tasks[2].reason == "has no node: node preparation was canceled on n1"


def test_the_words_of_an_end_stay_within_the_limit_of_messages() -> None:
    names = tuple(f"node-{n:03}" for n in range(100))
    story = on_nodes(PREP, basic(2), nodes=names)
    for n, name in enumerate(names, 1):
        story.tell(c.RefuseTask(1, 1, name, "no", "x" * 400, n))
    (failed,) = story.tell(end_job())
    assert isinstance(failed, e.JobFailed)
    assert len(failed.message) == MESSAGE_UNITS_MAX


@pytest.mark.parametrize("reason", ["no such account", ""])
def test_a_release_on_several_nodes_says_where_it_failed_first(reason: str) -> None:
    clean = e.TaskSpec(2, "clean", TaskType.NODE_RELEASE)
    story = on_nodes(basic(1), clean, nodes=("n1", "n2"))
    story.tell(start(1), ends(1), end_job(), c.RefuseTask(2, 1, "n2", "no", reason, 2))
    assert story.job.tasks[2].reason == (f"on n2: {reason}" if reason else "")
