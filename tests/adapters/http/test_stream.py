"""Server-sent events: backlog, marker, live, resuming, and clients that leave or do not read."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from adapters.http.sse import StreamLimits
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, outage, stack, submit, until

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
        yield parsed(answer)


async def parsed(answer: httpx.Response) -> AsyncIterator[Sent]:
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield Sent(None, "comment", line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
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
        assert await anext(sent) == Sent(None, "caught-up", {"position": 3})
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
    assert [x.id for x in await all_of(root, "?follow=false&after=3")] == [4, 5, None]
    resumed = {"Last-Event-ID": "4"}
    assert [x.id for x in await all_of(root, "?follow=false&after=1", **resumed)] == [5, None]


async def test_filters_by_type_and_job(root: httpx.AsyncClient) -> None:
    jobs = [await submit(root) for _ in range(3)]
    types = await all_of(root, "?follow=false&type=JobAdded&type=JobCancelRequested")
    assert [x.event for x in types] == ["JobAdded"] * 3 + ["caught-up"]
    one = await all_of(root, f"?follow=false&job={jobs[1]}")
    assert {x.data["aggregate"] for x in one[:-1]} == {f"job/{jobs[1]}"}


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
        ("?job=4711", 404, "unknown_job"),
        ("?after=999", 404, "unknown_position"),
    ],
)
async def test_what_is_wrong_from_the_start(
    root: httpx.AsyncClient, query: str, status: int, code: str
) -> None:
    is_problem(await root.get(f"{EVENTS}{query}"), status, code)
    is_problem(await root.get(EVENTS, headers={"Last-Event-ID": "x"}), 400, "malformed")


async def test_an_outage_is_told_and_ends_the_stream(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await submit(root)
    async with reading(root) as sent:
        first = [await anext(sent) for _ in range(4)]
        assert first[-1].event == "caught-up"
        service.log.strike(outage())
        last = [x async for x in sent]
    assert [(x.id, x.event) for x in last] == [(None, "error")]
    assert (last[0].data["code"], last[0].data["status"]) == ("unavailable", 503)
    is_problem(await root.get(EVENTS), 503, "unavailable")


async def test_a_quiet_stream_says_that_it_lives(tmp_path: Path) -> None:
    limits = StreamLimits(heartbeat_seconds=0.01)
    async with stack(tmp_path, limits) as service, service.unix() as root:
        async with reading(root) as sent:
            seen = [await anext(sent) for _ in range(3)]
            assert [x.event for x in seen] == ["caught-up", "comment", "comment"]
            job_id = await submit(root)
            events = [x async for x in first_events(sent, 2)]
        assert events[-1].data["aggregate"] == f"job/{job_id}"


async def first_events(sent: AsyncIterator[Sent], count: int) -> AsyncIterator[Sent]:
    async for item in sent:
        if item.event != "comment":
            yield item
            count -= 1
            if count == 0:
                return


async def test_a_client_that_leaves_is_noticed(service: Stack, root: httpx.AsyncClient) -> None:
    async with service.unix() as other, reading(other) as sent:
        await anext(sent)
        assert service.queries.open == 1
    await until(lambda: service.queries.open == 0 and service.web.busy == 0)


async def test_there_are_not_too_many_streams(tmp_path: Path) -> None:
    async with stack(tmp_path, StreamLimits(streams_max=1)) as service, service.unix() as root:
        async with reading(root) as sent:
            await anext(sent)
            is_problem(await root.get(EVENTS), 429, "throttled")
        await until(lambda: service.queries.open == 0)
        assert (await root.get(f"{EVENTS}?follow=false")).status_code == 200


def not_reading(service: Stack) -> socket.socket:
    """A client on the Unix socket that asks for the stream and takes nothing."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(str(service.socket))
    sock.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
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
        before = 0
        while before != service.queries.given:
            before = service.queries.given
            await asyncio.gather(*(root.get("/api/v1/health/live") for _ in range(20)))
        assert service.queries.given < 700, "the log is read no further for it"
        others = [len(await all_of(root, "?follow=false")) for _ in range(2)]
        assert others == [2 * 400 + 5, 2 * 400 + 5]
        await submit(root)
    await until(lambda: service.queries.open == 0)


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
    transport = httpx.AsyncHTTPTransport(uds=str(service.socket), limits=limits)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=20) as many:

        async def watch() -> int:
            async with reading(many) as sent:
                found = [x async for x in first_events(sent, 4)]
            return found[-1].id or 0

        watching = [asyncio.create_task(watch()) for _ in range(100)]
        await until(lambda: service.queries.open == 100)
        await submit(root)
        assert await asyncio.gather(*watching) == [3] * 100
