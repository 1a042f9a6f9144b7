"""Who proves with a key who they are: real servers in operator mode and with plain keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from eventsourcing.persistence import OperationalError

from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.credentials import read_credentials
from adapters.jetstream.nkey import KeyLogin, KeyPair, Kind, encoded
from adapters.jetstream.recorder import JetStreamFactory, SettingsError
from domain.errors import Misconfigured, Unavailable
from tests.adapters.jetstream.recorder.events import new_event
from tests.support.operator_mode import Operator, configured_server, creds, new_key
from tests.support.recorder import MODULE, recorder_of

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
"""The pair in the documentation of nats-server."""


def test_a_published_seed_gives_its_published_key() -> None:
    pair = KeyPair.of_seed(SEED)
    assert (pair.public, pair.seed, pair.kind) == (PUBLIC, SEED, Kind.USER)


@pytest.mark.parametrize("kind", Kind)
def test_a_seed_is_read_as_it_was_written(kind: Kind) -> None:
    pair = new_key(kind)
    assert KeyPair.of_seed(pair.seed).public == pair.public
    assert (pair.seed[1], len(pair.seed)) == (pair.public[0], 58)


@pytest.mark.parametrize(
    ("seed", "why"),
    [
        (SEED[:-1] + "A", "its checksum is wrong"),
        (SEED[:20] + "A" + SEED[21:], "its checksum is wrong"),
        (SEED[:-1], "it has 57 characters, and a seed has 58"),
        (SEED.lower(), "it is no seed"),
        ("S1" + SEED[2:], "it is not base32"),
        ("", "it is no seed"),
        (PUBLIC, "it is no seed"),
        (encoded(bytes([18 << 3 | 5, 0]) + bytes(31)), "it has 56 characters"),
        (encoded(bytes([18 << 3 | 1, 8]) + bytes(32)), "another kind of key"),
    ],
)
def test_what_is_no_seed_is_said_without_it(seed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as raised:
        KeyPair.of_seed(seed)
    assert not seed or seed not in str(raised.value)


def test_bad_files_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    whole = creds("a.b.c", KeyPair.of_seed(SEED))
    account = new_key(Kind.ACCOUNT)
    for text, why in {
        "": "no block -----BEGIN USER NKEY SEED-----",
        whole.replace("USER NKEY SEED", "SEED"): "no block -----BEGIN USER NKEY SEED-----",
        whole.replace("NATS USER JWT", "JWT"): "no block -----BEGIN NATS USER JWT-----",
        whole[: whole.index("------END USER")]: "no block -----BEGIN USER NKEY SEED-----",
        whole.replace(SEED, SEED[:-1] + "A"): "its checksum is wrong",
        whole.replace(SEED, account.seed): "the seed of an account, not of a user",
    }.items():
        path = tmp_path / "who.creds"
        path.write_text(text)
        with pytest.raises(Misconfigured) as raised:
            read_credentials(path)
        assert str(path) in raised.value.message
        assert why in raised.value.message, text
        assert SEED[:-1] not in raised.value.message


def test_a_file_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    binary = tmp_path / "who.creds"
    binary.write_bytes(b"\xff\xfe")
    env = {"NATS_URL": "nats://127.0.0.1:4222", "NATS_STREAM": "A", "PERSISTENCE_MODULE": MODULE}
    with pytest.raises(SettingsError, match=r"NATS_CREDS: .*who\.creds cannot be read"):
        JetStreamFactory(env | {"NATS_CREDS": str(binary)})


@pytest.fixture(scope="module")
def operator() -> Operator:
    return Operator()


@pytest.fixture(scope="module")
def operators(operator: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that trusts the operator."""
    with configured_server(tmp_path_factory.mktemp("nats") / "o", operator.config()) as url:
        yield url


def test_an_application_is_recorded_with_a_creds_file(
    operator: Operator, operators: str, tmp_path: Path
) -> None:
    file = tmp_path / "who.creds"
    file.write_text(creds(*operator.user()))
    env = {"NATS_URL": operators, "NATS_STREAM": "A", "NATS_CREDS": str(file)}
    event = new_event()
    with recorder_of(env) as recorder:
        assert recorder.insert_events([event]) == [1]
    with recorder_of(env | {"CREATE_TABLE": "no"}) as recorder:
        assert recorder.select_events(event.originator_id) == [event]


def test_who_is_not_of_the_account_is_not_let_in(
    operator: Operator, operators: str, tmp_path: Path
) -> None:
    file = tmp_path / "who.creds"
    token, _ = operator.user()
    file.write_text(creds(token, new_key(Kind.USER)))
    env = {"NATS_URL": operators, "NATS_STREAM": "A", "NATS_CREDS": str(file), "NATS_TIMEOUT": "2"}
    said = r"(?i)no NATS server let us in.*authorization"
    with pytest.raises(OperationalError, match=said), recorder_of(env):
        pass


async def test_a_plain_key_is_let_in_and_another_is_not(tmp_path: Path) -> None:
    mine, others = new_key(Kind.USER), new_key(Kind.USER)
    config = {"authorization": {"users": [{"nkey": mine.public}]}}
    file = tmp_path / "who.nk"
    with configured_server(tmp_path / "k", config) as url:
        file.write_text(f"{mine.seed}\n")
        assert isinstance(read_credentials(file), KeyLogin)
        connection = await Connection.open(ServerAddress((url,), file))
        assert connection.connected
        await connection.close()
        file.write_text(others.seed)
        with pytest.raises(Unavailable, match=r"(?i)authorization"):
            await Connection.open(ServerAddress((url,), file), 2)
