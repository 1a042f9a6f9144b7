"""Again: which tasks run again, which stay (seed, Remarks); and the cancel of single tasks."""

import pytest

from domain import commands as c
from domain import events as e
from domain.hresult import HResult
from domain.next_steps import Step, next_steps, wants_slots
from domain.states import CancelMode, JobState, StopCause, TaskState
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    HANDLE,
    NODE,
    SIGTERM,
    Story,
    add,
    asked,
    at,
    cancel,
    cancel_task,
    configure,
    end_job,
    ends,
    heeds,
    killed,
    queued_job,
    release,
    requeue,
    run,
    running_job,
    specs,
    start,
    submit,
)

FORCED = CancelMode.FORCED
ORDER = c.OrderStop(SIGTERM)


def states(story: Story) -> dict[int, TaskState]:
    return {n: t.state for n, t in story.job.tasks.items()}


def one_of_each() -> Story:
    """Canceled, with a task (1) finished, (2) failed, (3) canceled explicitly while it waited,
    (4) canceled explicitly while it ran, (5) stopped by the job's cancel, (6) waiting then, and
    (7) node release that has run."""
    story = running_job(6, release=True, started=2)
    story.tell(start(4), start(5), ends(1), ends(2, code=1))
    story.ask(cancel_task(3, "t3"), cancel_task(4, "t4"))
    story.tell(c.RecordTaskCanceled(), ORDER, heeds(4, "t4"))
    story.ask(cancel("r1", message="stop"))
    story.tell(ORDER, heeds(5, "r1"), release(), ends(7), end_job())
    assert story.job.state is JobState.CANCELED
    return story


def test_a_requeue_keeps_what_the_seed_says_and_runs_the_rest_again() -> None:
    story = one_of_each()
    assert story.ask(requeue("q1")) == (
        e.JobRequeued(
            "q1", 1, e.TaskSet(4, "2,4-6"), e.TaskSet(2, "1,3"), ALLOWED, JobState.CANCELED
        ),
    )
    assert states(story) == {
        1: TaskState.FINISHED,
        2: TaskState.SUBMITTED,
        3: TaskState.CANCELED,
        4: TaskState.SUBMITTED,
        5: TaskState.SUBMITTED,
        6: TaskState.SUBMITTED,
        7: TaskState.SUBMITTED,
    }
    job = story.job
    assert (job.state, job.requeue_count) == (JobState.SUBMITTED, 1)
    assert (job.cancel, job.error_code, job.error_params, job.ended_at) == (None, 0, "", None)
    assert (job.nodes, job.stopped, job.released) == ((), 0, False)
    assert job.submitted_at == job.changed_at


def test_a_requeue_says_why_and_a_message_that_is_too_long_is_refused() -> None:
    story = one_of_each()
    (refused,) = story.ask(requeue("q0", message="\U0001f600" * 161))
    assert isinstance(refused, e.JobCommandRefused)
    assert (refused.code, refused.message_units) == ("message_too_long", 322)
    assert story.job.state is JobState.CANCELED
    (fact,) = story.ask(requeue("q1", message="the disk has room again"))
    assert isinstance(fact, e.JobRequeued)
    assert fact.message == "the disk has room again"


def test_attempts_count_on_and_explicit_cancels_survive_every_round() -> None:
    story = one_of_each()
    for round_ in (2, 3):
        story.ask(requeue(f"q{round_}"))
        story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
        assert story.tell(start(2, attempt=round_ + 1)) == ()
        assert story.tell(start(2, attempt=round_)) == (e.TaskStarted((run(2, round_),), HANDLE),)
        story.tell(ends(2, code=1, attempt=round_))
        story.ask(cancel(f"r{round_}", FORCED))
        story.tell(c.SkipRelease(), end_job())
        assert story.job.state is JobState.CANCELED
        assert story.job.requeue_count == round_ - 1
        assert story.job.tasks[2].attempt == round_
        assert (states(story)[1], states(story)[3]) == (TaskState.FINISHED, TaskState.CANCELED)


def test_node_release_runs_again_in_each_round() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1"), release(1), ends(2), end_job())
    story.ask(requeue())
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    story.tell(start(1, 2), ends(1, attempt=2), end_job())
    assert story.tell(release(2)) == (e.NodeReleaseStarted(NODE, (run(2, 2),), HANDLE),)
    story.tell(ends(2, attempt=2))
    assert story.tell(end_job()) == (e.JobFinished(),)


