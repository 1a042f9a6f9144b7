"""The message is sent as it was given, from wherever it comes, or it is refused."""

from pathlib import Path

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    server.add_job(17)


@pytest.mark.parametrize(
    "text", ["", " blank at both ends ", "two\nlines\n", "\ttab", "e\u0301\U0001f600", "-", "a@b"]
)
def test_an_argument_is_sent_as_given(server: StandIn, cli: Cli, text: str) -> None:
    given = cli("cancel", "17", "-m", text, stdin=b"from stdin")
    assert given.returncode == 0
    expected = "from stdin" if text == "-" else text
    assert server.sent()[0].body["message"] == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one line\n", "one line"),
        (b"dos\r\n", "dos"),
        (b"no end", "no end"),
        (b"two\n\n", "two\n"),
        (b" kept \n", " kept "),
        (b"\xef\xbb\xbfbom", "\ufeffbom"),
        (b"cr\r", "cr\r"),
        (b"\x1b[31mred", "\x1b[31mred"),
        (b"", ""),
    ],
)
def test_a_file_and_stdin_lose_one_line_end_and_nothing_else(
    server: StandIn, cli: Cli, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "why.txt"
    file.write_bytes(content)
    assert cli("cancel", "17", "-m", f"@{file}").returncode == 0
    assert cli("cancel", "17", "-m", "-", stdin=content).returncode == 0
    assert [x.body["message"] for x in server.sent()] == [message, message]


def test_bytes_that_are_not_text_are_a_usage_error(server: StandIn, cli: Cli) -> None:
    done = cli("cancel", "17", "-m", b"caf\xe9")
    assert done.returncode == 2
    assert "argument 4 is not valid UTF-8 text: caf\\xe9" in done.stderr
    assert cli("cancel", "17", "-m", "-", stdin=b"caf\xe9").returncode == 2
    assert server.sent() == []


def test_a_file_that_is_not_there_is_a_usage_error_with_a_way_out(
    server: StandIn, cli: Cli
) -> None:
    done = cli("cancel", "17", "-m", "@alice please look")
    assert done.returncode == 2
    assert "'alice please look' cannot be read" in done.stderr
    assert "-m -" in done.stderr
    assert server.sent() == []


def test_a_file_without_end_is_refused(server: StandIn, cli: Cli) -> None:
    done = cli("cancel", "17", "-m", "@/dev/zero")
    assert done.returncode == 2
    assert "more than 1048576 bytes" in done.stderr
