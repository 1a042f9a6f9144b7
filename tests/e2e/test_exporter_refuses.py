"""What the exporter does not do: go on with another history, in changed files, or told wrong."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.e2e.bare import Bare
from tests.e2e.consumer import EXPORTER, Consumer
from tests.e2e.exported import files_in
from tests.e2e.exporting import check, exporter, once, some
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]


def test_another_history_is_refused(bare: Bare) -> None:
    """Made anew, an older copy, and an older copy that went on otherwise: never mixed up."""
    older, directory = bare.home / "older", bare.home / "export"
    bare.store_all(some(3))
    bare.stop()
    bare.keep_store(older)
    bare.start().store_all(some(2))
    assert once(bare, directory).run() == 0
    good = files_in(directory)
    bare.stop()
    bare.put_store(older)
    bare.start()
    assert "the stream ends at 3, but events up to 5 were read" in refused(bare, directory)
    bare.store_all(some(4))
    assert "event 5 of the stream is not the one that was read" in refused(bare, directory)
    bare.stop()
    bare.put_store(bare.home / "none")
    bare.start().provision().store_all(some(9))
    assert "this is another stream: " in refused(bare, directory)
    assert files_in(directory) == good


def refused(bare: Bare, directory: Path) -> str:
    """What one says that must not go on; also one that follows."""
    program = once(bare, directory)
    assert program.run() == 1
    assert exporter(bare, directory).run() == 1
    assert "Traceback" not in program.log
    return program.last_word


def test_the_stream_of_another_cluster_is_refused(bare: Bare) -> None:
    program = exporter(bare, bare.home / "export", "--cluster", "hpc1")
    assert program.run() == 1
    assert "is not that of cluster hpc1: it holds countermand.local.>" in program.last_word


def test_changed_files_are_refused(bare: Bare) -> None:
    bare.store_all(some(3))
    directory = bare.home / "export"
    day = directory / "events-2026-11-23.ndjson"
    assert once(bare, directory).run() == 0
    whole, checkpoint = day.read_bytes(), (directory / "checkpoint.json").read_bytes()
    day.write_bytes(whole[:-1])
    assert "somebody shortened it" in refused(bare, directory)
    day.write_bytes(whole)
    (directory / "checkpoint.json").write_bytes(checkpoint[:-9])
    assert "checkpoint.json is damaged" in refused(bare, directory)
    (directory / "checkpoint.json").unlink()
    assert "holds events but no checkpoint.json" in refused(bare, directory)
    (directory / "checkpoint.json").write_bytes(checkpoint)
    assert once(bare, directory).run() == 0
    check(bare, directory)


def test_somebody_else_writes_meanwhile(bare: Bare) -> None:
    bare.store_all(some(1))
    directory = bare.home / "export"
    program = exporter(bare, directory).start()
    program.until_heard("caught_up")
    day = directory / "events-2026-11-23.ndjson"
    until(day.exists, "the first line is written")
    with day.open("ab") as file:
        file.write(b"forged\n")
    bare.store_all(some(1))
    assert program.ended() == 1
    assert "somebody else writes to" in program.last_word


def test_one_exporter_a_directory(bare: Bare) -> None:
    directory = bare.home / "export"
    first = exporter(bare, directory).start()
    first.until_heard("caught_up")
    second = exporter(bare, directory)
    second.log_file = bare.home / "second.log"
    assert second.run() == 1
    assert "another program works in" in second.last_word
    assert first.stop(signal.SIGINT) == 130


WRONG: dict[str, tuple[list[str], str]] = {
    "no place": ([], "where is the stream?"),
    "half a place": (["--server", "nats://127.0.0.1:1"], "where is the stream?"),
    "a login in the URL": (["--server", "nats://u:secret@h:1", "--credentials", "x"], "a login"),
    "no URL": (["--server", "\x1b[2J", "--credentials", "x"], "must be a URL"),
    "no name": (["--endpoint", "x", "--stream", "a.>"], "is no name of a stream"),
    "no directory": (["--endpoint", "x", "--directory", "/dev/null/x"], "cannot be used"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use(tmp_path: Path, name: str) -> None:
    options, words = WRONG[name]
    told = ["--directory", str(tmp_path / "export"), *options]
    program = Consumer(EXPORTER, told, {"PATH": os.environ["PATH"]}, tmp_path / "log")
    assert program.run() == 2
    assert words in program.last_word
    assert "secret" not in program.log


UNREACHABLE = {
    "no endpoint file": (None, "cannot be read: No such file"),
    "half of it": ('{"nats_url":', "is not JSON"),
    "another file": ('["nats_url"]', "is not a JSON object"),
    "nothing in it": ("{}", "does not say nats_credentials_file and nats_url"),
    "nobody there": ('{"nats_url":"nats://127.0.0.1:1","nats_credentials_file":"LOGIN"}', "let us"),
    "no login": ('{"nats_url":"nats://127.0.0.1:1","nats_credentials_file":"/no"}', "cannot be"),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_a_stream_that_cannot_be_read_for_now(tmp_path: Path, name: str) -> None:
    text, words = UNREACHABLE[name]
    login, endpoint = tmp_path / "login.json", tmp_path / "endpoint.json"
    login.write_text('{"user":"reader","password":"never to be told"}')
    if text is not None:
        endpoint.write_text(text.replace("LOGIN", str(login)))
    told = ["--directory", str(tmp_path / "export"), "--endpoint", str(endpoint)]
    told += ["--until-caught-up", "--patience", "0.5"]
    program = Consumer(EXPORTER, told, {"PATH": os.environ["PATH"]}, tmp_path / "log")
    assert program.run() == 75
    assert words in program.last_word
    assert "never to be told" not in program.log


def test_a_wrong_password_is_said(bare: Bare) -> None:
    login = bare.home / "login.json"
    login.write_text('{"user":"reader","password":"a wrong one"}')
    bare.endpoint.write_text(json.dumps(bare.where | {"nats_credentials_file": str(login)}))
    program = exporter(bare, bare.home / "export", "--until-caught-up", "--patience", "3")
    assert program.run() == 75
    assert "authorization violation" in program.last_word.lower()
    assert "a wrong one" not in program.log
