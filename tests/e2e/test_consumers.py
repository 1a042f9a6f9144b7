"""What holds for every consumer: what it may import, and what it must notice while it reads."""

import ast
import asyncio
import json
import sys
from pathlib import Path

import pytest

from ops.consumers.errors import Lost
from ops.consumers.following import Feed, feed, place_of
from ops.consumers.place import Place
from ops.consumers.wire import connected
from tests.e2e.bare import STREAM, Bare, bare_stream
from tests.e2e.service import ROOT
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = [pytest.mark.e2e]

FOLDER = ROOT / "ops" / "consumers"
MAY_BE_IMPORTED = {*sys.stdlib_module_names, "nats"}
DELIVERED = "$JS.ACK.COUNTERMAND.c1.1.17.3.1795760888000000000.0"
DELIVERED_BY_NEWER = "$JS.ACK._.hash.COUNTERMAND.c1.1.17.3.1795760888000000000.0.token"


def imported_by(path: Path) -> set[str]:
    """The modules that a file names in its imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_consumers_know_countermand_only_on_the_wire(path: Path) -> None:
    """The standard library, nats-py, and what lies beside them."""
    foreign = {
        name
        for name in imported_by(path)
        if name.split(".")[0] not in MAY_BE_IMPORTED
        and not name.startswith("ops.consumers.")
        and name != "ops.consumers"
    }
    assert not foreign


async def taken_by_somebody_else(bare: Bare) -> None:
    """Somebody pulls from the same consumer, so that an event goes elsewhere: never skipped."""
    place = Place((bare.url,), bare.credentials("reader"), STREAM, "local")
    async with connected(place) as connection, feed(connection, 0) as events:
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{events.name}"
        body = json.dumps({"batch": 2, "expires": 5 * 10**9}).encode()
        elsewhere = await connection.client.subscribe(connection.client.new_inbox())
        await connection.client.publish(subject, body, reply=elsewhere.subject)
        for _ in range(2):
            await elsewhere.next_msg(PATIENCE_SECONDS)
        with pytest.raises(Lost, match="delivery 3 came after 0"):
            await read_all(events)


async def read_all(events: Feed) -> None:
    while not events.caught_up:
        await events.next()


def test_a_hole_in_the_deliveries_is_noticed(tmp_path: Path) -> None:
    with bare_stream(tmp_path / "nats") as bare:
        bare.store_all([b"1", b"2", b"3", b"4"])
        asyncio.run(taken_by_somebody_else(bare))


@pytest.mark.parametrize("reply", [DELIVERED, DELIVERED_BY_NEWER])
def test_the_place_of_a_delivery(reply: str) -> None:
    assert place_of(reply) == (17, 3)


@pytest.mark.parametrize("reply", ["", "_INBOX.x", "$JS.ACK.a.b.c.d.e.f.g"])
def test_a_reply_that_names_no_place(reply: str) -> None:
    with pytest.raises(Lost, match="names no place"):
        place_of(reply)
