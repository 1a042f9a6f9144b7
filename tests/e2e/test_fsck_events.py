"""``countermand fsck`` of streams on a real server: every event there is, and single bad ones."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from adapters.bootstrap.configuration import load
from adapters.bootstrap.evidence import stream_spec
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.provision import provision
from application.ports import Stored
from tests.application.test_checking_alone import read_as, stream
from tests.e2e.home import new_home
from tests.e2e.said import COUNTERMAND, said_by
from tests.support.every_event import every_event
from tests.support.filling import publish_all
from tests.support.nats import own_server
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CLUSTER: Final = "hpc1"


async def stored(data: Path, events: Iterable[Stored]) -> None:
    """A stream with these, in a data directory where no service ever was."""
    spec = stream_spec(load({"data_directory": str(data), "cluster": CLUSTER}, None))
    async with own_server(data, CLUSTER, spec.stream) as server:

        def address(role: NatsRole) -> ServerAddress:
            return ServerAddress((server.url,), server.credentials_file(role), str(role))

        await provision(address(NatsRole.PROVISIONER), spec)
        await publish_all(address(NatsRole.SERVICE), CLUSTER, events)


def looked_at(events: Iterable[Stored]) -> tuple[int, Json]:
    """The status and the report of a look at a stream of these."""
    with new_home() as home:
        data = home / "data"
        data.mkdir()
        asyncio.run(stored(data, events))
        command = [COUNTERMAND, "fsck", "--data", str(data), "--cluster", CLUSTER, "-o", "json"]
        said = said_by(command, {"HOME": str(home)}, home)
        assert "Traceback" not in said.err, said.err
        return said.status, json.loads(said.out)


def test_every_event_there_is_is_whole() -> None:
    events = every_event(CLUSTER).events
    status, report = looked_at(events)
    assert (status, report["counts"], report["events"]) == (0, {}, len(events)), report


class Bad(Struct, frozen=True):
    """Bytes of the last event in place of others, and what is said of that."""

    old: bytes
    new: bytes
    kind: str
    expected: str
    found: str


BAD: Final = {
    "by another": Bad(
        b'"authid":"bob"',
        b'"authid":"alice"',
        *("caller", "authid 'bob', as its decision has it", "authid 'alice'"),
    ),
    "an id of no form": Bad(
        b'"id":"00000000-0000-7000-8000-000000000004"',
        b'"id":"4"',
        *("id", "id: a UUID of version 7", "id '4'"),
    ),
    "the id of another": Bad(
        b'"id":"00000000-0000-7000-8000-000000000004"',
        b'"id":"00000000-0000-7000-8000-000000000002"',
        "id",
        "an id that no other event has",
        "the id '00000000-0000-7000-8000-000000000002' of event 2",
    ),
    "an unknown field": Bad(
        b'"data":{',
        b'"data":{"secret":1,',
        *("form", "an event of this contract", "the unknown field data.secret"),
    ),
    "an unknown attribute": Bad(
        b'"data":{',
        b'"secret":1,"data":{',
        "form",
        "an event of this contract",
        "envelope: Object contains unknown field `secret`",
    ),
    "a member twice": Bad(
        b'"authid":"bob"',
        b'"authid":"alice","authid":"bob"',
        *("form", "an event of this contract", "authid twice"),
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_single_bad_event_is_named(case: str) -> None:
    bad, events = BAD[case], stream()
    last = events[-1]
    assert last.raw.count(bad.old) == 1
    status, report = looked_at([*events[:-1], read_as(last, last.raw.replace(bad.old, bad.new))])
    assert status == 10, report
    first = report["first"]
    assert set(report["counts"]) == {bad.kind}
    assert (first["kind"], first["position"]) == (bad.kind, last.position)
    assert first["subject"] == f"countermand.{CLUSTER}.job.1.{last.type}"
    assert (first["expected"], first["found"]) == (bad.expected, bad.found)
    assert report["what_to_do"].keys() == {bad.kind}
