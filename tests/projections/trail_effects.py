"""What the service does about a job that is being canceled by request r1, and the rows of it."""

from domain import events as e
from domain.hresult import HResult
from domain.states import (
    ActivationHold,
    ForceReason,
    JobState,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
)
from tests.domain.builders import HANDLE, run
from tests.projections.trail_rows import RUN, RUNS, TRACED

RELEASE = {"kind": "node_release", "operation": "node_release", **TRACED}


def failed(code: str, killed: int = 0, survivors: int = 0) -> e.TaskFailed:
    return e.TaskFailed(RUN, e.Exit(code=3), code, "why", killed, survivors)


def force_stopped(why: ForceReason, survivors: int = 0) -> e.TaskForceStopped:
    exit_, outcome = e.Exit(signal=9), TaskState.FAILED
    return e.TaskForceStopped(
        "r1", StopCause.JOB_CANCEL, why, RUN, exit_, 15_020, 3, survivors, outcome
    )


def release_ended(
    code: int | None = 0, timed_out: bool = False, reason: str = "", killed: int = 0
) -> e.NodeReleaseEnded:
    """Cut short by request r1 for the reason ``forced``."""
    by = "r1" if reason == "forced" else ""
    return e.NodeReleaseEnded("n1", (run(3),), e.Exit(code), timed_out, reason, killed, 0, by)


