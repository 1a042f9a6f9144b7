"""What follows from the end of a filter: every exit code, every way to fail, and no flood."""

from typing import Final

import pytest

from domain import commands as c
from domain import events as e
from domain.hresult import HResult
from domain.next_steps import Step, next_steps
from domain.states import ActivationHold, FilterHow, JobPriority, JobState, TaskState
from tests.domain.builders import (
    NODE,
    Story,
    at,
    cancel,
    cancel_task,
    configure,
    given,
    queued_job,
    requeue,
)
from tests.domain.situations import external_validation, validating

PROGRAM: Final = "/site/check"
RAN: Final = FilterHow.RAN


def answered(
    code: int | None = 0,
    words: str = "",
    terms: c.JobTerms = c.JobTerms(),  # noqa: B008
    how: FilterHow = RAN,
    signal: int | None = None,
) -> c.EndExternalValidation:
    return c.EndExternalValidation(PROGRAM, c.FilterEnd(how, code, signal, words), terms)


def activation(
    code: int | None = 1,
    words: str = "",
    seconds: int = 10,
    how: FilterHow = RAN,
    program: str = PROGRAM,
) -> c.EndActivation:
    return c.EndActivation(program, c.FilterEnd(how, code, None, words), at(seconds), 1)


# --- submission -----------------------------------------------------------------------------------


def test_external_validation_begins_once() -> None:
    story = validating()
    begin = c.StartExternalValidation(PROGRAM)
    assert story.tell(begin) == (e.JobExternalValidationStarted(PROGRAM),)
    assert story.job.state is JobState.EXTERNAL_VALIDATION
    assert story.tell(begin) == ()
    assert next_steps(story.job) == (Step.END_VALIDATION,)


def test_a_filter_that_accepts() -> None:
    story = external_validation()
    assert story.tell(answered(0)) == (e.JobQueued(),)
    assert story.job.tasks[1].state is TaskState.QUEUED


def test_a_filter_that_changes_the_job() -> None:
    story = external_validation()
    changes = c.JobChanges(priority=JobPriority.HIGHEST, properties={"JobClass": "large"})
    changed, queued = story.tell(answered(1, terms=c.JobTerms(changes)))
    assert isinstance(changed, e.JobPropertiesChanged)
    assert changed.named == ("priority", "JobClass")
    assert changed.decision.rules == ("submission-filter",)
    assert changed.decision.facts == {"filter": PROGRAM}
    assert queued == e.JobQueued()
    assert story.job.priority is JobPriority.HIGHEST
    assert story.job.properties == {"JobClass": "large"}
    assert story.job.asked.keys() == external_validation().job.asked.keys()


def test_one_that_says_it_changed_the_job_and_did_not() -> None:
    assert external_validation().tell(answered(1)) == (e.JobQueued(),)


