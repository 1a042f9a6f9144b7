"""Which events are published: a row each, from the registry of names."""

from functools import cache
from types import UnionType
from typing import Final, get_args

from msgspec import Struct

from adapters.wire.names import FIRST_RELEASE, SINCE, WIRE_NAMES
from adapters.wire.schemas.docstrings import told
from domain.events import (
    BULK,
    CLUSTER,
    JOB,
    POLICY,
    REQUEST,
    BulkEvent,
    ClusterEvent,
    Event,
    JobEvent,
    PolicyEvent,
)

PREFIX: Final = "countermand."
ID_PARAMETER: Final = {
    JOB: "jobId",
    CLUSTER: "cluster",
    REQUEST: "day",
    BULK: "digest",
    POLICY: "cluster",
}
"""What stands in a subject behind the kind of an aggregate."""

ID_PATTERN: Final = {
    JOB: "[1-9][0-9]{0,9}",
    CLUSTER: "[A-Za-z0-9_-]{1,64}",
    REQUEST: "[0-9]{8}",
    BULK: "[0-9a-f]{32}",
    POLICY: "[A-Za-z0-9_-]{1,64}",
}


class Entry(Struct, frozen=True):
    """A published event.

    ``name``: the short one that stands in the subject; ``type``: the CloudEvents type; ``stem``:
    the name of its schema, with the version and without the prefix. ``aggregate``: the kind of
    aggregate it belongs to; ``subject``: the NATS subject, with ``{}`` around what varies.
    ``since``: the first release that wrote it. ``summary`` and ``text``: what it says, as Markdown.
    """

    fact: type[Event]
    name: str
    type: str
    stem: str
    aggregate: str
    subject: str
    since: str
    summary: str
    text: str


@cache
def entries() -> tuple[Entry, ...]:
    """Every event, in the order of the registry."""
    return tuple(_entry(fact, type_) for fact, type_ in WIRE_NAMES.items())


def found(name: str) -> Entry | None:
    """The event of a name: ``JobAdded``, ``JobAdded.v1`` or ``countermand.JobAdded.v1``."""
    return next((x for x in entries() if name in (x.name, x.stem, x.type)), None)


def aggregate_of(fact: type[Event]) -> str:
    """The kind of aggregate that a fact belongs to."""
    if fact in members(JobEvent):
        return JOB
    if fact in members(BulkEvent):
        return BULK
    if fact in members(PolicyEvent):
        return POLICY
    return CLUSTER if fact in members(ClusterEvent) else REQUEST


def members(union: UnionType | type) -> tuple[type, ...]:
    """The types in a union, or the one type."""
    return get_args(union) or (union,)


def _entry(fact: type[Event], type_: str) -> Entry:
    name, kind, said = type_.split(".")[1], aggregate_of(fact), told(fact)
    return Entry(
        fact=fact,
        name=name,
        type=type_,
        stem=type_.removeprefix(PREFIX),
        aggregate=kind,
        subject=f"countermand.{{cluster}}.{kind}.{{{ID_PARAMETER[kind]}}}.{name}",
        since=SINCE.get(type_, FIRST_RELEASE),
        summary=said.summary,
        text=said.text,
    )
