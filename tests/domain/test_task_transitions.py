"""Every (task state, command) pair: a row of a table or a refusal, none left to chance.

The tables here are written from the job model, not imported from the domain; the forbidden pairs
come first.
"""

from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.job import Job
from domain.states import JOB_ENDED, CancelMode, JobState, TaskState, TaskType
from tests.domain.builders import DENIED, cancel_task, finish_task, given, requeue_task
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, situation

GRACEFUL, NORMAL, FORCED = CancelMode.GRACEFUL, CancelMode.NORMAL, CancelMode.FORCED
INVALID_CANCEL_TASK_STATE: Final = 0x80040209
PERMISSION_DENIED: Final = 0x8004020B
ONLY_FAILED_CANCELLED_TASKS: Final = 0x8004024C
TASK_OF_TYPE_CANNOT_BE_RECONFIGURED: Final = 0x8004024D


def test_the_tables_name_every_state() -> None:
    assert set(CANCEL_TASK) == set(FINISH_TASK) == set(REQUEUE_TASK) == set(TaskState)


# --- cancel of a task -----------------------------------------------------------------------------

# For normal and forced. A task is Canceling by its own normal cancel; graceful is never possible.
CANCEL_TASK: Final = {
    TaskState.FINISHING: "- -",
    TaskState.FINISHED: "- -",
    TaskState.FAILED: "- -",
    TaskState.CANCELED: "- -",
    TaskState.CANCELING: "= ^",
    TaskState.CONFIGURING: "+ +",
    TaskState.SUBMITTED: "+ +",
    TaskState.VALIDATING: "+ +",
    TaskState.QUEUED: "+ +",
    TaskState.DISPATCHING: "+ +",
    TaskState.RUNNING: "+ +",
}
ON_NODE: Final = (TaskState.DISPATCHING, TaskState.RUNNING, TaskState.CANCELING)


def with_task(state: TaskState) -> Job:
    """A running job whose task 1 is in ``state``."""
    job = situation("running")
    if state is TaskState.CANCELING:
        return folded(job, *given(job).when(cancel_task(1, "t0")))
    return replace(job, tasks=job.tasks | {1: replace(job.tasks[1], state=state)})


@pytest.mark.parametrize(
    ("state", "mode", "answer"),
    [
        pytest.param(state, mode, answer, id=f"{state}-{mode}")
        for state, row in CANCEL_TASK.items()
        for mode, answer in zip((NORMAL, FORCED), row.split(), strict=True)
    ],
)
def test_a_cancel_of_a_task_in_every_state(state: TaskState, mode: CancelMode, answer: str) -> None:
    job = with_task(state)
    (fact,) = given(job).when(cancel_task(1, "t1", mode, "because"))
    after = folded(job, fact)
    match answer:
        case "-":
            assert isinstance(fact, e.TaskCancelRefused)
            assert (fact.code, fact.hresult) == ("illegal_transition", INVALID_CANCEL_TASK_STATE)
            assert (fact.task, fact.state, fact.job_state) == (1, state, JobState.RUNNING)
            assert only_the_trail_differs(job, after)
        case "=":
            assert isinstance(fact, e.TaskCancelRepeated)
            assert (fact.task, fact.under_way) == (1, "t0")
            assert only_the_trail_differs(job, after)
        case _:
            assert isinstance(fact, e.TaskCancelRequested)
            assert fact.escalates == ("t0" if answer == "^" else "")
            assert (fact.from_state, fact.running.count) == (state, int(state in ON_NODE))
            ran = state in ON_NODE
            assert after.tasks[1].state is (TaskState.CANCELING if ran else TaskState.CANCELED)
            assert after.tasks[1].explicitly_canceled is not ran
            assert after.state is JobState.RUNNING


@pytest.mark.parametrize("state", TaskState)
def test_there_is_no_graceful_cancel_of_a_task(state: TaskState) -> None:
    job = with_task(state)
    (fact,) = given(job).when(cancel_task(1, "t1", GRACEFUL))
    assert isinstance(fact, e.TaskCancelRefused)
    assert (fact.code, fact.hresult) == ("no_graceful_task_cancel", 0x80040205)
    assert only_the_trail_differs(job, folded(job, fact))


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize(
    ("task", "code", "hresult"),
    [(9, "unknown_task", 0x80040207), (3, "not_this_task_type", 0x8004020F)],
)
def test_no_such_task_and_node_release_are_refused_in_every_state(
    name: str, task: int, code: str, hresult: int
) -> None:
    job = situation(name)
    (fact,) = given(job).when(cancel_task(task, "t1", FORCED))
    assert isinstance(fact, e.TaskCancelRefused)
    assert (fact.code, fact.hresult) == (code, hresult)
    assert only_the_trail_differs(job, folded(job, fact))


@pytest.mark.parametrize("name", [n for n, (s, _) in SITUATIONS.items() if s in JOB_ENDED])
@pytest.mark.parametrize("task", [1, 2])
def test_no_task_of_a_job_that_has_ended_can_be_canceled(name: str, task: int) -> None:
    (fact,) = given(situation(name)).when(cancel_task(task, "t1", FORCED))
    assert isinstance(fact, e.TaskCancelRefused)
    assert fact.hresult == INVALID_CANCEL_TASK_STATE


# --- finish and requeue of a task -----------------------------------------------------------------

