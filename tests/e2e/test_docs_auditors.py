"""Every command in ``docs/auditors.md`` is run, in order, and so is its program."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from application.views import TRAIL_COLUMNS
from projections.audit_trail import Kind
from tests.e2e.said import Said, said_by
from tests.e2e.scripts import DEAF
from tests.e2e.service import ROOT, Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings
from tests.e2e.stand_ins import with_tools
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

PAGE: Final = document("docs/auditors.md")
JOB: Final = 17
SHOWN_TIME: Final = "2026-11-27T11:08:57Z"
EARLIER_JOBS: Final = 16


def by(service: Service, person: str, *arguments: str) -> Said:
    """The command line of somebody with a token."""
    token = service.home / f"{person}.token"
    where = ("--endpoint", service.endpoint["http"], "--token", str(token))
    return service.program(*arguments, *where)


def happened(service: Service) -> None:
    """What the page asks about: job 17 of alice, whom root overtook, while bob was refused."""
    for person in ("alice", "bob"):
        file = str(service.home / f"{person}.token")
        service.cli("principals", "add", person, "--token-file", file, "--data", str(service.data))
    for _ in range(EARLIER_JOBS):
        service.submit("true", submit=False)
    by(service, "alice", "submit", "--name", "render", "--task", DEAF)
    until(lambda: [*(service.data / "runs").glob("17.*/work/deaf")], "the task is deaf")
    service.until_running(JOB)
    by(service, "bob", "cancel", "17", "-m", "I need the node")
    by(service, "alice", "cancel", "17", "-m", "wrong input file")
    by(service, "alice", "cancel", "17", "-m", "again")
    words = ("--force", "--reason", "maintenance", "-m", "node is to be rebooted", "--wait")
    assert service.cli("cancel", "17", *words).status == 0
    by(service, "bob", "cancel", "17", "--force", "-m", "now?")


def exported(service: Service) -> None:
    """What the exporter wrote, on the day it was run."""
    where = ["--directory", str(service.home / "srv-countermand-export")]
    program = [sys.executable, "-m", "ops.consumers.exporter", *where, "--until-caught-up"]
    assert said_by(program, surroundings(service), ROOT).status == 0


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    service.configure(node="node1")
    service.start()
    happened(service)
    exported(service)
    (program,) = blocks(PAGE, "python")
    (service.home / "chain.py").write_text(program)
    at = next(e for e in service.events(JOB) if e.type == "JobCanceled").body["time"]
    words = {
        "/var/lib/countermand": str(service.data),
        "http://127.0.0.1:7320": service.endpoint["http"],
        "/srv/": f"{service.home}/srv-",
        SHOWN_TIME: at,
    }
    told = with_tools(surroundings(service), tmp_path, "curl", "jq")
    shell = Shell(told, service.home, tmp_path, words)
    said = {line: shell.run(line) for line in commands(PAGE)}
    check_the_answer(said)
    check_the_export(said, service)
    check_the_chain(said, service.home)


def check_the_answer(said: dict[str, Said]) -> None:
    """As the page shows it, but for times and numbers of events."""
    for command in ("explain 17", "audit --job 17 --oldest-first", "--refused --fields"):
        line = next(x for x in said if command in x)
        shown = PAGE.split(f"$ {line}\n")[1].split("\n$ ")[0].split("```")[0]
        found = plain(said[line].out)
        for words in filter(None, map(plain, re.split(r"\.\.\.|\n", shown))):
            assert words in found, (words, found)


def plain(text: str) -> str:
    """Without numbers, and with one space for several."""
    return re.sub(
        r"\s+", " ", re.sub(r"\(events? [\d, ]+\)|[0-9a-f]{8}-[0-9a-f-]*|\d+", "", text)
    ).strip()


def check_the_export(said: dict[str, Said], service: Service) -> None:
    """The digest fits; ndjson holds what CSV shows as escapes; a user exports what is theirs."""
    assert "trail.csv: OK" in next(x.out for line, x in said.items() if "sha256sum" in line)
    rows = [json.loads(line) for line in (service.home / "all.ndjson").read_text().splitlines()]
    assert [row["position"] for row in rows] == sorted(row["position"] for row in rows)
    assert {row["owner"] for row in rows} == {"alice"}
    for person, count in ("alice", len(rows)), ("bob", 0):
        file = service.home / f"{person}.ndjson"
        by(service, person, "audit", "export", "-f", str(file))
        assert len(file.read_text().splitlines()) == count


def check_the_chain(said: dict[str, Said], home: Path) -> None:
    """It is whole, and the program finds what was changed, removed and put elsewhere."""
    one, all_ = (x.out for line, x in said.items() if "chain.py" in line)
    assert one.startswith("job/17: whole up to version 15, ")
    assert one in all_
    assert "cluster/local: whole up to version 1, " in all_
    assert all_.count("\n") == JOB + 2
    text = (home / "events.json").read_text()
    events = re.findall(r'\{"position":\d+,"event":\{.*?\}\}(?=,\{"position"|\])', text)
    assert len(events) == 15
    hurt = {
        "changed": text.replace("I need the node", "I like the node"),
        "removed": text.replace(events[4] + ",", ""),
        "elsewhere": text.replace(f"{events[4]},{events[5]}", f"{events[5]},{events[4]}"),
    }
    for name, content in hurt.items():
        assert content != text
        (home / name).write_text(content)
        done = subprocess.run(
            [sys.executable, "chain.py", name], cwd=home, capture_output=True, check=False
        )
        assert (done.returncode, b"job/17: " in done.stderr) == (1, True), name


def test_the_tables_name_every_column_and_every_kind() -> None:
    columns, kinds = (named(title) for title in ("| column |", "| kind |"))
    assert columns == list(TRAIL_COLUMNS)
    assert kinds == [kind.value for kind in Kind]


def named(title: str) -> list[str]:
    """What the first column of a table names, in order."""
    rows = PAGE.split(title)[1].split("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])]


def test_csv_holds_escapes_and_ndjson_every_text_exactly(service: Service) -> None:
    hostile = "=1+1\n\u202eend"
    job = service.start().submit("sleep 600")
    service.cancel(job, message=hostile)
    service.until_state(job, "Canceled")
    for form in ("csv", "ndjson"):
        file = str(service.home / f"trail.{form}")
        assert service.cli("audit", "export", "--kind", "request", "-f", file).status == 0
    (row,) = (service.home / "trail.ndjson").read_text().splitlines()
    assert json.loads(row)["message"] == hostile
    assert '"\'=1+1\\n\\u202eend"' in (service.home / "trail.csv").read_text()
