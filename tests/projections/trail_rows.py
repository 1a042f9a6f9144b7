"""Requests on a job that is being canceled by request r1, and what stands in the row of each."""

from msgspec.structs import replace

from domain import events as e
from domain.identity import Caller, Origin, Principal
from domain.states import (
    CancelMode,
    Effect,
    EmergencyOutcome,
    JobState,
    LapseCause,
    NodeRelease,
    ReviewKind,
    TaskState,
)
from projections.audit_trail import AuditRow
from projections.stamps import stamp
from tests.domain.builders import ALLOWED, DENIED, at, cancel, run, running_job
from tests.projections.folded import Folds, job_fact

JOB = e.job_aggregate(7)
RUN = (run(1),)
RUNS = (run(1), run(2), run(4))
OLGA = Caller(
    Principal("olga"), Principal("alice"), Origin.HTTP, address="192.0.2.7", program="curl/8"
)
STORY = running_job(2, release=True)
REQUEST = len(STORY.history) + 1
NEXT = REQUEST + 1
ASKED = Folds().take_all([*STORY.history, job_fact(REQUEST, STORY.ask(cancel("r1"))[0], OLGA)])
TRACED = {"request_id": "r1", "request_position": REQUEST, "requested_by": "olga for alice"}
EMPTY = AuditRow(
    position=NEXT,
    time=stamp(at(NEXT)),
    time_high=stamp(at(NEXT)),
    event_id=f"id-{NEXT}",
    type="",
    kind="",
    operation="",
    outcome="",
    job_id=7,
    tasks="",
    subject="",
    owner="alice",
    actor="countermand",
    on_behalf_of="",
    origin="system",
    address="",
    program="",
    request_id="",
    request_position=None,
    requested_by="",
    mode="",
    message="",
    reason_code="",
    rule="",
    explanation="",
    code="",
    detail="",
)
BY_OLGA = {
    "actor": "olga",
    "on_behalf_of": "alice",
    "origin": "http",
    "address": "192.0.2.7",
    "program": "curl/8",
}


def cancel_requested(mode: CancelMode, escalates: str = "") -> e.JobCancelRequested:
    return e.JobCancelRequested(
        request_id="r2",
        mode=mode,
        message='the "disk"\nis full',
        reason_code="maintenance",
        from_state=JobState.RUNNING,
        running=e.RunSet(2, RUNS[:2]),
        waiting=e.TaskSet(3, "3-5"),
        grace_seconds=15,
        node_release=NodeRelease.RUN,
        escalates=escalates,
        decision=replace(ALLOWED, rules=("a-rule", "b-rule")),
    )


def task_cancel_requested(escalates: str = "") -> e.TaskCancelRequested:
    return e.TaskCancelRequested(
        request_id="t1",
        task=2,
        mode=CancelMode.FORCED,
        message="one",
        reason_code="",
        from_state=TaskState.RUNNING,
        running=e.RunSet(1, RUNS[1:2]),
        waiting=e.TaskSet(0),
        grace_seconds=0,
        decision=ALLOWED,
        escalates=escalates,
    )


def job_cancel_refused(whole: bool = True) -> e.JobCancelRefused:
    return e.JobCancelRefused(
        request_id="r2",
        mode=CancelMode.NORMAL,
        message="stop",
        message_units=4 if whole else 321,
        message_sha256="" if whole else "f" * 64,
        reason_code="quota",
        state=JobState.RUNNING,
        code="not_permitted",
        hresult=1,
        rule="no-rule-allows",
        explanation="mallory may not",
        decision=DENIED,
    )


def task_cancel_refused(code: str) -> e.TaskCancelRefused:
    return e.TaskCancelRefused(
        request_id="t1",
        task=0,
        mode=CancelMode.NORMAL,
        message="",
        message_units=0,
        message_sha256="",
        reason_code="",
        job_state=JobState.RUNNING,
        state=None,
        code=code,
        hresult=1,
        rule="task-exists",
        explanation="job 7 has no task 0",
        decision=ALLOWED,
    )


