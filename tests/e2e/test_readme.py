"""What the README shows is run: every command, and the consumer in Python."""

import sys
from pathlib import Path

from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings

README = document("README.md")


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    service.start()
    shell = Shell(surroundings(service), service.home, tmp_path, {"DIR": str(service.data)})
    lines = commands(README)
    assert len(lines) >= 5
    said = [shell.run(line).out for line in lines]
    assert "job 1: submitted" in said[1]
    assert "job 1: cancel accepted (normal)" in said[2]
    assert "JobCanceled" in said[4]
    assert "replay equals the live state: yes" in said[5]


def test_the_consumer_in_python_reads_a_cancel(service: Service) -> None:
    service.start()
    job = service.submit("exec sleep 600")
    service.cancel(job, message="seen from outside")
    service.until_state(job, "Canceled")
    (program,) = blocks(README, "python")
    said = said_by([sys.executable, "-c", program], surroundings(service), service.home)
    assert said.status == 0, said
    assert f"job/{job} canceled by" in said.out
    assert "seen from outside" in said.out
