"""A request for some versions only: refused at any other, on the record, by one rule for all."""

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.cluster import Cluster, SetParameter, set_parameter
from domain.requests import JobRequest
from tests.domain.builders import (
    DENIED,
    Story,
    asked,
    cancel,
    cancel_task,
    configure,
    finish,
    finish_task,
    given,
    requeue,
    requeue_task,
    running_job,
    submit,
)
from tests.domain.situations import SITUATIONS, situation

LONG = "x" * 321
REQUESTS: dict[str, JobRequest] = {
    "submit": submit(),
    "cancel": cancel(),
    "cancel_task": cancel_task(1),
    "finish": finish(),
    "finish_task": finish_task(1),
    "configure": configure(),
    "requeue": requeue(),
    "requeue_task": requeue_task(1),
}


def only_at(request: JobRequest, *versions: int) -> JobRequest:
    return replace(request, asked=replace(request.asked, if_versions=versions))


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_at_another_version_every_request_is_refused_whatever_the_state(
    name: str, request_: JobRequest
) -> None:
    job = situation(name)
    (fact,) = given(job).when(only_at(request_, job.version - 1))
    assert isinstance(fact, e.JobCancelRefused | e.TaskCancelRefused | e.JobCommandRefused)
    assert (fact.code, fact.hresult, fact.rule) == ("version_mismatch", 0x8004020F, "if-match")
    assert fact.explanation == (
        f"job 7 is at version {job.version}, but the request is only for version {job.version - 1}"
    )


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_at_the_version_asked_for_nothing_is_different(name: str, request_: JobRequest) -> None:
    job = situation(name)
    facts = given(job).when(request_)
    assert given(job).when(only_at(request_, job.version)) == facts
    assert given(job).when(only_at(request_, 99, job.version)) == facts


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_who_has_no_right_learns_nothing_of_the_version(request_: JobRequest) -> None:
    wrong = only_at(replace(request_, asked=replace(request_.asked, decision=DENIED)), 1)
    (fact,) = given(running_job().job).when(wrong)
    assert isinstance(fact, e.RefusalEvent)
    assert fact.code == "not_permitted"


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=list(REQUESTS))
def test_a_retry_is_answered_as_before_whatever_version_it_is_for(request_: JobRequest) -> None:
    story = running_job()
    story.ask(request_)
    for again in (request_, only_at(request_, 1), only_at(request_, story.job.version)):
        assert story.ask(again) == ()
    refused: Story = running_job()
    refused.ask(only_at(request_, 1))
    assert refused.ask(request_) == (), "the refusal was the answer to this request id"


@pytest.mark.parametrize(
    "request_",
    [
        cancel(message=LONG),
        cancel_task(1, message=LONG),
        finish(message=LONG),
        finish_task(1, message=LONG),
    ],
    ids=["cancel", "cancel_task", "finish", "finish_task"],
)
def test_a_message_too_long_is_refused_as_that_at_any_version(request_: JobRequest) -> None:
    (fact,) = given(running_job().job).when(only_at(request_, 1))
    assert isinstance(fact, e.RefusalEvent)
    assert fact.code == "message_too_long"


def test_the_version_counts_at_the_moment_of_decision() -> None:
    story = running_job(2)
    seen = story.job.version
    story.ask(cancel_task(2))
    (fact,) = story.ask(only_at(cancel("r1"), seen))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.explanation == "job 7 is at version 7, but the request is only for version 6"
    (fact,) = story.ask(only_at(cancel("r2"), story.job.version))
    assert isinstance(fact, e.JobCancelRequested)


@pytest.mark.parametrize(
    ("versions", "words"),
    [
        ((), "a version that it never has"),
        ((1, 2), "versions 1, 2"),
        (tuple(range(100, 200)), "versions 100, 101, 102, 103, 104, ..."),
    ],
)
def test_the_sentence_names_both_versions(versions: tuple[int, ...], words: str) -> None:
    (fact,) = given(running_job().job).when(only_at(cancel(), *versions))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.explanation == f"job 7 is at version 6, but the request is only for {words}"


# --- the cluster ----------------------------------------------------------------------------------


def parameter(*versions: int, name: str = "TTLCompletedJobs") -> SetParameter:
    return SetParameter(asked(if_versions=versions), name, "7")


def test_a_parameter_is_set_only_at_the_version_asked_for() -> None:
    fact = set_parameter(Cluster(version=4), parameter(3))
    assert isinstance(fact, e.ClusterCommandRefused)
    assert (fact.code, fact.rule) == ("version_mismatch", "if-match")
    assert fact.explanation == "the cluster is at version 4, but the request is only for version 3"
    assert isinstance(set_parameter(Cluster(version=4), parameter(3, 4)), e.ClusterParameterSet)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("NoSuchThing", "7", "unknown_parameter"),
        ("TTLCompletedJobs", "soon", "bad_parameter_value"),
    ],
)
def test_what_can_be_no_parameter_is_refused_as_that_at_any_version(
    name: str, value: str, code: str
) -> None:
    command = SetParameter(asked(if_versions=(3,)), name, value)
    fact = set_parameter(Cluster(version=4), command)
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == code


def test_who_may_not_set_parameters_learns_nothing_of_the_clusters_version() -> None:
    command = SetParameter(asked(decision=DENIED, if_versions=(1,)), "TTLCompletedJobs", "7")
    fact = set_parameter(Cluster(version=4), command)
    assert isinstance(fact, e.ClusterCommandRefused)
    assert fact.code == "not_permitted"


def test_a_command_without_a_version_is_for_any() -> None:
    assert c.Asked("r1", "alice", asked().at, asked().decision).if_versions is None
