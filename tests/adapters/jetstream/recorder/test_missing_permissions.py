"""A recorder whose NATS user lacks a permission says which one, soon."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from eventsourcing.persistence import OperationalError, ProgrammingError

from adapters.jetstream.accounts import CLUSTER_ACCOUNT
from tests.support.nats import AdminServer, threaded_server
from tests.support.recorder import environment, opened, recorder_of

SOON_SECONDS = 5.0
DENIALS: dict[str, dict[str, str]] = {
    "events": {"publish": "eventsourcing.>"},
    "info": {"publish": "$JS.API.STREAM.INFO.>"},
    "gets": {"publish": "$JS.API.DIRECT.GET.>"},
    "consumers": {"publish": "$JS.API.CONSUMER.CREATE.>"},
    "making": {"publish": "$JS.API.STREAM.CREATE.>"},
    "inbox": {"subscribe": "_INBOX.>"},
}


class LimitedServer(AdminServer):
    """With users that may do everything but one thing, named after it."""

    def config_text(self) -> str:
        config: dict[str, Any] = json.loads(super().config_text())
        for name, one in DENIALS.items():
            limits = {verb: {"allow": [">"], "deny": [what]} for verb, what in one.items()}
            user = {"user": name, "password": "p", "permissions": limits}
            config["accounts"][CLUSTER_ACCOUNT]["users"].append(user)
        return json.dumps(config)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedServer]:
    with threaded_server(LimitedServer, tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("events", "publish to 'eventsourcing.{}.permission-probe"),
        ("info", "publish to '$JS.API.STREAM.INFO.{}'"),
        ("gets", "publish to '$JS.API.DIRECT.GET.{}'"),
        ("consumers", "publish to '$JS.API.CONSUMER.CREATE.{}.permission-probe'"),
        ("making", "publish to '$JS.API.STREAM.CREATE.{}'"),
        ("inbox", "subscribe to '_INBOX.recorder."),
    ],
)
def test_a_recorder_names_what_is_missing(limited: LimitedServer, user: str, told: str) -> None:
    env = environment(limited.url, limited.admin)
    if user != "making":
        with recorder_of(env):
            pass
    restricted = env | {"NATS_USER": user, "NATS_PASSWORD": "p"}
    began = time.monotonic()
    with (
        opened(restricted) as factory,
        pytest.raises((ProgrammingError, OperationalError)) as caught,
    ):
        factory.application_recorder()
    assert time.monotonic() - began < SOON_SECONDS
    wanted = f"NATS user {user} is not permitted to {told.format(env['NATS_STREAM'])}"
    assert wanted in str(caught.value)
    assert "give it that permission on the NATS server" in str(caught.value)
