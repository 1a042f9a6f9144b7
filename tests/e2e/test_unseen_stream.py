"""A stream that its service may no longer look at: read-only after five seconds, and back again."""

import time
from collections.abc import Iterator

import pytest

from adapters.jetstream.accounts import NatsRole
from application.watchdog import BLIND_SECONDS
from tests.e2e.denying import denied
from tests.e2e.home import new_home
from tests.e2e.outside import Outside, outside_server
from tests.e2e.service import Service
from tests.e2e.test_store_faults import STREAM
from tests.e2e.test_watchdog import kinds_in, says_read_only
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

INFO = f"$JS.API.STREAM.INFO.{STREAM}"
GET = f"$JS.API.STREAM.MSG.GET.{STREAM}"
NAMES = {INFO: "info", GET: "get"}


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with new_home() as made, outside_server(made / "nats", sync="always") as found:
        yield found


@pytest.fixture(scope="module")
def one(outside: Outside) -> Iterator[Service]:
    with new_home() as made, Service(made, **outside.settings) as service:
        service.start()
        yield service


@pytest.mark.parametrize("subject", NAMES)
def test_a_stream_that_cannot_be_looked_at_makes_read_only_until_it_can(
    outside: Outside, one: Service, subject: str
) -> None:
    until(lambda: one.health()["status"] == "ready", "it is ready")
    one.until_state(one.submit("true"), "Finished")
    before = len(one.log)
    with denied(outside, NatsRole.SERVICE, publish=subject):
        since = time.monotonic()
        assert one.health()["status"] == "ready", "not at once"
        until(lambda: says_read_only(one.health()), "health says so", 2 * BLIND_SECONDS)
        assert time.monotonic() - since > BLIND_SECONDS - 1
        (reason,) = one.health()["reasons"][:1]
        assert f"not permitted to publish to '{subject}'" in reason
        assert "could not be looked at for 5 s" in reason
        until(lambda: kinds_in(one.log[before:]) == {"unseen": 1}, "the log has it once")
        assert "\ncountermand_read_only 1.0\n" in one.http("GET", "/metrics").text
        answer = one.http(
            "POST", "/jobs", {"tasks": [{"command": "true"}]}, f"late-{NAMES[subject]}"
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "read_only"), answer.text
    until(lambda: one.health()["status"] == "ready", "it is ready again")
    assert "\ncountermand_read_only 0.0\n" in one.http("GET", "/metrics").text
    until(lambda: '"read_only_over"' in one.log[before:], "the log has its end")
    one.until_state(one.submit("true"), "Finished")
