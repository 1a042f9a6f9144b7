"""Data directories of stopped services: grown, copied, taken apart; and verbs that work on them."""

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct

from tests.e2e.home import new_home
from tests.e2e.said import Said, said_by
from tests.e2e.service import Service
from tests.e2e.stream import Event, check_history
from tests.support.made_once import made_once
from tests.support.waiting import until
from tests.support.web import Json

VERB_SECONDS_MAX: Final = 90.0


class Stores(Struct, frozen=True):
    """Data directories of stopped services: ``now`` went on from ``older``."""

    older: Path
    now: Path
    stranger: Path


def grown(home: Path, before: Path | None, work: Callable[[Service], object]) -> Path:
    """The directory of a service that went on from ``before``, did some work, and was stopped.

    Made once in a run of the tests, by who is first, and copied for everybody. It is the same for
    work of the same name that goes on from the same, in a home of the same name.
    """
    origin = before.parent.name if before else "nothing"
    name = f"{work.__module__}.{work.__qualname__}-{origin}-{home.name}"

    def make(to: Path) -> None:
        with new_home() as made:
            copied(grow(made / home.name, before, work), to)

    data = home / "data"
    copied(made_once(name, make), data)
    home.chmod(0o711)
    config = data / "nats-server.conf"
    config.write_text(moved(config.read_text(), data))
    return data


def moved(config: str, data: Path) -> str:
    """The configuration of nats-server, with this data directory in place of that it was for."""
    (store,) = re.findall(r'"store_dir": ?"([^"]+)"', config)
    return config.replace(str(Path(store).parent), str(data))


def grow(home: Path, before: Path | None, work: Callable[[Service], object]) -> Path:
    """The same, made here and now."""
    home.mkdir(mode=0o711)
    with Service(home) as one:
        if before is not None:
            copied(before, one.data)
        one.start()
        work(one)
        until_caught_up(one)
        one.stop()
    return one.data


def copied(data: Path, to: Path) -> None:
    """A backup put elsewhere: all but what belongs to a running service."""
    shutil.copytree(data, to, ignore=shutil.ignore_patterns("run", "runs", "lock", "reserve"))
    to.chmod(0o711)


@contextmanager
def on_copy(data: Path) -> Iterator[Service]:
    """A service, not started, on a copy of a data directory."""
    with new_home() as made, Service(made) as one:
        copied(data, one.data)
        yield one


@pytest.fixture
def copy(stores: Stores) -> Iterator[Service]:
    """A service, not started, on a copy of ``now`` of the module's stores."""
    with on_copy(stores.now) as one:
        yield one


def swap(one: Service, source: Path, *parts: str) -> None:
    """Parts of another directory in the place of ours."""
    for part in parts:
        shutil.rmtree(one.data / part)
        shutil.copytree(source / part, one.data / part)


# --- what is in them ------------------------------------------------------------------------------


def rows(data: Path) -> list[tuple[int, bytes]]:
    """The journal's events."""
    path = data / "journal" / "journal.sqlite"
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return list(database.execute("SELECT position, raw FROM event ORDER BY position"))


def facts(events: list[Event]) -> list[tuple[int, str, bytes]]:
    """What must be the same again when a stream is made again."""
    return [(e.position, e.subject, e.raw) for e in events]


def until_caught_up(one: Service) -> None:
    """Journal and views hold all that the stream of a running service holds now."""
    last = one.stream()[-1].position
    until(lambda: len(rows(one.data)) == last, "the journal is complete")
    until(lambda: one.ask("GET", "/projections")["position"] == last, "the views are complete")


def check_goes_on(one: Service) -> list[str]:
    """A running service works on what it has, and is whole when it is stopped then.

    What was done about its evidence, by the trail, the latest first.
    """
    one.until_state(one.submit("true"), "Finished")
    check_history(one.stream())
    until_caught_up(one)
    trail = one.ask("GET", "/audit?kind=evidence")["rows"]
    one.stop()
    status, report = fsck(one)
    assert (status, report["counts"]) == (0, {}), report
    return [x["operation"] for x in trail]


# --- verbs ----------------------------------------------------------------------------------------


def run(one: Service, verb: str, *options: str | Path) -> Said:
    """A verb with the service's settings."""
    command = one.command(verb, *map(str, options))
    said = said_by(command, one.clean_environment(), one.home, seconds=VERB_SECONDS_MAX)
    assert "Traceback" not in said.err, said.err
    return said


def killed(one: Service, seconds: float, verb: str, *options: str | Path) -> bool:
    """Whether a verb was still at work after so long; then it was ended as by a crash."""
    process = one.launch(one.command(verb, *map(str, options)))
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True


def fsck(one: Service, *options: str) -> tuple[int, Json]:
    """Its exit status, and all that it says."""
    said = run(one, "fsck", "-o", "json", *options)
    found: Json = json.loads(said.out)
    return said.status, found
