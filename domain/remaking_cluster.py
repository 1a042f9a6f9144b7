"""Facts about the cluster, and those about no job at all: could the rules have made them?"""

import re
from typing import Final, assert_never

from domain import events as e
from domain.cluster import (
    ASKED_UNITS_MAX,
    Cluster,
    ReserveJobIds,
    SetParameter,
    refused,
    reserve,
    set_parameter,
)
from domain.differing import difference
from domain.errors import CountermandError
from domain.hresult import HResult
from domain.identity import PrincipalKind, Role
from domain.job import Asking
from domain.message import units
from domain.refusal import denied
from domain.remaking_requests import OTHER_VERSION, asked

DAY: Final = re.compile(r"\d{8}")
ON_NOTHING: Final = frozenset({"job-exists", "one-request-one-id"})
NOTHING: Final = "nothing: this very request was answered before"


def cluster_fact_refused(before: Cluster, recorded: e.Recorded) -> str:
    """Why the rules could not have made this fact about the cluster; "" when they could."""
    data = recorded.data
    assert isinstance(data, e.ClusterEvent), "evolve takes no other"
    match data:
        case e.JobIdsReserved():
            return reserved_wrong(before, data)
        case e.ClusterParameterSet():
            who = asked(recorded, data.request_id, data.decision)
            made = set_parameter(before, SetParameter(who, data.name, data.value))
            return unlike(made, data)
        case e.ClusterCommandRefused():
            return refusal_wrong(before, recorded, data)
        case e.StreamMended() | e.LossAccepted() | e.StreamRestored():
            return witness_wrong(recorded, data)
        case _:
            assert_never(data)


def reserved_wrong(before: Cluster, data: e.JobIdsReserved) -> str:
    """A block follows the one before it, and is not empty."""
    try:
        return unlike(reserve(before, ReserveJobIds(data.last - data.first + 1)), data)
    except CountermandError as error:
        return error.message


def refusal_wrong(before: Cluster, recorded: e.Recorded, data: e.ClusterCommandRefused) -> str:
    """A refused change of a parameter is decided again; a job is refused by the policy alone."""
    other = data.code == OTHER_VERSION
    who = asked(recorded, data.request_id, data.decision, () if other else None)
    if data.command == "add_job":
        no = denied(who)
        if no is None:
            return "the policy allowed the job"
        if Asking(who.asker, "add_job", data.request_id) in before.asked:
            content = before.asked[Asking(who.asker, "add_job", data.request_id)].content_sha256
            if content == data.content_sha256:
                return NOTHING
        return unlike(refused(who, "add_job", no, data.asked_for, data.content_sha256), data)
    name, value = data.asked_for.get("name", ""), data.asked_for.get("value", "")
    made = set_parameter(before, SetParameter(who, name, value))
    cut = any(units(text) >= ASKED_UNITS_MAX - 1 for text in (name, value))
    apart = {"explanation"} if other or cut else set()
    return unlike(made, data, apart | ({"content_sha256"} if cut else set()))


def witness_wrong(
    recorded: e.Recorded, data: e.StreamMended | e.LossAccepted | e.StreamRestored
) -> str:
    """What an administrator did to the stream is by an administrator, and has a stream."""
    actor = recorded.event.caller.actor
    if not actor.has(Role.ADMINISTRATOR) or actor.kind is not PrincipalKind.USER:
        return f"{actor.name!r} is no administrator"
    if not data.stream or (isinstance(data, e.LossAccepted) and not data.reason):
        return "it names no stream, or no reason"
    return ""


def unlike(made: e.ClusterEvent | None, data: e.ClusterEvent, apart: set[str] = frozenset()) -> str:  # type: ignore[assignment]
    """How what is decided now differs from what is stored."""
    return NOTHING if made is None else difference(made, data, frozenset(apart))


def request_fact_refused(recorded: e.Recorded) -> str:
    """Why a refusal of a cancel of no job is none; "" when it may be one.

    Whether there was such a job is not looked at: it may have been made at the same moment.
    """
    data = recorded.data
    if not isinstance(data, e.CancelRefused):
        return f"{type(data).__name__} has no place in {recorded.aggregate}"
    if DAY.fullmatch(recorded.aggregate.id) is None:
        return f"{recorded.aggregate.id} is no day, such as 20261123"
    if data.rule not in ON_NOTHING:
        return f"the rule is {data.rule!r}; a cancel of no job is refused by job-exists"
    if data.rule == "job-exists" and data.hresult != HResult.INVALID_JOB_ID:
        return f"the number is {data.hresult}; an unknown job has {int(HResult.INVALID_JOB_ID)}"
    return ""
