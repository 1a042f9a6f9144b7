"""What waits for what: node preparation, dependencies; and what runs again by itself."""

from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.next_steps import Step, next_steps
from domain.readiness import startable
from domain.states import CancelMode, JobState, TaskState, TaskType
from domain.submission import check_submission
from tests.domain.builders import (
    NODE,
    Story,
    add,
    add_tasks,
    cancel,
    cancel_task,
    end_job,
    ends,
    finish_task,
    killed,
    release,
    requeue,
    requeue_task,
    run,
    start,
    submit,
)

PREP = e.TaskSpec(1, "prepare", TaskType.NODE_PREP)


def basic(number: int, name: str = "", *depends_on: str, **more: Any) -> e.TaskSpec:
    return e.TaskSpec(number, "work", name=name, depends_on=depends_on, **more)


def running(*tasks: e.TaskSpec, **options: Any) -> Story:
    story = Story(add(tasks, submit=True, **options))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    return story


def ready(story: Story) -> list[int]:
    return [t.spec.id for t in startable(story.job)]


def lost(task: int, attempt: int = 1, survivors: int = 0) -> c.RecordRunEnd:
    why = "the machine restarted"
    return c.RecordRunEnd(task, attempt, e.Exit(), survivors=survivors, lost=why, retry_count=3)


# --- dependencies ---------------------------------------------------------------------------------


def test_a_task_starts_when_all_tasks_of_each_name_are_finished() -> None:
    story = running(basic(1, "a"), basic(2, "a"), basic(3, "b", "a"), basic(4, "", "a", "b"))
    assert ready(story) == [1, 2]
    assert story.tell(start(3)) == ()
    story.tell(start(1), ends(1), start(2))
    assert ready(story) == []
    story.tell(ends(2))
    assert ready(story) == [3]
    story.tell(start(3), ends(3))
    assert ready(story) == [4]


def test_what_depends_on_a_failed_task_waits_in_vain_and_runs_again_with_the_job() -> None:
    story = running(basic(1, "a"), basic(2, "b", "a"), basic(3, "", "b"), basic(4))
    story.tell(start(1), ends(1, code=1), start(4))
    assert next_steps(story.job) == ()
    story.tell(ends(4))
    assert next_steps(story.job) == (Step.END,)
    (fact,) = story.tell(end_job())
    assert isinstance(fact, e.JobFailed)
    assert fact.message == "1 of 4 tasks failed, 2 canceled"
    states = [t.state for t in story.job.tasks.values()]
    assert states == [TaskState.FAILED, TaskState.CANCELED, TaskState.CANCELED, TaskState.FINISHED]
    (again,) = story.ask(requeue())
    assert isinstance(again, e.JobRequeued)
    assert again.queued.tasks == "1-3"


def test_a_failed_dependency_queued_again_in_time_lets_the_rest_run() -> None:
    story = running(basic(1, "a"), basic(2, "", "a"), basic(3))
    story.tell(start(1), ends(1, code=1), start(3))
    story.ask(requeue_task(1))
    story.tell(start(1, attempt=2), ends(1, attempt=2))
    assert ready(story) == [2]


def test_finished_by_hand_is_finished_and_canceled_is_not() -> None:
    story = running(basic(1, "a"), basic(2, "b"), basic(3, "", "a"), basic(4, "", "b"))
    story.ask(finish_task(1), cancel_task(2))
    assert ready(story) == [3]


def test_with_node_release_the_end_in_vain_goes_over_it() -> None:
    clean = e.TaskSpec(3, "clean", TaskType.NODE_RELEASE)
    story = running(basic(1, "a"), basic(2, "", "a"), clean)
    story.tell(start(1), ends(1, code=1), end_job())
    assert story.job.state is JobState.FINISHING
    story.tell(release(), ends(3), end_job())
    assert (story.job.state, story.job.released) == (JobState.FAILED, True)


