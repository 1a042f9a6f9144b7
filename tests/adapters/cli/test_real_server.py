"""The command line against the service itself, in processes of their own, and through a crash."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.adapters.cli.conftest import PROGRAM, Cli

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
START_SECONDS_MAX: Final = 60


class Service:
    """A service on a data directory of its own."""

    def __init__(self, data: Path, environment: dict[str, str]) -> None:
        self._data = data
        self._environment = environment
        self.start()

    def start(self) -> None:
        """Returns when it is ready."""
        self._process = subprocess.Popen(
            [PROGRAM, "serve", "--data", str(self._data), "--port", "0", "--slots", "2"],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        assert any(b"is ready at" in line for line in self._process.stdout), "it did not start"

    def kill(self) -> None:
        """As a crash does."""
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        """In good order."""
        self._process.terminate()
        self._reap()

    def _reap(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait(timeout=30)


@pytest.fixture
def service(tmp_path: Path, environment: dict[str, str]) -> Iterator[Service]:
    running = Service(tmp_path / "data", environment)
    yield running
    running.stop()


@pytest.mark.usefixtures("service")
def test_from_submit_to_replay(cli: Cli) -> None:
    assert cli("submit", "--name", "first", "-q", "--", "sleep", "600").stdout == "1\n"
    message = "because \u202e\x09I can"
    done = cli("cancel", "1", "-m", message, "--reason", "typo", "--wait=40s")
    assert done.returncode == 0, done.stderr
    assert "job 1: Canceled" in done.stdout
    again = cli("cancel", "1")
    assert (again.returncode, "already canceled" in again.stdout) == (0, True)
    detail = json.loads(cli("show", "1", "-o", "json").stdout)
    assert detail["cancel"]["message"] == message
    assert "\\u202e\\tI can" in cli("show", "1").stdout
    assert cli("cancel", "4711").returncode == 3
    assert cli("cancel", "1", "-m", "x" * 321).returncode in (5, 6)
    replayed = cli("replay", "1")
    assert replayed.returncode == 0
    assert "replay equals the live state: yes" in replayed.stdout
    assert "NodeReleaseTaskTimeout" in cli("params").stdout
    assert cli("params", "TaskCancelGracePeriod", "3").returncode == 0
    assert cli("principals", "add", "ci", "--service-account").stdout.startswith("cm_")


def test_from_a_cancel_to_its_evidence(service: Service, cli: Cli, tmp_path: Path) -> None:
    for name, words in (("one", "the disk is full"), ("two", "by mistake")):
        assert cli("submit", "--name", name, "--", "sleep", "600").returncode == 0
        number = "1" if name == "one" else "2"
        assert cli("cancel", number, "-m", words, "--wait=40s").returncode == 0
    _, second, first = cli("ls").stdout.splitlines()
    assert first.split()[:5] == ["1", "one", second.split()[2], "Canceled", "1/1"]
    assert first.endswith('"the disk is full"')
    assert cli("ls", "--stuck", "-o", "json").stdout == "[]\n"
    (row,) = json.loads(cli("audit", "disk", "full", "-o", "json").stdout)
    assert (row["job_id"], row["message"]) == (1, "the disk is full")
    assert "is Canceled, because" in cli("explain", "1").stdout.splitlines()[0]
    file = tmp_path / "trail.csv"
    assert cli("audit", "export", "-f", str(file)).returncode == 0
    told = json.loads((tmp_path / "trail.csv.manifest.json").read_bytes())
    assert len(file.read_text().splitlines()) == told["rows"] + 1
    assert told["cluster"] == "local"
    assert told["stream"].startswith("COUNTERMAND ")
    done = cli("projections", "rebuild")
    assert done.returncode == 0
    assert "equal to the views in use, row for row" in done.stdout
    service.stop()
    assert cli("projections", "rebuild").returncode == 75
    service.start()


def test_watch_and_wait_go_on_through_a_crash(
    service: Service, cli: Cli, environment: dict[str, str]
) -> None:
    assert cli("submit", "--task", "trap '' TERM; sleep 600 & wait; sleep 600").returncode == 0
    wait_for_the_task(cli)
    assert cli("params", "TaskCancelGracePeriod", "2").returncode == 0
    with (
        started(environment, "show", "1", "--follow", "-o", "ndjson") as follower,
        started(environment, "cancel", "1", "--wait=90s") as waiting,
    ):
        assert follower.stderr is not None
        assert waiting.stdout is not None
        assert b"-- caught up at" in follower.stderr.readline()
        assert b"job 1: cancel accepted" in waiting.stdout.readline()
        service.kill()
        service.start()
        out, _ = waiting.communicate(timeout=100)
        assert waiting.returncode == 0
        assert b"job 1: Canceled" in out
        told, err = follower.communicate(timeout=60)
    events = json.loads(cli("show", "1", "--events", "-o", "json").stdout)["events"]
    seen = [json.loads(line)["position"] for line in told.splitlines()]
    assert seen == [x["position"] for x in events][: len(seen)]
    assert b"-- connection lost at" in err
    assert b'JobCanceled.v1"' in told.splitlines()[-1]


def wait_for_the_task(cli: Cli) -> None:
    """Until the job's task runs."""
    command = ("watch", "--from", "1", "--type", "TaskStarted", "--until-count", "1", "-q")
    assert cli(*command).returncode == 0


def started(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [PROGRAM, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
