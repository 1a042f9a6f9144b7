"""The same request again gets the first answer; its id is nobody else's."""

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.requests import JobRequest, content_of, operation_of
from domain.states import CancelMode
from tests.domain.builders import (
    Story,
    cancel,
    cancel_task,
    end_job,
    ends,
    finish,
    finish_task,
    given,
    requeue,
    requeue_task,
    running_job,
)

GRACEFUL, NORMAL, FORCED = CancelMode.GRACEFUL, CancelMode.NORMAL, CancelMode.FORCED


def under_way() -> Story:
    story = running_job(3, release=True, started=2)
    story.ask(cancel("r1", NORMAL, "node n1 goes down", reason_code="maintenance"))
    return story


def test_the_same_request_again_gives_no_event() -> None:
    story = under_way()
    request = cancel("r1", NORMAL, "node n1 goes down", reason_code="maintenance")
    assert story.ask(request) == ()
    assert story.ask(replace(request, grace_seconds=99)) == ()


@pytest.mark.parametrize(
    "other",
    [
        cancel("r1", FORCED, "node n1 goes down", reason_code="maintenance"),
        cancel("r1", NORMAL, "another message", reason_code="maintenance"),
        cancel("r1", NORMAL, "node n1 goes down"),
    ],
)
def test_the_same_id_for_something_else_is_refused(other: c.CancelJob) -> None:
    story = under_way()
    before = story.job.cancel
    (fact,) = story.ask(other)
    assert isinstance(fact, e.JobCancelRefused)
    assert (fact.code, fact.hresult) == ("request_id_reused", 0x80040205)
    assert story.job.cancel == before
    assert story.ask(cancel("r1", NORMAL, "node n1 goes down", reason_code="maintenance")) == ()


def test_another_actors_id_and_another_operations_id_never_match() -> None:
    story = under_way()
    (fact,) = story.ask(cancel("r1", NORMAL, "node n1 goes down", actor="bob"))
    assert isinstance(fact, e.JobCancelRepeated)
    (refused,) = story.ask(finish("r1"))
    assert isinstance(refused, e.JobCommandRefused)
    assert refused.code == "illegal_transition"


@pytest.mark.parametrize(
    "request_",
    [
        cancel("r9", message="x" * 400),
        cancel("r9", message="\ud800"),
        cancel("r9", reason_code="x" * 40),
        cancel("r9", reason_code="\ud800"),
        cancel_task(9, "r9", reason_code="Not Allowed"),
        finish("r9", "x" * 400),
        finish_task(1, "r9", "x" * 400),
        finish_task(1, "r9", "\ud800"),
        finish_task(9, "r9"),
        requeue_task(1, "r9"),
        requeue_task(1, "r9", "x" * 400),
        requeue("r9", message="x" * 400),
        requeue("r9", message="\ud800"),
    ],
)
def test_a_refused_request_again_gives_no_event_however_little_of_it_was_kept(
    request_: JobRequest,
) -> None:
    story = running_job()
    (fact,) = story.ask(request_)
    assert isinstance(fact, e.RefusalEvent)
    assert story.ask(request_) == ()


def test_the_id_of_a_command_to_a_task_counts_for_that_task_and_command_only() -> None:
    story = running_job(3, started=2)
    (fact,) = story.ask(finish_task(1, "r1", "enough"))
    assert isinstance(fact, e.TaskFinishRequested)
    assert story.ask(finish_task(1, "r1", "enough")) == ()
    (other,) = story.ask(finish_task(1, "r1", "another message"))
    assert isinstance(other, e.JobCommandRefused)
    assert (other.code, other.task) == ("request_id_reused", 1)
    for request in (finish_task(2, "r1"), cancel_task(3, "r1")):
        (fact,) = story.ask(request)
        assert isinstance(fact, e.TaskFinishRequested | e.TaskCancelRequested), request
    (refused,) = story.ask(requeue_task(1, "r1"))
    assert isinstance(refused, e.JobCommandRefused)
    assert refused.code == "illegal_transition"
    assert story.ask(requeue_task(1, "r1")) == ()
    assert story.ask(finish_task(1, "r1", "enough")) == ()


def test_the_message_is_part_of_what_a_requeue_asks() -> None:
    story = running_job(2, started=2)
    story.tell(ends(1, code=1))
    story.ask(requeue_task(1, "q1", "the input is there"))
    assert story.ask(requeue_task(1, "q1", "the input is there")) == ()
    (other,) = story.ask(requeue_task(1, "q1", "something else"))
    assert isinstance(other, e.JobCommandRefused)
    assert (other.code, other.message) == ("request_id_reused", "something else")
    over = running_job(1)
    over.tell(ends(1, code=1), end_job())
    over.ask(requeue("q1", message="once more"))
    assert over.ask(requeue("q1", message="once more")) == ()
    (other,) = over.ask(requeue("q1"))
    assert isinstance(other, e.JobCommandRefused)
    assert other.code == "request_id_reused"


def test_the_digest_of_a_requeue_without_a_message_is_as_it_was_without_the_field() -> None:
    for request in (requeue(), requeue_task(1)):
        operation = operation_of(request).partition("/")[0]
        assert content_of(request) == c.content_sha256(operation)


def test_two_requests_without_an_id_are_two_requests() -> None:
    story = running_job()
    story.ask(cancel("", GRACEFUL))
    (fact,) = story.ask(cancel("", GRACEFUL))
    assert isinstance(fact, e.JobCancelRepeated)


@pytest.mark.parametrize("code", ["A", "a b", "x" * 33, "\u00e9", "a\n"])
def test_a_reason_code_has_its_form(code: str) -> None:
    (fact,) = given(running_job().job).when(cancel("r1", reason_code=code))
    assert isinstance(fact, e.JobCancelRefused)
    assert (fact.code, fact.reason_code) == ("bad_reason_code", code[:32])
