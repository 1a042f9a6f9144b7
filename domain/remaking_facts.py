"""Was the policy told what was so? What a decision rests on, held against the state and its event.

The question is put together again by what the service puts it together by (``questions``), from the
fact and from the job as it was. Who asked is looked at in ``remaking_callers``.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain import events as e
from domain.freezing import NAME
from domain.glimpses import Glimpse, Glimpses
from domain.policy import FACTS_TOO_LARGE, POLICY_ERROR, Question, facts_of
from domain.policy_requests import CLUSTER, WEEKDAYS, requests_of, seconds_since
from domain.states import Effect

CALLER_FACTS: Final = frozenset({"actor", "person", "roles", "actor_roles"})
TOLD_OF_CALLER: Final = frozenset({"origin", "actor"})
FREEZE_WINDOWS: Final = "freeze_windows"
RUNNING_SECONDS: Final = "running_seconds"
MESSAGE_UNITS: Final = "message_units"
CLOCK: Final = ("hour", "weekday")

ABOUT: Final = timedelta(seconds=1)

Span = tuple[datetime, datetime]
Values = Mapping[str, e.PolicyValue]


class Wanted(Struct, frozen=True):
    """What a decision may have been about.

    ``question``: with what the fact itself says of the request. ``of_job``: whether all that was
    known of the job was told. ``waits``: the cancel that waits that it is about, "" for none.
    ``open``: attributes that neither fact nor state has: they are taken as they stand. ``sizes``:
    of a bulk, as the fact or its request has them. ``lengths``: what ``message_units`` may be: an
    older release told the length of all of a message. ``maybe``: attributes that an older release
    did not tell. ``moment``: when it was asked for, where that is not when it was decided.
    """

    question: Question
    of_job: bool = True
    waits: str = ""
    open: frozenset[str] = frozenset()
    sizes: frozenset[int] = frozenset()
    lengths: frozenset[int] | range = frozenset()
    maybe: frozenset[str] = frozenset()
    moment: datetime | None = None


class Then(Struct, frozen=True):
    """What was known when it was decided.

    ``glimpses``: of the job, the oldest first; ``forgotten``: whether there may have been more.
    ``spans``: when it may have been decided; None where the clock cannot be told. ``names``: what
    the schema of the decision names; None where it is not known.
    """

    glimpses: Glimpses = ()
    forgotten: bool = False
    spans: tuple[Span, ...] | None = None
    names: frozenset[str] | None = None


def told_differs(decision: e.Decision, wanted: tuple[Wanted, ...], then: Then) -> str:
    """What the policy was told that was not so; "" when there is nothing."""
    same = [x for x in wanted if str(x.question.action) == decision.facts.get("action")]
    words = ""
    for one in (*same, *wanted) if same else wanted:
        found = differs_from(decision, one, then)
        if not found:
            return ""
        words = words or found
    return words


def differs_from(decision: e.Decision, wanted: Wanted, then: Then) -> str:
    """How it differs from one question that it may have answered."""
    words = facts_differ(decision, wanted.question)
    if words or not decision.schema_digest:  # the table before Cedar was told its facts alone
        return words
    if not decision.requests:
        return unasked(decision)
    if wanted.moment is not None:
        then = replace(then, spans=((wanted.moment - ABOUT, wanted.moment + ABOUT),))
    newest = then.glimpses[-1].known if wanted.of_job and then.glimpses else wanted.question.job
    expected = requests_of(replace(wanted.question, job=newest))
    count, needed = len(decision.requests), len(expected)
    if count > needed or (count < needed and decision.effect is not Effect.DENY):
        return f"the policy was asked {count} times, and the rules give {needed}"
    for found, made in zip(decision.requests[:-1], expected, strict=False):
        words = words or acting_differs(found, made)
    if count < needed:
        return words or acting_differs(decision.requests[-1], expected[count - 1])
    return words or asked_differs(decision.requests[-1], expected[-1], wanted, then)


def facts_differ(decision: e.Decision, question: Question) -> str:
    """The words of ``facts``. The table before Cedar was not always told all of them."""
    made, told = facts_of(question), decision.facts
    for name in told.keys() - made.keys() - CALLER_FACTS:
        return f"facts.{name} is {told[name]!r}, and the policy is not told that"
    for name in made.keys() - CALLER_FACTS:
        found = told.get(name)
        if found != made[name] and (found is not None or decision.schema_digest):
            return other(f"facts.{name}", found, made[name])
    return ""


def unasked(decision: e.Decision) -> str:
    """Without a request there is only a refusal: it was too much, or something failed."""
    if decision.effect is Effect.DENY and decision.rules in ((FACTS_TOO_LARGE,), (POLICY_ERROR,)):
        return ""
    return f"the policy was asked nothing, and the answer is {decision.effect}"


def acting_differs(found: e.PolicyRequest, made: e.PolicyRequest) -> str:
    """Whether somebody may act for somebody: who they are is looked at elsewhere."""
    if found.action != made.action:
        return other("action", found.action, made.action)
    more = found.context.keys() - made.context.keys()
    return f"context.{min(more)} is told, and the rules do not give it" if more else ""


def asked_differs(found: e.PolicyRequest, made: e.PolicyRequest, wanted: Wanted, then: Then) -> str:
    """The request itself: the action, on what, and how."""
    if found.action != made.action:
        return other("action", found.action, made.action)
    if found.resource.type != made.resource.type:
        return other("resource.type", found.resource.type, made.resource.type)
    if found.resource.roles:
        return "resource.roles are told, and the rules give none"
    words = context_differs(found.context, made.context, wanted, then)
    if words or made.resource == CLUSTER:
        return words or ("" if found.resource == CLUSTER else "the resource is not the cluster")
    if not wanted.of_job:
        return job_differs(found, made.resource, wanted, then, None)
    words = ""
    for n, glimpse in enumerate(reversed(then.glimpses)):
        known = replace(wanted.question, job=glimpse.known)
        resource = requests_of(known)[-1].resource if n else made.resource
        reason = job_differs(found, resource, wanted, then, glimpse)
        if not reason:
            return ""
        words = words or reason
    return "" if then.forgotten else words


def job_differs(
    found: e.PolicyRequest,
    made: e.PolicyEntity,
    wanted: Wanted,
    then: Then,
    glimpse: Glimpse | None,
) -> str:
    """The job as it was told, and as it was at a glimpse."""
    told = found.resource
    if told.id != made.id and (told.id or then.names is not None):
        return other("resource.id", told.id, made.id)
    if told.attributes != made.attributes:
        for name, is_, was in unlike(told.attributes, made.attributes, wanted, then):
            if name != RUNNING_SECONDS:
                return other(f"resource.{name}", is_, was)
    if glimpse is None:
        return ""
    words = running_differs(told.attributes.get(RUNNING_SECONDS), glimpse, then)
    return words or approved_differs(found.context, wanted, glimpse)


def running_differs(found: e.PolicyValue | None, glimpse: Glimpse, then: Then) -> str:
    """How long it had been running, at some moment at which it may have been decided."""
    if glimpse.began is None:
        return "" if found is None else other("resource.running_seconds", found, None)
    if found is None:
        named = then.names is not None and RUNNING_SECONDS in then.names
        return other("resource.running_seconds", None, "some") if named else ""
    if then.spans is None:
        return "" if whole(found) else other("resource.running_seconds", found, "a number")
    limits = [
        (seconds_since(glimpse.began, a), seconds_since(glimpse.began, b)) for a, b in then.spans
    ]
    if whole(found) and any(a <= found <= b for a, b in limits):  # type: ignore[operator]
        return ""
    return other("resource.running_seconds", found, f"{limits[0][0]} to {limits[0][1]}")


def approved_differs(context: Values, wanted: Wanted, glimpse: Glimpse) -> str:
    """How many had approved the cancel that it is about."""
    made = glimpse.approved.get(wanted.waits) if wanted.waits else None
    found = context.get("approvals")
    if not wanted.waits or found is None or found == made:
        return ""
    return other("context.approvals", found, made)


def context_differs(found: Values, made: Values, wanted: Wanted, then: Then) -> str:
    """How it was asked."""
    for name, is_, was in unlike(found, made, wanted, then):
        if name == "bulk_size" and wanted.sizes and is_ in wanted.sizes and whole(is_):
            continue
        if name == MESSAGE_UNITS and is_ in wanted.lengths and whole(is_):
            continue
        if name in (FREEZE_WINDOWS, *CLOCK) and is_ is not None and was is not None:
            continue
        if name == "approvals" and wanted.waits:
            continue
        return other(f"context.{name}", is_, was)
    return clock_differs(found, then) or windows_differ(found.get(FREEZE_WINDOWS, ()))


def unlike(
    found: Values, made: Values, wanted: Wanted, then: Then
) -> Iterator[tuple[str, e.PolicyValue | None, e.PolicyValue | None]]:
    """What was told otherwise: name, what was told, what was so. What an older release did not tell
    is none."""
    for name in sorted((found.keys() | made.keys()) - TOLD_OF_CALLER - wanted.open):
        is_, was = found.get(name), made.get(name)
        if is_ == was and type(is_) is type(was):
            continue
        if is_ is None and (then.names is None or name not in then.names or name in wanted.maybe):
            continue
        if is_ is None and name == MESSAGE_UNITS and "reason_code" not in made:
            continue  # not every request had a message from the beginning
        yield name, is_, was


def clock_differs(found: Values, then: Then) -> str:
    """Hour and weekday, of one moment at which it may have been decided."""
    hour, weekday = found.get("hour"), found.get("weekday")
    if hour is not None and not (whole(hour) and hour in range(24)):
        return other("context.hour", hour, "0 to 23")
    if weekday is not None and weekday not in WEEKDAYS:
        return other("context.weekday", weekday, "a day of the week")
    if then.spans is None:
        return ""
    moments = [x.astimezone(UTC) for span in then.spans for x in span]
    for x in moments:
        if hour in (None, x.hour) and weekday in (None, WEEKDAYS[x.weekday()]):
            return ""
    last = then.spans[0][1].astimezone(UTC)
    return other(
        "context.hour, weekday",
        (str(hour), str(weekday)),
        (str(last.hour), WEEKDAYS[last.weekday()]),
    )


def windows_differ(found: e.PolicyValue) -> str:
    """Freeze windows stand in the settings: only that they are names, sorted."""
    names = found if isinstance(found, tuple) else (str(found),)
    good = isinstance(found, tuple) and [*names] == sorted({*names})
    if good and all(NAME.fullmatch(name) for name in names):
        return ""
    return other("context.freeze_windows", found, "names, sorted")


def whole(value: e.PolicyValue | None) -> bool:
    """Whether it is a number, none below 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def other(name: str, found: e.PolicyValue | None, made: e.PolicyValue | None) -> str:
    """What was told, and what was so."""
    told = "nothing" if found is None else repr(found)
    return f"{name} is {told}, and the rules give {'nothing' if made is None else repr(made)}"
