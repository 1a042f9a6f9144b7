"""Event <-> bytes: CloudEvents 1.0 in JSON, with a closed registry of names.

The stored bytes are the evidence. They are made once, checked by reading them back before anything
is published, and never re-serialised. Decoding goes in two steps, envelope first and then ``data``
by its registered name; bytes that cannot be decoded give an ``Undecodable`` with a reason, never an
exception.
"""

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from adapters.wire.names import FACTS, TOKEN, WIRE_NAMES, check_token, token_of, type_token
from application.ports import Undecodable
from domain.errors import BadRequest
from domain.events import Aggregate, Event, NewEvent, Recorded
from domain.identity import Caller, Origin, Principal, PrincipalKind, Role
from projections.stamps import stamp

EVENT_BYTES_MAX: Final = 60 * 1024
"""An event's bytes, without what rules in shadow said. The stream takes 64 KiB with headers; 4 KiB
are left for guard and batch, and for those."""

SPECVERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
ROLES_REMEMBERED: Final = 64

MaybeText: TypeAlias = str | UnsetType


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attributes of a stored event, in the order in which they are written.

    An absent attribute is left out, never null. ``data`` is kept as it stands.

    ``specversion``: the version of CloudEvents. ``id``: unique for ever, a UUID of version 7; the
    same when an event is delivered again. ``source``: the cluster.
    ``type``: the name of the event, with its version; never reused.
    ``subject``: the aggregate: what the event is about.
    ``time``: when the service recorded it, in UTC; it rises within an aggregate.
    ``datacontenttype``: how ``data`` is written.
    ``aggregateversion``: its place in its aggregate: 1, 2, 3, without a gap.
    ``previoushash``: SHA-256 (hex) of the exact bytes of the event before it in its aggregate;
    absent on the first.
    ``authtype``: what kind of actor it was; ``system`` is the service itself.
    ``authid``: the authenticated actor.
    ``authmethod``: how the server knew them: unix, token, basic, internal.
    ``authroles``: their roles, sorted, with commas between.
    ``onbehalfof``: the person acted for, whose rights counted; absent when the actor acted for
    themselves. ``onbehalfoftype``: what kind of actor that person is.
    ``onbehalfofmethod``: how the server knew that person. ``onbehalfofroles``: that person's roles.
    ``origin``: through which face the request came; ``system`` for what the service does by itself.
    ``clientaddress``: where the request came from, such as ``unix:pid=7,uid=1000`` or
    ``192.0.2.7:50000``.
    ``clientprogram``: the program that sent it, as it calls itself.
    ``correlationid``: the id of the request that began the chain; for what began by itself, the id
    of its first event. ``causationid``: the id of the event or request that it follows from.
    ``data``: the fact itself.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str
    aggregateversion: int
    previoushash: MaybeText = UNSET
    authtype: PrincipalKind
    authid: str
    authmethod: str
    authroles: str
    onbehalfof: MaybeText = UNSET
    onbehalfoftype: PrincipalKind | UnsetType = UNSET
    onbehalfofmethod: MaybeText = UNSET
    onbehalfofroles: MaybeText = UNSET
    origin: Origin
    clientaddress: MaybeText = UNSET
    clientprogram: MaybeText = UNSET
    correlationid: str
    causationid: str
    data: Raw


class Link(Struct, frozen=True):
    """What chains an event to the one before it; read also from events that do not decode."""

    aggregateversion: int
    previoushash: MaybeText = UNSET


class Decoded(Struct, frozen=True):
    """A stored event read: the fact or why not, and its link in the aggregate's chain.

    ``version`` is None when not even the link can be read; ``previous_sha256`` is "" for the first.
    """

    fact: Recorded | Undecodable
    version: int | None
    previous_sha256: str


class _Bad(Exception):
    """Why bytes were refused; never leaves this module."""


def sha256(raw: bytes) -> str:
    """The hex digest that the next event of the aggregate carries as ``previoushash``."""
    return hashlib.sha256(raw).hexdigest()


