"""Every (state, command) pair: a row of a table or a refusal, none left to chance.

The tables here are written from the job model, not imported from the domain; the forbidden pairs
come first.
"""

from typing import Final

import pytest

from domain import commands as c
from domain import events as e
from domain.changes import enter
from domain.decide import decide
from domain.errors import Unknown
from domain.instruct import instruct
from domain.job import Task
from domain.requests import JobRequest
from domain.states import CancelMode, JobState, StopStep, TaskState
from tests.domain.builders import (
    DENIED,
    HANDLE,
    NODE,
    at,
    cancel,
    cancel_task,
    configure,
    ends,
    finish,
    finish_task,
    given,
    requeue,
    requeue_task,
    submit,
)
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, removed, situation

GRACEFUL, NORMAL, FORCED = CancelMode.GRACEFUL, CancelMode.NORMAL, CancelMode.FORCED
INVALID_CANCEL_JOB_STATE: Final = 0x80040208
ONLY_CONFIG_JOBS_CAN_BE_SUBMITTED: Final = 0x80040202
ONLY_FAILED_CANCELLED_JOBS: Final = 0x8004020A
PERMISSION_DENIED: Final = 0x8004020B


# --- cancel of a job ------------------------------------------------------------------------------

# The job model's table, for graceful, normal and forced: + accepted, ^ escalates, = repeated,
# - refused. "Canceling" stands for the mode under way.
CANCEL: Final = {
    "finished": "- - -",
    "failed": "- - -",
    "rejected": "- - -",
    "canceled": "- - -",
    "external validation": "- - -",
    "finishing by itself": "- - +",
    "finishing, release runs": "- - +",
    "finishing by request": "- - +",
    "canceling by force": "= = =",
    "canceling by force, all done": "= = =",
    "canceling": "= = ^",
    "canceling, all done": "= = ^",
    "canceling gracefully": "= ^ ^",
    "configuring": "+ + +",
    "submitted": "+ + +",
    "validating": "+ + +",
    "queued": "+ + +",
    "running": "+ + +",
    "running, all done": "+ + +",
}
CANCEL_PAIRS: Final = [
    pytest.param(name, mode, answer, id=f"{name}-{mode}")
    for name, row in CANCEL.items()
    for mode, answer in zip((GRACEFUL, NORMAL, FORCED), row.split(), strict=True)
]


def test_the_tables_name_every_situation_and_the_situations_every_state() -> None:
    assert set(CANCEL) == set(SITUATIONS) == set(GATES) == set(INSTRUCTIONS)
    assert {state for state, _ in SITUATIONS.values()} == set(JobState)


@pytest.mark.parametrize(("name", "mode", "answer"), CANCEL_PAIRS)
def test_a_cancel_of_a_job_in_every_state(name: str, mode: CancelMode, answer: str) -> None:
    job = situation(name)
    (fact,) = given(job).when(cancel("r1", mode, "because"))
    after = folded(job, fact)
    match answer:
        case "-":
            assert isinstance(fact, e.JobCancelRefused)
            assert (fact.code, fact.hresult) == ("illegal_transition", INVALID_CANCEL_JOB_STATE)
            assert (fact.state, fact.mode, fact.message) == (job.state, mode, "because")
            assert str(job.state).lower() in fact.explanation.lower()
            assert only_the_trail_differs(job, after)
        case "=":
            assert isinstance(fact, e.JobCancelRepeated)
            assert (fact.under_way, fact.mode, fact.message) == ("r0", mode, "because")
            assert only_the_trail_differs(job, after)
        case _:
            assert isinstance(fact, e.JobCancelRequested)
            assert fact.escalates == ("r0" if answer == "^" else "")
            assert (fact.from_state, fact.mode, fact.message) == (job.state, mode, "because")
            assert fact.grace_seconds == (0 if mode is FORCED else 15)
            assert after.state is JobState.CANCELING


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("mode", CancelMode)
def test_whoever_may_not_cancel_learns_nothing_of_the_state(name: str, mode: CancelMode) -> None:
    job = situation(name)
    (fact,) = given(job).when(cancel("r1", mode, decision=DENIED))
    assert isinstance(fact, e.JobCancelRefused)
    assert (fact.code, fact.hresult) == ("not_permitted", PERMISSION_DENIED)
    assert (fact.rule, fact.explanation) == ("no-rule-allows", "mallory may not")
    assert only_the_trail_differs(job, folded(job, fact))