def test_configure_then_submit_is_the_long_way_and_counts_once() -> None:
    story = one_of_each()
    (fact,) = story.ask(configure("c1"))
    assert fact == e.JobConfigured(
        "c1", 1, e.TaskSet(4, "2,4-6"), e.TaskSet(2, "1,3"), ALLOWED, JobState.CANCELED
    )
    assert story.job.state is JobState.CONFIGURING
    assert states(story)[2] is TaskState.CONFIGURING
    (again,) = story.ask(submit("s1"))
    assert isinstance(again, e.JobSubmitted)
    assert states(story)[2] is TaskState.SUBMITTED
    assert states(story)[3] is TaskState.CANCELED
    assert story.job.requeue_count == 1


def test_a_queued_job_goes_back_to_configuring() -> None:
    story = queued_job(2)
    story.ask(cancel_task(2, "t2"), configure("c1"))
    assert states(story) == {1: TaskState.CONFIGURING, 2: TaskState.CANCELED}
    assert not wants_slots(story.job)


def test_a_rejected_job_waits_for_nothing_and_can_be_queued_again() -> None:
    story = Story(add(specs(2, release=True), submit=True))
    story.tell(c.StartValidation(), c.EndValidation("no_account", "no such account"))
    assert story.job.state is JobState.FAILED
    assert set(states(story).values()) == {TaskState.CANCELED}
    assert story.job.error_params == "no such account"
    (fact,) = story.ask(requeue())
    assert isinstance(fact, e.JobRequeued)
    assert fact.queued == e.TaskSet(2, "1-2")


def test_survivors_of_an_earlier_attempt_are_remembered_while_the_next_one_runs() -> None:
    story = running_job(1)
    story.ask(cancel("r1", FORCED))
    story.tell(ORDER, killed(1, "r1", survivors=1), end_job())
    story.ask(requeue())
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1, attempt=2))
    assert story.job.tasks[1].survivors == 1
    assert story.tell(c.RecordSurvivorsGone(1, 1)) == (e.TaskSurvivorsGone((run(1, 1),)),)
    assert story.job.tasks[1].survivors == 0
    assert story.job.tasks[1].attempt == 2


def test_a_finished_job_is_never_queued_again() -> None:
    story = running_job(1)
    story.tell(ends(1), end_job())
    (fact,) = story.ask(requeue())
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.hresult == 0x8004020A


# --- the cancel of a task -------------------------------------------------------------------------


def test_a_waiting_task_is_canceled_explicitly_and_the_request_is_closed() -> None:
    story = running_job(2)
    assert story.ask(cancel_task(2, "t2", message="not needed", reason_code="user")) == (
        e.TaskCancelRequested(
            "t2",
            2,
            CancelMode.NORMAL,
            "not needed",
            "user",
            TaskState.QUEUED,
            e.RunSet(0),
            e.TaskSet(1, "2"),
            GRACE_SECONDS,
            ALLOWED,
        ),
    )
    assert states(story)[2] is TaskState.CANCELED
    assert next_steps(story.job) == (Step.CLOSE_TASK_CANCELS,)
    assert story.tell(c.RecordTaskCanceled()) == (e.TaskCanceled("t2", "2"),)
    assert next_steps(story.job) == ()
    assert story.tell(start(2)) == ()


def test_requests_on_waiting_tasks_are_closed_each_by_its_own_fact_before_the_job_ends() -> None:
    story = queued_job(3)
    story.ask(cancel_task(1, "t1"), cancel_task(3, "t3"), cancel_task(2, "t1"))
    assert story.tell(end_job()) == ()
    assert story.tell(c.RecordTaskCanceled()) == (
        e.TaskCanceled("t1", "1-2"),
        e.TaskCanceled("t3", "3"),
    )
    assert story.tell(end_job()) == (
        e.JobFailed("0 of 3 tasks failed, 3 canceled", "task_failure", HResult.TASK_FAILURE),
    )


