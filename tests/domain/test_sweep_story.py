"""Parametric sweeps: their index, their subtasks, and what stops them or runs them again."""

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.counted import SPANS_MAX, waiting_set
from domain.hresult import HResult
from domain.numbers import Numbers
from domain.states import CancelMode, JobState, StopCause, StopStep, TaskState, TaskType
from domain.subtasks import subtask
from domain.sweeps import filled, value_of
from tests.domain.builders import (
    GRACE_SECONDS,
    HANDLE,
    NODE,
    SIGTERM,
    Story,
    add,
    asked,
    cancel,
    end_job,
    requeue,
)


def sweep(
    number: int = 1,
    start: int = 1,
    end: int = 5,
    increment: int = 1,
    retry_count: int | None = None,
) -> e.TaskSpec:
    return e.TaskSpec(
        number,
        "work *",
        TaskType.PARAMETRIC_SWEEP,
        retry_count=retry_count,
        start=start,
        end=end,
        increment=increment,
    )


def running(*tasks: e.TaskSpec, started: tuple[int, ...] = (1, 2), fails: bool = False) -> Story:
    story = Story(add(tasks or (sweep(),), submit=True, fail_on_task_failure=fails))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    story.tell(*(begin(n) for n in started))
    return story


def begin(instance: int, attempt: int = 1, task: int = 1) -> c.StartTask:
    return c.StartTask(task, attempt, NODE, HANDLE, instance)


def ends(instance: int, code: int = 0, attempt: int = 1) -> c.RecordRunEnd:
    return c.RecordRunEnd(1, attempt, e.Exit(code=code), instance=instance)


def killed(instance: int, request_id: str, attempt: int = 1) -> c.RecordRunEnd:
    stop = c.StopSeen(request_id, StopStep.KILL, False, 8, 2, 0)
    return c.RecordRunEnd(1, attempt, e.Exit(signal=9), stop, instance=instance)


def states(story: Story, task: int = 1) -> dict[int, TaskState]:
    found = story.job.tasks[task]
    assert found.subtasks
    numbers = range(1, found.subtasks.count + 1)
    return {n: one.state for n in numbers if (one := subtask(found, n))}


def on_subtask(instance: int, mode: CancelMode = CancelMode.NORMAL) -> c.CancelTask:
    return c.CancelTask(asked("t1"), 1, mode, "", GRACE_SECONDS, instance=instance)


def kill(request_id: str, cause: StopCause, instances: str) -> e.TaskStopOrdered:
    runs = (e.RunRange(1, 1, NODE, instances),)
    return e.TaskStopOrdered(request_id, cause, StopStep.KILL, 9, 0, runs)


# --- the index ------------------------------------------------------------------------------------


def test_each_value_of_the_index_is_a_subtask_numbered_from_one() -> None:
    story = Story(add((sweep(start=10, end=31, increment=10),)))
    assert list(states(story)) == [1, 2, 3]
    assert [value_of(sweep(start=10, end=31, increment=10), n) for n in (1, 2, 3)] == [10, 20, 30]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("run *", "run 7"),
        ("in*.dat out***.dat", "in7.dat out007.dat"),
        ("echo ^* *", "echo * 7"),
        ("nothing", "nothing"),
    ],
)
def test_asterisks_are_the_value_with_as_many_digits(text: str, line: str) -> None:
    assert filled(sweep(start=7, end=9), text, 1) == line


def test_a_value_with_more_digits_than_asterisks_is_written_whole() -> None:
    assert filled(sweep(start=12345, end=12345), "**", 1) == "12345"


def test_other_tasks_keep_their_asterisks() -> None:
    assert filled(e.TaskSpec(1, "ls *"), "ls *", 0) == "ls *"


# --- running --------------------------------------------------------------------------------------