def encode(
    event: NewEvent, aggregate: Aggregate, cluster: str, version: int, previous_sha256: str = ""
) -> bytes:
    """The bytes to store, which decode to exactly ``event`` in this place.

    ``version``: 1 or more; ``previous_sha256``: hex digest of the event before, "" for the first.
    Raises ``BadRequest`` for more bytes than ``EVENT_BYTES_MAX``, a bad token, and anything that
    would not read back as itself (a naive time, a lone surrogate, a value of the wrong type).
    """
    for token in (aggregate.kind, aggregate.id, cluster):
        check_token(token)
    try:
        raw = msgspec.json.encode(_envelope(event, aggregate, cluster, version, previous_sha256))
    except (UnicodeError, OverflowError, TypeError, ValueError, KeyError) as error:
        raise BadRequest(f"the event cannot be written as JSON: {error}") from error
    size = len(raw) if len(raw) <= EVENT_BYTES_MAX else len(raw) - shadow_bytes(event.data)
    if size > EVENT_BYTES_MAX:
        raise BadRequest(
            f"the event has {size} bytes, at most {EVENT_BYTES_MAX} are allowed:"
            " shorten commands, environments or texts"
        )
    _prove(raw, event, aggregate, cluster, version)
    return raw


def shadow_bytes(fact: Event) -> int:
    """What rules in shadow said comes on top: no request is refused because they said it."""
    shadow = getattr(getattr(fact, "decision", None), "shadow", None)
    return len(msgspec.json.encode(shadow)) if shadow is not None else 0


def decode(raw: bytes, cluster: str, aggregate: Aggregate, token: str) -> Decoded:
    """Read bytes that lie under ``aggregate`` and type ``token`` of ``cluster``. Never raises."""
    try:
        envelope = _parse_envelope(raw)
        fact = _decode(envelope, cluster, aggregate, token)
    except _Bad as bad:
        return _undecodable(raw, aggregate, token, str(bad))
    return Decoded(fact, fact.version, envelope.previoushash or "")


def decode_closely(
    raw: bytes, cluster: str, aggregate: Aggregate, token: str
) -> tuple[Decoded, bool]:
    """As ``decode``; and whether the bytes are exactly what this release writes for that event."""
    try:
        envelope = _parse_envelope(raw)
        fact = _decode(envelope, cluster, aggregate, token)
    except _Bad as bad:
        return _undecodable(raw, aggregate, token, str(bad)), False
    same = msgspec.json.encode(fact.data) == bytes(envelope.data)
    same = same and msgspec.json.encode(envelope) == raw
    return Decoded(fact, fact.version, envelope.previoushash or ""), same


def _undecodable(raw: bytes, aggregate: Aggregate, token: str, reason: str) -> Decoded:
    """What can be read of bytes that are no known event: perhaps its link, perhaps the actor."""
    link = _link(raw)
    version = link.aggregateversion if link else None
    previous = link.previoushash if link and isinstance(link.previoushash, str) else ""
    return Decoded(Undecodable(aggregate, version, token, reason, actor_of(raw)), version, previous)


def place_of(raw: bytes) -> Aggregate | None:
    """The aggregate that stored bytes name themselves, or None. For logs that have no subjects."""
    try:
        kind, _, id_ = msgspec.json.decode(raw, type=_Place).subject.partition("/")
    except (msgspec.MsgspecError, UnicodeError):
        return None
    if TOKEN.fullmatch(kind) is None or TOKEN.fullmatch(id_) is None:
        return None
    return Aggregate(kind, id_)


class _Place(Struct, frozen=True):
    subject: str


def actor_of(raw: bytes) -> str:
    """The ``authid`` that stored bytes give, "" when they give none. Decodes nothing else."""
    try:
        return msgspec.json.decode(raw, type=_Actor).authid
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""


class _Actor(Struct, frozen=True):
    authid: str


def _prove(raw: bytes, event: NewEvent, aggregate: Aggregate, cluster: str, version: int) -> None:
    """Check before writing: what is stored must be readable, and say what was decided."""
    fact = decode(raw, cluster, aggregate, type_token(type(event.data))).fact
    if isinstance(fact, Undecodable):
        raise BadRequest(f"the event would not be readable: {fact.reason}")
    if fact != Recorded(aggregate, version, event):
        raise BadRequest("the event would not read back as itself")


