"""Marks: placed and taken back in every state, each with its reason, and not twice in a row."""

import pytest

from domain import commands as c
from domain import events as e
from domain.errors import Unknown
from domain.hresult import HResult
from domain.instruct import instruct, removable
from domain.job import Job, MarkInForce
from domain.marking import FACTS, mark_of
from domain.states import JobMark
from tests.domain.builders import (
    DENIED,
    Story,
    cancel,
    end_job,
    ends,
    given,
    mark,
    requeue,
    running_job,
)
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, removed, situation

OTHER = {JobMark.PROTECTION: JobMark.LEGAL_HOLD, JobMark.LEGAL_HOLD: JobMark.PROTECTION}


def finished() -> Story:
    story = running_job(1)
    story.tell(ends(1), end_job())
    return story


@pytest.mark.parametrize("of", JobMark)
@pytest.mark.parametrize("name", SITUATIONS)
def test_every_mark_in_every_state(name: str, of: JobMark) -> None:
    job = situation(name)
    (fact,) = given(job).when(mark(of=of, actor="jan", message="why not"))
    assert type(fact) is FACTS[of, True]
    after = folded(job, fact)
    found = mark_of(after, of)
    assert found is not None
    assert (found.message, found.on_behalf_of) == ("why not", "")
    assert mark_of(after, OTHER[of]) is None
    assert (after.state, after.tasks, after.cancel) == (job.state, job.tasks, job.cancel)
    (fact,) = given(after).when(mark("k2", of=of, placed=False, message="over"))
    assert type(fact) is FACTS[of, False]
    assert mark_of(folded(after, fact), of) is None


@pytest.mark.parametrize("of", JobMark)
@pytest.mark.parametrize("name", SITUATIONS)
def test_what_is_so_already_is_refused_in_every_state(name: str, of: JobMark) -> None:
    job = situation(name)
    (no,) = given(job).when(mark(of=of, placed=False))
    assert isinstance(no, e.JobCommandRefused)
    assert (no.code, no.hresult) == ("illegal_transition", HResult.INVALID_OPERATION)
    assert (no.command, no.rule) == (c.marking(of, False), f"{of}-to-take-back")
    assert only_the_trail_differs(job, folded(job, no))
    marked = folded(job, given(job).when(mark(of=of))[0])
    (no,) = given(marked).when(mark("k2", of=of, message="me too"))
    assert isinstance(no, e.JobCommandRefused)
    assert (no.command, no.rule, no.message) == (c.marking(of, True), f"{of}-once", "me too")
    assert " already, by " in no.explanation
    assert only_the_trail_differs(marked, folded(marked, no))


@pytest.mark.parametrize("of", JobMark)
@pytest.mark.parametrize("placed", [True, False])
@pytest.mark.parametrize("message", ["", " \n "])
def test_a_mark_needs_a_message(of: JobMark, placed: bool, message: str) -> None:
    (no,) = given(running_job(1).job).when(mark(of=of, placed=placed, message=message))
    assert isinstance(no, e.JobCommandRefused)
    assert (no.code, no.rule) == ("message_required", "marks-need-a-message")


@pytest.mark.parametrize("of", JobMark)
def test_who_may_not_learns_nothing_of_the_mark(of: JobMark) -> None:
    (no,) = given(running_job(1).job).when(mark(of=of, placed=False, message="", decision=DENIED))
    assert isinstance(no, e.JobCommandRefused)
    assert no.code == "not_permitted"


@pytest.mark.parametrize("of", JobMark)
def test_a_message_has_its_limit_and_the_same_request_is_answered_once(of: JobMark) -> None:
    story = running_job(1)
    (no,) = story.ask(mark(of=of, message="x" * 321))
    assert isinstance(no, e.JobCommandRefused)
    assert (no.code, len(no.message)) == ("message_too_long", 320)
    assert story.ask(mark("k2", of=of)) != ()
    assert story.ask(mark("k2", of=of)) == ()
    (no,) = story.ask(mark("k2", of=of, message="something else"))
    assert isinstance(no, e.JobCommandRefused)
    assert no.code == "request_id_reused"


def test_a_mark_stops_nothing() -> None:
    story = running_job(1)
    story.ask(mark(), mark("k2", of=JobMark.LEGAL_HOLD), cancel("r1"))
    assert isinstance(story.history[-1].data, e.JobCancelRequested)


def test_a_job_under_legal_hold_stays_until_it_is_released() -> None:
    story = finished()
    story.ask(mark(), mark("k2", of=JobMark.LEGAL_HOLD))
    assert not removable(story.job)
    assert instruct(story.job, c.RemoveJob()) == ()
    story.ask(mark("k3", of=JobMark.LEGAL_HOLD, placed=False))
    assert instruct(story.job, c.RemoveJob()) == (e.JobRemoved("ttl"),)


@pytest.mark.parametrize("of", JobMark)
def test_what_is_gone_is_not_marked(of: JobMark) -> None:
    with pytest.raises(Unknown):
        given(removed().job).when(mark(of=of))


def test_marks_outlast_another_round() -> None:
    job: Job = situation("canceled")
    marked = folded(job, given(job).when(mark(of=JobMark.LEGAL_HOLD))[0])
    again = folded(marked, given(marked).when(requeue())[0])
    assert isinstance(again.legal_hold, MarkInForce)
