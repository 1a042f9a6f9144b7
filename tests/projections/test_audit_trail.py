"""Which facts have a row in the trail, and what stands in it."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from adapters.wire import WIRE_NAMES
from domain import events as e
from domain.identity import Caller, Principal
from domain.states import (
    CancelMode,
    Effect,
    JobState,
    StopCause,
    TaskState,
)
from projections.audit_trail import AuditRow, high_after
from projections.audit_words import ENDS, NOT_IN_TRAIL, SAID, said
from projections.folding import Around, Fold, JobFold, fold
from projections.stamps import stamp
from projections.tally import Measure
from tests.domain.builders import ALLOWED, DENIED, HANDLE, at, run, running_job
from tests.projections.folded import Folds, apart, job_fact
from tests.projections.trail_effects import EFFECTS, failed
from tests.projections.trail_rows import (
    ASKED,
    BY_OLGA,
    EMPTY,
    JOB,
    NEXT,
    OLGA,
    REQUESTS,
    RUN,
    cancel_requested,
    task_cancel_requested,
)

ROWS = [*REQUESTS, *EFFECTS]


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
        ("0", None, "0"),
        ("2147483647", 2147483647, ""),
        ("2147483648", None, "2147483648"),
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


def bulk(**changes: object) -> e.BulkCancelRequested:
    """A request on many jobs that are named."""
    request = e.BulkCancelRequested(
        *("b1", CancelMode.FORCED, "the power goes", "power", e.JobSet(3, "3-5"), 1, 1, 3, None, 9),
        *("", e.JobSet(0), e.JobSet(0), ""),
    )
    return replace(request, **changes)


def test_a_request_on_many_jobs_has_one_row() -> None:
    row = row_after(Folds(), apart(1, bulk(), "bob", NEXT))
    assert row is not None
    assert row == replace(
        EMPTY,
        event_id="bulk-1",
        type="BulkCancelRequested",
        kind="request",
        operation="cancel_jobs",
        outcome="accepted",
        job_id=None,
        owner="",
        actor="bob",
        request_id="b1",
        mode="forced",
        message="the power goes",
        reason_code="power",
        detail='cancel of 3 jobs asked for (forced) "the power goes"; named one by one',
    )
    assert row_after(Folds(), apart(2, bulk(part=2, parts=2), "bob", NEXT)) is None


def test_how_the_jobs_were_found_is_told() -> None:
    wanted = e.JobsWanted(owners=("alice", "b,c"), states=(JobState.RUNNING,))
    found = said(bulk(wanted=wanted))
    assert found is not None
    assert found.detail.endswith('found at 9 by owners alice or "b,c", states Running')
    everything = said(bulk(wanted=e.JobsWanted()))
    assert everything is not None
    assert everything.detail.endswith("found at 9 by not being over")
    planned = said(bulk(plan="ab" * 32, changed=e.JobSet(1, "3"), joined=e.JobSet(2, "7-8")))
    assert planned is not None
    words = "1 had changed since; 2 more are found by now and left alone"
    assert planned.detail.endswith(f"as planned in abababababab; {words}")


def test_what_was_done_to_the_stream_itself() -> None:
    fact = e.LossAccepted("l1", "both disks burnt", "it is shorter", "new", "old", 30, 41, "")
    row = row_after(Folds(), apart(1, fact, "root", NEXT))
    assert row == replace(
        EMPTY,
        event_id="cluster-1",
        type="LossAccepted",
        kind="evidence",
        operation="accept_loss",
        outcome="accepted",
        job_id=None,
        subject="new",
        owner="",
        actor="root",
        request_id="l1",
        message="both disks burnt",
        detail='a loss was accepted: the stream ends at 30, 41 was known "both disks burnt"',
    )
    mended = e.StreamMended("m1", "it was shorter", "old", "new", 41, 0, 2, "damaged/1")
    row = row_after(Folds(), apart(1, mended, "root", NEXT))
    assert row is not None
    assert (row.kind, row.operation, row.outcome) == ("evidence", "mend", "mended")
    words = "the stream was made again from the journal, up to 41; 2 later ones are nowhere"
    assert row.detail == words
    back = e.StreamRestored("b1", "old", "00", "2026-11-22T23:00:00+00:00", "new", 41, 1, "")
    row = row_after(Folds(), apart(1, back, "root", NEXT))
    assert row is not None
    assert (row.kind, row.operation, row.outcome) == ("evidence", "restore", "restored")
    words = "the stream was restored from a backup, up to 41; 1 later ones are nowhere"
    assert row.detail == words


def test_rules_that_somebody_put_in_force_have_a_row_and_those_of_the_release_none() -> None:
    folds = Folds()

    def row_of(fact: e.PolicyEvent, actor: str = "countermand") -> AuditRow | None:
        folds.take(apart(folds.position + 1, fact, actor, NEXT))
        return folds.trail[-1] if folds.trail else None

    first = e.PolicyActivated("", "d1", "rules", "s1", 8, "", "", "", 0, "", "", None)
    assert row_of(e.PolicySchemaRecorded("s1", "schema")) is None
    assert row_of(first) is None
    asked_for = e.PolicyProposed("p1", "d2", "rules", "s1", 9, "ada", "quieter nights", ALLOWED)
    row = row_of(asked_for, "ada")
    assert row is not None
    assert (row.kind, row.operation, row.outcome) == ("policy_change", "propose_policy", "accepted")
    assert (row.subject, row.message, row.actor) == ("d2", "quieter nights", "ada")
    agreed = e.PolicyActivated(
        *("p2", "d2", "rules", "s1", 9, "d1", "ada", "root", 3, "", "so be it", ALLOWED)
    )
    row = row_of(agreed, "root")
    assert row is not None
    assert (row.operation, row.rule) == ("activate_policy", "owner-controls")
    assert row.detail == 'the rules d2 (9) of ada are in force (were d1) "so be it"'
    no = e.PolicyCommandRefused(
        *("p3", "activate_policy", "d3", "policy_invalid", 1, "r", "line 3", "why", ALLOWED)
    )
    row = row_of(no, "root")
    assert row is not None
    assert (row.kind, row.operation, row.code) == ("refusal", "activate_policy", "policy_invalid")


def test_what_rules_in_shadow_said_otherwise_stands_in_the_row_and_is_counted() -> None:
    folds = Folds()
    answer = e.ShadowAnswer("d" * 64, Effect.DENY, ("no-nights",))
    agrees = replace(answer, effect=Effect.ALLOW)
    start = e.PolicyShadowStarted("s1", "d2", "rules", "s1", 9, "ada", "what if?", ALLOWED)
    decided = [replace(ALLOWED, shadow=x) for x in (answer, agrees)]
    ends = [e.PolicyShadowStopped("s2", "d2", 1, "enough", x) for x in decided]
    facts: list[e.PolicyEvent] = [start, *ends]
    for version, fact in enumerate(facts, 1):
        folds.take(apart(version, fact, "ada", NEXT))
    first, second, third = folds.trail
    assert (first.operation, first.subject, first.message) == ("shadow_policy", "d2", "what if?")
    assert (second.kind, second.operation) == ("policy_change", "stop_policy_shadow")
    assert second.detail.endswith("; in shadow, binding nobody: deny by no-nights (dddddddddddd)")
    assert "binding nobody" not in third.detail
    counts = {k.labels: n for k, n in folds.counts.items() if k.measure is Measure.SHADOW}
    assert counts == {("allow_to_deny",): 1, ("agree",): 1}


# --- which facts have one -------------------------------------------------------------------------


def test_every_registered_fact_is_in_the_trail_or_expressly_not() -> None:
    assert SAID.keys() | NOT_IN_TRAIL == set(WIRE_NAMES)
    assert SAID.keys() & NOT_IN_TRAIL == set()


def test_every_fact_of_the_trail_was_looked_at_here() -> None:
    apart_ = {e.JobRemoved, e.CancelRefused, e.ClusterParameterSet, e.ClusterCommandRefused}
    apart_ |= {e.StreamMended, e.LossAccepted, e.StreamRestored, e.BulkCancelRequested}
    apart_ |= {e.PolicyProposed, e.PolicyActivated, e.PolicyCommandRefused}
    apart_ |= {e.PolicyShadowStarted, e.PolicyShadowStopped}
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


@pytest.mark.parametrize(("before", "high"), [(60, 60), (NEXT, NEXT), (NEXT + 61, NEXT)])
def test_the_latest_time_does_not_go_back_unless_the_clock_was_set_back(
    before: int, high: int
) -> None:
    around = replace(ASKED.around, high=at(before))
    row = row_after(ASKED, job_fact(NEXT, e.TaskSurvivorsGone(RUN)), around)
    assert row is not None
    assert (row.time, row.time_high) == (stamp(at(NEXT)), stamp(at(high)))


def test_a_minute_is_as_far_as_a_time_may_lag() -> None:
    tick = timedelta(microseconds=1)
    assert high_after(None, at(5)) == at(5)
    assert high_after(at(100), at(40)) == at(100)
    assert high_after(at(100), at(40) - tick) == at(40) - tick
    assert high_after(at(100), at(101)) == at(101)


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
