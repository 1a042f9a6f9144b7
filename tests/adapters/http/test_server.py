"""Sockets and the server: long paths, stale files, raw nonsense, a prompt end, uvloop."""

import asyncio
import os
import signal
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvloop
from litestar import Litestar, Request, get, post
from litestar.response import Stream

from adapters.web.closing import Closing
from adapters.web.server import WebServer
from adapters.web.sockets import bind_tcp, bind_unix
from domain.errors import Misconfigured
from tests.adapters.http.stack import Stack, stack, submit, until


def test_a_socket_with_a_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    with bind_unix(deep / "api.sock") as sock:
        sock.listen()
        mode = (deep / "api.sock").stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o666
        with pytest.raises(Misconfigured, match="another server listens"):
            bind_unix(deep / "api.sock")
    bind_unix(deep / "api.sock").close()


def test_a_socket_file_whose_server_is_busy_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with bind_unix(path) as sock, socket.socket(socket.AF_UNIX) as first:
        sock.listen(0)
        first.connect(str(path))
        with pytest.raises(Misconfigured, match="another server listens"):
            bind_unix(path)


def test_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "api.sock").write_text("mine")
    with pytest.raises(Misconfigured, match="is no socket"):
        bind_unix(tmp_path / "api.sock")
    assert (tmp_path / "api.sock").read_text() == "mine"
    with pytest.raises(Misconfigured, match="cannot be made"):
        bind_unix(tmp_path / "missing" / "api.sock")


def test_a_taken_port() -> None:
    with bind_tcp() as sock:
        sock.listen()
        with pytest.raises(Misconfigured, match="choose another"):
            bind_tcp(port=sock.getsockname()[1])


async def test_signals_stay_with_who_had_them(service: Stack) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with service.unix() as root:
        await root.get("/api/v1/health/live")
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


async def test_it_ends_promptly_with_idle_connections(service: Stack) -> None:
    async with service.unix() as one, service.tcp() as two:
        await one.get("/api/v1/health/live")
        await two.get("/api/v1/health/live")
        async with asyncio.timeout(1.5):
            await service.web.stop()
        await service.web.stop()
        await service.web.wait()
        with pytest.raises(httpx.TransportError):
            await one.get("/api/v1/health/live")


async def test_an_answer_under_way_goes_out(service: Stack) -> None:
    async with service.unix() as root:
        await root.get("/api/v1/health/live")
        asked = asyncio.create_task(submit(root))
        await until(lambda: service.web.busy)
        await service.web.stop()
        assert await asked == 1


@asynccontextmanager
async def raw(service: Stack) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(service.socket))
    try:
        yield reader, writer
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/jobs HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_not_even_http(service: Stack, request_bytes: bytes) -> None:
    async with raw(service) as (reader, writer):
        writer.write(request_bytes)
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Traceback" not in answer


async def test_a_body_that_says_it_is_large_is_not_waited_for(service: Stack) -> None:
    async with raw(service) as (reader, writer):
        writer.write(b"POST /api/v1/jobs/1/cancel HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"Content-Length: 99999999999\r\n\r\n{")
        async with asyncio.timeout(10):
            answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_leaves_in_the_middle_of_its_body(
    service: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    async with raw(service) as (_, writer):
        writer.write(b"POST /api/v1/jobs/1/cancel HTTP/1.1\r\nHost: x\r\n")
        writer.write(b'Content-Length: 50\r\n\r\n{"message":"cut')
        await writer.drain()
        await until(lambda: service.web.busy)
    await until(lambda: not service.web.busy)
    assert "unexpected_error" not in capsys.readouterr().out
    assert (await service.log.identity()).last == 0
    async with service.unix() as root:
        assert (await root.get("/api/v1/health/live")).status_code == 200


async def test_who_does_not_send_its_body_is_cut_off(tmp_path: Path) -> None:
    @post("/")
    async def asked(request: Request[Any, Any, Any]) -> None:
        await request.body()

    path = tmp_path / "api.sock"
    app = Litestar([asked], logging_config=None, openapi_config=None)
    web = WebServer(app, [bind_unix(path)], Closing(), silence_seconds_max=0.2)
    await web.start()
    reader, writer = await asyncio.open_unix_connection(str(path))
    try:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        await until(lambda: not web.busy)
    finally:
        writer.close()
        await web.stop()


async def endless() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0)
        yield b"x" * 65536


async def test_who_takes_nothing_is_cut_off_whatever_is_sent(tmp_path: Path) -> None:
    @get("/")
    async def much() -> Stream:
        return Stream(endless())

    path = tmp_path / "api.sock"
    app = Litestar([much], logging_config=None, openapi_config=None)
    web = WebServer(app, [bind_unix(path)], Closing(), silence_seconds_max=0.2)
    await web.start()
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1024)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: web.busy)
        await until(lambda: not web.busy)
        with pytest.raises(asyncio.IncompleteReadError):
            async with asyncio.timeout(10):
                await reader.readexactly(2**40)
    finally:
        writer.close()
        await web.stop()


def test_all_of_it_on_uvloop(tmp_path: Path) -> None:
    async def story() -> None:
        async with stack(tmp_path) as service, service.unix() as root:
            who = (await root.get("/api/v1/whoami")).json()
            assert (who["method"], who["roles"]) == ("unix", ["administrator"])
            async with service.tcp() as stranger:
                assert (await stranger.get("/api/v1/whoami")).status_code == 401
            async with root.stream("GET", "/api/v1/events") as answer:
                lines = answer.aiter_lines()
                assert [await anext(lines) for _ in range(4)] == [
                    "retry: 1000",
                    "",
                    "id: 0",
                    "event: caught-up",
                ]
                job_id = await submit(root)
                assert job_id == 1
                async with asyncio.timeout(2.0):
                    await service.web.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
    assert os.path.lexists(tmp_path / "api.sock")