BAD: Final = HResult.SUBMISSION_FILTER_INVALID_JOB_TERM
REFUSED: Final[list[tuple[c.EndExternalValidation, str, HResult, str]]] = [
    (
        answered(2, "no budget"),
        "submission_filter_failed",
        HResult.SUBMISSION_FILTER_FAILED,
        "refused the job: exit code 2, no budget",
    ),
    (
        answered(255),
        "submission_filter_failed",
        HResult.SUBMISSION_FILTER_FAILED,
        "refused the job: exit code 255",
    ),
    (
        answered(None, signal=11),
        "submission_filter_failed",
        HResult.SUBMISSION_FILTER_FAILED,
        "refused the job: signal 11",
    ),
    (
        answered(None, "it was killed after 15 seconds", how=FilterHow.TIMED_OUT),
        "submission_filter_timeout",
        HResult.SUBMISSION_FILTER_TIMEOUT,
        "gave no answer in time, which refuses the job: it was killed after 15 seconds",
    ),
    (
        answered(None, f"there is no file {PROGRAM}", how=FilterHow.MISSING),
        "submission_filter_missing",
        HResult.SUBMISSION_FILTER_DOES_NOT_EXIST,
        f"is not there: there is no file {PROGRAM}",
    ),
    (
        answered(None, "it is not executable", how=FilterHow.INVALID),
        "submission_filter_invalid",
        HResult.SUBMISSION_FILTER_INVALID,
        "cannot be run: it is not executable",
    ),
    (
        answered(1, terms=c.JobTerms(not_taken="it changed the tasks")),
        "submission_filter_job_term",
        BAD,
        "changed what it cannot change: it changed the tasks",
    ),
    (
        answered(0, terms=c.JobTerms(c.JobChanges(name="other"))),
        "submission_filter_job_term",
        BAD,
        "changed what it cannot change: the job's file was changed, and the exit code 0 says that "
        "it was not: 1 does",
    ),
    (
        answered(1, terms=c.JobTerms(c.JobChanges(name="x" * 81))),
        "submission_filter_job_term",
        BAD,
        "changed what it cannot change: the job's name has 81 characters; at most 80 are allowed",
    ),
    (
        answered(1, terms=c.JobTerms(c.JobChanges(properties={"a": "x" * 20_000}))),
        "submission_filter_job_term",
        BAD,
        "changed what it cannot change: the job: the property 'a': its value has 20000",
    ),
]


@pytest.mark.parametrize(("told", "code", "hresult", "sentence"), REFUSED)
def test_every_way_to_refuse_a_job(
    told: c.EndExternalValidation, code: str, hresult: HResult, sentence: str
) -> None:
    story = external_validation()
    (fact,) = story.tell(told)
    assert isinstance(fact, e.JobRejected)
    assert (fact.code, fact.hresult) == (code, hresult)
    assert fact.reason.startswith(f"the submission filter {PROGRAM} {sentence}")
    assert story.job.state is JobState.FAILED
    assert story.job.error_code == hresult
    assert {t.state for t in story.job.tasks.values()} == {TaskState.CANCELED}


def test_a_refused_job_may_be_queued_again_and_is_asked_about_again() -> None:
    story = external_validation()
    story.tell(answered(2))
    story.ask(requeue())
    story.tell(c.StartValidation(), c.StartExternalValidation(PROGRAM), answered(0))
    assert story.job.state is JobState.QUEUED


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (validating(), c.EndValidation("no_such_queue", "no such queue")),
        (external_validation(), answered(2)),
    ],
)
def test_a_refused_job_leaves_no_cancel_of_a_task_open(story: Story, told: c.Instruction) -> None:
    story.ask(cancel_task(1, "t1"))
    canceled, rejected = story.tell(told)
    assert canceled == e.TaskCanceled("t1", "1")
    assert isinstance(rejected, e.JobRejected)
    assert next_steps(story.job) == ()


def test_a_cancel_while_the_filter_runs_is_refused() -> None:
    story = external_validation()
    (fact,) = story.ask(cancel())
    assert isinstance(fact, e.JobCancelRefused)
    assert (fact.state, fact.hresult) == (
        JobState.EXTERNAL_VALIDATION,
        HResult.INVALID_CANCEL_JOB_STATE,
    )


def test_an_answer_about_a_job_that_nobody_asked_about_changes_nothing() -> None:
    for story in (validating(), queued_job()):
        assert given(story.job).when(answered(0)) == ()
        assert given(story.job).when(answered(2)) == ()


