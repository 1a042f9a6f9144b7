"""What a document shows is run: every command of its ``console`` blocks, in order.

A command is a line after ``$ ``; lines after ``> `` belong to the command before. What one command
exports, and the directory it changes to, hold for the next, as in a person's shell. A command that
ends with ``# until Ctrl-C`` is one that a person would stop: ``Shell.start`` runs it.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.e2e.said import COUNTERMAND, Said, said_by
from tests.e2e.service import ROOT, Service
from tests.support.waiting import PATIENCE_SECONDS

SHOWN_SECONDS_MAX: Final = 60.0
UNTIL_CTRL_C: Final = "# until Ctrl-C"
KEEP: Final = '\nended=$?\nenv -0 >"$SHOWN_KEPT"\npwd >"$SHOWN_KEPT.pwd"\nexit $ended'


def document(name: str) -> str:
    """The text of a document, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """Every command that a document shows, in order."""
    found: list[str] = []
    for block in blocks(text, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            elif line.startswith("> "):
                found[-1] += "\n" + line[2:]
    return found


def surroundings(service: Service) -> dict[str, str]:
    """The environment of somebody who has Countermand on the path and knows the endpoint."""
    path = f"{Path(COUNTERMAND).parent}:{os.environ['PATH']}"
    endpoint = str(service.data / "run" / "endpoint.json")
    return service.clean_environment() | {"PATH": path, "COUNTERMAND_ENDPOINT": endpoint}


class Running(Struct, frozen=True):
    """A command that goes on until it is stopped, and where it writes to."""

    process: "subprocess.Popen[bytes]"
    output: Path

    @property
    def out(self) -> str:
        """What it has said by now, on both streams."""
        return self.output.read_text(errors="replace")


class Shell:
    """A person's shell. ``words``: what stands in the document, and what it means here."""

    def __init__(
        self, environment: dict[str, str], where: Path, scratch: Path, words: Mapping[str, str]
    ) -> None:
        self._environment = environment
        self._where = where
        self._scratch = scratch
        self._words = words

    def run(self, command: str) -> Said:
        """Run a command, which must succeed; what it said."""
        kept = self._scratch / "shown.environment"
        told = self._environment | {"SHOWN_KEPT": str(kept)}
        line = ["sh", "-c", self._here(command) + KEEP]
        done = said_by(line, told, self._where, seconds=SHOWN_SECONDS_MAX)
        assert done.status == 0, (command, done)
        pairs = (one.partition("=") for one in kept.read_text().split("\0") if one)
        self._environment = {name: value for name, _, value in pairs}
        self._where = Path(Path(f"{kept}.pwd").read_text().rstrip("\n"))
        return done

    @contextmanager
    def start(self, command: str) -> Iterator[Running]:
        """Run a command that a person would stop, and stop it at the end."""
        assert command.endswith(UNTIL_CTRL_C), command
        output = self._scratch / "shown.out"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["sh", "-c", self._here(command)],
                env=self._environment,
                cwd=self._where,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            yield Running(process, output)
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(PATIENCE_SECONDS)

    def _here(self, command: str) -> str:
        for word, meaning in self._words.items():
            command = command.replace(word, meaning)
        return command
