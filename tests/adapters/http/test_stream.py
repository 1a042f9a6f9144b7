"""Server-sent events: backlog, marker, live, resuming, and clients that leave or do not read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from adapters.http.streams.sse import CHUNK_BYTES, Frames, StreamLimits, encoded
from application.tail import TailLimits
from domain.errors import Corrupt
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, outage, stack, submit, until
from tests.support.web import NO_TLS

EVENTS = "/api/v1/events"


class Sent(NamedTuple):
    id: int | None
    event: str
    data: Any


@asynccontextmanager
async def reading(
    client: httpx.AsyncClient, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[Sent]]:
    async with client.stream("GET", f"{EVENTS}{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        sent = parsed(answer)
        assert await anext(sent) == Sent(None, "retry", "1000")
        yield sent


async def parsed(answer: httpx.Response) -> AsyncIterator[Sent]:
    """Blocks as a browser reads them; one without data is given as ``comment`` or ``retry``."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(":")
        if line.startswith(":") or name == "retry":
            yield Sent(None, name or "comment", value.strip())
        elif line:
            value = value.removeprefix(" ")
            fields[name] = fields[name] + "\n" + value if name in fields else value
        elif fields:
            number = int(fields["id"]) if "id" in fields else None
            yield Sent(number, fields["event"], json.loads(fields["data"]))
            fields = {}


async def all_of(client: httpx.AsyncClient, query: str = "", **headers: str) -> list[Sent]:
    async with reading(client, query, **headers) as sent:
        return [x async for x in sent]


async def test_backlog_marker_and_live(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    async with reading(root) as sent:
        backlog = [await anext(sent) for _ in range(3)]
        assert [x.event for x in backlog] == ["JobIdsReserved", "JobAdded", "JobSubmitted"]
        assert [x.id for x in backlog] == [1, 2, 3]
        assert await anext(sent) == Sent(3, "caught-up", {"position": 3})
        await root.post(f"/api/v1/jobs/{job_id}/cancel", json={"message": "\n\nid: 9\ndata: {}"})
        live = await anext(sent)
    assert (live.id, live.event) == (4, "JobCancelRequested")
    assert live.data["position"] == 4
    assert live.data["aggregate"] == f"job/{job_id}"
    assert live.data["event"]["data"]["message"] == "\n\nid: 9\ndata: {}"
    await until(lambda: service.queries.open == 0)


async def test_the_event_is_the_stored_bytes(service: Stack, root: httpx.AsyncClient) -> None:
    await submit(root)
    text = (await root.get(f"{EVENTS}?follow=false")).content
    async for batch in service.log.read(0):
        for stored in batch if isinstance(batch, tuple) else ():
            assert stored.raw in text


async def test_without_follow_it_ends_after_the_marker(root: httpx.AsyncClient) -> None:
    assert [x.event for x in await all_of(root, "?follow=false")] == ["caught-up"]
    await submit(root)
    assert [x.event for x in await all_of(root, "?follow=false")][-1] == "caught-up"


async def test_it_resumes_after_a_position(root: httpx.AsyncClient) -> None:
    await submit(root)
    await submit(root)
    assert [x.id for x in await all_of(root, "?follow=false&after=3")] == [4, 5, 5]
    resumed = {"Last-Event-ID": "4"}
    assert [x.id for x in await all_of(root, "?follow=false&after=1", **resumed)] == [5, 5]
    since = "?follow=false&since=2026-01-01T00:00:00Z"
    assert [x.id for x in await all_of(root, since)] == [0, 1, 2, 3, 4, 5, 5]
    assert [x.id for x in await all_of(root, since, **resumed)] == [5, 5]


async def test_filters_by_type_and_job(root: httpx.AsyncClient) -> None:
    jobs = [await submit(root) for _ in range(3)]
    types = await all_of(root, "?follow=false&type=JobAdded&type=JobCancelRequested")
    assert [x.event for x in types] == ["JobAdded"] * 3 + ["caught-up"]
    one = await all_of(root, f"?follow=false&job={jobs[1]}")
    assert {x.data["aggregate"] for x in one[:-1]} == {f"job/{jobs[1]}"}


async def test_filters_by_actor(service: Stack, root: httpx.AsyncClient) -> None:
    await submit(root)
    async with service.person("jane.d-e@x") as person, service.person("bob") as bob:
        await submit(person)
        await submit(bob)
    who = httpx.QueryParams(actor=["jane.d-e@x", "bob"], type="JobAdded", follow="false")
    found = await all_of(root, f"?{who}")
    assert [x.event for x in found] == ["JobAdded", "JobAdded", "caught-up"]
    assert [x.data["event"]["authid"] for x in found[:2]] == ["jane.d-e@x", "bob"]
    assert [x.event for x in await all_of(root, "?follow=false&actor=nobody")] == ["caught-up"]


async def test_since_says_at_once_where_it_begins(root: httpx.AsyncClient) -> None:
    """So that whoever is cut off before the first event comes back to the same place."""
    await submit(root)
    async with reading(root, "?since=2026-01-01T00:00:00Z&type=JobCanceled") as sent:
        assert await anext(sent) == Sent(0, "position", {"position": 0})
        assert await anext(sent) == Sent(3, "caught-up", {"position": 3})
    async with reading(root, "?since=2999-01-01T00:00:00%2B01:00") as sent:
        assert [(await anext(sent)).event for _ in range(2)] == ["position", "caught-up"]
        await submit(root)
        assert (await anext(sent)).id == 4


async def test_people_see_their_own_jobs(service: Stack, root: httpx.AsyncClient) -> None:
    foreign = await submit(root)
    async with service.person("bob") as bob, service.person("eve", Role.AUDITOR) as eve:
        mine = await submit(bob)
        seen = await all_of(bob, "?follow=false")
        assert {x.data["aggregate"] for x in seen[:-1]} == {f"job/{mine}"}
        assert len(await all_of(eve, "?follow=false")) == 6
        is_problem(await bob.get(f"{EVENTS}?job={foreign}"), 403, "not_permitted")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("?after=-1", 400, "malformed"),
        ("?after=x", 400, "malformed"),
        ("?type=JobExploded", 400, "malformed"),
        ("?follow=maybe", 400, "malformed"),
        ("?jbo=1", 400, "malformed"),
        ("?actor=", 400, "malformed"),
        ("?actor=a&actor=", 400, "malformed"),
        ("?since=yesterday", 400, "malformed"),
        ("?since=2026-11-23T12:00:00", 400, "malformed"),
        ("?since=2026-11-23T12:00:00Z&since=2026-11-23T12:00:00Z", 400, "malformed"),
        ("?job=4711", 404, "unknown_job"),
        ("?after=999", 404, "unknown_position"),
    ],
)
async def test_what_is_wrong_from_the_start(
    root: httpx.AsyncClient, query: str, status: int, code: str
) -> None:
    is_problem(await root.get(f"{EVENTS}{query}"), status, code)
    is_problem(await root.get(EVENTS, headers={"Last-Event-ID": "x"}), 400, "malformed")


