"""Texts that no request of a person can have are named, wherever they stand."""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from application.checking import Damage
from domain import events as e
from domain.bulk import HowToCancel, content_of_wanted, request_bulk
from domain.hresult import HResult
from domain.states import CancelMode
from tests.domain.builders import add, cancel, specs
from tests.support.author import ALICE, Author
from tests.support.checked import damage_among

CLUSTER = "hpc1"
NOTHING = e.CancelRefused(
    *("r9", "99", None, CancelMode.NORMAL, "", 0, "", ""),
    *("unknown_job", HResult.INVALID_JOB_ID, "job-exists", "there is no job 99"),
)
EMOJI = "\U0001f642"


def of_nothing(fact: e.CancelRefused) -> list[Damage]:
    """What is found of a refused cancel of no job."""
    author = Author(CLUSTER)
    author.store(e.request_aggregate(author.asked("").at), fact)
    return damage_among(author.events, CLUSTER)


def of_many(message: str, reason_code: str = "") -> list[Damage]:
    """The same of a request on many jobs."""
    author = Author(CLUSTER)
    how, wanted = HowToCancel(CancelMode.NORMAL, message, reason_code), e.JobsWanted()
    request = e.BulkCancelRequested(
        *("b1", how.mode, how.message, how.reason_code, e.JobSet(0), 1, 1, 0, wanted, 0, ""),
        *(e.JobSet(0), e.JobSet(0), content_of_wanted(wanted, how)),
    )
    (fact,) = request_bulk(None, request, (1, 2))
    author.store(e.bulk_aggregate(ALICE.asker, "b1"), fact)
    return damage_among(author.events, CLUSTER)


def of_a_job(message: str, units_max: int = 320) -> tuple[list[Damage], Author]:
    """The same of a job's cancel."""
    author = Author(CLUSTER)
    author.reserve()
    author.add(replace(add(specs(1), submit=True, request_id="a1"), job_id=1))
    author.ask(1, cancel("r1", message=message, units_max=units_max))
    return damage_among(author.events, CLUSTER), author


@pytest.mark.parametrize("message", ["", "x" * 320, EMOJI * 160])
def test_texts_at_their_limits_are_whole(message: str) -> None:
    assert of_nothing(replace(NOTHING, message=message, message_units=320 if message else 0)) == []
    assert of_many(message) == []
    assert of_a_job(message)[0] == []


@pytest.mark.parametrize("message", ["x" * 321, EMOJI * 161, "\ud800"])
def test_what_a_refusal_keeps_of_a_message_is_whole(message: str) -> None:
    found, author = of_a_job(message)
    assert found == []
    assert author.events[-1].type == "JobCancelRefused"


def test_a_longer_message_that_was_accepted_is_named() -> None:
    found, _ = of_a_job("x" * 321, units_max=10_000)
    assert [(x.kind, x.position) for x in found] == [("rules", 4)]
    assert found[0].found.startswith("the rules give JobCancelRefused: the message has 321 UTF-16")
    (longer,) = of_many(EMOJI * 161)
    assert (longer.kind, longer.found) == (
        "rules",
        "the message has 322 UTF-16 code units; at most 320 are allowed: shorten it by 2",
    )
    (bad,) = of_many("\x1b[2J")
    assert bad.found.startswith("the message holds the character U+001B, which is not allowed")
    (reason,) = of_many("", "No Such Reason")
    assert reason.found.startswith("the reason code 'No Such Reason' is not allowed")


REFUSED: Final[dict[str, dict[str, Any]]] = {
    "message has 321 UTF-16 code units; at most 320 are kept": {
        "message": "x" * 321,
        "message_units": 321,
    },
    "message_units is 7, and the message has 1": {"message": "x", "message_units": 7},
    "message_sha256 is 'no', which is no SHA-256": {
        "message": "x",
        "message_units": 7,
        "message_sha256": "no",
    },
    "message_units is 1, and the message, of which only the beginning is kept, has 1": {
        "message": "x",
        "message_units": 1,
        "message_sha256": "0" * 64,
    },
    "reason_code has 33 UTF-16 code units; at most 32 are kept": {"reason_code": "x" * 33},
    "job has 65 UTF-16 code units; at most 64 are kept": {"job": "9" * 65},
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_refusal_that_keeps_more_or_something_else_is_named(words: str) -> None:
    (found,) = of_nothing(replace(NOTHING, **REFUSED[words]))
    assert (found.kind, found.expected, found.found) == (
        "rules",
        "texts as they are stored",
        words,
    )


def test_a_request_id_of_another_form_is_named() -> None:
    (found,) = of_nothing(replace(NOTHING, request_id="two words"))
    assert (found.kind, found.found) == ("id", "request_id 'two words'")
