"""What a policy is told: all that is known, nothing that is not, and in UTC."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.identity import Caller, Origin, Principal, Role
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_requests import known_of, requests_of
from domain.states import CancelMode, JobPriority, JobState, JobType
from tests.domain.builders import JOB_ID, NODE, at, change, queued_job, running_job

ALICE = Principal("alice", (Role.USER, Role.JOB_OPERATOR))


def test_a_job_that_waits_does_not_run_and_has_no_node() -> None:
    job = queued_job().job
    known = known_of(job, at(100))
    assert (known.id, known.state, known.priority) == (JOB_ID, JobState.QUEUED, JobPriority.NORMAL)
    assert (known.running_seconds, known.node_count, known.project) == (None, 0, "")


def test_a_job_that_runs_has_done_so_for_whole_seconds_and_never_less_than_none() -> None:
    job = running_job().job
    assert job.started_at is not None
    later = job.started_at + timedelta(seconds=7, milliseconds=900)
    assert known_of(job, later).running_seconds == 7
    assert known_of(job, later).node_count == len((NODE,))
    assert known_of(job, job.started_at - timedelta(hours=1)).running_seconds == 0


def test_labels_are_told_whole_and_by_their_names() -> None:
    story = queued_job()
    assert known_of(story.job, at(100)).labels == ()
    story.ask(change(labels={"env": "prod", "a/b": "x=y"}))
    assert known_of(story.job, at(100)).labels == ("a/b", "a/b=x=y", "env", "env=prod")


def test_all_that_is_known_is_told_as_words_and_numbers() -> None:
    moment = datetime(2026, 11, 29, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    question = Question(
        Caller(ALICE, origin=Origin.CLI),
        Action.CANCEL,
        "bob",
        JobType.BATCH,
        JobKnown(
            7, "render", JobState.RUNNING, JobPriority.HIGHEST, "p", 12, 2, ("env",), True, False
        ),
        RequestKnown(CancelMode.FORCED, 3, "", moment, 12, ("nights", "year-end")),
    )
    (request,) = requests_of(question)
    assert request.principal.attributes == {"name": "alice", "kind": "user"}
    assert request.principal.roles == ("job-operator", "user")
    assert (request.resource.type, request.resource.id) == ("Job", "7")
    assert request.resource.attributes == {
        "owner": "bob",
        "job_type": "Batch",
        "state": "Running",
        "priority": "Highest",
        "project": "p",
        "name": "render",
        "running_seconds": 12,
        "node_count": 2,
        "labels": ("env",),
        "protected": True,
        "legal_hold": False,
    }
    assert request.context == {
        "origin": "cli",
        "actor": "alice",
        "mode": "forced",
        "message_units": 3,
        "reason_code": "",
        "hour": 23,
        "weekday": "Saturday",
        "bulk_size": 12,
        "freeze_windows": ("nights", "year-end"),
    }


def test_who_acts_for_somebody_is_asked_about_before_what_they_want() -> None:
    caller = Caller(Principal("root", (Role.ADMINISTRATOR,)), on_behalf_of=ALICE)
    said = RequestKnown(at=datetime(2026, 11, 30, tzinfo=UTC))
    first, second = requests_of(Question(caller, Action.CANCEL, "alice", said=said))
    assert (first.principal.id, first.action, first.resource.type) == (
        "root",
        "act_for_others",
        "Person",
    )
    assert (first.resource.id, first.resource.roles) == ("alice", ("job-operator", "user"))
    assert (second.principal.id, second.context["actor"]) == ("alice", "root")
    assert (second.context["hour"], second.context["weekday"]) == (0, "Monday")


@pytest.mark.parametrize("action", [Action.SET_PARAMETER, Action.VIEW_PRINCIPALS])
def test_what_is_about_no_job_is_told_of_none(action: Action) -> None:
    (request,) = requests_of(Question(Caller(ALICE), action, "bob", JobType.ADMIN))
    assert request.resource.type == "Cluster"
    assert request.resource.attributes == {}