CANCEL = {"operation": "cancel", "request_id": "r2"}
TASK_CANCEL = {"operation": "cancel_task", "request_id": "t1"}
MESSAGE = {"message": 'the "disk"\nis full', "reason_code": "maintenance", "rule": "a-rule,b-rule"}
FOUND = {"detail": "2 running, 3 waiting; 15 s grace"}

REQUESTS: list[tuple[e.JobEvent, dict[str, object]]] = [
    (
        cancel_requested(CancelMode.NORMAL),
        {"kind": "request", "outcome": "accepted", "mode": "normal", **CANCEL, **MESSAGE, **FOUND},
    ),
    (
        cancel_requested(CancelMode.FORCED, "r1"),
        {"kind": "request", "outcome": "escalated", "mode": "forced", **CANCEL, **MESSAGE, **FOUND},
    ),
    (
        task_cancel_requested(),
        {
            "kind": "request",
            "outcome": "accepted",
            "mode": "forced",
            "message": "one",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": "1 running, 0 waiting; 0 s grace",
            **TASK_CANCEL,
        },
    ),
    (
        task_cancel_requested("r1"),
        {
            "kind": "request",
            "outcome": "escalated",
            "mode": "forced",
            "message": "one",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": "1 running, 0 waiting; 0 s grace",
            **TASK_CANCEL,
        },
    ),
    (
        e.EmergencyStopRecorded(
            *("e1", CancelMode.FORCED, "fire", "smoke", JobState.RUNNING, e.RunSet(2, RUN)),
            *(e.TaskSet(0), 0, NodeRelease.NONE, "", True, ALLOWED),
            e.EmergencyStop(
                *("2026-03-01T08:00:00.000000Z", 0, "no answer", 8, 8, JobState.RUNNING),
                *(e.RunSet(2, RUN), EmergencyOutcome.STOPPED, 2, 3, 0, "a" * 64),
            ),
            60,
        ),
        {
            "kind": "emergency_stop",
            "operation": "emergency_stop",
            "outcome": "accepted",
            "request_id": "e1",
            "mode": "forced",
            "message": "fire",
            "reason_code": "smoke",
            "rule": "owner-controls",
            "detail": "ordered at 2026-03-01T08:00:00.000000Z by uid 0 without the stream "
            "(no answer); 2 of 2 runs ended, 3 processes killed",
        },
    ),
    (
        e.JobCancelHeld(
            *("r2", CancelMode.FORCED, "disk", "quota", JobState.RUNNING, 60, "2026-03-01T08:01Z"),
            *(2, 100, "2026-03-01T08:02Z", ALLOWED),
        ),
        {
            "kind": "request",
            "outcome": "held",
            "mode": "forced",
            "message": "disk",
            "reason_code": "quota",
            "rule": "owner-controls",
            "detail": "held until 2026-03-01T08:01Z; needs 2 approvals by 2026-03-01T08:02Z",
            **CANCEL,
        },
    ),
    (
        e.JobCancelApproved("r3", "r2", "go", 1, 2, ALLOWED),
        {
            "kind": "request",
            "operation": "approve",
            "outcome": "accepted",
            "request_id": "r3",
            "message": "go",
            "rule": "owner-controls",
            "detail": 'cancel r2 approved, 1 of 2 "go"',
        },
    ),
    (
        e.JobCancelWithdrawn("r3", "r2", "no", ALLOWED),
        {
            "kind": "request",
            "operation": "withdraw",
            "outcome": "accepted",
            "request_id": "r3",
            "message": "no",
            "rule": "owner-controls",
            "detail": 'cancel r2 withdrawn "no"',
        },
    ),
    (
        e.BreakGlassUsed(
            *("r2", CancelMode.FORCED, "fire", Effect.DENY, ("no-rule-allows",), "mallory may not"),
            *(DENIED, 60, "2026-03-01T08:01Z"),
        ),
        {
            "kind": "request",
            "operation": "break_glass",
            "outcome": "overrode_deny",
            "request_id": "r2",
            "mode": "forced",
            "message": "fire",
            "rule": "no-rule-allows",
            "explanation": "mallory may not",
            "detail": 'overrode the rules "fire": deny by no-rule-allows (mallory may not); '
            "review by 2026-03-01T08:01Z",
        },
    ),
    (
        e.BreakGlassReviewed("r3", ReviewKind.BREAK_GLASS, "r2", "right", True, ALLOWED),
        {
            "kind": "request",
            "operation": "review",
            "outcome": "accepted",
            "request_id": "r3",
            "message": "right",
            "rule": "owner-controls",
            "detail": 'r2 (break_glass) reviewed "right"',
        },
    ),
    (
        e.JobCancelLapsed("r2", LapseCause.EXPIRED, "late", 0, "in-time", "too late"),
        {
            "kind": "end",
            "outcome": "lapsed_expired",
            "rule": "in-time",
            "explanation": "too late",
            "code": "late",
            "detail": "cancel r2 never takes effect (expired): too late",
            **CANCEL,
        },
    ),
    (
        e.JobCancelRepeated("r2", CancelMode.NORMAL, "again", "quota", "r1", ALLOWED),
        {
            "kind": "repeat",
            "outcome": "repeated",
            "mode": "normal",
            "message": "again",
            "reason_code": "quota",
            "rule": "owner-controls",
            "detail": "under way: request r1",
            **CANCEL,
        },
    ),
    (
        e.TaskCancelRepeated("t1", 2, CancelMode.FORCED, "again", "", "r1", ALLOWED),
        {
            "kind": "repeat",
            "outcome": "repeated",
            "mode": "forced",
            "message": "again",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": "under way: request r1",
            **TASK_CANCEL,
        },
    ),
    (
        job_cancel_refused(),
        {
            "kind": "refusal",
            "outcome": "refused",
            "mode": "normal",
            "message": "stop",
            "reason_code": "quota",
            "rule": "no-rule-allows",
            "explanation": "mallory may not",
            "code": "not_permitted",
            **CANCEL,
        },
    ),
    (
        job_cancel_refused(whole=False),
        {
            "kind": "refusal",
            "outcome": "refused",
            "mode": "normal",
            "message": "stop",
            "reason_code": "quota",
            "rule": "no-rule-allows",
            "explanation": "mallory may not",
            "code": "not_permitted",
            "detail": "321 UTF-16 code units were sent",
            **CANCEL,
        },
    ),
    (
        task_cancel_refused("unknown_task"),
        {
            "kind": "refusal",
            "outcome": "unknown",
            "mode": "normal",
            "rule": "task-exists",
            "explanation": "job 7 has no task 0",
            "code": "unknown_task",
            "tasks": "0",
            **TASK_CANCEL,
        },
    ),
    (
        task_cancel_refused("illegal_transition"),
        {
            "kind": "refusal",
            "outcome": "refused",
            "mode": "normal",
            "rule": "task-exists",
            "explanation": "job 7 has no task 0",
            "code": "illegal_transition",
            "tasks": "0",
            **TASK_CANCEL,
        },
    ),
    (
        e.JobCommandRefused(
            "q1",
            "requeue",
            JobState.RUNNING,
            "illegal_transition",
            1,
            "requeue-from-Running",
            "no",
            ALLOWED,
            message="please",
        ),
        {
            "kind": "refusal",
            "operation": "requeue",
            "outcome": "refused",
            "request_id": "q1",
            "message": "please",
            "rule": "requeue-from-Running",
            "explanation": "no",
            "code": "illegal_transition",
        },
    ),
    (
        e.JobFinishRequested(
            "f1",
            "enough",
            JobState.RUNNING,
            e.RunSet(2, RUNS[:2]),
            e.TaskSet(3, "3-5"),
            15,
            NodeRelease.NONE,
            ALLOWED,
        ),
        {
            "kind": "request",
            "operation": "finish",
            "outcome": "accepted",
            "request_id": "f1",
            "message": "enough",
            "rule": "owner-controls",
            **FOUND,
        },
    ),
    (
        e.JobConfigured(
            "c1", 1, e.TaskSet(2, "1-2"), e.TaskSet(1, "3"), ALLOWED, JobState.CANCELED
        ),
        {
            "kind": "requeue",
            "operation": "configure",
            "outcome": "accepted",
            "request_id": "c1",
            "rule": "owner-controls",
            "detail": "back in Configuring; 2 tasks wait again, 1 as before",
        },
    ),
    (
        e.JobRequeued("q1", 1, e.TaskSet(2, "1-2"), e.TaskSet(1, "3"), ALLOWED, JobState.CANCELED),
        {
            "kind": "requeue",
            "operation": "requeue",
            "outcome": "accepted",
            "request_id": "q1",
            "rule": "owner-controls",
            "detail": "queued again; 2 tasks wait again, 1 as before",
        },
    ),
    (
        e.JobProtected("k1", "case 117", ALLOWED),
        {
            "kind": "mark",
            "operation": "protect",
            "outcome": "accepted",
            "request_id": "k1",
            "message": "case 117",
            "rule": "owner-controls",
            "detail": 'protected "case 117"',
        },
    ),
    (
        e.JobProtectionLifted("k1", "case 117", ALLOWED),
        {
            "kind": "mark",
            "operation": "unprotect",
            "outcome": "accepted",
            "request_id": "k1",
            "message": "case 117",
            "rule": "owner-controls",
            "detail": 'not protected any more "case 117"',
        },
    ),
    (
        e.JobLegalHoldPlaced("k1", "case 117", ALLOWED),
        {
            "kind": "mark",
            "operation": "legal_hold",
            "outcome": "accepted",
            "request_id": "k1",
            "message": "case 117",
            "rule": "owner-controls",
            "detail": 'under legal hold "case 117"',
        },
    ),
    (
        e.JobLegalHoldReleased("k1", "case 117", ALLOWED),
        {
            "kind": "mark",
            "operation": "release_legal_hold",
            "outcome": "accepted",
            "request_id": "k1",
            "message": "case 117",
            "rule": "owner-controls",
            "detail": 'legal hold released "case 117"',
        },
    ),
    (
        e.TaskFinishRequested(
            "f2", 2, "enough", TaskState.RUNNING, e.RunSet(1), e.TaskSet(0), 15, ALLOWED
        ),
        {
            "kind": "request",
            "operation": "finish_task",
            "outcome": "accepted",
            "request_id": "f2",
            "message": "enough",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": "1 running, 0 waiting; 15 s grace",
        },
    ),
    (
        e.JobRequeued(
            "q1", 1, e.TaskSet(1, "1"), e.TaskSet(0), ALLOWED, JobState.FAILED, "there is room"
        ),
        {
            "kind": "requeue",
            "operation": "requeue",
            "outcome": "accepted",
            "request_id": "q1",
            "message": "there is room",
            "rule": "owner-controls",
            "detail": 'queued again "there is room"; 1 task waits again, 0 as before',
        },
    ),
    (
        e.TaskRequeued("q2", 2, TaskState.FAILED, 2, ALLOWED, message="its input came"),
        {
            "kind": "requeue",
            "operation": "requeue_task",
            "outcome": "accepted",
            "request_id": "q2",
            "message": "its input came",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": 'task 2 queued again from Failed "its input came"; its next run is attempt 2',
        },
    ),
    (
        e.TaskRequeued("q2", 2, TaskState.CANCELED, 1, ALLOWED, "t1", 9),
        {
            "kind": "requeue",
            "operation": "requeue_task",
            "outcome": "accepted",
            "request_id": "q2",
            "rule": "owner-controls",
            "tasks": "2",
            "detail": "task 2 queued again from Canceled; its next run is attempt 1",
        },
    ),
    (
        e.JobCommandRefused(
            "q3", "requeue_task", JobState.RUNNING, "unknown_task", 1, "r", "no", ALLOWED, task=9
        ),
        {
            "kind": "refusal",
            "operation": "requeue_task",
            "outcome": "unknown",
            "request_id": "q3",
            "rule": "r",
            "explanation": "no",
            "code": "unknown_task",
            "tasks": "9",
        },
    ),
]
"""Facts that answer a request, and what their rows say."""
