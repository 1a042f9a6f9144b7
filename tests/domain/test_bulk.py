"""One request on many jobs: which are meant, how the set is kept, and the same request again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import events as e
from domain.bulk import (
    BULK_JOBS_MAX,
    Bulk,
    HowToCancel,
    as_text,
    check_wanted,
    content_of_named,
    content_of_wanted,
    evolve_bulk,
    is_wanted,
    job_set,
    job_sets,
    jobs_in,
    request_bulk,
)
from domain.cluster import JOB_ID_MAX
from domain.errors import BadRequest, Corrupt
from domain.identity import Caller, Principal
from domain.remaking_bulk import bulk_fact_refused
from domain.states import CancelMode, JobPriority, JobState, JobType
from tests.domain.builders import T0
from tests.domain.situations import SITUATIONS

HOW = HowToCancel(CancelMode.NORMAL, "the power goes", "power")
ALICE = Caller(Principal("alice"))
JOBS = (3, 4, 5, 9)


def asked(jobs: tuple[int, ...] = JOBS, request_id: str = "b1") -> e.BulkCancelRequested:
    """A request on jobs that are named; they themselves are still to be put in."""
    return e.BulkCancelRequested(
        request_id=request_id,
        mode=HOW.mode,
        message=HOW.message,
        reason_code=HOW.reason_code,
        jobs=e.JobSet(0),
        part=1,
        parts=1,
        total=0,
        wanted=None,
        resolved_at=7,
        plan="",
        changed=e.JobSet(0),
        joined=e.JobSet(0),
        content_sha256=content_of_named(jobs, HOW),
    )


def recorded(fact: e.Event, version: int = 1) -> e.Recorded:
    event = e.NewEvent(f"id-{version}", T0, ALICE, "b1", "b1", fact)
    return e.Recorded(e.bulk_aggregate("alice", "b1"), version, event)


def folded(facts: tuple[e.BulkCancelRequested, ...]) -> Bulk:
    bulk: Bulk | None = None
    for version, fact in enumerate(facts, 1):
        bulk = evolve_bulk(bulk, recorded(fact, version))
    assert bulk is not None
    return bulk


# --- which jobs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("situation", SITUATIONS)
def test_no_filter_means_whatever_is_not_over(situation: str) -> None:
    job = SITUATIONS[situation][1]().job
    ended = job.state in (JobState.FINISHED, JobState.FAILED, JobState.CANCELED)
    assert is_wanted(e.JobsWanted(), job) is not ended


@pytest.mark.parametrize(
    ("wanted", "is_so"),
    [
        (e.JobsWanted(owners=("bob", "alice")), True),
        (e.JobsWanted(owners=("bob",)), False),
        (e.JobsWanted(states=(JobState.QUEUED, JobState.RUNNING)), True),
        (e.JobsWanted(states=(JobState.QUEUED,)), False),
        (e.JobsWanted(job_types=(JobType.ADMIN,)), False),
        (e.JobsWanted(priorities=(JobPriority.LOWEST,)), False),
        (e.JobsWanted(name="ENDER"), True),
        (e.JobsWanted(name="other"), False),
        (e.JobsWanted(nodes=("N1", "n9")), True),
        (e.JobsWanted(nodes=("n9",)), False),
        (e.JobsWanted(owners=("alice",), nodes=("n9",)), False),
        (e.JobsWanted(labels=("env",)), True),
        (e.JobsWanted(labels=("env=prod", "team")), True),
        (e.JobsWanted(labels=("env=test",)), False),
        (e.JobsWanted(labels=("env=prod", "owner")), False),
        (e.JobsWanted(labels=("env=prod=1",)), False),
    ],
)
def test_all_kinds_must_fit_and_any_value_of_one(wanted: e.JobsWanted, is_so: bool) -> None:
    job = next(
        made.job
        for _, make in SITUATIONS.values()
        if (made := make()).job.state is JobState.RUNNING
    )
    job = replace(job, owner="alice", name="Nightly-Render", nodes=("n1",))
    job = replace(job, labels={"env": "prod", "team": "a=b"})
    assert is_wanted(wanted, job) is is_so


@pytest.mark.parametrize(
    "wanted",
    [
        e.JobsWanted(owners=("x",) * 101),
        e.JobsWanted(name="\ud800"),
        e.JobsWanted(name="x" * 257),
        e.JobsWanted(nodes=("a\nb",)),
        e.JobsWanted(labels=("env=",)),
        e.JobsWanted(labels=("=prod",)),
        e.JobsWanted(labels=("ENV",)),
        e.JobsWanted(labels=("env=" + "x" * 129,)),
        e.JobsWanted(labels=("env=a\nb",)),
        e.JobsWanted(labels=("env",) * 101),
    ],
)
def test_what_no_job_could_be_is_refused(wanted: e.JobsWanted) -> None:
    with pytest.raises(BadRequest):
        check_wanted(wanted)


# --- sets -----------------------------------------------------------------------------------------


@given(st.sets(st.integers(1, JOB_ID_MAX), min_size=1, max_size=200))
def test_a_set_in_pieces_is_the_set(jobs: set[int]) -> None:
    pieces = job_sets(jobs)
    told = [n for piece in pieces for n in jobs_in(piece.jobs)]
    assert told == sorted(jobs)
    assert sum(piece.count for piece in pieces) == len(jobs)
    assert job_set(jobs).count == len(jobs)


def test_the_largest_set_fits_into_events() -> None:
    jobs = range(JOB_ID_MAX - 2 * BULK_JOBS_MAX, JOB_ID_MAX, 2)
    pieces = job_sets(jobs)
    assert len(pieces) > 1
    assert all(len(piece.jobs) <= 40_000 for piece in pieces)


@pytest.mark.parametrize("text", ["x", "3-1", "0", "1-2147483648", "1-10001", "1,,2"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        list(jobs_in(text))


# --- the request ----------------------------------------------------------------------------------


def test_a_request_is_one_fact_and_the_same_again_is_none() -> None:
    (fact,) = request_bulk(None, asked(), JOBS)
    assert (fact.jobs, fact.total) == (e.JobSet(4, "3-5,9"), 4)
    bulk = folded((fact,))
    assert (bulk.jobs, bulk.how) == (JOBS, HOW)
    assert request_bulk(bulk, asked(), (1, 2)) == ()
    with pytest.raises(BadRequest) as no:
        request_bulk(bulk, asked((1, 2)), (1, 2))
    assert no.value.code == "request_id_reused"


def test_a_large_request_is_several_facts_that_fold_to_one() -> None:
    jobs = tuple(range(1_000_001, 1_020_001, 2))
    facts = request_bulk(None, asked(jobs), jobs)
    assert [(fact.part, fact.parts, fact.total) for fact in facts] == [
        (n, len(facts), len(jobs)) for n in range(1, len(facts) + 1)
    ]
    assert folded(facts).jobs == jobs
    assert [bulk_fact_refused(recorded(x, n)) for n, x in enumerate(facts, 1)] == [""] * len(facts)


def test_what_cannot_follow_is_corrupt() -> None:
    (fact,) = request_bulk(None, asked(), JOBS)
    bulk = folded((fact,))
    for wrong in (fact, replace(fact, part=2), replace(fact, part=2, jobs=e.JobSet(1, "x"))):
        with pytest.raises(Corrupt):
            evolve_bulk(bulk, recorded(wrong, 2))
    with pytest.raises(Corrupt):
        evolve_bulk(None, recorded(e.JobIdsReserved(1, 2)))


def test_the_order_of_the_names_is_not_what_is_asked() -> None:
    assert content_of_named((1, 2, 3), HOW) == content_of_named((3, 1, 2), HOW)
    assert content_of_named((1,), HOW) != content_of_named((1,), replace(HOW, message=""))
    assert content_of_wanted(e.JobsWanted(), HOW) != content_of_named((), HOW)


# --- made again -----------------------------------------------------------------------------------


def test_what_the_rules_make_is_not_refused() -> None:
    (fact,) = request_bulk(None, asked(), JOBS)
    assert bulk_fact_refused(recorded(fact)) == ""
    wanted = e.JobsWanted(owners=("alice",))
    found = replace(fact, wanted=wanted, content_sha256=content_of_wanted(wanted, HOW))
    assert bulk_fact_refused(recorded(found)) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"request_id": "b2"}, "belongs to bulk/"),
        ({"part": 2}, "part 2 of 1"),
        ({"jobs": e.JobSet(4, "3-5,8")}, "another request"),
        ({"jobs": e.JobSet(3, "3-5,9")}, "are not 3"),
        ({"jobs": e.JobSet(4, "9,3-5")}, "do not rise"),
        ({"jobs": e.JobSet(4, "no")}, "no"),
        ({"total": 3}, "4 of 3 jobs"),
        ({"message": "another"}, "another request"),
        ({"plan": "0" * 64}, "another request"),
        ({"wanted": e.JobsWanted()}, "another request"),
    ],
)
def test_what_they_do_not_make_is(change: dict[str, object], words: str) -> None:
    (fact,) = request_bulk(None, asked(), JOBS)
    assert words in bulk_fact_refused(recorded(replace(fact, **change)))


def test_the_digest_is_that_of_before_where_no_label_is_wanted() -> None:
    wanted = e.JobsWanted(owners=("alice",), states=(JobState.RUNNING,))
    assert as_text(wanted) == (
        '{"owners":["alice"],"states":["Running"],"job_types":[],"priorities":[],'
        '"name":"","nodes":[]}'
    )
    labeled = replace(wanted, labels=("env",))
    assert content_of_wanted(labeled, HOW) != content_of_wanted(wanted, HOW)
