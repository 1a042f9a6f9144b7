"""An administrator's work on the stream under a running service: it says so, and takes nothing."""

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest
from msgspec import Struct

from adapters.jetstream.config import LOG_ID, StreamSpec, wanted
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.snapshot_api import put_back, snapshot_of
from tests.e2e.home import new_home
from tests.e2e.outside import Outside, outside_server
from tests.e2e.service import Service, running_service
from tests.e2e.stream import connected
from tests.e2e.test_store_faults import STREAM, update_stream, update_stream_at
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOTICED_SECONDS = 5.0
STREAM_BYTES = 1024**3
ANSWER_SECONDS = 10.0
WEEK: Final = {"max_age": 7 * 24 * 3600 * 10**9}


# --- what an administrator of the NATS account can do ---------------------------------------------


class Admin(Struct, frozen=True):
    """Somebody who may do everything on the server of ``outside``, and does."""

    outside: Outside

    def api(self, verb: str, body: object = None) -> Json:
        """The answer to one request to JetStream's API."""

        async def asked() -> Json:
            async with connected(self.outside.url, self.outside.admin) as client:
                payload = b"" if body is None else msgspec.json.encode(body)
                subject = f"$JS.API.STREAM.{verb}.{STREAM}"
                answer = await client.request(subject, payload, ANSWER_SECONDS)
                found: Json = msgspec.json.decode(answer.data)
                return found

        return asyncio.run(asked())

    def does(self, verb: str, body: object = None) -> Json:
        """The same, for what the server must do."""
        found = self.api(verb, body)
        assert "error" not in found, found
        return found

    def changes(self, **values: object) -> None:
        """Another configuration."""
        self.does("UPDATE", self.does("INFO")["config"] | values)

    @property
    def last(self) -> int:
        """The stream's last position; 0 for none."""
        found: int = self.api("INFO").get("state", {}).get("last_seq", 0)
        return found

    def puts_back_an_older_one(self, meanwhile: Callable[[], object]) -> None:
        """The stream as it was before ``meanwhile``, from a snapshot."""

        async def taken() -> tuple[msgspec.Raw, msgspec.Raw, list[bytes]]:
            connection = await self._connection()
            async with (
                snapshot_of(connection, STREAM, "") as snapshot,
                aclosing(snapshot.chunks) as parts,
            ):
                chunks = [part async for part in parts]
            await connection.close()
            return snapshot.config, snapshot.state, chunks

        async def restored() -> None:
            connection = await self._connection()
            await put_back(connection, STREAM, config, state, chunks, lambda sent: None)
            await connection.close()

        config, state, chunks = asyncio.run(taken())
        meanwhile()
        self.does("DELETE")
        asyncio.run(restored())

    async def _connection(self) -> Connection:
        address = ServerAddress((self.outside.url,), self.outside.admin, "admin")
        return await Connection.open(address)


def reconfigured(admin: Admin, one: Service) -> None:
    admin.changes(**WEEK)


def emptied(admin: Admin, one: Service) -> None:
    """A purge is denied; what is left is a limit that throws all but one event away."""
    assert admin.api("PURGE", {})["error"]
    admin.changes(max_msgs=1, discard="old")


def deleted(admin: Admin, one: Service) -> None:
    admin.does("DELETE")


def made_again(admin: Admin, one: Service) -> None:
    """As the service wants it, but another one. The service itself does not make it again."""
    admin.does("DELETE")
    assert one.launch(one.command("provision")).wait(30) == 1
    another = {"metadata": {LOG_ID: "another"}}
    admin.does("CREATE", wanted(StreamSpec("local", STREAM, STREAM_BYTES)) | another)


def restored(admin: Admin, one: Service) -> None:
    """From a snapshot: what came after it is gone."""
    admin.puts_back_an_older_one(lambda: one.until_state(one.submit("true"), "Finished"))


class Case(Struct, frozen=True):
    """What is done, and the kinds of finding that it must lead to."""

    act: Callable[[Admin, Service], None]
    kinds: frozenset[str]
    lost: bool


CASES: Final = (
    Case(reconfigured, frozenset({"configuration"}), False),
    Case(emptied, frozenset({"configuration", "holes"}), False),
    Case(deleted, frozenset({"deleted"}), True),
    Case(made_again, frozenset({"deleted", "replaced"}), True),
    Case(restored, frozenset({"deleted", "restored", "replaced"}), True),
)


# --- what the service says of it ------------------------------------------------------------------


