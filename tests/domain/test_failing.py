"""The service ends a job or a run on its own account: FailOnTaskFailure, run-time limits."""

from typing import Any

from domain import commands as c
from domain import events as e
from domain.error_message import error_message
from domain.failing import next_limit
from domain.hresult import HResult
from domain.next_steps import Step, next_steps
from domain.states import CancelMode, JobState, NodeRelease, StopCause, StopStep, TaskState
from tests.domain.builders import (
    NODE,
    Story,
    add,
    add_tasks,
    at,
    cancel,
    change,
    end_job,
    ends,
    expire,
    finish,
    heeds,
    recorded,
    release,
    requeue,
    specs,
    start,
)


def running(*tasks: e.TaskSpec, started: int = 1, default: int = 0, **options: Any) -> Story:
    """A job of these tasks, of which the first ones run."""
    story = Story(add(tasks, submit=True, **options))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,), default))
    for number in range(1, started + 1):
        story.tell(start(number))
    return story


def last_id(story: Story) -> str:
    """The id of the latest event."""
    return story.history[-1].event.id


# --- FailOnTaskFailure ----------------------------------------------------------------------------


def test_the_first_failed_task_stops_the_rest_and_the_job_is_failed() -> None:
    story = running(*specs(3, release=True), started=2, fail_on_task_failure=True)
    story.tell(ends(1, code=3))
    assert Step.FAIL in next_steps(story.job)
    (fact,) = story.tell(c.FailJob(15))
    assert isinstance(fact, e.JobFailing)
    assert (fact.cause, fact.hresult) == (StopCause.TASK_FAILURE, HResult.TASK_FAILURE)
    assert (fact.running.count, fact.waiting.tasks, fact.grace_seconds) == (1, "3", 15)
    assert fact.node_release is NodeRelease.RUN
    order_id = last_id(story)
    states = [story.job.tasks[n].state for n in (1, 2, 3)]
    assert states == [TaskState.FAILED, TaskState.FINISHING, TaskState.CANCELED]
    (order,) = story.tell(c.OrderStop(15))
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.request_id, order.cause, order.step) == (
        order_id,
        StopCause.TASK_FAILURE,
        StopStep.SIGNAL,
    )
    story.tell(heeds(2, order_id), release(), ends(4), end_job())
    job = story.job
    assert (job.state, job.tasks[2].code) == (JobState.FAILED, "stopped")
    said = error_message(job.error_code, job.error_params)
    assert said == "The job failed: task 1 failed, and FailOnTaskFailure stops the rest"


def test_without_the_property_the_rest_goes_on() -> None:
    story = running(*specs(2), started=2)
    story.tell(ends(1, code=3))
    assert Step.FAIL not in next_steps(story.job)
    assert story.tell(c.FailJob(15)) == ()


def test_a_job_that_is_over_anyway_just_ends() -> None:
    story = running(*specs(1), fail_on_task_failure=True)
    story.tell(ends(1, code=3))
    assert next_steps(story.job) == (Step.END,)
    story.tell(end_job())
    assert story.job.state is JobState.FAILED


def test_set_while_it_runs_it_counts_for_what_has_failed() -> None:
    story = running(*specs(2), started=2)
    story.tell(ends(1, code=3))
    story.ask(change(fail_on_task_failure=True))
    assert Step.FAIL in next_steps(story.job)


def test_a_requeue_takes_up_what_the_failure_stopped() -> None:
    story = running(*specs(3), started=2, fail_on_task_failure=True)
    story.tell(ends(1, code=3), c.FailJob(15))
    order_id = last_id(story)
    story.tell(c.OrderStop(15), heeds(2, order_id), end_job())
    (fact,) = story.ask(requeue())
    assert isinstance(fact, e.JobRequeued)
    assert fact.queued.tasks == "1-3"
    assert story.job.failing is None


def test_a_forced_cancel_cuts_it_short() -> None:
    story = running(*specs(2), started=2, fail_on_task_failure=True)
    story.tell(ends(1, code=3), c.FailJob(15), c.OrderStop(15))
    story.ask(cancel("x1", CancelMode.FORCED))
    (order,) = story.tell(c.OrderStop(15))
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.step, order.cause) == (StopStep.KILL, StopCause.JOB_CANCEL)


# --- RunUntilCanceled -----------------------------------------------------------------------------


def test_it_goes_on_when_all_tasks_have_ended_and_takes_more() -> None:
    story = running(*specs(1), run_until_canceled=True)
    story.tell(ends(1))
    assert next_steps(story.job) == ()
    story.ask(add_tasks(e.TaskSpec(0, "more")))
    assert Step.DISPATCH in next_steps(story.job)
    story.tell(start(2), ends(2, code=1))
    assert (next_steps(story.job), story.job.state) == ((), JobState.RUNNING)
    story.ask(finish())
    story.tell(end_job())
    assert story.job.state is JobState.FINISHED


