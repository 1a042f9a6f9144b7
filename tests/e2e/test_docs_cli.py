"""Every example of ``docs/cli.md``, which are those of the help, is run against a real service."""

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from adapters.mark import FileMark
from adapters.policy import default_text
from adapters.principals import PrincipalsFile
from application.ports import Mark
from domain.identity import Role
from tests.e2e.scripts import job_of
from tests.e2e.service import ROOT, Service, new_service, running_service
from tests.e2e.shown import UNTIL_CTRL_C, Shell, commands, document, surroundings
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

PAGE: Final = document("docs/cli.md")
SECTIONS: Final = {
    name: commands(section)
    for name, section in re.findall(
        r"^### (countermand .+?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL
    )
}
EXAMPLES: Final = {name: lines for name, lines in SECTIONS.items() if lines}
APPROVALS: Final = r'\1\n@approvals("2")'
RULES: Final = re.sub(r'(@who\("(?:job-operator|administrator)"\))', APPROVALS, default_text())
BY_OTHER_RULES: Final = {f"countermand {verb}" for verb in ("approve", "withdraw", "review")}
SLEEP: Final = "sleep 600"
Words = dict[str, str]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """One for all examples of a worker."""
    with running_service() as one:
        told(one)
        yield one


@pytest.fixture(scope="module")
def ruled() -> Iterator[Service]:
    """One by whose rules cancels wait until others approve them."""
    with new_service() as one:
        yield one.start_ruled(RULES)


# --- jobs as the examples need them ---------------------------------------------------------------


def told(service: Service) -> int:
    """A job with a story: refused, canceled, overtaken by force, killed."""
    job = service.deaf_job()
    service.cancel(job, message="disk full")
    service.cancel(job, mode="forced", message="now")
    service.until_state(job, "Canceled")
    service.http("POST", f"/jobs/{job}/cancel", {"message": "again"})
    return job


def running(service: Service) -> int:
    """A job whose three tasks run."""
    job = service.submit(SLEEP, SLEEP, SLEEP)
    service.until_running(job)
    return job


def sweeping(service: Service, command: str = SLEEP) -> int:
    """A running job whose task 2 is a sweep, of which subtask 3 was reached."""
    task = job_of(SLEEP, mark=service.home)["tasks"][0]
    index = {"type": "ParametricSweep", "start": 1, "end": 9, "increment": 1}
    job = service.submit(tasks=[task, {**task, **index, "command": command}])
    until(lambda: service.job(job)["tasks"][1]["subtasks"]["expanded"] >= 3, "subtask 3 is there")
    return job


def partly_swept(service: Service) -> int:
    """The same, and all its subtasks have failed."""
    job = sweeping(service, "false")
    until(lambda: service.job(job)["tasks"][1]["state"] == "Failed", "the sweep has failed")
    return job


def failed(service: Service) -> int:
    """A job that has failed."""
    job = service.submit("false")
    service.until_state(job, "Failed")
    return job


def partly_failed(service: Service) -> int:
    """A running job whose task 3 has failed."""
    job = service.submit(SLEEP, SLEEP, "false")
    until(lambda: service.job(job)["tasks"][2]["state"] == "Failed", "task 3 has failed")
    return job


def held(service: Service) -> int:
    """A job of two tasks that was not submitted."""
    return service.submit("true", "true", submit=False)


def protected(service: Service) -> int:
    """A job that is protected."""
    job = held(service)
    service.ask("POST", f"/jobs/{job}/protect", {"message": "why not"})
    return job


def under_legal_hold(service: Service) -> int:
    """A job under legal hold."""
    job = held(service)
    service.ask("POST", f"/jobs/{job}/legal-hold", {"message": "why not"})
    return job