@pytest.mark.parametrize(
    "tasks",
    [
        (basic(1, "a", "a"),),
        (basic(1, "a", "b"), basic(2, "b", "c"), basic(3, "c", "a")),
        (basic(1, "a"), basic(2, "b", "a"), basic(3, "a", "b")),
    ],
)
def test_circles_are_refused_with_their_names(tasks: tuple[e.TaskSpec, ...]) -> None:
    with pytest.raises(BadRequest, match=r"in a circle: '[abc]' -> '"):
        check_submission(add(tasks))


def test_a_circle_made_by_a_later_task_is_refused_too() -> None:
    story = Story(add((basic(1, "a", "b"),)))
    (fact,) = story.ask(add_tasks(basic(0, "b", "a")))
    assert isinstance(fact, e.JobCommandRefused)
    assert "in a circle" in fact.explanation


def test_an_unknown_name_is_found_when_the_job_is_submitted() -> None:
    story = Story(add((basic(1, "", "later"),)))
    (fact,) = story.ask(submit())
    assert isinstance(fact, e.JobCommandRefused)
    assert "depends on 'later'" in fact.explanation
    story.ask(add_tasks(basic(0, "later")), submit("s2"))
    assert story.job.state is JobState.SUBMITTED
    with pytest.raises(BadRequest, match="depends on 'later'"):
        check_submission(add((basic(1, "", "later"),), submit=True))


@pytest.mark.parametrize(
    "task",
    [
        e.TaskSpec(1, "x", TaskType.NODE_PREP, depends_on=("a",)),
        basic(1, "", ""),
        basic(1, "", "a\n"),
        basic(1, "", *["a"] * 101),
        basic(1, retry_count=-1),
        basic(1, retry_count=1001),
        basic(1, runtime_seconds=-1),
    ],
)
def test_what_a_task_may_not_say(task: e.TaskSpec) -> None:
    with pytest.raises(BadRequest):
        check_submission(add((task,)))


# --- node preparation -----------------------------------------------------------------------------


def test_node_preparation_comes_first() -> None:
    story = running(PREP, basic(2), basic(3))
    assert ready(story) == [1]
    assert story.tell(start(2)) == ()
    story.tell(start(1))
    assert ready(story) == []
    story.tell(ends(1))
    assert ready(story) == [2, 3]


def test_its_failure_fails_the_job_and_node_release_runs() -> None:
    story = running(PREP, basic(2), e.TaskSpec(3, "clean", TaskType.NODE_RELEASE))
    story.tell(start(1), ends(1, code=1), end_job())
    assert story.job.state is JobState.FINISHING
    story.tell(release(), ends(3), end_job())
    assert (story.job.state, story.job.error_code) == (
        JobState.FAILED,
        HResult.NODE_PREP_TASK_FAILURE,
    )
    assert story.job.tasks[2].state is TaskState.CANCELED


def test_it_runs_again_with_the_job_and_not_by_hand() -> None:
    story = running(PREP, basic(2))
    story.tell(start(1), ends(1), start(2), ends(2, code=1))
    (no,) = story.ask(requeue_task(1))
    assert isinstance(no, e.JobCommandRefused)
    assert no.hresult == HResult.TASK_OF_TYPE_CANNOT_BE_RECONFIGURED
    story.tell(end_job())
    (again,) = story.ask(requeue())
    assert isinstance(again, e.JobRequeued)
    assert (again.queued.tasks, again.kept.count) == ("1-2", 0)
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    assert ready(story) == [1]


def test_there_is_one_at_most_and_never_alone() -> None:
    with pytest.raises(BadRequest) as no:
        check_submission(add((PREP, e.TaskSpec(2, "x", TaskType.NODE_PREP), basic(3))))
    assert no.value.hresult == HResult.MULTIPLE_NODE_PREP
    clean = e.TaskSpec(2, "x", TaskType.NODE_RELEASE)
    with pytest.raises(BadRequest) as no:
        check_submission(add((PREP, clean), submit=True))
    assert no.value.hresult == HResult.ONLY_PREP_OR_RELEASE