EFFECTS: list[tuple[e.JobEvent, dict[str, object]]] = [
    (
        e.JobFailing(
            StopCause.RUN_LIMIT,
            "its time is over",
            "job_runtime_expired",
            HResult.JOB_RUNTIME_EXPIRED,
            JobState.RUNNING,
            e.RunSet(1, RUN),
            e.TaskSet(1, "2"),
            15,
            NodeRelease.NONE,
        ),
        {
            "kind": "order",
            "operation": "run_limit",
            "outcome": "fail",
            "code": "job_runtime_expired",
            "tasks": "1",
            "detail": "being ended as Failed: its time is over; 15 s grace",
        },
    ),
    (
        e.TaskRuntimeExpired(RUN, 60, 15),
        {
            "kind": "order",
            "operation": "run_limit",
            "outcome": "expired",
            "tasks": "1",
            "detail": "the run-time limit of 60 s ran out for task 1; 15 s grace",
        },
    ),
    (
        e.TaskStopOrdered("r1", StopCause.JOB_CANCEL, StopStep.SIGNAL, 15, 15_000, RUNS),
        {
            "kind": "order",
            "operation": "job_cancel",
            "outcome": "signal",
            "tasks": "1-2,4",
            "detail": "the stop signal ordered for tasks 1, 2, 4",
            **TRACED,
        },
    ),
    (
        e.TaskStopOrdered("f1", StopCause.FINISH, StopStep.KILL, 9, 0, RUN),
        {
            "kind": "order",
            "operation": "finish",
            "outcome": "kill",
            "tasks": "1",
            "request_id": "f1",
            "detail": "SIGKILL ordered for task 1",
        },
    ),
    (
        e.TaskStopped("r1", StopCause.JOB_CANCEL, RUN, e.Exit(signal=15), 1234, TaskState.FAILED),
        {
            "kind": "stop",
            "operation": "job_cancel",
            "outcome": "Failed",
            "tasks": "1",
            "detail": "task 1 stopped after 1234 ms (signal 15)",
            **TRACED,
        },
    ),
    (
        force_stopped(ForceReason.GRACE_EXPIRED, survivors=2),
        {
            "kind": "forced_stop",
            "operation": "job_cancel",
            "outcome": "Failed",
            "code": "grace_expired",
            "tasks": "1",
            "detail": "task 1 killed after 15020 ms on n1 (grace_expired): 3 processes, 2 survived",
            **TRACED,
        },
    ),
    (
        failed("run_lost"),
        {
            "kind": "stop",
            "operation": "engine",
            "outcome": "Failed",
            "code": "run_lost",
            "tasks": "1",
            "detail": "task 1 failed: why",
        },
    ),
    (
        failed("task_failure", killed=2, survivors=1),
        {
            "kind": "forced_stop",
            "operation": "engine",
            "outcome": "Failed",
            "code": "task_failure",
            "tasks": "1",
            "detail": "task 1 failed: why",
        },
    ),
    (
        e.TaskSurvivorsGone(RUN),
        {
            "kind": "survivors_gone",
            "operation": "engine",
            "outcome": "gone",
            "tasks": "1",
            "detail": "the last processes of task 1 are gone",
        },
    ),
    (
        e.NodeReleaseStarted("n1", (run(3),), HANDLE),
        {**RELEASE, "outcome": "started", "tasks": "3", "detail": "node release started on n1"},
    ),
    (
        release_ended(),
        {
            **RELEASE,
            "outcome": "ran",
            "tasks": "3",
            "detail": "node release ended on n1 (exit code 0)",
        },
    ),
    (
        release_ended(code=2),
        {
            **RELEASE,
            "outcome": "failed",
            "tasks": "3",
            "detail": "node release ended on n1 (exit code 2)",
        },
    ),
    (
        release_ended(code=None),
        {
            **RELEASE,
            "outcome": "failed",
            "tasks": "3",
            "detail": "node release ended on n1 (nobody saw how)",
        },
    ),
    (
        release_ended(code=None, reason="no such account"),
        {
            **RELEASE,
            "outcome": "failed",
            "tasks": "3",
            "detail": "node release failed on n1: no such account",
        },
    ),
    (
        release_ended(code=None, timed_out=True, killed=2),
        {
            **RELEASE,
            "kind": "forced_stop",
            "outcome": "timed_out",
            "tasks": "3",
            "detail": "node release was killed on n1, because its time ran out: 2 processes",
        },
    ),
    (
        release_ended(code=None, reason="forced", killed=1),
        {
            **RELEASE,
            "kind": "forced_stop",
            "outcome": "cut_short",
            "tasks": "3",
            "detail": "node release was killed by force on n1: 1 process",
        },
    ),
    (
        e.NodeReleaseSkipped("n1", "forced"),
        {
            **RELEASE,
            "outcome": "skipped",
            "code": "forced",
            "detail": "node release skipped (forced)",
        },
    ),
    (
        e.TaskCanceled("r1", "1-2"),
        {
            "kind": "end",
            "operation": "cancel_task",
            "outcome": "Canceled",
            "tasks": "1-2",
            "detail": "tasks 1-2 were canceled before they ran",
            **TRACED,
        },
    ),
    (
        e.JobCanceled("r1", 1500, 1, 2, True),
        {
            "kind": "end",
            "operation": "end",
            "outcome": "Canceled",
            "detail": "canceled in 1500 ms: 1 stopped, 2 killed, node release ran",
            **TRACED,
        },
    ),
    (
        e.JobFinished("enough", "finished_by_user", "f1"),
        {
            "kind": "end",
            "operation": "end",
            "outcome": "Finished",
            "request_id": "f1",
            "code": "finished_by_user",
            "detail": 'finished "enough"',
        },
    ),
    (
        e.JobFailed("1 of 2 tasks failed, 0 canceled", "task_failure"),
        {
            "kind": "end",
            "operation": "end",
            "outcome": "Failed",
            "code": "task_failure",
            "detail": 'failed "1 of 2 tasks failed, 0 canceled"',
        },
    ),
    (
        e.JobActivationHeld("/f", ActivationHold.SLOTS, 2, "held", "2 of 4 are free", 1),
        {
            "kind": "filter",
            "operation": "activation",
            "outcome": "held_slots",
            "code": "held",
            "detail": 'held by activation filter "/f" (its slots are kept): 2 of 4 are free',
        },
    ),
    (
        e.JobStarted(("n1",), 0, "/f", "timed_out"),
        {
            "kind": "filter",
            "operation": "activation",
            "outcome": "timed_out",
            "detail": 'started on n1; activation filter "/f" gave no answer in time',
        },
    ),
    (
        e.JobRejected("no_such_account", "no such account"),
        {
            "kind": "end",
            "operation": "end",
            "outcome": "Failed",
            "code": "no_such_account",
            "detail": "rejected: no such account",
        },
    ),
]
"""Facts about job 7, which is being canceled by request r1, and what their rows say."""