def test_without_a_task_it_runs_all_the_same() -> None:
    story = Story(add((), submit=True, run_until_canceled=True))
    story.tell(c.StartValidation(), c.EndValidation())
    assert next_steps(story.job) == (Step.START_IDLE,)
    story.tell(c.StartJob((NODE,)))
    assert (next_steps(story.job), story.job.state) == ((), JobState.RUNNING)
    story.ask(cancel())
    story.tell(end_job())
    assert story.job.state is JobState.CANCELED


def test_a_failed_task_ends_it_only_with_fail_on_task_failure() -> None:
    story = running(*specs(1), run_until_canceled=True, fail_on_task_failure=True)
    story.tell(ends(1, code=1))
    assert next_steps(story.job) == (Step.FAIL,)
    story.tell(c.FailJob(15), end_job())
    assert story.job.state is JobState.FAILED


# --- run-time limits ------------------------------------------------------------------------------


def test_a_job_that_runs_too_long_is_stopped_and_failed() -> None:
    story = running(*specs(2), runtime_seconds=30)
    began = story.job.started_at
    assert began is not None
    assert next_limit(story.job) == at(int((began - at(0)).total_seconds()) + 30)
    assert story.tell(expire(34)) == ()
    (fact,) = story.tell(expire(35))
    assert isinstance(fact, e.JobFailing)
    assert (fact.cause, fact.code) == (StopCause.RUN_LIMIT, "job_runtime_expired")
    assert fact.hresult == HResult.JOB_RUNTIME_EXPIRED
    assert story.tell(expire(36)) == ()
    order_id = last_id(story)
    story.tell(c.OrderStop(15), heeds(1, order_id), end_job())
    assert (story.job.state, story.job.error_code) == (
        JobState.FAILED,
        HResult.JOB_RUNTIME_EXPIRED,
    )
    assert story.job.tasks[1].code == "run_limit"


def test_the_clusters_default_counts_where_the_job_has_none() -> None:
    assert running(*specs(1), default=60).job.limit_seconds == 60
    assert running(*specs(1), default=60, runtime_seconds=5).job.limit_seconds == 5
    assert next_limit(running(*specs(1)).job) is None


def test_a_limit_changed_while_it_runs_counts_from_the_start() -> None:
    story = running(*specs(1), runtime_seconds=30)
    story.ask(change(runtime_seconds=300))
    assert story.tell(expire(100)) == ()
    story.ask(change("p2", runtime_seconds=0))
    assert next_limit(story.job) is None


def test_a_run_that_takes_too_long_is_stopped_and_the_job_goes_on() -> None:
    slow = e.TaskSpec(1, "slow", runtime_seconds=10)
    story = running(slow, e.TaskSpec(2, "other"), started=2)
    (fact,) = story.tell(expire(20))
    assert fact == e.TaskRuntimeExpired((e.RunRange(1, 1, NODE),), 10, 15)
    order_id = last_id(story)
    assert story.job.tasks[1].state is TaskState.CANCELING
    (order,) = story.tell(c.OrderStop(15))
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.cause, order.grace_ms, len(order.runs)) == (StopCause.RUN_LIMIT, 15_000, 1)
    (stop,) = story.tell(heeds(1, order_id))
    assert isinstance(stop, e.TaskStopped)
    assert (stop.cause, stop.outcome) == (StopCause.RUN_LIMIT, TaskState.FAILED)
    assert story.job.state is JobState.RUNNING
    assert next_limit(story.job) is None


def test_a_run_that_ends_in_time_or_by_itself_in_its_grace_keeps_its_outcome() -> None:
    story = running(e.TaskSpec(1, "slow", runtime_seconds=10))
    story.tell(expire(20), c.OrderStop(15), ends(1), end_job())
    assert (story.job.tasks[1].state, story.job.state) == (TaskState.FINISHED, JobState.FINISHED)


def test_a_gracefully_canceled_job_loses_its_runs_when_its_time_is_over() -> None:
    story = running(*specs(1), runtime_seconds=30)
    story.ask(cancel(mode=CancelMode.GRACEFUL))
    (fact,) = story.tell(expire(40))
    assert fact == e.TaskRuntimeExpired((e.RunRange(1, 1, NODE),), 30, 15)
    order_id = last_id(story)
    story.tell(c.OrderStop(15), heeds(1, order_id), end_job())
    assert story.job.state is JobState.CANCELED


def test_a_forced_cancel_of_the_task_overtakes_its_limit() -> None:
    story = running(e.TaskSpec(1, "slow", runtime_seconds=10))
    story.tell(expire(20), c.OrderStop(15))
    story.ask(c.CancelTask(cancel("t9").asked, 1, CancelMode.FORCED, "", 0))
    (order,) = story.tell(c.OrderStop(15))
    assert isinstance(order, e.TaskStopOrdered)
    assert order.step is StopStep.KILL


def test_the_time_of_a_job_that_is_over_does_not_matter() -> None:
    story = running(*specs(1), runtime_seconds=30)
    story.tell(ends(1))
    assert story.tell(expire(99)) == ()
    assert next_limit(story.job) is None


def test_an_old_start_without_a_limit_is_read() -> None:
    story = running(*specs(1))
    assert isinstance(recorded(1, e.JobStarted((NODE,))).data, e.JobStarted)
    assert story.job.limit_seconds == 0