def test_a_cancel_while_it_runs_stops_it_as_any_other() -> None:
    story = running(PREP, basic(2))
    story.tell(start(1))
    (fact,) = story.ask(cancel(mode=CancelMode.FORCED))
    assert isinstance(fact, e.JobCancelRequested)
    assert (fact.running.count, fact.waiting.tasks) == (1, "2")


# --- again by itself ------------------------------------------------------------------------------


def test_a_lost_run_runs_again_as_often_as_the_cluster_says() -> None:
    story = running(basic(1))
    for attempt in (1, 2, 3):
        (fact,) = story.tell(start(1, attempt), lost(1, attempt))
        assert isinstance(fact, e.TaskFailed)
        assert (fact.runs_again, fact.code) == (True, "run_lost")
        assert (story.job.tasks[1].state, story.job.tasks[1].retries) == (
            TaskState.QUEUED,
            attempt,
        )
    (fact,) = story.tell(start(1, 4), lost(1, 4))
    assert isinstance(fact, e.TaskFailed)
    assert (fact.runs_again, story.job.tasks[1].state) == (False, TaskState.FAILED)


def test_a_failure_of_its_own_runs_again_only_with_a_number_of_its_own() -> None:
    story = running(basic(1), basic(2, retry_count=1))
    story.tell(start(1), ends(1, code=1), start(2), ends(2, code=1))
    assert [story.job.tasks[n].state for n in (1, 2)] == [TaskState.FAILED, TaskState.QUEUED]
    story.tell(start(2, 2), ends(2, code=1, attempt=2))
    assert story.job.tasks[2].state is TaskState.FAILED


def test_zero_is_never_again() -> None:
    story = running(basic(1, retry_count=0))
    story.tell(start(1), lost(1))
    assert story.job.tasks[1].state is TaskState.FAILED


def test_what_left_processes_behind_is_not_run_again_beside_them() -> None:
    story = running(basic(1))
    (fact,) = story.tell(start(1), lost(1, survivors=1))
    assert isinstance(fact, e.TaskFailed)
    assert not fact.runs_again


def test_nothing_runs_again_while_somebody_ends_it() -> None:
    story = running(basic(1, retry_count=5), basic(2, retry_count=5))
    story.tell(start(1), start(2))
    story.ask(cancel_task(1))
    story.tell(lost(1))
    assert story.job.tasks[1].state is TaskState.FAILED
    story.ask(cancel(mode=CancelMode.GRACEFUL))
    story.tell(ends(2, code=1))
    assert story.job.tasks[2].state is TaskState.FAILED


def test_fail_on_task_failure_waits_for_the_last_attempt() -> None:
    story = running(basic(1, retry_count=1), basic(2), fail_on_task_failure=True)
    story.tell(start(1), start(2), ends(1, code=1))
    assert Step.FAIL not in next_steps(story.job)
    story.tell(start(1, 2), ends(1, code=1, attempt=2))
    assert Step.FAIL in next_steps(story.job)


def test_a_requeue_of_the_job_begins_to_count_anew() -> None:
    story = running(basic(1, retry_count=1))
    story.tell(start(1), ends(1, code=1), start(1, 2), ends(1, code=1, attempt=2), end_job())
    story.ask(requeue())
    assert (story.job.tasks[1].retries, story.job.tasks[1].attempt) == (0, 2)


@pytest.mark.parametrize("own", [2, None])
def test_a_task_that_succeeds_does_not_run_again(own: int | None) -> None:
    story = running(basic(1, retry_count=own), task_retry_count=2)
    story.tell(start(1))
    (fact,) = story.tell(ends(1))
    assert fact == e.TaskFinished((run(1),), e.Exit(0))
    assert story.job.tasks[1].state is TaskState.FINISHED


def test_what_the_engine_stopped_on_its_own_account_does_not_run_again() -> None:
    story = running(basic(1, retry_count=2))
    story.tell(start(1))
    (fact,) = story.tell(killed(1, "nobody asked"))
    assert isinstance(fact, e.TaskFailed)
    assert not fact.runs_again
