"""Everything that ``docs/recorder.md`` shows is run: the server, the application, the commands."""

import os
import re
from pathlib import Path

import pytest

from adapters.jetstream.recorder.settings import read_settings
from tests.e2e.said import COUNTERMAND
from tests.e2e.shown import Shell, blocks, commands, document
from tests.support.cluster import free_ports
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

PAGE = document("docs/recorder.md")


def below(command: str) -> str:
    """What the page shows below a command."""
    (block,) = [b for b in blocks(PAGE, "console") if f"$ {command}\n" in b]
    return re.split(r"^\$ ", block.split(f"$ {command}\n")[1], flags=re.MULTILINE)[0]


def save(directory: Path, words: dict[str, str]) -> None:
    """The files of the page, each under the name that its first line gives."""
    for text in (*blocks(PAGE, "text"), *blocks(PAGE, "python")):
        name = text.partition("\n")[0].removeprefix("# ")
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        (directory / name).write_text(text)


def test_the_application_runs_as_it_is_shown(tmp_path: Path) -> None:
    port, monitor = free_ports(2)
    words = {
        "127.0.0.1:4222": f"127.0.0.1:{port}",
        "127.0.0.1:8222": f"127.0.0.1:{monitor}",
        "/var/lib/accounts": str(tmp_path / "store"),
    }
    save(tmp_path, words)
    told = {"PATH": f"{Path(COUNTERMAND).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    shell = Shell(told, tmp_path, tmp_path, words)
    serve, *exports, first, second = commands(PAGE)
    with shell.start(serve) as server:
        until(lambda: "Server is ready" in server.out, "the server is ready")
        for line in exports:
            shell.run(line)
        assert shell.run(first).out == below(first)
        assert shell.run(second).out == below(second)
        assert "Violation" not in server.out


def test_the_table_names_every_setting_that_is_read() -> None:
    source = Path(read_settings.__code__.co_filename).read_text()
    read = set(re.findall(r'"((?:NATS|ORIGINATOR|CREATE)_[A-Z_]+)"', source))
    table = set(re.findall(r"`((?:NATS|ORIGINATOR|CREATE)_[A-Z_]+)`", PAGE))
    assert read
    assert read <= table
