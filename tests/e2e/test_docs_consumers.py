"""Every command in ``docs/consumers.md`` is run, in order, against a real service."""

import json
import re
import shlex
import shutil
import sys
from itertools import takewhile
from pathlib import Path

import pytest

from ops.consumers import exporter, notifier
from tests.e2e.bare import bare_stream
from tests.e2e.receiver import receiving
from tests.e2e.said import said_by
from tests.e2e.service import ROOT, Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings
from tests.e2e.stand_ins import with_tools
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

PAGE = document("docs/consumers.md")
NATS = shutil.which("nats")


@pytest.fixture
def stopped(service: Service) -> int:
    """The service runs; a job of it was canceled by force."""
    job = service.start().deaf_job()
    service.cancel(job, mode="forced", message="to be seen\u202e")
    service.until_state(job, "Canceled")
    return job


def shell_for(told: dict[str, str], home: Path, scratch: Path, url: str = "") -> Shell:
    """A shell in the repository; the page's paths lie in ``home``."""
    words = {
        "/var/lib/countermand/run/endpoint.json": told["COUNTERMAND_ENDPOINT"],
        "/var/lib/countermand-notifier": str(home / "notifier"),
        "/srv/countermand-export": str(home / "export"),
        "https://hooks.example.org/countermand": url,
    }
    return Shell(told, ROOT, scratch, words)


def shown(*parts: str) -> list[str]:
    """The commands that hold one of these texts, in order."""
    return [line for line in commands(PAGE) if any(part in line for part in parts)]


FIRST = ("run/endpoint.json",)
EXPORTER = ("countermand-export", "cd -")
NOTIFIER = ("countermand-notifier",)
LOGIN = ('"$(jq',)
NATS_SUB = ("nats sub",)


def test_every_command_is_run_by_one_of_these_tests() -> None:
    assert shown(*FIRST, *EXPORTER, *NOTIFIER, *LOGIN, *NATS_SUB) == commands(PAGE)


def test_the_consumer_in_python_reads_a_cancel(service: Service, stopped: int) -> None:
    (program,) = blocks(PAGE, "python")
    said = said_by([sys.executable, "-c", program], surroundings(service), service.home)
    assert said.status == 0, said
    assert f"job/{stopped} canceled by" in said.out
    assert r"because: 'to be seen\u202e'" in said.out


def test_the_exporter(service: Service, tmp_path: Path) -> None:
    """On a stream of two days, which a service that just started cannot have."""
    with bare_stream(tmp_path / "nats") as bare:
        days = ("2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z")
        bare.store_all([b'{"time":"%s","type":"t","subject":"s"}' % d.encode() for d in days])
        told = with_tools(surroundings(service), tmp_path, "jq")
        told["COUNTERMAND_ENDPOINT"] = str(bare.endpoint)
        shell = shell_for(told, tmp_path, tmp_path)
        said = [shell.run(line) for line in shown(*FIRST, *EXPORTER)]
    _, export, listing, look, check, _ = said
    assert '"event": "exported", "position": 2' in export.err
    assert listing.out.split() == listed_below("$ ls /srv/countermand-export")
    assert look.out == '[1,"t","s"]\n[2,"t","s"]\n'
    assert check.out == "events-2026-11-23.ndjson: OK\n"


def listed_below(command: str) -> list[str]:
    """What the page shows below a command."""
    (block,) = [b for b in blocks(PAGE, "console") if command in b]
    lines = block.split(command + "\n")[1].splitlines()
    return list(takewhile(lambda line: not line.startswith("$ "), lines))


def test_the_notifier(service: Service, stopped: int, tmp_path: Path) -> None:
    with receiving() as receiver:
        shell = shell_for(surroundings(service), service.home, tmp_path, receiver.url)
        _, notify = [shell.run(line) for line in shown(*FIRST, *NOTIFIER)]
    assert '"event": "sent"' in notify.err
    assert [json.loads(body)["subject"] for _, body in receiver.taken] == [f"job/{stopped}"]


def test_the_units_start_the_programs_with_options_that_they_have() -> None:
    starts = re.findall(r"^ExecStart=(.*)$", "".join(blocks(PAGE, "ini")), flags=re.MULTILINE)
    told = [shlex.split(start)[2:] for start in starts]
    parsers = {
        "ops.consumers.exporter": exporter.parser(),
        "ops.consumers.notifier": notifier.parser(),
    }
    assert [program for program, *_ in told] == list(parsers)
    for program, *options in told:
        parsers[program].parse_args(options)


@pytest.mark.parametrize("with_", ["nats"] if NATS else ["a stand-in for nats"])
def test_the_line_of_shell(service: Service, stopped: int, tmp_path: Path, with_: str) -> None:
    """The name of the test that ran says whether it was natscli itself."""
    told = with_tools(surroundings(service), tmp_path, "nats", "jq")
    shell = shell_for(told, service.home, tmp_path)
    *first, one, follow = shown(*FIRST, *LOGIN, *NATS_SUB)
    for line in first:
        shell.run(line)
    (event,) = [e for e in service.events(stopped) if e.type == "JobCancelRequested"]
    assert shell.run(one).out.encode() == event.raw + b"\n"
    with shell.start(follow) as running:
        until(lambda: running.out.count("\n") == 1, "what there was is shown")
        assert f'["job/{stopped}","root","to be seen\\u202e"]\n' == running.out
        later = service.deaf_job()
        service.cancel(later, mode="forced", message="while it follows")
        until(lambda: "while it follows" in running.out, "what comes is shown")