def check_read_only(one: Service, kinds: frozenset[str], since: float) -> None:
    """Health, metrics, the log, HTTP and the command line all say so, in time."""
    until(lambda: says_read_only(one.health()), "health says so")
    assert time.monotonic() - since < NOTICED_SECONDS
    assert one.http("GET", "/health/ready").status_code == 503
    assert "\ncountermand_read_only 1.0\n" in one.http("GET", "/metrics").text
    assert "\ncountermand_ready 0.0\n" in one.http("GET", "/metrics").text
    until(lambda: kinds <= kinds_in(one.log).keys(), f"{kinds} in the log", NOTICED_SECONDS)
    assert_refused(one.http("POST", "/jobs", {"tasks": [{"command": "true"}]}, "late"))
    said = one.cli("submit", "--", "true")
    assert (said.status, "read-only: " in said.err) == (75, True), said.err
    assert one.http("GET", "/jobs").status_code == 200, "questions are answered"
    assert max(kinds_in(one.log).values()) == 1, "each kind is told once"


def says_read_only(health: Json) -> bool:
    """Whether it is not ready, for that reason first."""
    first = health["reasons"][0] if health["reasons"] else ""
    return health["status"] == "not_ready" and first.startswith("read-only: ")


def kinds_in(log: str) -> dict[str, int]:
    """What the watchdog told, and how often."""
    lines = [json.loads(line) for line in log.splitlines() if '"read_only"' in line]
    found = [line["kind"] for line in lines if line["level"] == "warning"]
    return {kind: found.count(kind) for kind in found}


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "read_only"), answer.text


# --- on an outside server -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def admin() -> Iterator[Admin]:
    """One outside server for all cases; each has the stream for itself."""
    with new_home() as made, outside_server(made / "nats", sync="always") as outside:
        yield Admin(outside)


@contextmanager
def service_on(admin: Admin) -> Iterator[Service]:
    """A service that has finished a job, on a stream that goes with it."""
    with new_home() as made:
        settings = admin.outside.settings
        with Service(made, **settings, stream_bytes_max=STREAM_BYTES) as one:
            try:
                one.start()
                one.until_state(one.submit("true"), "Finished")
                yield one
            finally:
                admin.api("DELETE")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.act.__name__)
def test_what_an_administrator_does_to_the_stream_is_noticed(admin: Admin, case: Case) -> None:
    with service_on(admin) as one:
        case.act(admin, one)
        since, last = time.monotonic(), admin.last
        check_read_only(one, case.kinds, since)
        one.stop()
        assert not case.lost or admin.last == last, "nothing was appended"
        assert "Nothing was changed" in one.refused() or case.lost
        if case.lost and last:
            assert "the stream is not the one this data directory knows" in one.refused()


# --- on the embedded one --------------------------------------------------------------------------


def test_a_changed_stream_takes_no_command_and_a_cancel_under_way_ends() -> None:
    with running_service() as one:
        assert "\ncountermand_read_only 0.0\n" in one.http("GET", "/metrics").text
        one.set_grace(4)
        deaf, other = one.deaf_job(), one.submit("sleep 600")
        one.until_running(other)
        one.cancel(deaf)
        url = one.endpoint["nats_url"]
        asyncio.run(update_stream_at(url, one.data, WEEK))
        check_read_only(one, frozenset({"configuration"}), time.monotonic())
        assert_refused(one.http("POST", f"/jobs/{other}/cancel", {"message": "late"}))
        assert one.job(deaf)["state"] == "Canceling"
        one.until_state(deaf, "Canceled")
        asyncio.run(update_stream_at(url, one.data, {"max_age": 0}))
        assert_refused(one.http("POST", f"/jobs/{other}/cancel", {"message": "late"}))
        one.stop()
        one.start()
        one.cancel(other, mode="forced")
        one.until_state(other, "Canceled")
        one.stop()
        asyncio.run(update_stream(one.data, WEEK))
        assert "max_age is" in one.refused()


def test_a_stream_that_is_shorter_when_its_server_comes_back_takes_nothing() -> None:
    with running_service() as one:
        one.until_state(one.submit("true"), "Finished")
        store, older = one.data / "jetstream", one.home / "older"
        shutil.copytree(store, older)
        one.until_state(one.submit("true"), "Finished")
        put_in_place_of(one.nats_pid, store, older)
        check_read_only(one, frozenset({"shorter"}), time.monotonic())
        one.stop()
        assert "it lacks the last" in one.refused()


def put_in_place_of(server: int, store: Path, older: Path) -> None:
    """What a truncated block does to a server that is killed: it comes back with less."""
    os.kill(server, signal.SIGSTOP)
    shutil.rmtree(store)
    older.rename(store)
    os.kill(server, signal.SIGKILL)