# --- submit, configure, requeue, finish -----------------------------------------------------------

GATES: Final = {
    "external validation": "",
    "finishing by itself": "",
    "finishing, release runs": "",
    "finishing by request": "",
    "canceling gracefully": "",
    "canceling": "",
    "canceling by force": "",
    "canceling, all done": "",
    "canceling by force, all done": "",
    "finished": "",
    "submitted": "",
    "validating": "",
    "configuring": "submit",
    "queued": "configure finish",
    "running": "finish",
    "running, all done": "finish",
    "failed": "configure requeue",
    "rejected": "configure requeue",
    "canceled": "configure requeue",
}
GATED: Final[dict[str, tuple[JobRequest, str, int, JobState]]] = {
    "submit": (submit(), "JobSubmitted", ONLY_CONFIG_JOBS_CAN_BE_SUBMITTED, JobState.SUBMITTED),
    "configure": (configure(), "JobConfigured", ONLY_FAILED_CANCELLED_JOBS, JobState.CONFIGURING),
    "requeue": (requeue(), "JobRequeued", ONLY_FAILED_CANCELLED_JOBS, JobState.SUBMITTED),
    "finish": (finish(), "JobFinishRequested", INVALID_CANCEL_JOB_STATE, JobState.FINISHING),
}


@pytest.mark.parametrize("operation", GATED)
@pytest.mark.parametrize("name", GATES)
def test_every_other_command_in_every_state(name: str, operation: str) -> None:
    job, (request, fact_name, hresult, state) = situation(name), GATED[operation]
    (fact,) = given(job).when(request)
    after = folded(job, fact)
    if operation in GATES[name].split():
        assert type(fact).__name__ == fact_name
        assert after.state is state
        return
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.command, fact.state) == (operation, job.state)
    assert (fact.code, fact.hresult) == ("illegal_transition", hresult)
    assert only_the_trail_differs(job, after)


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize(
    "request_",
    [
        submit(decision=DENIED),
        configure(decision=DENIED),
        requeue(decision=DENIED),
        finish(decision=DENIED),
    ],
    ids=list(GATED),
)
def test_every_other_command_without_the_right(name: str, request_: JobRequest) -> None:
    job = situation(name)
    (fact,) = given(job).when(request_)
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult, fact.rule) == (
        "not_permitted",
        PERMISSION_DENIED,
        "no-rule-allows",
    )
    assert only_the_trail_differs(job, folded(job, fact))


# --- instructions ---------------------------------------------------------------------------------

