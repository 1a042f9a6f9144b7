"""An administrator's work on the stream under a running service: it says so, and takes nothing."""

import asyncio
import json
import time
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters.jetstream.config import LOG_ID, StreamSpec, wanted
from tests.e2e.home import new_home
from tests.e2e.outside import outside_server
from tests.e2e.service import Service, running_service
from tests.e2e.stream import connected
from tests.e2e.test_store_faults import STREAM, update_stream, update_stream_at
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NOTICED_SECONDS = 5.0
STREAM_BYTES = 1024**3
ANSWER_SECONDS = 10.0


async def api(url: str, login: Path, verb: str, body: object = None) -> None:
    """One request to JetStream's API."""
    async with connected(url, login) as client:
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await client.request(f"$JS.API.STREAM.{verb}.{STREAM}", payload, ANSWER_SECONDS)
        assert "error" not in msgspec.json.decode(answer.data), answer.data


def check_read_only(one: Service, kind: str) -> None:
    """Health, metrics, the log, HTTP and the command line all say so, in time."""
    began = time.monotonic()
    until(lambda: one.http("GET", "/health/ready").status_code == 503, "not ready")
    assert time.monotonic() - began < NOTICED_SECONDS
    health = one.health()
    assert health["status"] == "not_ready"
    assert health["reasons"][0].startswith("read-only: ")
    assert "\ncountermand_read_only 1.0\n" in one.http("GET", "/metrics").text
    assert "\ncountermand_ready 0.0\n" in one.http("GET", "/metrics").text
    until(lambda: kind in kinds_in(one.log), "a line in the log")
    assert_refused(one.http("POST", "/jobs", {"tasks": [{"command": "true"}]}, "late"))
    said = one.cli("submit", "--", "true")
    assert (said.status, "read-only: " in said.err) == (75, True), said.err


def kinds_in(log: str) -> set[str]:
    """What the watchdog told."""
    lines = [json.loads(line) for line in log.splitlines() if '"read_only"' in line]
    return {line["kind"] for line in lines if line["level"] == "warning"}


def assert_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["code"]) == (503, "read_only"), answer.text


def test_a_changed_stream_takes_no_command_and_a_cancel_under_way_ends() -> None:
    with running_service() as one:
        assert "\ncountermand_read_only 0.0\n" in one.http("GET", "/metrics").text
        one.set_grace(4)
        deaf, other = one.deaf_job(), one.submit("sleep 600")
        one.until_running(other)
        one.cancel(deaf)
        url, week = one.endpoint["nats_url"], {"max_age": 7 * 24 * 3600 * 10**9}
        asyncio.run(update_stream_at(url, one.data, week))
        check_read_only(one, "configuration")
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
        asyncio.run(update_stream(one.data, week))
        assert "max_age is" in one.refused()


def test_a_stream_made_again_on_an_outside_server_takes_nothing_at_all() -> None:
    with new_home() as made, outside_server(made / "nats", sync="always") as outside:
        one = Service(made, **outside.settings, stream_bytes_max=STREAM_BYTES)
        one.start()
        try:
            one.until_state(one.submit("true"), "Finished")
            asyncio.run(api(outside.url, outside.admin, "DELETE"))
            assert one.launch(one.command("provision")).wait(30) == 1
            asyncio.run(api(outside.url, outside.admin, "CREATE", made_again()))
            check_read_only(one, "deleted")
            until(lambda: {"deleted", "replaced"} <= kinds_in(one.log), "both are told")
            one.stop()
        finally:
            one.kill()
        assert "the stream is not the one this data directory knows" in one.refused()
        assert asyncio.run(messages(outside.url, outside.admin)) == 0, "nothing was appended"


def made_again() -> dict[str, object]:
    """The configuration of a stream as the service wants it, but another one."""
    return wanted(StreamSpec("local", STREAM, STREAM_BYTES)) | {"metadata": {LOG_ID: "another"}}


async def messages(url: str, login: Path) -> int:
    async with connected(url, login) as client:
        info = await client.request(f"$JS.API.STREAM.INFO.{STREAM}", b"", ANSWER_SECONDS)
        return int(msgspec.json.decode(info.data)["state"]["messages"])
