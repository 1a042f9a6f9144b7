"""Which facts have a row in the trail, and what stands in it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from adapters.wire import WIRE_NAMES
from domain import events as e
from domain.identity import Caller, Origin, Principal
from domain.states import (
    CancelMode,
    ForceReason,
    JobState,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
)
from projections.audit_trail import AuditRow
from projections.audit_words import ENDS, NOT_IN_TRAIL, SAID, said
from projections.folding import Around, Fold, JobFold, fold
from projections.stamps import stamp
from tests.domain.builders import ALLOWED, DENIED, HANDLE, at, cancel, run, running_job
from tests.projections.folded import Folds, apart, job_fact

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


def failed(code: str, killed: int = 0, survivors: int = 0) -> e.TaskFailed:
    return e.TaskFailed(RUN, e.Exit(code=3), code, "why", killed, survivors)


def force_stopped(why: ForceReason, survivors: int = 0) -> e.TaskForceStopped:
    exit_, outcome = e.Exit(signal=9), TaskState.FAILED
    return e.TaskForceStopped(
        "r1", StopCause.JOB_CANCEL, why, RUN, exit_, 15_020, 3, survivors, outcome
    )


def release_ended(
    code: int | None = 0, timed_out: bool = False, request_id: str = ""
) -> e.NodeReleaseEnded:
    return e.NodeReleaseEnded("n1", (run(3),), e.Exit(code), timed_out, request_id=request_id)


CANCEL = {"operation": "cancel", "request_id": "r2"}
TASK_CANCEL = {"operation": "cancel_task", "request_id": "t1"}
RELEASE = {"kind": "node_release", "operation": "node_release", **TRACED}
MESSAGE = {"message": 'the "disk"\nis full', "reason_code": "maintenance", "rule": "a-rule,b-rule"}
FOUND = {"detail": "2 running, 3 waiting; 15 s grace"}

ROWS: list[tuple[e.JobEvent, dict[str, object]]] = [
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
            "detail": "back in Configuring; 2 tasks run again, 1 stay",
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
            "detail": "queued again; 2 tasks run again, 1 stay",
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
            "detail": "task 1 killed after 15020 ms (grace_expired): 3 processes, 2 survived",
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
        release_ended(code=None, timed_out=True),
        {
            **RELEASE,
            "outcome": "timed_out",
            "tasks": "3",
            "detail": "node release ended on n1 (killed, its time ran out)",
        },
    ),
    (
        release_ended(code=None, request_id="r1"),
        {
            **RELEASE,
            "outcome": "cut_short",
            "tasks": "3",
            "detail": "node release ended on n1 (nobody saw how)",
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
            "detail": "tasks 1-2 canceled before they ran",
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


def row_after(asked: Folds, recorded: e.Recorded, around: Around | None = None) -> AuditRow | None:
    """The row of one more fact."""
    state = asked.states.get(recorded.aggregate)
    return fold(state, recorded, NEXT, around or asked.around).row


@pytest.mark.parametrize(("fact", "words"), ROWS, ids=lambda x: type(x).__name__)
def test_the_row_of_a_fact(fact: e.JobEvent, words: dict[str, object]) -> None:
    row = row_after(ASKED, job_fact(NEXT, fact))
    assert row == replace(EMPTY, type=type(fact).__name__, **words)


def test_the_row_of_a_removal() -> None:
    fact = e.JobRemoved("ttl")
    row = row_after(ASKED, job_fact(NEXT, fact))
    assert row == replace(
        EMPTY,
        type="JobRemoved",
        kind="removal",
        operation="remove",
        outcome="removed",
        code="ttl",
        detail="removed from the job view (ttl)",
    )


def test_who_asked_for_whom_and_from_where_stands_in_the_row() -> None:
    fact = e.JobCancelRepeated("r2", CancelMode.NORMAL, "", "", "r1", ALLOWED)
    row = row_after(ASKED, job_fact(NEXT, fact, OLGA))
    assert row is not None
    assert {name: getattr(row, name) for name in BY_OLGA} == BY_OLGA


@pytest.mark.parametrize(
    ("job", "job_id", "subject"),
    [
        ("99", 99, ""),
        ("no'such\njob", None, "no'such\njob"),
        ("99999999999", None, "99999999999"),
        ("\u0663", None, "\u0663"),
        ("", None, ""),
        ("-1", None, "-1"),
    ],
)
@pytest.mark.parametrize("task", [None, 3])
def test_a_request_on_what_is_no_job(
    job: str, job_id: int | None, subject: str, task: int | None
) -> None:
    fact = e.CancelRefused(
        "r1", job, task, CancelMode.FORCED, "why", 3, "", "", "unknown_job", 1, "job-exists", "no"
    )
    row = row_after(Folds(), apart(1, fact, "bob", NEXT))
    assert row == replace(
        EMPTY,
        event_id="request-1",
        type="CancelRefused",
        kind="refusal",
        operation="cancel" if task is None else "cancel_task",
        outcome="unknown",
        job_id=job_id,
        tasks="" if task is None else "3",
        subject=subject,
        owner="",
        actor="bob",
        request_id="r1",
        mode="forced",
        message="why",
        rule="job-exists",
        explanation="no",
        code="unknown_job",
    )


def test_a_change_of_a_parameter() -> None:
    fact = e.ClusterParameterSet("TaskCancelGracePeriod", "30", "15", "p1", ALLOWED)
    row = row_after(Folds(), apart(1, fact, "root", NEXT))
    assert row == replace(
        EMPTY,
        event_id="cluster-1",
        type="ClusterParameterSet",
        kind="parameter_change",
        operation="set_parameter",
        outcome="accepted",
        job_id=None,
        subject="TaskCancelGracePeriod",
        owner="",
        actor="root",
        request_id="p1",
        rule="owner-controls",
        detail="TaskCancelGracePeriod set to 30 (was 15)",
    )


def test_a_refused_change_of_a_parameter() -> None:
    asked_for = {"value": "-1", "name": "TTLCompletedJobs"}
    fact = e.ClusterCommandRefused(
        "p1", "set_parameter", "bad", 1, "catalogue", "no", DENIED, asked_for=asked_for
    )
    row = row_after(Folds(), apart(1, fact, "bob", NEXT))
    assert row == replace(
        EMPTY,
        event_id="cluster-1",
        type="ClusterCommandRefused",
        kind="refusal",
        operation="set_parameter",
        outcome="refused",
        job_id=None,
        subject="TTLCompletedJobs",
        owner="",
        actor="bob",
        request_id="p1",
        rule="catalogue",
        explanation="no",
        code="bad",
        detail="name=TTLCompletedJobs, value=-1",
    )


# --- which facts have one -------------------------------------------------------------------------


def test_every_registered_fact_is_in_the_trail_or_expressly_not() -> None:
    assert SAID.keys() | NOT_IN_TRAIL == set(WIRE_NAMES)
    assert SAID.keys() & NOT_IN_TRAIL == set()


def test_every_fact_of_the_trail_was_looked_at_here() -> None:
    apart_ = {e.JobRemoved, e.CancelRefused, e.ClusterParameterSet, e.ClusterCommandRefused}
    assert {type(fact) for fact, _ in ROWS} | apart_ == SAID.keys()
    assert ENDS.keys() <= SAID.keys()


def test_facts_about_running_have_no_row() -> None:
    row = row_after(ASKED, job_fact(NEXT, e.TaskStarted(RUN, HANDLE)))
    assert row is None
    assert said(e.JobQueued()) is None


def test_a_task_that_ended_badly_by_itself_has_no_row() -> None:
    assert said(failed("task_failure")) is None
    assert row_after(ASKED, job_fact(NEXT, failed("task_failure"))) is None


# --- what ties rows together ----------------------------------------------------------------------


def test_the_latest_time_never_goes_back() -> None:
    late = replace(ASKED.around, high=at(500))
    row = row_after(ASKED, job_fact(NEXT, e.TaskSurvivorsGone(RUN)), late)
    assert row is not None
    assert (row.time, row.time_high) == (stamp(at(NEXT)), stamp(at(500)))


def test_the_latest_time_of_the_first_row_is_its_own() -> None:
    row = row_after(ASKED, job_fact(NEXT, e.TaskSurvivorsGone(RUN)), Around())
    assert row is not None
    assert row.time_high == row.time


def test_an_effect_is_traced_to_the_latest_request_of_its_id() -> None:
    """A request id is unique for one actor only."""
    stronger = replace(cancel_requested(CancelMode.FORCED, "r1"), request_id="r1")
    bob = Caller(Principal("bob"))
    state = fold(ASKED.states[JOB], job_fact(NEXT, stronger, bob), NEXT, Around()).state
    stopped = e.TaskStopped("r1", StopCause.JOB_CANCEL, RUN, e.Exit(), 5, TaskState.FAILED)
    row = fold(state, job_fact(NEXT + 1, stopped), NEXT + 1, Around()).row
    assert row is not None
    assert (row.request_position, row.requested_by) == (NEXT, "bob")


def test_node_release_of_a_job_that_ends_by_itself_follows_from_no_request() -> None:
    story = running_job(1, release=True)
    ran = Folds().take_all(story.history)
    fact = e.NodeReleaseStarted("n1", (run(2),), HANDLE)
    row = row_after(ran, job_fact(len(story.history) + 1, fact))
    assert row is not None
    assert (row.request_id, row.request_position, row.requested_by) == ("", None, "")


def test_a_new_round_follows_from_no_request_of_the_last_one() -> None:
    asked = ASKED.states[JOB]
    again = e.JobRequeued("q1", 1, e.TaskSet(2, "1-2"), e.TaskSet(0), ALLOWED, JobState.CANCELED)
    over = e.JobCanceled("r1", 1, 0, 0, False)
    ended = fold(asked, job_fact(NEXT, over), NEXT, Around()).state
    state = fold(ended, job_fact(NEXT + 1, again), NEXT + 1, Around()).state
    assert isinstance(state, JobFold)
    assert state.asked_for == ()
    assert state.cancellations == ()


def test_a_cancel_of_a_task_that_is_not_closed_yet_goes_on_in_the_next_round() -> None:
    story = running_job(2)
    state: Fold | None = Folds().take_all(story.history).states[JOB]
    n = len(story.history)
    asked = replace(
        task_cancel_requested(), running=e.RunSet(0), waiting=e.TaskSet(1, "2"), request_id="t1"
    )
    again = e.JobConfigured("c1", 1, e.TaskSet(1, "1"), e.TaskSet(1, "2"), ALLOWED, JobState.QUEUED)
    for fact in (asked, again):
        n += 1
        state = fold(state, job_fact(n, fact, OLGA), n, Around()).state
    row = fold(state, job_fact(n + 1, e.TaskCanceled("t1", "2")), n + 1, Around()).row
    assert row is not None
    assert (row.request_position, row.requested_by) == (n - 1, "olga for alice")


def test_times_are_utc_and_sort_as_text() -> None:
    moments = [at(0), at(0) + timedelta(microseconds=1), at(1), at(3600)]
    assert sorted(map(stamp, moments)) == [stamp(x) for x in moments]
    assert stamp(at(0)) == "2026-03-01T08:00:00.000000Z"
