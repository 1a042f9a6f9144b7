"""``countermand fsck``: each kind of damage to real stores is named, and a whole one has none."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.home import new_home
from tests.e2e.outside import outside_server
from tests.e2e.said import said_by
from tests.e2e.service import Service, running_service
from tests.e2e.stores import Stores, copy, fsck, grown, rows, swap
from tests.e2e.stream import Event, connected, publish, read_stream
from tests.e2e.test_store_faults import STREAM, update_stream
from tests.support.nats import own_server
from tests.support.web import Json

__all__ = ["copy"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def stores() -> Iterator[Stores]:
    with new_home() as made:
        older = grown(made / "older", None, canceled)
        now = grown(made / "now", older, canceled)
        yield Stores(older, now, grown(made / "stranger", None, canceled))


def canceled(one: Service) -> None:
    """The work of a service: it cancels a job, and refuses to do it again."""
    job = one.deaf_job()
    one.cancel(job, mode="forced")
    one.until_state(job, "Canceled")
    for n in range(2):
        assert one.http("POST", f"/jobs/{job}/cancel", {"message": str(n)}).status_code == 409


def damaged(one: Service, *options: str) -> Json:
    """The report of a look that found damage."""
    status, report = fsck(one, *options)
    assert (status, report["damaged"]) == (10, True), report
    assert report["first"] == report["damage"][0]
    return report


def stream_of(data: Path) -> list[Event]:
    """Every event of a stopped service."""

    async def read() -> list[Event]:
        async with own_server(data, "local", STREAM) as server:
            file = str(data / "credentials" / "reader.json")
            endpoint = {"nats_url": server.url, "nats_credentials_file": file, "stream": STREAM}
            return await read_stream(endpoint)

    return asyncio.run(read())


def published(data: Path, *messages: tuple[str, bytes]) -> list[int]:
    """Messages past the service, with its own login; their positions."""

    async def store() -> list[int]:
        async with own_server(data, "local", STREAM) as server:
            return await publish(server.url, data / "credentials" / "service.json", messages)

    return asyncio.run(store())


def forged(last: Event, type_: str, data: Json, **attributes: object) -> tuple[str, bytes]:
    """An event of the job of ``last`` that continues its chain, by the service."""
    body = last.body | {
        "id": "01999999-0000-7000-8000-000000000001",
        "type": f"countermand.{type_}.v1",
        "time": "2099-01-01T00:00:00.000000Z",
        "aggregateversion": last.body["aggregateversion"] + 1,
        "previoushash": sha256(last.raw).hexdigest(),
        "authtype": "system",
        "authid": "countermand",
        "authmethod": "internal",
        "authroles": "administrator",
        "origin": "system",
        "data": data,
    }
    raw = json.dumps(body | attributes).encode()
    return f"countermand.local.{last.aggregate.replace('/', '.')}.{type_}", raw


def test_a_whole_store_has_no_damage_whether_its_service_runs_or_not(copy: Service) -> None:
    status, report = fsck(copy)
    assert (status, report["counts"], report["notes"]) == (0, {}, []), report
    assert report["events"] == report["last"] == len(rows(copy.data))
    copy.start()
    job = copy.submit("sleep 60")
    copy.cancel(job)
    copy.until_state(job, "Canceled")
    status, report = fsck(copy)
    assert (status, report["counts"]) == (0, {}), report
    assert report["last"] >= len(rows(copy.data)) - 1
    copy.stop()


def test_people_read_a_sentence(copy: Service) -> None:
    said = said_by(copy.command("fsck"), copy.clean_environment(), copy.home)
    assert said.status == 0
    assert said.out.endswith(f"up to {len(rows(copy.data))}: nothing is damaged\n")
    published(copy.data, forged(last_of_job(copy.data), "JobFinished", {}))
    said = said_by(copy.command("fsck"), copy.clean_environment(), copy.home)
    assert said.status == 10
    assert "DAMAGED (rules 1)\nrules: no command makes it right" in said.out


def last_of_job(data: Path) -> Event:
    """The last event about a job."""
    return [e for e in stream_of(data) if e.aggregate.startswith("job/")][-1]


FORGED: dict[str, Callable[[Event], tuple[str, bytes]]] = {
    "rules": lambda last: forged(last, "JobFinished", {}),
    "version": lambda last: forged(last, "JobFinished", {}, aggregateversion=99),
    "chain": lambda last: forged(last, "JobFinished", {}, previoushash="0" * 64),
    "time": lambda last: forged(
        last, "JobRemoved", {"reason": "ttl"}, time="2020-01-01T00:00:00.000000Z"
    ),
    "form": lambda last: ("countermand.local.job.1.JobCanceled", b"\x00\xff{\x1b[2J"),
    "subject": lambda last: ("countermand.local.somewhere", b"{}"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_was_published_past_the_service_is_named(copy: Service, kind: str) -> None:
    last = last_of_job(copy.data)
    subject, raw = FORGED[kind](last)
    (position,) = published(copy.data, (subject, raw))
    first = damaged(copy)["first"]
    assert (first["kind"], first["position"], first["subject"]) == (kind, position, subject)
    if kind in ("rules", "version", "chain", "time"):
        assert first["event_id"] == json.loads(raw)["id"]
        assert first["job"] == last.aggregate.removeprefix("job/")


def test_an_event_of_an_unknown_name_is_named(copy: Service) -> None:
    message = forged(last_of_job(copy.data), "JobTeleported", {})
    (position,) = published(copy.data, message)
    first = damaged(copy)["first"]
    assert (first["kind"], first["position"]) == ("form", position)
    assert first["found"] == "type 'countermand.JobTeleported.v1' is not registered"


def test_a_flipped_byte_in_the_journal_is_named(copy: Service) -> None:
    place = len(rows(copy.data)) // 2
    database = sqlite3.connect(copy.data / "journal" / "journal.sqlite")
    (raw,) = database.execute("SELECT raw FROM event WHERE position = ?", (place,)).fetchone()
    flipped = raw[:20] + bytes([raw[20] ^ 1]) + raw[21:]
    database.execute("DROP TRIGGER event_is_final")
    database.execute("UPDATE event SET raw = ? WHERE position = ?", (flipped, place))
    database.commit()
    database.close()
    report = damaged(copy)
    assert report["counts"] == {"journal": 1}
    assert report["first"]["position"] == place
    assert sha256(flipped).hexdigest() in report["first"]["expected"]
    assert sha256(raw).hexdigest() in report["first"]["found"]


def test_a_row_of_the_views_that_somebody_changed_is_named(copy: Service) -> None:
    pointer = json.loads((copy.data / "views" / "views.json").read_bytes())
    database = sqlite3.connect(copy.data / "views" / pointer["file"])
    database.execute("UPDATE job SET owner = 'mallory' WHERE job_id = 1")
    database.commit()
    database.close()
    report = damaged(copy)
    assert report["counts"] == {"views": 1}
    assert report["first"]["found"] == "job differs in 1 rows, the first is 1"
    assert fsck(copy, "--no-views")[0] == 0


def test_a_shorter_stream_is_named_with_what_the_journal_has(copy: Service, stores: Stores) -> None:
    swap(copy, stores.older, "jetstream")
    kept, all_ = rows(stores.older), rows(stores.now)
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"missing": len(all_) - len(kept), "mark": 1}
    first = report["first"]
    assert (first["kind"], first["position"]) == ("missing", len(kept) + 1)
    assert "which the journal has" in first["expected"]
    assert first["found"].endswith(f"the stream ends at {len(kept)}")


def test_events_that_an_administrator_took_out_of_the_middle_are_named(copy: Service) -> None:
    refusals = [e.position for e in stream_of(copy.data) if e.type == "JobCancelRefused"]
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": 1}))
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": -1}))
    report = damaged(copy, "--no-views")
    first = report["first"]
    left = {e.position for e in [*stream_left(copy.data)]}
    gone = [n for n in range(1, report["last"] + 1) if n not in left]
    assert set(gone) & set(refusals)
    assert (first["kind"], first["position"]) == ("missing", gone[0])
    assert report["counts"]["missing"] == len(gone)


def stream_left(data: Path) -> list[Event]:
    """What a stream with holes still has."""

    async def read() -> list[Event]:
        async with own_server(data, "local", STREAM) as server:
            file = data / "credentials" / "reader.json"
            async with connected(server.url, file) as client:
                jetstream = client.jetstream()
                subscription = await jetstream.pull_subscribe("countermand.>", stream=STREAM)
                state = (await jetstream.stream_info(STREAM)).state
                found = await subscription.fetch(state.messages, timeout=10)
                return [Event(m.metadata.sequence.stream, m.subject, m.data) for m in found]

    return asyncio.run(read())


def test_another_services_stream_is_named(copy: Service, stores: Stores) -> None:
    swap(copy, stores.stranger, "jetstream")
    first = damaged(copy, "--limit", "1")["first"]
    assert first["kind"] == "identity"
    assert "stream.json" in first["expected"]


def test_an_altered_stream_is_named(copy: Service) -> None:
    asyncio.run(update_stream(copy.data, {"discard": "old"}))
    report = damaged(copy)
    assert report["counts"] == {"configuration": 1}
    assert report["first"]["found"] == "discard is 'old', must be 'new'"


def test_where_nothing_was_ever_stored_nothing_is_made() -> None:
    with new_home() as home:
        one = Service(home)
        said = said_by(one.command("fsck"), one.clean_environment(), home)
        assert said.status == 1
        assert "jetstream is not there" in said.err
        assert not one.data.exists()


def test_a_service_under_load_has_no_damage() -> None:
    with running_service() as one:
        for n in range(20):
            job = one.submit("sleep 60", "sleep 60", release="true")
            if n % 2:
                one.cancel(job, mode=("normal", "forced")[n % 4 == 1])
        status, report = fsck(one)
        assert (status, report["counts"]) == (0, {}), report


def test_an_outside_servers_stream_is_looked_at_too() -> None:
    with new_home() as made, outside_server(made / "nats", sync="always") as outside:
        one = Service(made, **outside.settings).start()
        try:
            one.until_state(one.submit("true"), "Finished")
            status, report = fsck(one)
            assert (status, report["counts"]) == (0, {}), report
            one.stop()
        finally:
            one.kill()
        assert fsck(one)[0] == 0
        said = said_by(one.command("mend"), one.clean_environment(), one.home)
        assert said.status == 1
        assert "its operator restores it there from a backup" in said.err
        assert "it has" in one.doctor()