def test_subtasks_start_in_order_and_end_one_by_one() -> None:
    story = running()
    assert story.job.tasks[1].state is TaskState.RUNNING
    story.tell(ends(2), ends(1, code=3), begin(3))
    assert states(story) == {
        1: TaskState.FAILED,
        2: TaskState.FINISHED,
        3: TaskState.RUNNING,
        4: TaskState.QUEUED,
        5: TaskState.QUEUED,
    }
    how = (e.Exit(3), "task_failure", "ended by itself with exit code 3")
    assert story.facts[-2] == e.TaskFailed((e.RunRange(1, 1, NODE, "1"),), *how)


def test_the_job_ends_when_all_subtasks_have() -> None:
    story = running(sweep(end=2))
    assert story.tell(ends(1)) != ()
    assert story.tell(end_job()) == ()
    story.tell(ends(2))
    assert story.job.tasks[1].state is TaskState.FINISHED
    assert story.tell(end_job()) == (e.JobFinished(),)


def test_a_failed_subtask_fails_the_task_and_the_job_says_how_many() -> None:
    story = running(sweep(end=2))
    story.tell(ends(1, code=1), ends(2))
    (failed,) = story.tell(end_job())
    assert isinstance(failed, e.JobFailed)
    assert "of the 2 subtasks of task 1 1 failed, 0 canceled" in failed.message


def test_a_failed_subtask_stops_the_rest_of_a_job_that_fails_on_it() -> None:
    story = running(fails=True)
    story.tell(ends(1, code=1))
    (failing,) = story.tell(c.FailJob(GRACE_SECONDS))
    assert isinstance(failing, e.JobFailing)
    assert failing.waiting == e.TaskSet(3, "1", (e.SubtaskSet(1, "3-5"),))


def test_a_retried_subtask_waits_before_those_never_reached() -> None:
    story = running(sweep(retry_count=1), started=(1, 2))
    story.tell(ends(2, code=1))
    assert story.tell(begin(2, attempt=2)) != ()
    story.tell(ends(2, code=1, attempt=2))
    assert states(story)[2] is TaskState.FAILED, "it had one retry"
    assert (one := subtask(story.job.tasks[1], 2))
    assert one.attempt == 2


# --- canceling the job ----------------------------------------------------------------------------


def test_one_event_cancels_all_that_waits_and_names_what_runs() -> None:
    story = running(sweep(end=100_000))
    (fact,) = story.ask(cancel(mode=CancelMode.FORCED))
    assert isinstance(fact, e.JobCancelRequested)
    assert fact.running == e.RunSet(2, (e.RunRange(1, 1, NODE, "1-2"),))
    assert fact.waiting == e.TaskSet(99_998, "1", (e.SubtaskSet(1, "3-100000"),))
    assert story.job.tasks[1].state is TaskState.CANCELING
    assert story.tell(c.OrderStop(SIGTERM)) == (kill("r1", StopCause.JOB_CANCEL, "1-2"),)
    story.tell(killed(1, "r1"), killed(2, "r1"))
    assert [t.state for t in story.job.work] == [TaskState.CANCELED]
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.stopped, end.force_stopped) == (0, 2)
    subtasks = story.job.tasks[1].subtasks
    assert subtasks
    assert (subtasks.failed, subtasks.canceled) == (
        Numbers.read("1-2"),
        Numbers.read("3-100000"),
    )


def test_a_million_subtasks_are_few_objects() -> None:
    story = running(sweep(end=1_000_000))
    subtasks = story.job.tasks[1].subtasks
    assert subtasks
    assert len(subtasks.live) == 2
    assert len(subtasks.waiting) == 999_998


def test_of_a_scattered_sweep_only_so_many_ranges_are_named() -> None:
    task = Story(add((sweep(end=9000),))).job.tasks[1]
    assert task.subtasks
    odd = Numbers.read(",".join(str(n) for n in range(1, 9001, 2)))
    named = waiting_set([replace(task, subtasks=replace(task.subtasks, waiting=odd))])
    (some,) = named.subtasks
    assert named.count == 4500
    assert (some.instances.count(",") + 1, some.cut) == (SPANS_MAX, 4500 - SPANS_MAX)


# --- canceling a task, a subtask ------------------------------------------------------------------


