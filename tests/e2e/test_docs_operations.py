"""Every command in ``docs/operations.md`` is run, in order, from a first start to a restore."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from adapters.mark import FileMark
from application.ports import Mark
from tests.e2e.home import kill_all
from tests.e2e.service import Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings
from tests.e2e.stand_ins import with_tools
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e]

WHOLE: Final = document("docs/operations.md")
FILTERS: Final = WHOLE.split("## Filters\n")[1].split("\n## ")[0]
PAGE: Final = WHOLE.replace(FILTERS, "")
METRIC: Final = re.compile(r"`((?:countermand|process)_[a-z_]+)(?:\{[a-z,]+\})?`")
FAMILY: Final = re.compile(r"^# TYPE (\S+) \w+$", re.MULTILINE)
ROOM_BYTES: Final = 17179869184


class Machine:
    """Where the paths of the page are: below the home of ``service``."""

    def __init__(self, service: Service, scratch: Path) -> None:
        self.service = service
        self.restored = beside(service, "restored")
        self.words = {
            "/var/lib/countermand": str(service.data),
            "/var/lib/restored": str(self.restored.data),
            "/etc/": f"{service.home}/etc-",
            "/srv/": f"{service.home}/srv-",
        }
        told = with_tools(surroundings(service), scratch, "curl", "jq")
        self.shell = Shell(told, service.home, scratch, self.words)
        self.backup = service.home / "srv-countermand.tar.gz"
        self.write_settings()

    def write_settings(self) -> None:
        """The settings of the page, its nodes among them, and any free port."""
        text = "".join(blocks(PAGE, "toml"))
        for word, meaning in self.words.items():
            text = text.replace(word, meaning)
        file = self.service.home / "etc-countermand.toml"
        file.write_text(f"{text}http_port = 0\n")

    @contextmanager
    def serving(self, command: str) -> Iterator[None]:
        """The service that the page starts, ready; at the end it gets SIGINT."""
        with self.shell.start(command) as running:
            until(lambda: "countermand is ready" in running.out, f"ready: {running.out}")
            yield

    def unpacked(self, name: str, *parts: str) -> Service:
        """A copy of the data directory as it is now, with these parts as they are in the backup."""
        copy = beside(self.service, name)
        kept = shutil.ignore_patterns("run", "views", "sock", *parts)
        shutil.copytree(self.service.data, copy.data, ignore=kept)
        wanted = [f"./{part}" for part in parts]
        unpack = ["tar", "-C", str(copy.data), "-xzf", str(self.backup), *wanted]
        subprocess.run(unpack, check=True)
        copy.configure(cluster="hpc1")
        return copy


def beside(service: Service, name: str) -> Service:
    """Another service, in a home within that of ``service``."""
    home = service.home / name
    home.mkdir(mode=0o711)
    return Service(home)


def trail(service: Service, last: int) -> list[Json]:
    """The rows of the trail up to a position."""
    found: list[Json] = service.ask("GET", f"/audit?limit=1000&to={last}")["rows"]
    return found


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    machine = Machine(service, tmp_path)
    config, doctor, serve, *lines = commands(PAGE)
    *looks, kill, back_up, again = lines[:9]
    *restore, second, look, mend, accept, grow, provision, third = lines[9:]
    assert "hpc1" in machine.shell.run(config).out
    machine.shell.run(doctor)
    with machine.serving(serve):
        canceled, running = a_life(service)
        check_looks(machine, looks)
        before = trail(service, last := service.health()["position"])
        machine.shell.run(kill)
        machine.shell.run(back_up)
    with machine.serving(again):
        assert service.job(running)["state"] == "Running"
        service.until_state(service.submit("true"), "Finished")
    kill_all(service.home)
    for line in restore:
        machine.shell.run(line)
    with machine.serving(second):
        check_restored(machine.restored, canceled, running)
        assert trail(machine.restored, last) == before
    check_mixed(machine)
    assert machine.shell.run(look).out.endswith(": nothing is damaged\n")
    check_ways_on(machine, mend, accept)
    machine.shell.run(grow)
    assert "17179869184" in machine.shell.run(provision).out
    with machine.serving(third):
        assert values(service, "store_capacity_bytes") == [ROOM_BYTES]


def test_the_filters_of_the_page_do_what_it_says(service: Service, tmp_path: Path) -> None:
    site = service.home / "site"
    site.mkdir()
    words = {"/usr/local/lib/hpc": str(site), "/srv/": f"{service.home}/srv-"}
    shell = Shell(surroundings(service), service.home, tmp_path, words)
    for block in blocks(FILTERS, "sh"):
        place, text = block.splitlines()[1].removeprefix("# "), block
        for word, meaning in words.items():
            place, text = place.replace(word, meaning), text.replace(word, meaning)
        Path(place).write_text(text)
    service.start()
    lines = iter(commands(FILTERS))

    def said() -> str:
        return shell.run(next(lines)).out

    assert said() == ""
    assert said().startswith(f"SubmissionFilterProgram is {site}/check-name (was none)")
    assert "job 1: Finished" in said()
    refused = said()
    assert "exit code 2, give the job a name" in refused
    assert refused.endswith("status 1\n")
    assert "The submission filter changed priority." in said()
    assert service.job(1)["priority"] == "Highest"
    assert said() + said() == ""
    assert said().startswith(f"ActivationFilterProgram is {site}/check-licenses (was none)")
    assert said() == "job 3: submitted\n"
    until(lambda: service.job(3)["held"], "job 3 is held")
    assert '(slots): "no license is free"' in said()
    assert said() == ""
    service.until_state(3, "Finished")
    assert "JobActivationHeld" in [e.type for e in service.events(3)]
    assert said().startswith(f"ActivationFilterProgram is none (was {site}/check-licenses)")
    assert next(lines, "") == ""


def a_life(service: Service) -> tuple[int, int]:
    """A job that was canceled, and one that runs. (It writes nothing: tar would end with 1.)"""
    canceled, running = service.deaf_job(), service.submit("sleep 600")
    service.cancel(canceled, mode="forced", message="to be restored")
    service.until_state(canceled, "Canceled")
    service.until_running(running)
    return canceled, running


def check_looks(machine: Machine, lines: list[str]) -> None:
    """Health, metrics and views; the table names exactly the metrics that there are."""
    said = [machine.shell.run(line).out for line in lines]
    _, _, health, metrics, projections, rebuilt = said
    assert health.startswith('{"status":"ready","reasons":[],"position":')
    table = PAGE.split("| metric |")[1].split("\n\n")[0]
    assert sorted(METRIC.findall(table)) == sorted(set(FAMILY.findall(metrics)))
    shown = PAGE.split("$ countermand projections\n")[1].split("$ ")[0]
    assert first_words(projections) == first_words(shown)
    assert rebuilt.endswith(": equal to the views in use, row for row\n")


def first_words(table: str) -> list[str]:
    """Of each line."""
    return [line.split()[0] for line in table.splitlines()]


def check_restored(restored: Service, canceled: int, running: int) -> None:
    """The history is whole; what ran is over, and says why."""
    for job in (canceled, running):
        restored.until_state(job, "Canceled", "Failed")
        assert "replay equals the live state: yes" in restored.cli("replay", str(job)).out
    assert "the warden died" in restored.cli("show", str(running)).out
    restored.until_state(restored.submit("true"), "Finished")


def check_mixed(machine: Machine) -> None:
    """An older stream is refused, as the page shows it; an older journal copies what it lacks."""
    said = machine.unpacked("older-stream", "jetstream").refused()
    shown = PAGE.split("      countermand: the log")[1].split("\n\n")[0]
    for line in shown.splitlines()[:-1]:
        words = line.split("97512a32")[0].strip()
        assert re.sub(r"\d+", "N", words) in re.sub(r"\d+", "N", said), (line, said)
    with machine.unpacked("older-journal", "journal").start() as one:
        until(lambda: len(set(values(one, "(?:stream|journal)_position"))) == 1, "a whole journal")


def check_ways_on(machine: Machine, mend: str, accept: str) -> None:
    """The stream of the backup beside the journal of now; then a mark that knows of more."""
    data = machine.service.data
    shutil.rmtree(data / "jetstream")
    unpack = ["tar", "-C", str(data), "-xzf", str(machine.backup), "./jetstream"]
    subprocess.run(unpack, check=True)
    said = machine.shell.run(mend).out
    assert "was made again from the journal: events 1 to" in said
    assert f"kept at {data}/damaged/" in said
    file = FileMark(data / "journal" / "mark")
    mark = file.read()
    assert mark is not None
    file.begin(Mark(mark.log_id, mark.position + 5, mark.sha256))
    assert machine.shell.run(accept).out.startswith("accepted: 5 events are lost.")


def values(service: Service, name: str) -> list[float]:
    """The metrics whose name is this after ``countermand_``."""
    told = service.http("GET", "/metrics").text
    return [float(x) for x in re.findall(rf"^countermand_{name} (\S+)$", told, re.MULTILINE)]