# + accepted, - refused, in a running job.
FINISH_TASK: Final = {
    TaskState.CANCELING: "-",
    TaskState.FINISHING: "-",
    TaskState.FINISHED: "-",
    TaskState.FAILED: "-",
    TaskState.CANCELED: "-",
    TaskState.CONFIGURING: "+",
    TaskState.SUBMITTED: "+",
    TaskState.VALIDATING: "+",
    TaskState.QUEUED: "+",
    TaskState.DISPATCHING: "+",
    TaskState.RUNNING: "+",
}
REQUEUE_TASK: Final = {
    TaskState.CONFIGURING: "-",
    TaskState.SUBMITTED: "-",
    TaskState.VALIDATING: "-",
    TaskState.DISPATCHING: "-",
    TaskState.RUNNING: "-",
    TaskState.CANCELING: "-",
    TaskState.FINISHING: "-",
    TaskState.FINISHED: "-",
    TaskState.QUEUED: "+",
    TaskState.FAILED: "+",
    TaskState.CANCELED: "+",
}
# The states of a job whose tasks can be queued again.
REQUEUE_TASK_IN: Final = {JobState.QUEUED, JobState.RUNNING}


@pytest.mark.parametrize(("state", "answer"), FINISH_TASK.items())
def test_a_finish_of_a_task_in_every_state(state: TaskState, answer: str) -> None:
    job = with_task(state)
    (fact,) = given(job).when(finish_task(1, "f1", "enough"))
    after = folded(job, fact)
    if answer == "-":
        assert isinstance(fact, e.JobCommandRefused)
        assert (fact.code, fact.hresult) == ("illegal_transition", INVALID_CANCEL_TASK_STATE)
        assert (fact.command, fact.task, fact.task_state) == ("finish_task", 1, state)
        assert (fact.state, fact.message) == (JobState.RUNNING, "enough")
        assert f"task 1 of job 7 is {state}" in fact.explanation
        assert only_the_trail_differs(job, after)
        return
    ran = state in ON_NODE
    assert isinstance(fact, e.TaskFinishRequested)
    assert (fact.task, fact.from_state, fact.message) == (1, state, "enough")
    assert (fact.running.count, fact.waiting.count) == (int(ran), int(not ran))
    assert fact.grace_seconds == 15
    assert after.tasks[1].state is (TaskState.FINISHING if ran else TaskState.FINISHED)
    assert after.state is JobState.RUNNING


@pytest.mark.parametrize(("state", "answer"), REQUEUE_TASK.items())
def test_a_requeue_of_a_task_in_every_state(state: TaskState, answer: str) -> None:
    job = with_task(state)
    (fact,) = given(job).when(requeue_task(1))
    after = folded(job, fact)
    if answer == "-":
        assert isinstance(fact, e.JobCommandRefused)
        assert (fact.code, fact.hresult) == ("illegal_transition", ONLY_FAILED_CANCELLED_TASKS)
        assert (fact.command, fact.task, fact.task_state) == ("requeue_task", 1, state)
        assert f"task 1 of job 7 is {state}" in fact.explanation
        assert only_the_trail_differs(job, after)
        return
    assert isinstance(fact, e.TaskRequeued)
    assert (fact.task, fact.from_state, fact.attempt) == (1, state, 2)
    assert (after.tasks[1].state, after.tasks[1].attempt) == (TaskState.QUEUED, 1)
    assert (after.state, after.requeue_count) == (JobState.RUNNING, 0)


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_task_is_queued_again_only_while_its_job_is_queued_or_running(name: str) -> None:
    job = situation(name)
    failed = replace(job, tasks=job.tasks | {1: replace(job.tasks[1], state=TaskState.FAILED)})
    (fact,) = given(failed).when(requeue_task(1))
    if job.state in REQUEUE_TASK_IN:
        assert isinstance(fact, e.TaskRequeued)
        return
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult) == ("illegal_transition", ONLY_FAILED_CANCELLED_TASKS)
    assert f"job 7 is {job.state}" in fact.explanation
    assert only_the_trail_differs(failed, folded(failed, fact))


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize(
    ("request_", "code", "hresult"),
    [
        (finish_task(9), "unknown_task", 0x80040207),
        (requeue_task(9), "unknown_task", 0x80040207),
        (finish_task(3), "not_this_task_type", 0x8004020F),
        (requeue_task(3), "not_this_task_type", TASK_OF_TYPE_CANNOT_BE_RECONFIGURED),
        (finish_task(1, decision=DENIED), "not_permitted", PERMISSION_DENIED),
        (requeue_task(1, decision=DENIED), "not_permitted", PERMISSION_DENIED),
        (finish_task(9, decision=DENIED), "not_permitted", PERMISSION_DENIED),
        (finish_task(1, message="x" * 321), "message_too_long", 0x800402D3),
    ],
)
def test_what_is_refused_of_a_task_in_every_state(
    name: str, request_: c.FinishTask | c.RequeueTask, code: str, hresult: int
) -> None:
    job = situation(name)
    (fact,) = given(job).when(request_)
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult, fact.task) == (code, hresult, request_.task)
    assert (fact.task_state is None) == (request_.task == 9)
    assert only_the_trail_differs(job, folded(job, fact))


@pytest.mark.parametrize("type_", [TaskType.NODE_PREP, TaskType.NODE_RELEASE, TaskType.SERVICE])
def test_what_comes_and_goes_with_the_job_is_not_queued_again(type_: TaskType) -> None:
    job = with_task(TaskState.FAILED)
    task = replace(job.tasks[1], spec=replace(job.tasks[1].spec, type=type_))
    (fact,) = given(replace(job, tasks=job.tasks | {1: task})).when(requeue_task(1))
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult) == ("not_this_task_type", TASK_OF_TYPE_CANNOT_BE_RECONFIGURED)
