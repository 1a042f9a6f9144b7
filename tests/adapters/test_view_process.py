"""Building views in a process beside the service, from a real stream."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_process import heard, run
from adapters.engines.local.procfs import Process
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.server import EmbeddedServer
from adapters.views.files import SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.ports import Stored
from domain.errors import Corrupt, CountermandError, Unavailable
from tests.benchmarks.history import events
from tests.contract.views import in_memory
from tests.support.filling import publish_all
from tests.support.nats import Nats, fresh_stream, threaded_server
from tests.support.processes import alive, belonging_to, builders_in
from tests.support.viewed import contents, folded_at_once, new_views
from tests.support.waiting import eventually

MANY: Final = 8000


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    """A server for the module. Its store is in memory: it syncs every event."""
    with in_memory() as directory, threaded_server(EmbeddedServer, directory) as one:
        yield one


@pytest.fixture
async def nats(server: EmbeddedServer) -> Nats:
    return await fresh_stream(server)


@pytest.fixture
async def log(nats: Nats) -> AsyncIterator[JetStreamLog]:
    opened = await nats.open()
    yield opened
    await opened.close()


@pytest.fixture
def source(nats: Nats, log: JetStreamLog, tmp_path: Path) -> ViewSource:
    files = SqliteViewFiles(tmp_path / "views", log.id)
    return ViewSource(
        urls=(nats.server.url,),
        credentials_file=str(nats.server.credentials_file(NatsRole.SERVICE)),
        monitor_urls=(nats.server.monitor_url,),
        accept_loss="",
        spec=nats.spec,
        directory=str(tmp_path / "views"),
        log_id=log.id,
        name=files.begin(),
    )


def unheard(event: str, **facts: object) -> None:
    """A reporter that nobody listens to."""


async def filled(nats: Nats, log: JetStreamLog, count: int) -> list[Stored]:
    """So many events, in the stream and here."""
    made = list(events(count, cluster=nats.spec.cluster))
    await publish_all(nats.address(), nats.spec.cluster, made)
    assert (await log.identity()).last == count
    return made


def store_of(source: ViewSource) -> SqliteViewStore:
    """What was built."""
    return SqliteViewStore(Path(source.directory) / source.name, source.log_id)


def assert_equal(source: ViewSource, events: list[Stored], directory: Path) -> None:
    """It is what folding these events gives."""
    store = store_of(source)
    with new_views(directory, "expected") as expected:
        found, wanted = contents(store), contents(folded_at_once(expected, events))
        found.pop("about"), wanted.pop("about")  # of another log
        assert found == wanted
    store.close()


async def test_views_are_built_from_the_whole_stream(
    nats: Nats, log: JetStreamLog, source: ViewSource, tmp_path: Path
) -> None:
    made, told = await filled(nats, log, 3000), list[tuple[int, int]]()
    await run(source, lambda position, last: told.append((position, last)), unheard)
    assert_equal(source, made, tmp_path)
    assert told == sorted(told)
    assert told[-1] == (3000, 3000)
    assert {last for _, last in told} == {3000}


async def test_views_of_an_empty_stream_are_empty(log: JetStreamLog, source: ViewSource) -> None:
    await run(source, lambda position, last: None, unheard)
    store = store_of(source)
    assert store.position() == 0
    store.close()


async def test_damage_in_the_stream_is_told_and_what_is_before_it_stays(
    nats: Nats, log: JetStreamLog, source: ViewSource, tmp_path: Path
) -> None:
    made = await filled(nats, log, 500)
    spoiled = replace(made[0], raw=b'{"no": "event"}' + b" " * 60_000, position=501)
    await publish_all(nats.address(), nats.spec.cluster, [spoiled])
    with pytest.raises(Corrupt, match="before position 501"):
        await run(source, lambda position, last: None, unheard)
    assert_equal(source, made, tmp_path)


async def failure(source: ViewSource) -> str:
    """What a build that cannot be done says."""
    with pytest.raises(CountermandError) as raised:
        await run(source, lambda position, last: None, unheard)
    assert isinstance(raised.value, Unavailable)
    assert "Traceback" not in raised.value.message
    return raised.value.message


async def test_what_keeps_it_from_being_built_is_said(source: ViewSource, tmp_path: Path) -> None:
    nobody = str(tmp_path / "no such file")
    assert "no such file" in await failure(replace(source, credentials_file=nobody))
    other = replace(source.spec, max_bytes=2**20)
    assert "max_bytes" in await failure(replace(source, spec=other))
    (tmp_path / "a file").touch()
    directory = str(tmp_path / "a file" / "views")
    assert "cannot be opened" in await failure(replace(source, directory=directory))


async def test_of_a_defect_everybody_is_told_a_line_and_the_log_the_traceback(
    nats: Nats, log: JetStreamLog, source: ViewSource
) -> None:
    said = list[tuple[str, object]]()
    broken = replace(source, name="no\0name")

    def report(event: str, **facts: object) -> None:
        said.append((event, facts["said"]))

    with pytest.raises(Unavailable) as raised:
        await run(broken, lambda position, last: None, report)
    ((event, text),) = said
    assert event == "view_builder_failed"
    assert "Traceback" in str(text)
    assert "Traceback" not in raised.value.message
    assert "\n" not in raised.value.message


async def test_a_process_that_is_killed_is_an_outage(
    nats: Nats, log: JetStreamLog, source: ViewSource
) -> None:
    await filled(nats, log, MANY)
    killed = list[int]()

    def kill(position: int, last: int) -> None:
        if not killed:
            (one,) = builders(source)
            killed.append(one.pid)
            os.kill(one.pid, signal.SIGKILL)

    with pytest.raises(Unavailable, match=r"was killed by signal 9$"):
        await run(source, kill, unheard)
    assert len(killed) == 1
    store = store_of(source)  # it is a crash like any other: whole commits
    assert 0 < store.position() < MANY
    store.close()


def builders(source: ViewSource) -> list[Process]:
    """The processes that build views in this directory."""
    return builders_in(source.directory)


async def test_who_gives_a_build_up_leaves_no_process(
    nats: Nats, log: JetStreamLog, source: ViewSource
) -> None:
    await filled(nats, log, MANY)
    begun = asyncio.Event()
    building = asyncio.create_task(run(source, lambda position, last: begun.set(), unheard))
    await begun.wait()
    assert builders(source)
    building.cancel()
    await asyncio.gather(building, return_exceptions=True)
    assert building.cancelled()
    assert builders(source) == []


PARENT: Final = """
import asyncio, sys
import msgspec
from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_process import heard, run
source = msgspec.json.decode(sys.stdin.buffer.readline(), type=ViewSource)
asyncio.run(run(source, lambda position, last: None, lambda event, **facts: None))
"""


async def test_it_ends_when_the_service_is_killed(source: ViewSource) -> None:
    """At once, also while it waits for a server that does not answer."""
    silent = socket.create_server(("127.0.0.1", 0))  # which takes nobody in
    port = silent.getsockname()[1]
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PARENT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdin is not None
    lost = replace(source, urls=(f"nats://127.0.0.1:{port}",))
    parent.stdin.write(msgspec.json.encode(lost) + b"\n")

    def children() -> list[Process]:
        return [x for x in belonging_to("view_builder.py") if x.parent == parent.pid]

    await eventually(children, "a builder")
    (one,) = children()
    parent.kill()
    await parent.wait()
    await eventually(lambda: not alive(one.pid), "the end of the builder", 5.0)
    silent.close()


async def test_it_takes_its_code_from_where_the_service_has_it(
    nats: Nats, log: JetStreamLog, source: ViewSource, tmp_path: Path
) -> None:
    """Not from the directory that the service happens to be started in."""
    hostile = tmp_path / "adapters"
    hostile.mkdir()
    (hostile / "__init__.py").write_text("raise SystemExit('hostile code')")
    made = await filled(nats, log, 20)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-P", "-c", PARENT],
        input=msgspec.json.encode(source) + b"\n",
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert_equal(source, made, tmp_path)


async def test_half_a_line_is_an_outage(source: ViewSource) -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield b'{"type":"step","position":1,"last":2}\n'
        yield b'{"type":"st'

    with pytest.raises(Unavailable, match="st'"):
        await heard(lines(), lambda position, last: None)
