"""What the README shows is run: every line after a ``$``, and the consumer in Python."""

import os
import re
import sys
from pathlib import Path

from tests.e2e.said import COUNTERMAND, said_by
from tests.e2e.service import ROOT, Service

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def shown_lines() -> list[str]:
    return [
        line[2:] for block in blocks("console") for line in block.splitlines() if line[:2] == "$ "
    ]


def surroundings(service: Service) -> dict[str, str]:
    path = f"{Path(COUNTERMAND).parent}:{os.environ['PATH']}"
    endpoint = str(service.data / "run" / "endpoint.json")
    return service.clean_environment() | {"PATH": path, "COUNTERMAND_ENDPOINT": endpoint}


def run(service: Service, command: list[str]) -> str:
    done = said_by(command, surroundings(service), service.home, seconds=60)
    assert done.status == 0, (command, done)
    return done.out


def test_every_shown_command_works_in_order(service: Service) -> None:
    service.start()
    lines = shown_lines()
    assert len(lines) >= 5
    said = [run(service, ["sh", "-c", line.replace("DIR", str(service.data))]) for line in lines]
    assert "job 1: submitted" in said[1]
    assert "job 1: cancel accepted (normal)" in said[2]
    assert "JobCanceled" in said[4]
    assert "replay equals the live state: yes" in said[5]


def test_the_consumer_in_python_reads_a_cancel(service: Service) -> None:
    service.start()
    job = service.submit("exec sleep 600")
    service.cancel(job, message="seen from outside")
    service.until_state(job, "Canceled")
    (program,) = blocks("python")
    said = run(service, [sys.executable, "-c", program])
    assert f"job/{job} canceled by" in said
    assert "seen from outside" in said
