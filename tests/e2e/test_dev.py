"""``countermand dev``: a service in a directory that goes away, until somebody presses Ctrl-C."""

import os
import re
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.home import new_home
from tests.e2e.said import COUNTERMAND
from tests.e2e.scripts import MARK
from tests.e2e.service import STOP_SECONDS_MAX
from tests.support.processes import belonging_to
from tests.support.waiting import PATIENCE_SECONDS, until

pytestmark = [pytest.mark.e2e]


class Dev:
    """``countermand dev`` as on a terminal: a process group of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.output = home / "dev.out"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [COUNTERMAND, "dev", "--port", "0", *options],
                cwd=home,
                env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def until_says(self, words: str) -> None:
        until(lambda: words in self.text or self.process.poll() is not None, f"it says {words!r}")
        assert words in self.text, self.text

    def said(self, what: str) -> str:
        """A line of what it says about where things are."""
        found = re.search(rf"^  {what} +(.+)$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the process group. Its exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(2 * STOP_SECONDS_MAX)


@contextmanager
def dev(home: Path, *options: str) -> Iterator[Dev]:
    one = Dev(home, *options)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_dev_says_where_things_are_and_leaves_nothing_behind() -> None:
    with new_home() as home, dev(home, "--no-demo") as one:
        one.until_says("Ctrl-C ends it")
        data = Path(one.said("data"))
        assert Path(one.said("socket")).is_socket()
        assert one.said("web").startswith("http://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=one.said("trust"))
        health = httpx.get(f"{one.said('https')}/api/v1/health/live", verify=trusted)
        assert health.status_code == 200
        export = re.search(r"export (COUNTERMAND_ENDPOINT)=(.+)", one.text)
        assert export is not None
        environment = {"PATH": os.environ["PATH"], export[1]: export[2]}
        submit = [COUNTERMAND, "submit", "--env", f"{MARK}={home}", "--", "sleep", "600"]
        subprocess.run(submit, env=environment, check=True, timeout=PATIENCE_SECONDS)
        until(lambda: belonging_to(f"{MARK}={home}"), "the task is up")

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")
        assert not belonging_to(f"{MARK}={home}")


def test_dev_with_its_demonstration() -> None:
    with new_home() as home, dev(home) as one:
        one.until_says("JobCanceled")
        data = Path(one.said("data"))
        assert "just trying it out" in one.text
        assert "job 1: Canceled" in one.text

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")


def test_dev_interrupted_in_the_middle_of_its_demonstration() -> None:
    with new_home() as home, dev(home) as one:
        one.until_says("job 1: submitted")
        data = Path(one.said("data"))

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")


def test_dev_keeps_a_directory_that_was_named() -> None:
    with new_home() as home, dev(home, "--no-demo", "--data", str(home / "mine")) as one:
        one.until_says("Ctrl-C ends it")
        assert one.interrupt() == 0, one.text
        assert (home / "mine" / "stream.json").exists()
