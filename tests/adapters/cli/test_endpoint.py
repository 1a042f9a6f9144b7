"""How the command line finds its server, and as whom it speaks."""

import json
import os
from pathlib import Path

import pytest

from adapters.cli.reaching.paths import SYSTEM_DATA, default_data, places
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    server.add_job(17)


@pytest.mark.parametrize("what", ["endpoint", "directory", "socket"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_named(server: StandIn, cli: Cli, what: str, by: str) -> None:
    where = {"endpoint": server.endpoint, "directory": server.directory, "socket": server.socket}
    path = str(where[what])
    if by == "option":
        done = cli("show", "17", "--endpoint", path, COUNTERMAND_DATA="/nowhere")
    else:
        done = cli("show", "17", COUNTERMAND_ENDPOINT=path, COUNTERMAND_DATA="/nowhere")
    assert done.returncode == 0
    assert server.requests[0].who == "alice"


def test_http_with_a_token(server: StandIn, cli: Cli) -> None:
    address = f"http://127.0.0.1:{server.port}"
    assert cli("show", "17", "--endpoint", address).returncode == 4
    done = cli("show", "17", "--endpoint", address, "--token", str(server.token_file))
    assert done.returncode == 0
    assert server.requests[-1].who == "carol"


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_token_goes_over_tcp(server: StandIn, cli: Cli, by: str) -> None:
    token = str(server.token_file)
    server.write_endpoint(socket="/nowhere.sock")
    if by == "option":
        assert cli("show", "17", "--token", token).returncode == 0
    else:
        assert cli("show", "17", COUNTERMAND_TOKEN_FILE=token).returncode == 0
    assert server.requests[0].who == "carol"


def test_without_a_socket_the_file_names_the_token(server: StandIn, cli: Cli) -> None:
    server.write_endpoint(socket="/nowhere.sock")
    assert cli("show", "17").returncode == 0
    assert server.requests[0].who == "carol"


def test_the_socket_is_found_without_the_file(server: StandIn, cli: Cli) -> None:
    server.endpoint.unlink()
    assert cli("show", "17").returncode == 0
    assert server.requests[0].who == "alice"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"http": 7}', "\udcff"])
def test_a_file_that_is_none_is_said(server: StandIn, cli: Cli, content: str) -> None:
    server.endpoint.write_bytes(content.encode("utf-8", "surrogateescape"))
    done = cli("show", "17")
    assert done.returncode == 1
    assert "is not an endpoint file of Countermand" in done.stderr


def test_a_socket_path_longer_than_the_kernel_allows(tmp_path: Path, cli: Cli) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    with StandIn(directory=deep) as server:
        server.add_job(17)
        assert len(os.fsencode(server.socket)) > 150
        done = cli("cancel", "17", "--endpoint", str(deep))
    assert done.returncode == 0, done.stderr


def test_a_server_that_ended_without_a_word_is_75(tmp_path: Path, cli: Cli) -> None:
    with StandIn(directory=tmp_path / "dead"):
        pass
    done = cli("show", "17", "--endpoint", str(tmp_path / "dead"))
    assert done.returncode == 75
    assert "cannot be reached: Connection refused" in done.stderr
    assert "start one with" in done.stderr


@pytest.mark.parametrize(
    "address", ["https://x:1", "http://x", "http://:1", "http://x:70000", "ftp://x:1", "http://x:y"]
)
def test_other_addresses_are_usage_errors(cli: Cli, address: str) -> None:
    done = cli("show", "17", "--endpoint", address)
    assert done.returncode == 2
    assert "allowed is http://HOST:PORT" in done.stderr


@pytest.mark.parametrize("content", [b"", b"two words\n", b"caf\xe9\n", b"a\x00b"])
def test_a_token_file_without_a_token(
    server: StandIn, cli: Cli, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    done = cli("show", "17", "--token", str(file))
    assert done.returncode == 1
    assert "does not hold a token" in done.stderr
    assert cli("show", "17", "--token", "/nowhere").returncode == 1
    assert server.requests == []


def test_answers_of_known_length(tmp_path: Path, cli: Cli) -> None:
    with StandIn(directory=tmp_path / "plain", chunked=False) as server:
        server.add_job(17)
        done = cli("show", "17", "-o", "json", "--endpoint", str(server.directory))
    assert json.loads(done.stdout)["job_id"] == 17


def test_acting_for_somebody(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "17", "--as", "bob").returncode == 5
    assert server.requests[0].headers["countermand-as"] == "bob"


def test_default_data_directories() -> None:
    assert default_data({"COUNTERMAND_DATA": "/x"}) == "/x"
    assert places({"COUNTERMAND_DATA": "/x"}) == ["/x"]
    own = default_data({"XDG_STATE_HOME": "/state"})
    expected = SYSTEM_DATA if os.geteuid() == 0 else "/state/countermand"
    assert own == expected
    assert places({"XDG_STATE_HOME": "/state"})[-1] == SYSTEM_DATA