def test_the_cancel_of_the_sweep_itself_ends_it_canceled_whatever_ran() -> None:
    story = running()
    (fact,) = story.ask(on_subtask(0, CancelMode.FORCED))
    assert isinstance(fact, e.TaskCancelRequested)
    assert (fact.running.count, fact.waiting.count) == (2, 3)
    story.tell(c.OrderStop(SIGTERM), killed(1, "t1"), killed(2, "t1"))
    assert states(story) == {
        1: TaskState.FAILED,
        2: TaskState.FAILED,
        3: TaskState.CANCELED,
        4: TaskState.CANCELED,
        5: TaskState.CANCELED,
    }
    assert story.job.tasks[1].state is TaskState.CANCELED
    assert story.tell(c.RecordTaskCanceled()) == (e.TaskCanceled("t1", "1"),)
    assert isinstance(story.tell(end_job())[0], e.JobFailed)


def test_a_subtask_is_canceled_alone() -> None:
    story = running()
    story.ask(on_subtask(2, CancelMode.FORCED))
    assert states(story)[2] is TaskState.CANCELING
    assert story.tell(c.OrderStop(SIGTERM)) == (kill("t1", StopCause.TASK_CANCEL, "2"),)
    story.tell(killed(2, "t1"))
    assert states(story)[2] is TaskState.FAILED
    assert states(story)[1] is TaskState.RUNNING


def test_what_was_not_reached_cannot_be_named_yet() -> None:
    story = running()
    (refused,) = story.ask(on_subtask(4))
    assert isinstance(refused, e.TaskCancelRefused)
    assert (refused.code, refused.hresult) == ("unknown_task", HResult.INVALID_TASK_ID)
    assert "the specified subtask has not been expanded yet; 2 of 5 are" in refused.explanation


@pytest.mark.parametrize(
    ("task", "instance", "words"),
    [(1, 6, "has the subtasks 1 to 5"), (2, 1, "has no subtasks"), (3, 1, "has no task 3")],
)
def test_a_subtask_that_is_none_is_refused(task: int, instance: int, words: str) -> None:
    story = running(sweep(), e.TaskSpec(2, "work"))
    who = asked("t9")
    (refused,) = story.ask(c.CancelTask(who, task, CancelMode.NORMAL, "", 15, instance=instance))
    assert isinstance(refused, e.TaskCancelRefused)
    assert words in refused.explanation


# --- again ----------------------------------------------------------------------------------------


def test_a_requeue_keeps_finished_subtasks_and_runs_the_others_again() -> None:
    story = running()
    story.tell(ends(1))
    story.ask(cancel(mode=CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), killed(2, "r1"), end_job())
    (fact,) = story.ask(requeue())
    assert isinstance(fact, e.JobRequeued)
    assert fact.queued == e.TaskSet(4, "1", (e.SubtaskSet(1, "2-5"),))
    assert fact.kept == e.TaskSet(1, "1", (e.SubtaskSet(1, "1"),))
    assert states(story)[1] is TaskState.FINISHED
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    assert story.tell(begin(2, attempt=1)) == (), "attempts go on"
    assert story.tell(begin(2, attempt=2)) != ()


def test_subtasks_canceled_by_hand_before_they_ran_stay_canceled() -> None:
    story = running(started=(1,))
    story.ask(on_subtask(0, CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), c.RecordTaskCanceled(), killed(1, "t1"), end_job())
    story.ask(requeue())
    assert states(story)[1] is TaskState.SUBMITTED
    assert {states(story)[n] for n in (2, 3, 4, 5)} == {TaskState.CANCELED}


def test_one_failed_subtask_is_queued_again() -> None:
    story = running()
    story.tell(ends(1, code=1))
    (fact,) = story.ask(c.RequeueTask(asked("q1"), 1, 1))
    assert isinstance(fact, e.TaskRequeued)
    assert (fact.instance, fact.attempt) == (1, 2)
    assert story.job.state is JobState.RUNNING
    assert story.tell(begin(1, attempt=2)) != ()
