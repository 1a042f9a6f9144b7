"""What the README shows is run: every command, in order, from ``make dev`` on."""

import re
from pathlib import Path
from typing import Final

import pytest

from adapters.cli.exits import MEANINGS
from adapters.cli.verb_group import VERBS
from tests.e2e.said import Said
from tests.e2e.service import ROOT, Service
from tests.e2e.shown import Shell, commands, document, surroundings
from tests.e2e.stand_ins import with_tools
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

README: Final = document("README.md")


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    """``service`` lends its directory only: the page starts one of its own."""
    told = with_tools(surroundings(service), tmp_path, "curl")
    del told["COUNTERMAND_ENDPOINT"]
    shell = Shell(told, ROOT, tmp_path, {"/tmp/": f"{service.home}/"})
    start, *lines = commands(README)
    service.data = service.home / "countermand"
    with shell.start(start) as dev:
        until(lambda: "Ctrl-C ends it" in dev.out, "the service is up")
        said = {line: run(shell, line, service) for line in lines}
    assert not (service.data / "run" / "endpoint.json").exists()
    check_the_first_job(said)
    check_the_second_job(said)


def run(shell: Shell, line: str, service: Service) -> Said:
    """A command as a person gives it: the next one comes when the job has had time to start."""
    said = shell.run(line)
    if submitted := re.match(r"job (\d+): submitted", said.out):
        service.until_running(int(submitted[1]))
    return said


def check_the_first_job(said: dict[str, Said]) -> None:
    """As the page shows it."""
    assert out(said, "submit --name first") == "job 1: submitted\n"
    assert out(said, "cancel 1 -m 'the disk").startswith("job 1: cancel accepted (normal)")
    assert "job 1: already canceled by" in out(said, "cancel 1 -m 'me too'")
    types = [line.split()[4] for line in out(said, "show 1 --events").splitlines()[1:]]
    assert types == shown_types()
    assert "the disk is filling up" in out(said, "audit 'disk fill*'")
    assert "me too" in out(said, "audit --refused")


def check_the_second_job(said: dict[str, Said]) -> None:
    """As the page shows it."""
    assert out(said, "cancel 2").startswith("job 2: cancel accepted (forced)")
    assert [line.split()[0] for line in out(said, "countermand ls").splitlines()] == [
        "JOB",
        "2",
        "1",
    ]
    assert out(said, "ls --stuck").startswith("JOB  TROUBLE")
    assert "\n2" not in out(said, "--stuck")
    assert "killed after" in out(said, "audit --forced")
    assert "SIGKILL was ordered for task 1." in out(said, "explain 2")
    assert "9 rows, " in said[command(said, "audit export")].err + out(said, "audit export")
    assert out(said, "replay 2").endswith("replay equals the live state: yes\n")
    assert "state     Canceling (was Running)" in out(said, "--break-on")
    assert "tasks.1.exit_signal             9\n" in out(said, "--diff")
    assert '"event": "exported", "position": 24' in said[command(said, "exporter")].err
    assert out(said, "watch").count("JobCanceled") == 2
    assert '"text":"SIGKILL was ordered for task 1."' in out(said, "curl")


def command(said: dict[str, Said], part: str) -> str:
    """The first command that holds ``part``."""
    return next(line for line in said if part in line)


def out(said: dict[str, Said], part: str) -> str:
    """What the first command that holds ``part`` printed."""
    return said[command(said, part)].out


def shown_types() -> list[str]:
    """The events of job 1 that the page shows."""
    table = README.split("$ countermand show 1 --events\n")[1].split("```")[0]
    return [line.split()[4] for line in table.splitlines()[1:]]


def test_every_verb_is_in_the_table() -> None:
    table = README.split("## Commands")[1].split("\n## ")[0]
    named = {word for row in re.findall(r"^\| (.+?) \| ", table, re.M) for word in words(row)}
    assert set(VERBS) <= named


def words(cell: str) -> list[str]:
    """The first word of each piece of code in a cell."""
    return [code.split()[0] for code in re.findall(r"`([^`]+)`", cell)]


def test_every_exit_status_is_told() -> None:
    told = README.split("Exit status:")[1].split("\n\n")[0]
    assert {int(n) for n in re.findall(r"(?:^|, |,\n| )(\d+) ", told)} == set(MEANINGS)
