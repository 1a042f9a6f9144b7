"""What a recorder's evidence rests on is proven when it is opened, on real servers."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from eventsourcing.persistence import ProgrammingError

from adapters.jetstream.accounts import Login
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import FORGETS_NOTHING
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.provision import find_stream
from adapters.jetstream.recorder import JetStreamFactory, SettingsError
from adapters.jetstream.recorder.proof import warn_unproven
from tests.e2e.outside import Outside, outside_server
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, opened, recorder_of

__all__ = ["admin_server"]

ADMIN = Login("admin", "only in tests")


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    return environment(admin_server.url, admin_server.admin, NATS_TIMEOUT="5")


async def make(server: AdminServer, config: dict[str, Any]) -> None:
    async with server.connection() as connection:
        subject = f"$JS.API.STREAM.CREATE.{config['name']}"
        await connection.call(subject, config, StreamInfo, 5)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("max_age", 10**12, "max_age is 1000000000000, must be 0: old events would be forgotten"),
        ("max_msgs", 5, "max_msgs is 5, must be -1: events beyond that number"),
        ("max_msgs_per_subject", 1, "max_msgs_per_subject is 1, must be -1: events of one subject"),
        ("discard", "old", "discard is 'old', must be 'new': a full stream would forget its"),
        ("retention", "workqueue", "retention is 'workqueue', must be 'limits': events that were"),
        ("storage", "memory", "storage is 'memory', must be 'file': events would be lost"),
        ("deny_delete", False, "deny_delete is False, must be True: events could be deleted"),
        ("deny_purge", False, "deny_purge is False, must be True: the stream could be emptied"),
        ("allow_msg_ttl", True, "allow_msg_ttl is True, must be False: an event could be stored"),
        ("allow_atomic", False, "allow_atomic is"),
    ],
)
async def test_each_setting_that_loses_events_is_named(
    admin_server: AdminServer, env: dict[str, str], setting: str, value: object, said: str
) -> None:
    name = env["NATS_STREAM"]
    base: dict[str, Any] = {"name": name, "subjects": [f"eventsourcing.{name}.>"]}
    await make(admin_server, base | dict(FORGETS_NOTHING) | {setting: value})
    with opened(env) as factory, pytest.raises(ProgrammingError) as caught:
        factory.application_recorder()
    assert said in str(caught.value).replace(" is None,", " is False,")
    assert len([x for x in str(caught.value).splitlines() if x.startswith("  - ")]) == 1
    assert "Choose another NATS_STREAM" in str(caught.value)
    assert f"nats stream edit {name}" in str(caught.value)


async def test_what_is_an_operators_choice_is_free(
    admin_server: AdminServer, env: dict[str, str]
) -> None:
    name = env["NATS_STREAM"]
    base: dict[str, Any] = {"name": name, "subjects": [f"eventsourcing.{name}.>"]}
    await make(admin_server, base | dict(FORGETS_NOTHING) | {"max_bytes": 2**24})
    with recorder_of(env) as recorder:
        assert recorder.max_notification_id() is None


# --- that the server syncs ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lazy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    """A server that syncs every two minutes, as a server does by itself."""
    home = tmp_path_factory.mktemp("lazy") / "nats"
    with outside_server(home, sync="2m") as outside:
        yield outside


def of_lazy(lazy: Outside, **others: str) -> dict[str, str]:
    return environment(lazy.url, ADMIN, NATS_TIMEOUT="5", **others)


def stream_at(lazy: Outside, name: str) -> StreamInfo | None:
    async def asked() -> StreamInfo | None:
        connection = await Connection.open(ServerAddress((lazy.url,), ADMIN, "admin"))
        try:
            return await find_stream(connection, name)
        finally:
            await connection.close()

    return asyncio.run(asked())


def test_a_server_that_acknowledges_before_it_syncs_is_refused(lazy: Outside) -> None:
    env = of_lazy(lazy, NATS_MONITOR_URLS=",".join(lazy.monitor_urls))
    with opened(env) as factory, pytest.raises(ProgrammingError) as caught:
        factory.application_recorder()
    assert "does not have sync_always" in str(caught.value)
    assert "jetstream { sync_interval: always }" in str(caught.value)
    assert stream_at(lazy, env["NATS_STREAM"]) is None, "nothing was made there"


def test_where_nobody_can_be_asked_a_warning_says_so_once(
    lazy: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    warn_unproven.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with recorder_of(of_lazy(lazy)):
                pass
    (told,) = [r for r in caplog.records if r.name == "adapters.jetstream.recorder.proof"]
    assert told.levelno == logging.WARNING
    assert "it is not proven that stored events survive a loss of power" in told.getMessage()
    assert "NATS_REQUIRE_PROOF=yes refuses" in told.getMessage()


def test_with_the_proof_there_is_no_warning(
    admin_server: AdminServer, env: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    warn_unproven.cache_clear()
    demanded = {"NATS_MONITOR_URLS": admin_server.monitor_url, "NATS_REQUIRE_PROOF": "yes"}
    with recorder_of(env | demanded) as recorder:
        assert recorder.max_notification_id() is None
    assert not [r for r in caplog.records if r.name == "adapters.jetstream.recorder.proof"]


def test_a_proof_that_is_demanded_needs_somebody_to_ask(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="NATS_REQUIRE_PROOF demands the proof"):
        JetStreamFactory(env | {"NATS_REQUIRE_PROOF": "yes"})
    with pytest.raises(SettingsError, match="NATS_REQUIRE_PROOF is 'perhaps': yes and no"):
        JetStreamFactory(env | {"NATS_REQUIRE_PROOF": "perhaps"})
