"""Every command of ``ops/moving-from-hpc-pack.md`` is run: those in blocks, and those in tables.

A command in a table is about job 42, in a state that it fits: each gets a job of its own.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from adapters.principals import PrincipalsFile
from domain.parameters import CATALOGUE
from tests.e2e.scripts import job_of
from tests.e2e.service import Service, running_service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings
from tests.e2e.stand_ins import with_tools
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGE: Final = document("ops/moving-from-hpc-pack.md")
FENCES: Final = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
INLINE: Final = re.compile(r"`(countermand [^`]+)`")
SERVE: Final = "countermand serve"
"""Named once, as what the service is; it is what runs here."""
JOB: Final = "42"
TASKS: Final = ("sleep 600", "sleep 601", "sleep 602")


def inline() -> list[str]:
    """The commands in tables and sentences, in order, each once."""
    found = INLINE.findall(FENCES.sub("", PAGE))
    return [line for line in dict.fromkeys(found) if line != SERVE]


def running(service: Service) -> int:
    """Three tasks that run."""
    job = service.submit(*TASKS)
    service.until_running(job)
    return job


def held(service: Service) -> int:
    """In Configuring."""
    return service.submit(*TASKS, submit=False)


def canceled(service: Service) -> int:
    """Canceled before it ran."""
    job = held(service)
    service.cancel(job)
    service.until_state(job, "Canceled")
    return job


def with_a_canceled_task(service: Service) -> int:
    """A job that runs, in which task 3 was canceled."""
    job = running(service)
    service.ask("POST", f"/jobs/{job}/tasks/3/cancel", {"mode": "forced"})
    until(lambda: service.job(job)["tasks"][2]["state"] == "Failed", "task 3 is over")
    return job


def sweeping(service: Service) -> int:
    """A job that runs, whose task 3 is a sweep, of which step 2 was reached."""
    body = job_of(*TASKS, mark=service.home)
    index = {"type": "ParametricSweep", "start": 1, "end": 9, "increment": 1}
    body["tasks"][2] |= index
    job = service.submit(tasks=body["tasks"])
    until(lambda: service.job(job)["tasks"][2]["subtasks"]["expanded"] >= 2, "step 2 is there")
    return job


BEFORE: Final[dict[str, Callable[[Service], int]]] = {
    "cancel 42.3.2": sweeping,
    "cancel": running,
    "finish": running,
    "requeue": canceled,
    "requeue --task": with_a_canceled_task,
    "configure": canceled,
    "add": held,
    "modify": held,
    "submit": held,
}
"""What job 42 is before a verb; for every other one it is held."""


def job_for(line: str, service: Service) -> int:
    """A job that the command fits."""
    words = shlex.split(line)
    about_a_task = f"{words[1]} --task" if "--task" in words else " ".join(words[1:3])
    return BEFORE.get(about_a_task, BEFORE.get(words[1], held))(service)


def test_every_command_in_a_block_works_in_order(service: Service, tmp_path: Path) -> None:
    service.start()
    words = {"/etc/countermand.toml": str(service.home / "config.toml")}
    words["/var/lib/countermand"] = str(service.data)
    (file,) = blocks(PAGE, "text")
    (service.home / "work.xml").write_text(file)
    told = with_tools(surroundings(service), tmp_path, "curl")
    shell = Shell(told, service.home, tmp_path, words)
    said = {line: shell.run(line).out for line in commands(PAGE)}
    assert "job-operator" in said[next(line for line in said if "principals list" in line)]
    number = int(said[next(line for line in said if "jobFile" in line)])
    made = service.job(number)
    assert (made["name"], made["priority"], made["state"]) == (
        "render",
        "AboveNormal",
        "Configuring",
    )
    assert [task["type"] for task in made["tasks"]] == ["Basic", "NodeRelease"]


def test_every_command_of_the_tables_works(tmp_path: Path) -> None:
    with running_service() as service:
        PrincipalsFile(service.data / "principals.json").add("alice")
        owned = {"Countermand-As": "alice"}
        words = {"/etc/countermand.toml": str(service.home / "config.toml")}
        shell = Shell(surroundings(service), service.home, tmp_path, words)
        for line in inline():
            job = job_for(line, service)
            if "--as alice" in line:
                body = {"tasks": [{"command": "sleep 600"}], "submit": False}
                with service.client(**owned) as client:
                    job = int(client.post("/jobs", json=body).json()["job_id"])
            shell.run(re.sub(rf"\b{JOB}\b", str(job), line))
        check(service)


def check(service: Service) -> None:
    """A few of the commands are looked at: they did what the page says."""
    parameters = {x["name"]: x["value"] for x in service.ask("GET", "/parameters")["parameters"]}
    assert (parameters["TTLCompletedJobs"], parameters["TaskCancelGracePeriod"]) == (10, 30)
    requested = [e.data for e in service.stream() if e.type == "JobCancelRequested"]
    assert {x["mode"] for x in requested} == {"normal", "forced", "graceful"}
    told = {x["message"] for x in requested}
    assert {"wrong input", "node goes down", "for her"} <= told
    types = {e.type for e in service.stream()}
    assert {"TaskFinishRequested", "TaskRequeued", "JobConfigured", "JobRequeued"} <= types


def test_the_page_shows_the_commands_that_stop_and_look() -> None:
    shown = inline()
    verbs = {shlex.split(line)[1] for line in shown}
    assert {"cancel", "finish", "requeue", "configure", "submit", "show", "ls", "params"} <= verbs
    assert 'countermand cancel 42 --force -m "node goes down"' in shown


def test_parameters_that_the_page_names_are_there() -> None:
    names = {shlex.split(line)[2] for line in inline() if line.startswith("countermand params ")}
    assert names <= set(CATALOGUE) | {p.name for p in CATALOGUE.values()}
