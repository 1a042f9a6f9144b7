"""A job is made piece by piece: created, given tasks one by one, changed, submitted."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import BadRequest
from domain.holding import held_until
from domain.hresult import HResult
from domain.states import JOB_ENDED, CancelMode, JobPriority, JobState, TaskState, TaskType
from domain.submission import TASKS_MAX, check_changes, check_tasks
from domain.transitions import CHANGE_JOB
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    Story,
    add,
    add_tasks,
    change,
    configure,
    given,
    running_job,
    start,
    submit,
)
from tests.domain.situations import SITUATIONS, only_the_trail_differs, situation

WORK = e.TaskSpec(0, "work")
CLEAN = e.TaskSpec(0, "clean", TaskType.NODE_RELEASE)


def test_tasks_are_added_one_by_one_and_then_submitted() -> None:
    story = Story(add(()))
    (first,) = story.ask(add_tasks(WORK, request_id="m1"))
    story.ask(add_tasks(CLEAN, request_id="m2"), add_tasks(WORK, request_id="m3"))
    assert isinstance(first, e.TasksAdded)
    assert (first.tasks[0].id, first.request_id, first.decision) == (1, "m1", ALLOWED)
    assert {n: t.state for n, t in story.job.tasks.items()} == dict.fromkeys(
        (1, 2, 3), TaskState.CONFIGURING
    )
    story.ask(submit())
    assert story.job.state is JobState.SUBMITTED
    assert {t.state for t in story.job.tasks.values()} == {TaskState.SUBMITTED}


def test_a_task_added_to_a_job_that_runs_waits_at_once() -> None:
    story = running_job(1)
    story.ask(add_tasks(WORK, WORK))
    assert [story.job.tasks[n].state for n in (2, 3)] == [TaskState.QUEUED] * 2
    story.tell(start(2))
    assert story.job.tasks[2].state is TaskState.RUNNING


def test_once_submitted_a_job_gets_no_node_release_task() -> None:
    (fact,) = given(running_job(1).job).when(add_tasks(CLEAN))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.hresult == HResult.TASK_TYPE_ADDED_IN_WRONG_JOB_STATE


EACH_PROPERTY = [
    {"environment": {"A": "1"}},
    {"valid_exit_codes": "0,3"},
    {"task_retry_count": 2},
    {"project": "film"},
    {"service_name": "s"},
    {"client_source": "c"},
    {"hold_until": "2027-01-01T00:00:00Z"},
    {"progress": 40},
    {"progress_message": "40 of 100"},
    {"max_cores": 4},
    {"labels": {"env": "prod"}},
]


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("values", EACH_PROPERTY)
def test_each_property_changes_in_the_states_of_its_row(name: str, values: dict[str, Any]) -> None:
    job = situation(name)
    (what,) = values
    (fact,) = given(job).when(change(**values))
    if job.state in CHANGE_JOB[what].states:
        assert isinstance(fact, e.JobPropertiesChanged)
        assert fact.named == (what,)
    else:
        assert isinstance(fact, e.JobCommandRefused)
        assert fact.hresult == HResult.SET_INVALID_PROP_UNDER_CERTAIN_STATE
        assert (fact.command, fact.rule) == ("change", f"change-{what}-states")


def test_a_change_is_all_or_nothing() -> None:
    story = running_job(1)
    before = story.job
    story.ask(change(name="other", run_as="batch"))
    assert only_the_trail_differs(before, story.job)
    story.ask(change("p2", name="other", priority=JobPriority.LOWEST))
    assert (story.job.name, story.job.priority) == ("other", JobPriority.LOWEST)


def test_further_properties_are_added_to_those_there_are() -> None:
    story = Story(add(properties={"a": "1", "b": "1"}))
    story.ask(change(properties={"b": "2", "c": "3"}))
    assert story.job.properties == {"a": "1", "b": "2", "c": "3"}
    (fact,) = story.ask(change("p2", properties={f"p{n}": "x" * 1020 for n in range(16)}))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.rule == "submission-limits"


def test_an_empty_value_takes_a_property_or_a_variable_away() -> None:
    story = Story(add(properties={"Cost": "1", "b": "1"}, environment={"A": "1", "a": "2"}))
    story.ask(change(properties={"COST": "", "B": "2"}, environment={"A": "", "b": "3"}))
    assert story.job.properties == {"b": "2"}
    assert story.job.environment == {"a": "2", "b": "3"}


def test_labels_are_added_changed_and_taken_away_and_limited_together() -> None:
    story = Story(add(labels={"env": "test", "team": "film"}))
    story.ask(change(labels={"env": "prod", "team": "", "spot": "yes"}))
    assert story.job.labels == {"env": "prod", "spot": "yes"}
    (fact,) = story.ask(change("p2", labels={f"l{n}": "x" for n in range(31)}))
    assert isinstance(fact, e.JobCommandRefused)
    assert "33 labels are too many; a job has at most 32" in fact.explanation
    (fact,) = story.ask(change("p3", labels={f"l{n}": "x" * 128 for n in range(16)}))
    assert isinstance(fact, e.JobCommandRefused)
    assert "at most 2048 are allowed" in fact.explanation
    assert story.job.labels == {"env": "prod", "spot": "yes"}


def test_the_variables_of_a_job_and_of_each_task_are_limited_together() -> None:
    story = Story(add((e.TaskSpec(1, "x", environment={"B": "y" * 20_000}),)))
    (fact,) = story.ask(change(environment={"A": "x" * 20_000}))
    assert isinstance(fact, e.JobCommandRefused)
    assert "task 1: the environment with the job's" in fact.explanation
    story.ask(change("p2", environment={"A": "x" * 10_000}))
    (again,) = story.ask(add_tasks(e.TaskSpec(0, "x", environment={"B": "y" * 30_000})))
    assert isinstance(again, e.JobCommandRefused)
    assert again.rule == "submission-limits"


def test_a_job_is_held_until_a_time_that_is_still_to_come() -> None:
    story = Story(add(hold_until="2026-03-01T10:00:00+01:00"))
    assert held_until(story.job) is None, "it is not queued"
    story.ask(submit())
    story.tell(c.StartValidation(), c.EndValidation())
    assert held_until(story.job) == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    (no,) = story.ask(change(hold_until="2026-03-01T08:00:00Z"))
    assert isinstance(no, e.JobCommandRefused)
    assert no.hresult == HResult.INVALID_HOLD_UNTIL
    story.ask(change("p2", hold_until=""))
    assert held_until(story.job) is None


def test_the_progress_of_a_job_that_is_over_can_still_be_said() -> None:
    story = running_job(1)
    story.tell(c.RecordRunEnd(1, 1, e.Exit(0)), c.EndJob(story.job.changed_at))
    story.ask(change(progress=100, progress_message="all of it"))
    assert (story.job.progress, story.job.progress_message) == (100, "all of it")
    assert story.job.state in JOB_ENDED


def test_a_job_holds_only_so_many_tasks_however_they_come() -> None:
    story = Story(add(tuple(e.TaskSpec(n, "x") for n in range(1, TASKS_MAX + 1))))
    (fact,) = story.ask(add_tasks(WORK))
    assert isinstance(fact, e.JobCommandRefused)
    assert f"at most {TASKS_MAX}" in fact.explanation


def test_what_is_missing_is_found_when_the_job_is_submitted() -> None:
    story = Story(add(()))
    story.ask(add_tasks(CLEAN))
    (fact,) = story.ask(submit())
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.hresult == HResult.ONLY_PREP_OR_RELEASE
    story.ask(add_tasks(WORK, request_id="m2"), submit("s2"))
    assert story.job.state is JobState.SUBMITTED


def test_large_tasks_are_several_facts_of_which_the_first_answers() -> None:
    story = Story(add(()))
    big = e.TaskSpec(0, "x" * 8000, environment={"A": "y" * 8000, "B": "y" * 8000})
    request = add_tasks(big, big, big)
    first, *more = story.ask(request)
    assert isinstance(first, e.TasksAdded)
    assert first.request_id == "m1"
    assert more
    assert all(isinstance(x, e.TasksAdded) and x.request_id == "" for x in more)
    assert list(story.job.tasks) == [1, 2, 3]
    assert story.ask(request) == ()


def test_the_same_request_again_adds_nothing_and_another_under_its_id_is_refused() -> None:
    story = Story(add(()))
    story.ask(add_tasks(WORK))
    assert story.ask(add_tasks(WORK)) == ()
    (fact,) = story.ask(add_tasks(CLEAN))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.code == "request_id_reused"


def test_who_may_not_change_a_job_changes_nothing() -> None:
    story = Story(add())
    before = story.job
    story.ask(add_tasks(WORK, decision=DENIED), change(name="x", decision=DENIED))
    assert only_the_trail_differs(before, story.job)


def test_a_job_taken_back_gets_tasks_again() -> None:
    story = running_job(1)
    story.ask(c.CancelJob(submit("k").asked, CancelMode.FORCED, "", 0))
    story.tell(c.OrderStop(15), c.RecordRunEnd(1, 1, e.Exit(0)), c.EndJob(story.job.changed_at))
    story.ask(configure(), add_tasks(CLEAN))
    assert story.job.tasks[2].state is TaskState.CONFIGURING


@pytest.mark.parametrize("tasks", [(), (e.TaskSpec(0, " "),), (WORK,) * (TASKS_MAX + 1)])
def test_tasks_that_can_never_be_added_are_malformed(tasks: tuple[e.TaskSpec, ...]) -> None:
    with pytest.raises(BadRequest):
        check_tasks(tasks)


@pytest.mark.parametrize(
    "changes", [c.JobChanges(), c.JobChanges(name="x" * 81), c.JobChanges(run_as="no such")]
)
def test_changes_that_can_never_be_made_are_malformed(changes: c.JobChanges) -> None:
    with pytest.raises(BadRequest):
        check_changes(changes)
