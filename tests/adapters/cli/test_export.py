"""audit export: the file is whole or not there, and the manifest tells exactly what it is."""

import csv
import hashlib
import json
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from adapters.cli.doing.placing import beside, move
from adapters.cli.typed.audit_filter import in_words
from adapters.durable_file import synced
from tests.adapters.cli.conftest import PROGRAM, Cli
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import StandIn

EXPORT = "/api/v1/audit/export"


@pytest.fixture(autouse=True)
def rows(server: StandIn) -> None:
    server.add_row(5, message='with, "quotes"', actor="bob")
    server.add_row(8)
    server.add_row(9)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_the_manifest_tells_what_the_file_is(
    server: StandIn, cli: Cli, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"trail.{form}"
    done = cli("audit", "export", "disk", "--actor", "bob", "--refused", "-f", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    content = file.read_bytes()
    told = json.loads((tmp_path / f"trail.{form}.manifest.json").read_bytes())
    assert told.pop("exported_at").endswith("Z")
    assert told.pop("countermand")
    assert told == {
        "file": f"trail.{form}",
        "format": form,
        "filter": "Rows with all of these words in message or explanation: disk, and done by bob, "
        "and that are refusals.",
        "query": "words=disk&actor=bob&refused=true",
        "exported_by": {
            "name": "alice",
            "roles": ["user"],
            "method": "unix",
            "acting_for": None,
        },
        "cluster": "test",
        "stream": "STREAM one/today",
        "position": 99,
        "behind": 0,
        "stopped": None,
        "rows": 3,
        "first_position": 5,
        "last_position": 9,
        "columns": list(server.trail[0]),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert server.requests[-1].query == {
        "words": ["disk"],
        "actor": ["bob"],
        "refused": ["true"],
        "format": [form],
    }
    assert f"3 rows, {len(content)} bytes, SHA-256 {told['sha256']}" in done.stderr


def test_only_the_owner_reads_it_and_nothing_else_is_left(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "out" / "trail.ndjson"
    file.parent.mkdir()
    assert cli("audit", "export", "-f", str(file), "-q").stderr == ""
    assert sorted(os.listdir(file.parent)) == ["trail.ndjson", "trail.ndjson.manifest.json"]
    assert {stat.S_IMODE(x.stat().st_mode) for x in file.parent.iterdir()} == {0o600}


def test_views_that_have_stopped_are_no_success(server: StandIn, cli: Cli, tmp_path: Path) -> None:
    server.behind, server.stopped = 7, "the views stopped at position 99: event 100 is bad"
    file = tmp_path / "trail.csv"
    done = cli("audit", "export", "-f", str(file), "-q")
    assert done.returncode == 1
    assert done.stderr == (
        "the views stopped at position 99: event 100 is bad; what came after is not shown\n"
    )
    told = json.loads((tmp_path / "trail.csv.manifest.json").read_bytes())
    assert (told["behind"], told["stopped"]) == (7, server.stopped)
    assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()


def test_no_rows_are_a_whole_file_too(server: StandIn, cli: Cli, tmp_path: Path) -> None:
    server.trail.clear()
    for form, content in (("csv", True), ("ndjson", False)):
        file = tmp_path / f"none.{form}"
        assert cli("audit", "export", "-f", str(file)).returncode == 0
        told = json.loads(file.with_name(f"none.{form}.manifest.json").read_bytes())
        assert (told["rows"], told["first_position"], told["last_position"]) == (0, None, None)
        assert told["filter"] == "All rows."
        assert bool(file.read_bytes()) is content


def test_what_a_killed_export_left_behind_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container the next process may well have the same number."""
    file = tmp_path / "trail.csv"
    (tmp_path / f"trail.csv.partial-{os.getpid()}").write_text("half")
    with beside(str(file)) as (name, out):
        out.write(b"whole")
        synced(out)
        move(name, str(file), overwrite=False)
    assert file.read_bytes() == b"whole"


def test_what_is_there_is_kept_unless_told_otherwise(
    server: StandIn, cli: Cli, tmp_path: Path
) -> None:
    file, manifest = tmp_path / "trail.csv", tmp_path / "trail.csv.manifest.json"
    for kept in (file, manifest):
        kept.write_text("mine")
        done = cli("audit", "export", "-f", str(file))
        assert done.returncode == 1
        assert "is there already; choose another name, or --force-overwrite" in done.stderr
        assert kept.read_text() == "mine"
    assert server.requests == []
    assert cli("audit", "export", "-f", str(file), "--force-overwrite").returncode == 0
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert json.loads(manifest.read_bytes())["sha256"] == digest


def test_to_stdout_with_the_manifest_beside(cli: Cli, tmp_path: Path) -> None:
    done = cli("audit", "export", "-o", "ndjson", "-f", "-")
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [5, 8, 9]
    told = json.loads(done.stderr)
    assert told["sha256"] == hashlib.sha256(done.stdout.encode()).hexdigest()
    file = tmp_path / "manifest"
    done = cli("audit", "export", "-o", "ndjson", "-f", "-", "--manifest", str(file))
    assert json.loads(file.read_bytes())["rows"] == 3
    assert "3 rows" in done.stderr


@pytest.mark.parametrize("chunked", [True, False])
def test_an_export_that_is_cut_short_leaves_nothing(
    server: StandIn, cli: Cli, tmp_path: Path, chunked: bool
) -> None:
    server.chunked = chunked
    server.promised = 5
    file = tmp_path / "trail.csv"
    done = cli("audit", "export", "-f", str(file))
    assert done.returncode == 75
    assert "the export is not whole, it was cut short after 3 of 5 rows" in done.stderr
    assert [x for x in os.listdir(tmp_path) if "trail" in x] == []


def test_a_connection_that_ends_in_the_middle(server: StandIn, cli: Cli, tmp_path: Path) -> None:
    server.unfinished = True
    file = tmp_path / "trail.ndjson"
    done = cli("audit", "export", "-f", str(file))
    assert done.returncode == 75
    assert "cut short after 3 of 3 rows: the connection was lost" in done.stderr
    assert [x for x in os.listdir(tmp_path) if "trail" in x] == []


def test_a_row_that_is_two_lines_is_not_passed_over(
    server: StandIn, cli: Cli, tmp_path: Path
) -> None:
    """The stand-in writes a line break into a cell, which the real server never does."""
    server.trail[0]["message"] = "two\nlines"
    done = cli("audit", "export", "-f", str(tmp_path / "trail.csv"))
    assert done.returncode == 75
    assert "after 4 of 3 rows" in done.stderr


def test_refusals_and_other_servers(server: StandIn, cli: Cli, tmp_path: Path) -> None:
    file = str(tmp_path / "trail.csv")
    server.plan("GET", EXPORT, problem(400, "bad_search", "there is nothing to search for"))
    assert cli("audit", "export", "***", "-f", file).returncode == 2
    server.plan("GET", EXPORT, Answer(200, b"hello"))
    done = cli("audit", "export", "-f", file)
    assert done.returncode == 1
    assert "is it Countermand?" in done.stderr
    assert not Path(file).exists()


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (("-f", "trail.txt"), 2, "-o csv or -o ndjson"),
        (("-f", "-"), 2, "-o csv or -o ndjson"),
        ((), 2, "Missing option '-f'"),
        (("-f", "/nowhere/trail.csv"), 1, "there is no directory /nowhere"),
        (("-f", "/tmp", "-o", "csv"), 1, "is a directory"),
        (("-f", "/dev/null", "-o", "csv", "--force-overwrite"), 1, "is no file, and is never"),
        (("-f", "x.csv", "--manifest", "/nowhere/m"), 1, "there is no directory /nowhere"),
        (("-f", "x.csv", "--manifest", "./x.csv", "--force-overwrite"), 2, "a file of its own"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_asked(
    server: StandIn, cli: Cli, options: tuple[str, ...], status: int, words: str
) -> None:
    done = cli("audit", "export", *options)
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
    assert server.requests == []


def test_a_full_disk_is_told_and_leaves_nothing(
    server: StandIn, environment: dict[str, str], tmp_path: Path
) -> None:
    """The limit of the size of files stands for a disk without room."""
    file = tmp_path / "trail.ndjson"
    command = f"ulimit -f 1; trap '' XFSZ; exec {PROGRAM} audit export -f {file}"
    for position in range(100, 200):
        server.add_row(position)
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "could not be written: File too large" in done.stderr
    assert [x for x in os.listdir(tmp_path) if "trail" in x] == []


def test_ctrl_c_leaves_nothing(
    server: StandIn, environment: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "trail.ndjson"
    waits = Answer(200, b"", headers={"Countermand-Count": "1", "Countermand-Position": "1"})
    server.slow.append(EXPORT)
    server.plan("GET", EXPORT, waits)
    command = [PROGRAM, "audit", "export", "-f", str(file)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        server.wait_for(lambda: any(x.path == EXPORT for x in server.requests))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert [x for x in os.listdir(tmp_path) if "trail" in x] == []


def test_a_closed_stdout_is_said(server: StandIn, environment: dict[str, str]) -> None:
    command = f"exec {PROGRAM} audit export -o csv -f - >&-"
    done = subprocess.run(
        ["sh", "-c", command], env=environment, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 1
    assert "standard output is closed" in done.stderr


def test_a_reader_that_leaves_ends_it_without_words(
    server: StandIn, environment: dict[str, str]
) -> None:
    for position in range(100, 2000):
        server.add_row(position)
    command = f"{PROGRAM} audit export -o ndjson -f - | head -1"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout)["position"] == 5
    assert done.stderr == b""


def test_a_filter_in_words() -> None:
    query = [("kind", "end"), ("kind", "stop"), ("since", "T"), ("forced", "true")]
    assert in_words(query) == (
        "Rows of the kind end or stop, and not earlier than T, and asked for by force or stopped "
        "by force."
    )
    assert in_words([]) == "All rows."


def test_a_csv_that_readers_understand(server: StandIn, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "trail.csv"
    assert cli("audit", "export", "-f", str(file)).returncode == 0
    with file.open(newline="") as text:
        assert [x["position"] for x in csv.DictReader(text)] == ["5", "8", "9"]
