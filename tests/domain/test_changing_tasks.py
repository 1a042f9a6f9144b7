"""A task that waits is given other values; one that has started keeps what it started with."""

from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.states import TaskState
from domain.submission import check_task_changes
from domain.subtasks import subtask
from domain.transitions import CHANGE_TASK
from tests.domain.builders import (
    DENIED,
    Story,
    add,
    add_tasks,
    change_task,
    given,
    queued_job,
    running_job,
    start,
    submit,
)
from tests.domain.situations import SITUATIONS, only_the_trail_differs, situation
from tests.domain.test_sweep_story import begin, sweep
from tests.domain.test_sweep_story import ends as sweep_ends
from tests.domain.test_sweep_story import running as running_sweep


def test_a_task_in_configuring_gets_other_values_and_keeps_the_rest() -> None:
    before = e.TaskSpec(1, "work", name="a", environment={"A": "1", "B": "2"}, retry_count=2)
    story = Story(add((before, e.TaskSpec(2, "more"))))
    (fact,) = story.ask(change_task(1, command="better work", environment={"B": "", "C": "3"}))
    assert isinstance(fact, e.TaskPropertiesChanged)
    assert fact.named == ("command", "environment")
    after = story.job.tasks[1].spec
    assert (after.command, after.name, after.retry_count) == ("better work", "a", 2)
    assert after.environment == {"A": "1", "C": "3"}
    assert story.job.tasks[2].spec.command == "more"


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_task_changes_in_the_states_of_the_table(name: str) -> None:
    job = situation(name)
    for number, task in job.tasks.items():
        (fact,) = given(job).when(change_task(number, command="other"))
        if CHANGE_TASK[task.state].accepted:
            assert isinstance(fact, e.TaskPropertiesChanged)
        else:
            assert isinstance(fact, e.JobCommandRefused)
            assert fact.hresult == HResult.SET_INVALID_PROP_UNDER_CERTAIN_STATE
            assert (fact.command, fact.rule) == ("change_task", f"change-task-in-{task.state}")
            assert (fact.task, fact.task_state) == (number, task.state)


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(CHANGE_TASK) == set(TaskState)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"command": " "}, "the command line is empty"),
        ({"work_directory": "here"}, "must be absolute"),
        ({"runtime_seconds": -1}, "run-time limit"),
        ({"retry_count": 1001}, "1001 retries"),
        ({"name": "x" * 81}, "at most 80"),
        ({"depends_on": ("second",)}, "circle"),
        ({"valid_exit_codes": "x"}, "no exit code"),
        ({"environment": {"B": "x" * 32_760}}, "at most 32768"),
    ],
)
def test_what_a_task_may_not_become(values: dict[str, Any], words: str) -> None:
    tasks = (
        e.TaskSpec(1, "a", name="first", environment={"A": "12345"}),
        e.TaskSpec(2, "b", name="second", depends_on=("first",)),
    )
    story = Story(add(tasks))
    before = story.job
    (fact,) = story.ask(change_task(1, **values))
    assert isinstance(fact, e.JobCommandRefused)
    assert words in fact.explanation
    assert only_the_trail_differs(before, story.job)


def test_in_a_job_that_runs_a_task_depends_on_names_that_there_are() -> None:
    story = running_job(1)
    story.ask(add_tasks(e.TaskSpec(0, "more")))
    (fact,) = story.ask(change_task(2, depends_on=("nobody",)))
    assert isinstance(fact, e.JobCommandRefused)
    assert "nobody" in fact.explanation


def test_what_is_changed_while_it_waits_is_what_runs() -> None:
    story = queued_job(1)
    story.ask(change_task(1, command="other"))
    story.tell(c.StartJob(("n1",)), start(1))
    assert story.job.tasks[1].spec.command == "other"
    assert story.job.tasks[1].state is TaskState.RUNNING


def test_the_same_request_again_changes_nothing_and_another_under_its_id_is_refused() -> None:
    story = Story(add())
    story.ask(change_task(1, command="other"))
    assert story.ask(change_task(1, command="other")) == ()
    (fact,) = story.ask(change_task(1, command="third"))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.code == "request_id_reused"


def test_no_such_task_and_no_right() -> None:
    story = Story(add())
    (fact,) = story.ask(change_task(9, command="x"))
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult) == ("unknown_task", HResult.INVALID_TASK_ID)
    (no,) = story.ask(change_task(1, "p2", command="x", decision=DENIED))
    assert isinstance(no, e.JobCommandRefused)
    assert no.code == "not_permitted"
    story.ask(submit())
    assert story.job.tasks[1].spec.command == add().tasks[0].command


@pytest.mark.parametrize(
    "changes",
    [
        c.TaskChanges(),
        c.TaskChanges(environment={"A B": "1"}),
        c.TaskChanges(properties={"x" * 81: "1"}),
        c.TaskChanges(properties={"x": "1" * 1025}),
    ],
)
def test_changes_that_can_never_be_made_are_malformed(changes: c.TaskChanges) -> None:
    with pytest.raises(BadRequest):
        check_task_changes(changes)


def test_a_change_that_no_event_could_hold_is_refused() -> None:
    story = Story(add())
    gone = {f"V{n:05}_{'x' * 40}": "" for n in range(600)}
    (fact,) = story.ask(change_task(1, command="\x01" * 8000, environment=gone))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.hresult == HResult.PROPERTY_VALUE_TOO_LARGE


def test_a_subtask_that_waits_to_run_again_runs_as_the_task_is_now() -> None:
    story = running_sweep(sweep(retry_count=1, end=2), started=(1,))
    story.tell(sweep_ends(1, code=3))
    assert story.job.tasks[1].state is TaskState.QUEUED
    (fact,) = story.ask(change_task(1, command="other *"))
    assert isinstance(fact, e.TaskPropertiesChanged)
    for number in (1, 2):
        one = subtask(story.job.tasks[1], number)
        assert one is not None
        assert one.spec.command == "other *"
    story.tell(begin(1, attempt=2))
    (no,) = story.ask(change_task(1, "p2", command="third"))
    assert isinstance(no, e.JobCommandRefused)