TELL: Final[dict[str, c.Instruction]] = {
    "validate": c.StartValidation(),
    "valid": c.EndValidation(),
    "invalid": c.EndValidation("no_account", "no such account"),
    "start job": c.StartJob((NODE,)),
    "start task": c.StartTask(2, 1, NODE, HANDLE),
    "refuse task": c.RefuseTask(2, 1, NODE, "no_directory", "no such directory"),
    "start release": c.StartRelease(1, NODE, HANDLE),
    "refuse release": c.RefuseTask(3, 1, NODE, "no_directory", "no such directory"),
    "skip release": c.SkipRelease(),
    "order": c.OrderStop(15),
    "task ended": ends(1),
    "release ended": ends(3),
    "survivors gone": c.RecordSurvivorsGone(1, 1),
    "close task cancels": c.RecordTaskCanceled(),
    "end": c.EndJob(at(99)),
    "remove": c.RemoveJob(),
}
# What each instruction gives; whatever is not named gives nothing.
INSTRUCTIONS: Final[dict[str, dict[str, str]]] = {
    "configuring": {},
    "submitted": {"validate": "JobValidationStarted"},
    "validating": {"valid": "JobQueued", "invalid": "JobRejected"},
    "external validation": {"valid": "JobQueued", "invalid": "JobRejected"},
    "queued": {"start job": "JobStarted"},
    "running": {
        "start task": "TaskStarted",
        "refuse task": "TaskFailed",
        "task ended": "TaskFinished",
    },
    "running, all done": {"end": "JobEnding"},
    "finishing by itself": {
        "start release": "NodeReleaseStarted",
        "refuse release": "NodeReleaseEnded",
    },
    "finishing, release runs": {"release ended": "NodeReleaseEnded"},
    "finishing by request": {"order": "TaskStopOrdered", "task ended": "TaskFinished"},
    "canceling gracefully": {"task ended": "TaskFinished"},
    "canceling": {"order": "TaskStopOrdered", "task ended": "TaskFinished"},
    "canceling by force": {"order": "TaskStopOrdered", "task ended": "TaskFinished"},
    "canceling, all done": {
        "start release": "NodeReleaseStarted",
        "refuse release": "NodeReleaseEnded",
    },
    "canceling by force, all done": {"skip release": "NodeReleaseSkipped"},
    "finished": {"remove": "JobRemoved"},
    "failed": {"remove": "JobRemoved"},
    "rejected": {"remove": "JobRemoved"},
    "canceled": {"remove": "JobRemoved"},
}


@pytest.mark.parametrize("told", TELL)
@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_every_instruction_in_every_situation(name: str, told: str) -> None:
    job = situation(name)
    names = [type(x).__name__ for x in given(job).when(TELL[told])]
    expected = INSTRUCTIONS[name].get(told)
    assert names == ([expected] if expected else [])


@pytest.mark.parametrize("told", TELL)
def test_nothing_follows_a_removed_job(told: str) -> None:
    assert instruct(removed().job, TELL[told]) == ()


@pytest.mark.parametrize(
    "request_",
    [
        cancel(),
        cancel_task(1),
        submit(),
        configure(),
        requeue(),
        finish(),
        finish_task(1),
        requeue_task(1),
    ],
)
def test_nothing_can_be_asked_of_a_removed_job(request_: JobRequest) -> None:
    with pytest.raises(Unknown) as no:
        decide(removed().job, request_)
    assert (no.value.code, no.value.hresult) == ("unknown_job", 0x80040206)


STALE: Final = [
    c.StartTask(2, 2, NODE, HANDLE),
    c.StartTask(1, 1, NODE, HANDLE),
    c.StartTask(3, 1, NODE, HANDLE),
    c.StartTask(9, 1, NODE, HANDLE),
    c.RefuseTask(9, 1, NODE, "x", "x"),
    c.RecordRunEnd(1, 2, e.Exit(0)),
    c.RecordRunEnd(2, 1, e.Exit(0)),
    c.RecordRunEnd(9, 1, e.Exit(0)),
    c.RecordSurvivorsGone(9, 1),
]


@pytest.mark.parametrize("instruction", STALE, ids=repr)
def test_an_instruction_about_another_run_gives_nothing(instruction: c.Instruction) -> None:
    assert given(situation("running")).when(instruction) == ()


def test_a_stop_that_was_never_ordered_is_not_called_the_work_of_a_request() -> None:
    stop = c.StopSeen("service-stopped", StopStep.KILL, False, 3, 2, 1)
    facts = given(situation("running")).when(c.RecordRunEnd(1, 1, e.Exit(signal=9), stop))
    (fact,) = facts
    assert isinstance(fact, e.TaskFailed)
    assert (fact.code, fact.killed, fact.survivors) == ("stopped_by_engine", 2, 1)


def test_entering_a_state_remembers_the_one_before() -> None:
    job = situation("running")
    assert enter(job, JobState.FINISHING).previous_state is JobState.RUNNING
    assert Task(job.tasks[1].spec).state is TaskState.CONFIGURING