def test_a_running_task_is_stopped_and_failed_and_the_job_goes_on() -> None:
    story = running_job(2)
    story.ask(cancel_task(1, "t1"))
    assert states(story)[1] is TaskState.CANCELING
    story.tell(ORDER)
    assert story.tell(heeds(1, "t1")) == (
        e.TaskStopped(
            "t1",
            StopCause.TASK_CANCEL,
            (run(1),),
            e.Exit(signal=SIGTERM),
            40,
            TaskState.FAILED,
        ),
    )
    assert story.job.state is JobState.RUNNING
    assert not story.job.tasks[1].explicitly_canceled
    story.tell(start(2), ends(2))
    assert story.tell(end_job()) == (
        e.JobFailed("1 of 2 tasks failed, 0 canceled", "task_failure", HResult.TASK_FAILURE),
    )


def test_a_task_is_canceled_harder_than_its_job_is() -> None:
    story = running_job(2, started=2)
    story.ask(cancel("r1"))
    story.tell(ORDER)
    (fact,) = story.ask(cancel_task(2, "t2", FORCED))
    assert isinstance(fact, e.TaskCancelRequested)
    assert (fact.escalates, fact.grace_seconds) == ("r1", 0)
    (order,) = story.tell(ORDER)
    assert isinstance(order, e.TaskStopOrdered)
    assert order.runs == (run(2),)
    (repeat,) = story.ask(cancel_task(2, "t3", FORCED))
    assert isinstance(repeat, e.TaskCancelRepeated)
    assert repeat.under_way == "t2"


def test_a_task_runs_on_in_a_graceful_cancel_and_can_still_be_canceled() -> None:
    story = running_job(1)
    story.ask(cancel("r1", CancelMode.GRACEFUL), cancel_task(1, "t1"))
    (order,) = story.tell(ORDER)
    assert isinstance(order, e.TaskStopOrdered)
    assert order.cause is StopCause.TASK_CANCEL
    story.tell(heeds(1, "t1"))
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.request_id, end.stopped) == ("r1", 0)


# --- the end of a job by itself, and submission ---------------------------------------------------


def test_a_job_finishes_when_all_tasks_finished() -> None:
    story = running_job(2, release=True, started=2)
    story.tell(ends(1), ends(2))
    assert story.tell(end_job()) == (e.JobEnding(JobState.FINISHED),)
    assert next_steps(story.job) == (Step.START_RELEASE,)
    story.tell(release(), ends(3))
    assert story.tell(end_job()) == (e.JobFinished(),)
    assert (story.job.error_code, story.job.error_params) == (0, "")


def test_a_failed_node_release_does_not_fail_the_job() -> None:
    story = running_job(1, release=True)
    story.tell(ends(1), end_job(), release(), ends(2, code=4))
    assert story.tell(end_job()) == (e.JobFinished(),)


def test_a_job_without_tasks_finishes() -> None:
    story = queued_job(0)
    assert story.tell(end_job(), c.StartValidation()) == ()
    assert story.job.state is JobState.FINISHED


def test_a_removed_job_keeps_its_events() -> None:
    story = running_job(1)
    story.tell(ends(1), end_job())
    count = len(story.history)
    assert story.tell(c.RemoveJob()) == (e.JobRemoved("ttl"),)
    assert story.job.removed
    assert len(story.history) == count + 1
    assert next_steps(story.job) == ()


@pytest.mark.parametrize(("run_as", "again"), [("", True), ("batch", False)])
def test_a_submission_is_another_one_when_it_names_another_account(
    run_as: str, again: bool
) -> None:
    story = Story()
    story.ask(submit("s1"))
    facts = story.ask(c.SubmitJob(asked("s1"), run_as))
    assert (facts == ()) is again


def test_a_submission_may_name_the_account_and_sets_the_time() -> None:
    story = Story()
    assert story.ask(c.SubmitJob(asked("s1"), "batch"))[0] == e.JobSubmitted(
        "batch", "s1", ALLOWED, c.content_sha256("submit", "batch")
    )
    assert (story.job.run_as, story.job.submitted_at) == ("batch", at(2))


def test_properties_change_by_name() -> None:
    story = Story(add(properties={"project": "x", "site": "a"}))
    story.know(e.JobPropertiesChanged("p1", {"project": "y"}, ALLOWED))
    assert story.job.properties == {"project": "y", "site": "a"}