def _envelope(
    event: NewEvent, aggregate: Aggregate, cluster: str, version: int, previous: str
) -> Envelope:
    caller, actor, person = event.caller, event.caller.actor, event.caller.on_behalf_of
    return Envelope(
        specversion=SPECVERSION,
        id=event.id,
        source=source_of(cluster),
        type=WIRE_NAMES[type(event.data)],
        subject=str(aggregate),
        time=_time_text(event.time),
        datacontenttype=CONTENT_TYPE,
        aggregateversion=version,
        previoushash=previous or UNSET,
        authtype=actor.kind,
        authid=actor.name,
        authmethod=actor.method,
        authroles=",".join(actor.roles),
        onbehalfof=person.name if person else UNSET,
        onbehalfoftype=person.kind if person else UNSET,
        onbehalfofmethod=person.method if person else UNSET,
        onbehalfofroles=",".join(person.roles) if person else UNSET,
        origin=caller.origin,
        clientaddress=caller.address or UNSET,
        clientprogram=caller.program or UNSET,
        correlationid=event.correlation_id,
        causationid=event.causation_id,
        data=Raw(msgspec.json.encode(event.data)),
    )


def source_of(cluster: str) -> str:
    """The CloudEvents ``source`` of a cluster's events."""
    return f"/countermand/{cluster}"


def _decode(envelope: Envelope, cluster: str, aggregate: Aggregate, token: str) -> Recorded:
    _expect("specversion", envelope.specversion, SPECVERSION)
    _expect("datacontenttype", envelope.datacontenttype, CONTENT_TYPE)
    _expect("source", envelope.source, source_of(cluster))
    _expect("subject", envelope.subject, str(aggregate))
    fact = FACTS.get(envelope.type)
    if fact is None:
        raise _Bad(f"type {envelope.type!r} is not registered")
    _expect("type in the subject", token, token_of(envelope.type))
    _check_link(envelope)
    event = NewEvent(
        id=envelope.id,
        time=_time(envelope.time),
        caller=_caller(envelope),
        correlation_id=envelope.correlationid,
        causation_id=envelope.causationid,
        data=_parse_data(envelope.data, fact),
    )
    return Recorded(aggregate, envelope.aggregateversion, event)


def _parse_envelope(raw: bytes) -> Envelope:
    try:
        return msgspec.json.decode(raw, type=Envelope)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _Bad(f"envelope: {error}") from error


def _parse_data(data: Raw, fact: type[Event]) -> Event:
    try:
        return msgspec.json.decode(data, type=fact)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _Bad(f"data of {WIRE_NAMES[fact]}: {error}") from error


def _link(raw: bytes) -> Link | None:
    try:
        return msgspec.json.decode(raw, type=Link)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _check_link(envelope: Envelope) -> None:
    version, previous = envelope.aggregateversion, envelope.previoushash
    if version < 1:
        raise _Bad(f"aggregateversion is {version}, 1 is the first")
    if (version == 1) != (previous is UNSET):
        raise _Bad(f"previoushash must be absent on version 1 and there after it (it is {version})")
    if isinstance(previous, str) and SHA256.fullmatch(previous) is None:
        raise _Bad("previoushash is not 64 lower-case hex digits")


def _expect(what: str, actual: str, wanted: str) -> None:
    if actual != wanted:
        raise _Bad(f"{what} is {actual[:100]!r}, expected {wanted!r}")


def _caller(envelope: Envelope) -> Caller:
    return Caller(
        actor=Principal(
            envelope.authid, _roles(envelope.authroles), envelope.authtype, envelope.authmethod
        ),
        on_behalf_of=_person(envelope),
        origin=envelope.origin,
        address=envelope.clientaddress or "",
        program=envelope.clientprogram or "",
    )


def _person(envelope: Envelope) -> Principal | None:
    name, roles = envelope.onbehalfof, envelope.onbehalfofroles
    kind, method = envelope.onbehalfoftype, envelope.onbehalfofmethod
    if name is UNSET and roles is UNSET and kind is UNSET and method is UNSET:
        return None
    if name is UNSET or roles is UNSET or kind is UNSET or method is UNSET:
        raise _Bad("onbehalfof, -type, -method and -roles must be there together")
    return Principal(name, _roles(roles), kind, method)


@lru_cache(ROLES_REMEMBERED)
def _roles(text: str) -> tuple[Role, ...]:
    try:
        return tuple(Role(name) for name in text.split(",")) if text else ()
    except ValueError as error:
        raise _Bad(f"roles: {error}") from error


def _time_text(time: datetime) -> str:
    if time.tzinfo is None:
        raise ValueError("the time has no zone")
    return stamp(time)


def _time(text: str) -> datetime:
    try:
        if TIME.fullmatch(text) is not None:
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise _Bad(f"time {text[:40]!r} is not RFC 3339 with six digits of fraction and Z")