def asked_by_another(service: Service, role: Role, key: str, **body: object) -> int:
    """A running job that somebody else wants canceled."""
    job = service.submit(SLEEP)
    service.until_running(job)
    token = PrincipalsFile(service.data / "principals.json").add(f"somebody-{job}", (role,))
    answer = httpx.post(
        f"{service.endpoint['http']}/api/v1/jobs/{job}/cancel",
        json={"message": "it burns", **body},
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": key.format(job)},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return job


def waiting(service: Service) -> int:
    """A running job, with a cancel that waits for approvals."""
    return asked_by_another(service, Role.JOB_OPERATOR, "disk-{}")


def overridden(service: Service) -> int:
    """A job whose cancel overrode the rules."""
    return asked_by_another(service, Role.ADMINISTRATOR, "fire-1", break_glass=True)


JOB_FOR: Final[dict[str, Callable[[Service], int]]] = {
    "countermand approve": waiting,
    "countermand withdraw": waiting,
    "countermand review 17": overridden,
    "countermand add": held,
    "countermand modify": held,
    "countermand cancel 17.2": sweeping,
    "countermand finish 17.2": sweeping,
    "countermand requeue 17.2": partly_swept,
    "countermand show 17.2": partly_swept,
    "countermand cancel": running,
    "countermand finish": running,
    "countermand requeue 17 --task": partly_failed,
    "countermand requeue": failed,
    "countermand configure": failed,
    "countermand submit --job": held,
    "countermand protect": held,
    "countermand unprotect": protected,
    "countermand legal-hold 17 --release": under_legal_hold,
    "countermand legal-hold": held,
    "countermand": told,
}
"""What job 17 must be, by the first words of an example: the first entry that fits."""


def words_for(service: Service, line: str) -> Words:
    """What stands in an example, and what it means here."""
    if line.startswith("countermand emergency-stop"):
        return without_service(service)
    data = stopped(service, line) if line.startswith(ON_A_STORE) else service.home / "other"
    where = {
        "/var/lib/countermand": str(data),
        "/etc/countermand.toml": str(settings_of_another(service, data)),
        "/srv/": f"{data.parent}/",
        "/var/lib/restored": str(data.parent / "restored"),
    }
    make = next((make for start, make in JOB_FOR.items() if line.startswith(start)), told)
    jobs = {n: str(make(service)) for n in ("17", "18", "19") if re.search(rf"\b{n}\b", line)}
    if "12:00:04" in line and "17" in jobs:
        jobs["12:00:04"] = service.events(int(jobs["17"]))[-1].body["time"]
    acting = {"alice": "root"} if line.startswith("countermand watch") else {}
    events = {"514": str(decided(service))} if line.startswith("countermand policy why") else {}
    return where | acting | jobs | events


def decided(service: Service) -> int:
    """The position of an event with a decision."""
    return next(x.position for x in service.events(told(service)) if x.data.get("decision"))


def without_service(service: Service) -> Words:
    """The data directory of a service that was killed, and a job of it that runs on."""
    home = Path(tempfile.mkdtemp(prefix="killed-", dir=service.home))
    home.chmod(0o711)
    one = Service(home).start()
    job = running(one)
    one.kill()
    return {"emergency-stop 17": f"emergency-stop {job}", "/var/lib/countermand": str(one.data)}


def settings_of_another(service: Service, data: Path) -> Path:
    """A file that names another data directory, for another service."""
    file = service.home / "another.toml"
    file.write_text(f'data_directory = "{data}"\nhttp_port = 0\n')
    return file


ON_A_STORE: Final = tuple(
    f"countermand {verb}"
    for verb in ("fsck", "mend", "backup", "restore", "accept-loss", "policy recheck --data")
)


def stopped(service: Service, line: str) -> Path:
    """The data directory of a stopped service, with the damage that the command is for."""
    home = Path(tempfile.mkdtemp(prefix="stopped-", dir=service.home))
    home.chmod(0o711)
    one = Service(home).start()
    one.until_state(one.submit("true"), "Finished")
    one.stop()
    if line.startswith("countermand mend"):
        shutil.rmtree(one.data / "jetstream")
    if line.startswith("countermand accept-loss"):
        file = FileMark(one.data / "journal" / "mark")
        mark = file.read()
        assert mark is not None
        file.begin(Mark(mark.log_id, mark.position + 1, mark.sha256))
    if line.startswith("countermand restore"):
        assert one.launch(one.command("backup", str(home / "countermand.backup"))).wait(60) == 0
    return one.data


# --- running them ---------------------------------------------------------------------------------

FOLLOWS: Final = {
    "countermand dev": "Ctrl-C ends it",
    "countermand serve": "countermand is ready",
    "countermand watch --since": "-- caught up at",
    "countermand watch --type": "JobCancelRequested",
}
"""What goes on until somebody stops it, and what it says when it is up."""


def follows(line: str) -> str | None:
    """What the command says when it is up; None for one that ends by itself."""
    return next((said for start, said in FOLLOWS.items() if line.startswith(start)), None)


def run_until_up(service: Service, shell: Shell, line: str, up: str) -> None:
    """Start the command, see it up, and stop it. Meanwhile jobs are canceled, for who watches."""
    with shell.start(f"{line} {UNTIL_CTRL_C}") as going_on:

        def is_up() -> bool:
            service.cancel(held(service))
            assert going_on.process.poll() is None, going_on.out
            return up in going_on.out

        until(is_up, line)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_works(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    service: Service = request.getfixturevalue("ruled" if name in BY_OTHER_RULES else "service")
    home = service.home
    environment = surroundings(service) | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "COUNTERMAND_DATA": str(service.data),
    }
    for directory in (".zfunc", ".config/fish/completions"):
        (home / directory).mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "ops" / "policies", home / "ops" / "policies", dirs_exist_ok=True)
    for line in EXAMPLES[name]:
        shell = Shell(environment, home, tmp_path, words_for(service, line))
        up = follows(line)
        if up is not None:
            run_until_up(service, shell, line, up)
            continue
        said = shell.run(f"bash -c {shlex.quote(line)}")
        assert "Traceback" not in said.out + said.err
