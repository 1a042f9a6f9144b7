"""Settings, the stream, and everything that is refused before an event is stored."""

import re
import uuid
from pathlib import Path

import msgspec
import pytest
from eventsourcing.application import Application
from eventsourcing.persistence import (
    InfrastructureFactory,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from eventsourcing.utils import Environment, get_topic

from adapters.durable_file import write_durably
from adapters.jetstream.accounts import Login
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import StreamSpec, wanted
from adapters.jetstream.recorder import (
    JetStreamApplicationRecorder,
    JetStreamFactory,
    SettingsError,
)
from tests.adapters.jetstream.recorder.events import new_event
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, opened, recorder_of

__all__ = ["admin_server"]

UNREACHABLE = "nats://127.0.0.1:9"
SECRET = "do-not-tell"
GOOD = {"NATS_URL": "nats://127.0.0.1:4222", "NATS_STREAM": "ACCOUNTS"}


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    return environment(admin_server.url, admin_server.admin, NATS_TIMEOUT="2")


async def config_of(server: AdminServer, stream: str) -> dict[str, object]:
    async with server.connection() as connection:
        info = await connection.call(f"$JS.API.STREAM.INFO.{stream}", None, StreamInfo, 5)
    return info.config


async def make(server: AdminServer, config: dict[str, object]) -> None:
    async with server.connection() as connection:
        subject = f"$JS.API.STREAM.CREATE.{config['name']}"
        await connection.call(subject, config, StreamInfo, 5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"NATS_URL": ""},
            "the address of the NATS server is not in the environment: set NATS_URL",
        ),
        ({"NATS_URL": "127.0.0.1:4222"}, "addresses are like nats://127.0.0.1:4222"),
        ({"NATS_URL": f"nats://me:{SECRET}@127.0.0.1"}, "NATS_URL must not hold a login"),
        ({"NATS_URL": "nats://[broken"}, "addresses are like"),
        ({"NATS_URL": "nats://127.0.0.1:70000"}, "addresses are like"),
        ({"NATS_URL": f"nats://me:{SECRET}@[broken"}, "NATS_URL must not hold a login"),
        ({"NATS_STREAM": ""}, "the name of the stream is not in the environment"),
        ({"NATS_STREAM": "a.b"}, "must be 1 to 64 of letters, digits, '_' and '-'"),
        ({"NATS_STREAM": "A+snapshots"}, "must be 1 to 64 of letters"),
        ({"NATS_STREAM": "x" * 65}, "must be 1 to 64 of letters"),
        ({"NATS_USER": "me"}, "belong together"),
        ({"NATS_PASSWORD": SECRET}, "belong together"),
        ({"NATS_CREDS": "/nowhere/a.creds"}, "there is no such file"),
        ({"NATS_CREDS": "/x", "NATS_USER": "me", "NATS_PASSWORD": SECRET}, "not both"),
        ({"NATS_REPLICAS": "2"}, "1, 3 and 5 are allowed"),
        ({"NATS_TIMEOUT": "soon"}, "seconds from 0.1 to 3600 are allowed"),
        ({"NATS_TIMEOUT": "nan"}, "seconds from 0.1 to 3600 are allowed"),
        ({"NATS_MAX_BYTES": "1"}, "1048576 or more bytes are allowed"),
        ({"ORIGINATOR_ID_TYPE": "int"}, "uuid and text are allowed"),
    ],
)
def test_a_wrong_setting_is_named_at_once(changed: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        JetStreamFactory(GOOD | changed)
    assert SECRET not in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_settings_of_one_application_have_its_name_before_them(admin_server: AdminServer) -> None:
    class Accounts(Application[uuid.UUID]):
        pass

    env = environment(admin_server.url, admin_server.admin)
    own = {f"ACCOUNTS_{name}": value for name, value in env.items()}
    with Accounts(own) as application:
        assert isinstance(application.recorder, JetStreamApplicationRecorder)
    with pytest.raises(SettingsError, match="set ACCOUNTS_NATS_URL or NATS_URL"):
        JetStreamFactory(Environment("Accounts", {"ACCOUNTS_NATS_STREAM": "A"}))


async def test_its_stream_evicts_nothing_and_lets_nobody_erase(
    admin_server: AdminServer, env: dict[str, str]
) -> None:
    with recorder_of(env):
        pass
    config = await config_of(admin_server, env["NATS_STREAM"])
    assert config["subjects"] == [f"eventsourcing.{env['NATS_STREAM']}.>"]
    for key in ("deny_delete", "deny_purge", "allow_direct", "allow_atomic"):
        assert config[key] is True
    assert (config["retention"], config["discard"], config["max_age"]) == ("limits", "new", 0)


def test_without_create_table_a_missing_stream_is_an_error(env: dict[str, str]) -> None:
    with opened(env | {"CREATE_TABLE": "no"}) as factory:
        for make_one in (factory.application_recorder, factory.aggregate_recorder):
            with pytest.raises(ProgrammingError, match="set CREATE_TABLE=yes once"):
                make_one()
    with recorder_of(env) as recorder:
        recorder.insert_events([new_event()])
    with recorder_of(env | {"CREATE_TABLE": "no"}) as recorder:
        assert recorder.max_notification_id() == 1
    wrong = pytest.raises(SettingsError, match="yes and no are allowed")
    with opened(env | {"CREATE_TABLE": "perhaps"}) as factory, wrong:
        factory.application_recorder()


async def test_a_stream_that_forgets_is_refused(
    admin_server: AdminServer, env: dict[str, str]
) -> None:
    name = env["NATS_STREAM"]
    await make(
        admin_server, {"name": name, "subjects": [f"eventsourcing.{name}.>"], "max_age": 10**9}
    )
    with opened(env) as factory, pytest.raises(ProgrammingError) as caught:
        factory.application_recorder()
    assert "max_age is 1000000000, must be 0" in str(caught.value)
    assert "allow_atomic is None, must be True" in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


async def test_the_stream_of_the_service_is_refused(
    admin_server: AdminServer, env: dict[str, str]
) -> None:
    spec = StreamSpec(f"c{uuid.uuid4().hex[:8]}", env["NATS_STREAM"])
    await make(admin_server, wanted(spec))
    with opened(env) as factory, pytest.raises(ProgrammingError, match="subjects is"):
        factory.application_recorder()


def test_a_server_that_is_not_there(env: dict[str, str]) -> None:
    changed = env | {"NATS_URL": UNREACHABLE, "NATS_TIMEOUT": "0.3"}
    refused = pytest.raises(OperationalError, match=r"127\.0\.0\.1:9")
    with opened(changed) as factory, refused as caught:
        factory.application_recorder()
    assert str(caught.value).count("refused") == 1


def test_a_wrong_password(env: dict[str, str]) -> None:
    changed = env | {"NATS_PASSWORD": SECRET, "NATS_TIMEOUT": "1"}
    with opened(changed) as factory, pytest.raises(OperationalError) as caught:
        factory.application_recorder()
    assert str(caught.value).lower().count("authorization violation") == 1
    assert SECRET not in str(caught.value)


def test_a_login_may_come_from_a_file(
    admin_server: AdminServer, env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "login.json"
    write_durably(file, msgspec.json.encode(admin_server.admin))
    left = {k: v for k, v in env.items() if k not in ("NATS_USER", "NATS_PASSWORD")}
    with recorder_of(left | {"NATS_CREDS": str(file)}) as recorder:
        assert recorder.max_notification_id() is None


def test_durability_is_proven_when_that_is_asked_for(
    admin_server: AdminServer, env: dict[str, str]
) -> None:
    with recorder_of(env | {"NATS_MONITOR_URLS": admin_server.monitor_url}):
        pass
    changed = env | {"NATS_MONITOR_URLS": "http://127.0.0.1:9"}
    with opened(changed) as factory, pytest.raises(ProgrammingError, match="not proven") as caught:
        factory.application_recorder()
    assert "or leave NATS_MONITOR_URLS empty" in str(caught.value)


class Chosen(JetStreamApplicationRecorder):
    """A recorder of an application's own."""


def test_an_application_may_choose_its_own_recorder(env: dict[str, str]) -> None:
    with opened(env | {"APPLICATION_RECORDER_TOPIC": get_topic(Chosen)}) as factory:
        assert type(factory.application_recorder()) is Chosen
    wrong = pytest.raises(SettingsError, match="no subclass")
    with opened(env | {"APPLICATION_RECORDER_TOPIC": get_topic(Login)}) as factory, wrong:
        factory.application_recorder()


def test_what_jetstream_cannot_do_says_what_to_use_instead(env: dict[str, str]) -> None:
    with opened(env) as factory:
        with pytest.raises(NotSupportedError, match=r"PERSISTENCE_MODULE=eventsourcing\.sqlite"):
            factory.tracking_recorder()
        with pytest.raises(NotSupportedError, match=r"eventsourcing\.projection\.ProjectionRunner"):
            factory.process_recorder()


def test_a_purpose_has_a_stream_of_its_own(env: dict[str, str]) -> None:
    with opened(env) as factory:
        recorder, snapshots = (
            factory.application_recorder(),
            factory.aggregate_recorder("snapshots"),
        )
        one = new_event()
        recorder.insert_events([one])
        snapshots.insert_events([one])
        assert recorder.insert_events([new_event()]) == [2]
        assert len(snapshots.select_events(one.originator_id)) == 1
        with pytest.raises(ProgrammingError, match="a recorder's purpose"):
            factory.aggregate_recorder("a.b")


def test_the_library_finds_the_factory() -> None:
    found = InfrastructureFactory.construct(
        GOOD | {"PERSISTENCE_MODULE": "adapters.jetstream.recorder"}
    )
    assert type(found) is JetStreamFactory
