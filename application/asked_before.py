"""What a recorded decision asked, so that other rules can be asked the same.

A decision since Cedar has its requests in it. One of the table before has fewer facts: they are
told as the same requests, with the caller whom its event names, when the two agree.
"""

from typing import Final

from msgspec import Struct

from domain.events import JOB, Decision, PolicyRequest, Recorded
from domain.policy import JobKnown, Question, facts_of
from domain.policy_requests import requests_of
from domain.policy_table import question_of


class AskedBefore(Struct, frozen=True):
    """Requests, all of which must be allowed. ``wanted``: the action they are about in the end.

    ``schema_digest``: of the schema that says what could be told then, "" for the table.
    """

    requests: tuple[PolicyRequest, ...]
    wanted: str
    schema_digest: str


class NotTold(Struct, frozen=True):
    """The event does not have what would have to be asked. ``what``: that, in words."""

    what: str


TOO_MUCH: Final = "more than a policy may be told, which was not kept"
CALLER: Final = "the caller, whom its event tells otherwise"


def asked_before(recorded: Recorded, decision: Decision) -> AskedBefore | NotTold:
    """What was asked when this was decided, or why that cannot be told."""
    if decision.requests:
        wanted = decision.facts.get("action", decision.requests[-1].action)
        return AskedBefore(decision.requests, wanted, decision.schema_digest)
    if decision.schema_digest:
        return NotTold(TOO_MUCH)
    return asked_of_the_table(recorded, decision)


def asked_of_the_table(recorded: Recorded, decision: Decision) -> AskedBefore | NotTold:
    """The table's facts as requests."""
    try:
        question = question_of(decision.facts)
    except ValueError as error:
        return NotTold(str(error))
    about = recorded.aggregate
    job = JobKnown(id=int(about.id)) if about.kind == JOB and about.id.isdecimal() else JobKnown()
    told = Question(recorded.event.caller, question.action, question.owner, question.job_type, job)
    if facts_of(told) != decision.facts:
        return NotTold(CALLER)
    return AskedBefore(requests_of(told), str(question.action), "")