async def test_an_outage_is_waited_out(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    async with reading(root) as sent:
        assert [(await anext(sent)).id for _ in range(4)] == [1, 2, 3, 3]
        service.log.strike(outage())
        is_problem(await root.post(f"/api/v1/jobs/{job_id}/cancel"), 503, "unavailable")
        service.log.clear()
        await submit(root)
        assert [(await anext(sent)).id for _ in range(2)] == [4, 5]


@pytest.mark.parametrize(
    ("trouble", "code", "status"),
    [(outage(), "unavailable", 503), (Corrupt("the log has no event 4"), "corrupt", 500)],
)
async def test_an_end_is_told_in_words(
    tmp_path: Path, trouble: Exception, code: str, status: int
) -> None:
    impatient = TailLimits(trouble_seconds_max=0.0)
    limits = StreamLimits(heartbeat_seconds=0.01)
    async with stack(tmp_path, limits, tail_limits=impatient) as service, service.unix() as root:
        await submit(root)
        async with reading(root) as sent:
            assert [x.id async for x in first_events(sent, 4)] == [1, 2, 3, 3]
            service.log.strike(trouble)
            last = [x async for x in sent if x.event not in ("comment", "position")]
        assert [(x.id, x.event) for x in last] == [(None, "error")]
        assert (last[0].data["code"], last[0].data["status"]) == (code, status)
        assert "no event after 3 can be shown" in last[0].data["detail"]
        is_problem(await root.get(EVENTS), status, code)


async def test_a_quiet_stream_says_that_it_lives(tmp_path: Path) -> None:
    limits = StreamLimits(heartbeat_seconds=0.01)
    async with stack(tmp_path, limits) as service, service.unix() as root:
        async with reading(root) as sent:
            seen = [await anext(sent) for _ in range(3)]
            assert [x.event for x in seen] == ["caught-up", "comment", "comment"]
            job_id = await submit(root)
            events = [x async for x in first_events(sent, 2)]
        assert events[-1].data["aggregate"] == f"job/{job_id}"


async def test_what_passes_unseen_moves_the_place_to_come_back_to(tmp_path: Path) -> None:
    """With the heartbeat, and only when there is something to tell."""
    limits = StreamLimits(heartbeat_seconds=0.01)
    async with stack(tmp_path, limits) as service, service.unix() as root:
        async with reading(root, "?type=JobCanceled") as sent:
            assert (await anext(sent)).event == "caught-up"
            await submit(root)
            told: list[Sent] = []
            while not told or told[-1].id != 3:
                told.append(await anext(sent))
            assert {x.event for x in told} <= {"comment", "position"}
            assert told[-1] == Sent(3, "position", {"position": 3})
            assert (await anext(sent)).event == "comment"
        async with service.person("bob") as bob, reading(bob) as sent:
            (marker,) = [x async for x in first_events(sent, 1)]
            assert marker == Sent(3, "caught-up", {"position": 3})


async def first_events(sent: AsyncIterator[Sent], count: int) -> AsyncIterator[Sent]:
    async for item in sent:
        if item.event not in ("comment", "position"):
            yield item
            count -= 1
            if count == 0:
                return


async def test_a_client_that_leaves_is_noticed(service: Stack, root: httpx.AsyncClient) -> None:
    async with service.unix() as other, reading(other) as sent:
        await anext(sent)
        assert service.queries.open == 1
    await until(lambda: service.queries.open == 0 and service.web.busy == 0)


async def test_who_is_removed_sees_no_more(tmp_path: Path) -> None:
    limits = StreamLimits(heartbeat_seconds=0.3)
    async with stack(tmp_path, limits) as service, service.person("eve", Role.AUDITOR) as eve:
        async with reading(eve) as sent:
            assert (await anext(sent)).event == "caught-up"
            service.file.remove("eve")
            async with asyncio.timeout(10):
                rest = [x async for x in sent]
        assert (rest[-1].event, rest[-1].data["code"]) == ("error", "not_authenticated")
        await until(lambda: service.queries.open == 0)


async def test_who_has_other_rights_now_comes_again_with_them(tmp_path: Path) -> None:
    async with stack(tmp_path, StreamLimits(heartbeat_seconds=0.3)) as service:
        service.file.add("eve", (Role.USER,))
        async with service.person("ada", Role.JOB_ADMINISTRATOR) as ada:
            async with reading(ada, **{"Countermand-As": "eve"}) as sent:
                assert (await anext(sent)).event == "caught-up"
                service.file.remove("eve")
                service.file.add("eve", (Role.AUDITOR,))
                async with asyncio.timeout(10):
                    rest = [x.event async for x in sent]
            assert set(rest) <= {"comment"}


async def test_there_are_not_too_many_streams(tmp_path: Path) -> None:
    async with stack(tmp_path, StreamLimits(streams_max=1)) as service, service.unix() as root:
        async with reading(root) as sent:
            await anext(sent)
            is_problem(await root.get(EVENTS), 429, "throttled")
        await until(lambda: service.queries.open == 0)
        assert (await root.get(f"{EVENTS}?follow=false")).status_code == 200


async def test_one_person_cannot_take_every_stream(tmp_path: Path) -> None:
    limits = StreamLimits(streams_max=5, streams_per_person_max=2, streams_kept=2)
    async with (
        stack(tmp_path, limits) as service,
        service.unix() as root,
        AsyncExitStack() as open_,
    ):
        people = {name: service.person(name) for name in ("eve", "bob", "alice")}
        for client in people.values():
            await open_.enter_async_context(client)
        for _ in range(2):
            await anext(await open_.enter_async_context(reading(people["eve"])))
        refused = await people["eve"].get(EVENTS)
        is_problem(refused, 429, "throttled")
        assert "one person may have at most 2" in refused.json()["detail"]
        assert refused.headers["retry-after"] == "5"
        await anext(await open_.enter_async_context(reading(people["bob"])))
        kept = await people["alice"].get(EVENTS)
        is_problem(kept, 429, "throttled")
        assert "the last 2 are for administrators" in kept.json()["detail"]
        for _ in range(2):
            await anext(await open_.enter_async_context(reading(root)))
        everybody = await open_.enter_async_context(service.person("ada", Role.AUDITOR))
        full = await everybody.get(EVENTS)
        is_problem(full, 429, "throttled")
        assert "5 streams are open" in full.json()["detail"]


async def test_who_leaves_makes_room_again(tmp_path: Path) -> None:
    limits = StreamLimits(streams_per_person_max=1)
    async with stack(tmp_path, limits) as service, service.person("eve") as eve:
        for _ in range(3):
            async with reading(eve) as sent:
                await anext(sent)
            await until(lambda: service.queries.open == 0)
            await until_place(eve)


async def until_place(client: httpx.AsyncClient) -> None:
    """The service has noticed that the client has gone."""
    async with asyncio.timeout(10):
        while (await client.get(f"{EVENTS}?follow=false")).status_code != 200:
            pass


def not_reading(service: Stack, query: str = "") -> socket.socket:
    """A client on the Unix socket that asks for the stream and takes nothing."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(str(service.socket))
    sock.sendall(f"GET {EVENTS}{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


async def fill(root: httpx.AsyncClient, jobs: int) -> None:
    """Events of about 8 KiB each."""
    for _ in range(jobs):
        await submit(root, tasks=[{"command": "x" * 8000}])


async def test_a_client_that_does_not_read_holds_up_nobody(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await fill(root, 400)
    with not_reading(service):
        await until(lambda: service.web.busy == 1 and service.queries.given > 10)
        await service.copied()
        before = 0
        while before != service.queries.given:
            before = service.queries.given
            await asyncio.gather(*(root.get("/api/v1/health/live") for _ in range(20)))
        assert service.queries.given < 700, "nothing more is read for it"
        others = [len(await all_of(root, "?follow=false")) for _ in range(2)]
        assert others == [2 * 400 + 5, 2 * 400 + 5]
        await submit(root)
    await until(lambda: service.queries.open == 0)


async def test_a_client_that_reads_late_gets_everything_to_the_end(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await fill(root, 100)
    with not_reading(service, "?follow=false") as sock:
        await until(lambda: service.queries.given > 10)
        whole = await asyncio.to_thread(read_to, sock, b"\r\n0\r\n\r\n")
    assert whole.count(b"event: JobAdded\n") == 100
    assert b"event: caught-up\n" in whole[-200:]


def read_to(sock: socket.socket, end: bytes) -> bytes:
    """What the server sends up to ``end``."""
    sock.settimeout(20.0)
    whole = b""
    while not whole.endswith(end):
        piece = sock.recv(64 * 1024)
        assert piece, "it was cut"
        whole += piece
    return whole


async def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path) -> None:
    limits = StreamLimits(send_seconds_max=0.05)
    async with stack(tmp_path, limits) as service, service.unix() as root:
        await fill(root, 100)
        with not_reading(service):
            await until(lambda: service.queries.open == 1)
            await until(lambda: service.queries.open == 0 and service.web.busy == 0)


async def test_a_stream_that_is_not_read_does_not_keep_the_service_from_ending(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await fill(root, 100)
    with not_reading(service):
        await until(lambda: service.queries.open == 1)
        async with asyncio.timeout(2.0):
            await service.web.stop()
    assert service.queries.open == 0


async def test_open_streams_end_properly_with_the_service(
    service: Stack, root: httpx.AsyncClient
) -> None:
    async with reading(root) as sent:
        assert (await anext(sent)).event == "caught-up"
        async with asyncio.timeout(2.0):
            await service.web.stop()
        assert [x async for x in sent] == []


async def test_many_streams_at_once(service: Stack, root: httpx.AsyncClient) -> None:
    limits = httpx.Limits(max_connections=200)
    transport = httpx.AsyncHTTPTransport(uds=str(service.socket), limits=limits, verify=NO_TLS)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=20) as many:

        async def watch() -> int:
            async with reading(many) as sent:
                found = [x async for x in first_events(sent, 4)]
            return found[-1].id or 0

        watching = [asyncio.create_task(watch()) for _ in range(100)]
        await until(lambda: service.queries.open == 100)
        await submit(root)
        assert await asyncio.gather(*watching) == [3] * 100


async def test_a_frame_is_made_once_for_all_clients(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await fill(root, 2)
    events = [s async for b in service.log.read(0) if isinstance(b, tuple) for s in b]
    one, other = events[1], events[3]
    frames = Frames(bytes_max=len(Frames().of(one)))
    first = frames.of(one)
    assert frames.of(one) is first
    assert first == encoded(one)
    assert frames.of(other) == encoded(other)
    assert frames.of(one) is not first, "what is kept is limited"
    big = tuple(e for e in events for _ in range(9))
    chunks = list(Frames().chunks(big))
    assert b"".join(chunks) == b"".join(encoded(e) for e in big)
    assert len(chunks) > 1
    assert max(map(len, chunks)) < CHUNK_BYTES + 10_000