# --- activation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "hold", "word"),
    [
        (1, ActivationHold.QUEUE, "held_by_activation_filter"),
        (2, ActivationHold.SLOTS, "held_by_activation_filter"),
        (3, ActivationHold.JOB, "held_by_activation_filter"),
        (5, ActivationHold.QUEUE, "activation_filter_failed"),
        (255, ActivationHold.QUEUE, "activation_filter_failed"),
        (None, ActivationHold.QUEUE, "activation_filter_failed"),
    ],
)
def test_every_exit_code_that_holds(code: int | None, hold: ActivationHold, word: str) -> None:
    story = queued_job()
    (fact,) = story.tell(activation(code, "2 of 4 are free"))
    assert isinstance(fact, e.JobActivationHeld)
    assert (fact.filter, fact.hold, fact.exit_code, fact.code) == (PROGRAM, hold, code, word)
    assert fact.reason.endswith("2 of 4 are free")
    assert story.job.state is JobState.QUEUED
    assert story.job.held is not None
    assert story.job.held.hold is hold


@pytest.mark.parametrize(
    ("how", "word"),
    [
        (FilterHow.MISSING, "activation_filter_missing"),
        (FilterHow.INVALID, "activation_filter_invalid"),
    ],
)
def test_a_filter_that_cannot_be_run_holds_the_queue(how: FilterHow, word: str) -> None:
    (fact,) = queued_job().tell(activation(None, "why", how=how))
    assert isinstance(fact, e.JobActivationHeld)
    assert (fact.hold, fact.code, fact.reason) == (ActivationHold.QUEUE, word, "why")


def test_the_exit_code_that_fails_a_job() -> None:
    story = queued_job(release=True)
    (fact,) = story.tell(activation(4, "no such license"))
    assert fact == e.JobFailed(
        f"the activation filter {PROGRAM} failed the job: no such license",
        "failed_by_activation_filter",
        HResult.FAILED_BY_ACTIVATION_FILTER,
    )
    assert story.job.state is JobState.FAILED
    assert {t.state for t in story.job.tasks.values()} == {TaskState.CANCELED}
    (again,) = story.ask(requeue())
    assert isinstance(again, e.JobRequeued)


@pytest.mark.parametrize("told", [activation(0), activation(None, how=FilterHow.TIMED_OUT)])
def test_what_lets_a_job_start_writes_nothing_by_itself(told: c.EndActivation) -> None:
    assert queued_job().tell(told) == ()


def test_the_start_says_which_filter_let_it_pass_and_how() -> None:
    story = queued_job()
    story.tell(activation(1))
    (fact,) = story.tell(c.StartJob((NODE,), 0, PROGRAM, "timed_out"))
    assert fact == e.JobStarted((NODE,), 0, PROGRAM, "timed_out")
    assert story.job.held is None


def test_the_same_answer_again_is_no_news() -> None:
    story = queued_job()
    story.tell(activation(1, "none free"))
    assert story.tell(activation(1, "none free", seconds=100_000)) == ()
    since = story.job.held
    assert since is not None
    assert story.tell(activation(1, "one free", seconds=20)) == ()
    (fact,) = story.tell(activation(1, "one free", seconds=20 + 15 * 60))
    assert isinstance(fact, e.JobActivationHeld)
    assert fact.reason == "one free"
    assert story.job.held is not None
    assert story.job.held.at == since.at


@pytest.mark.parametrize(
    "other",
    [
        activation(2),
        activation(9),
        activation(1, program="/other"),
        activation(None, how=FilterHow.MISSING),
    ],
)
def test_another_answer_is_news(other: c.EndActivation) -> None:
    story = queued_job()
    story.tell(activation(1))
    (fact,) = story.tell(other)
    assert isinstance(fact, e.JobActivationHeld)


def test_a_held_job_can_be_canceled_and_configured() -> None:
    story = queued_job()
    story.tell(activation(3))
    story.ask(cancel())
    assert story.job.state is JobState.CANCELING
    story = queued_job()
    story.tell(activation(3))
    story.ask(configure())
    assert story.job.held is None


@pytest.mark.parametrize("told", [activation(1), activation(4)])
def test_an_answer_about_a_job_that_does_not_wait_changes_nothing(told: c.EndActivation) -> None:
    story: Story = queued_job()
    story.tell(c.StartJob((NODE,)))
    assert given(story.job).when(told) == ()
