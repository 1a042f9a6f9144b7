"""A disk that is full to its last byte, and a block that cannot grow, under load."""

import random
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import httpx
import pytest

from tests.e2e.home import new_home
from tests.e2e.service import Service
from tests.e2e.test_store_full import DISK, Filler, small_disk
from tests.faults.blocks import blocks_in
from tests.faults.load import Asked
from tests.faults.report import Row
from tests.faults.trial import Trial, first_words, kill_both, start_or_refusal
from tests.support.waiting import until

ROUNDS: Final = 4
CLIENTS: Final = 4
ANSWERS_MAX: Final = 100
PATIENCE_SECONDS: Final = 90.0
PAGE_BYTES: Final = 4096
RESTARTED: Final = "the service restarted its nats-server"
PROMISE: Final = "new commands are refused, nothing acknowledged is lost, and it heals by itself"


class Shortage(Protocol):
    """Something that takes the room away."""

    def fill(self) -> None:
        """Now, and again what became free."""
        ...

    def remove(self) -> None:
        """It is over."""
        ...

    def felt(self) -> str:
        """How it was felt otherwise than by a refusal; "" for not at all."""
        ...


class FullDisk(Filler):
    """A file that takes what is left of the disk."""

    def felt(self) -> str:
        return ""


class FileLimit:
    """RLIMIT_FSIZE: no file of this nats-server grows beyond what the last block has, and a little.

    A nats-server that the service starts in its place has no such limit.
    """

    def __init__(self, one: Service) -> None:
        self._one = one
        self._pids = until(one.nats_pids, "nats-server runs")
        self._bytes = (one.data / blocks_in(one.data)[-1]).stat().st_size + PAGE_BYTES

    def fill(self) -> None:
        self._limit(self._bytes)

    def remove(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def felt(self) -> str:
        now = self._one.nats_pids()
        return RESTARTED if now and now != self._pids else ""

    def _limit(self, size: int) -> None:
        for pid in self._pids:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """A full disk where one can be mounted; a limit for files anywhere."""
    chance = random.Random(seed)
    try:
        with small_disk() as home:
            yield on_disk(f"disk full (tmpfs of {DISK})", home, chance, rounds or ROUNDS)
    except pytest.skip.Exception as skipped:
        yield Row("disk full", 0, PROMISE, f"not played: {skipped}", 0, 0)
    with new_home() as home:
        yield on_disk("a block cannot grow (RLIMIT_FSIZE)", home, chance, rounds or ROUNDS)


def on_disk(scenario: str, home: Path, chance: random.Random, rounds: int) -> Row:
    """The room is gone, and comes back, again and again; every second time all is killed then."""
    limited = "RLIMIT" in scenario
    with Service(home) as one:
        trial = Trial(one)
        one.start()
        seen = set[str]()
        for number in range(rounds):
            one_round(
                trial,
                lambda: FileLimit(one) if limited else FullDisk(home),
                chance,
                number % 2 == 1,
                seen,
            )
            print(f"{scenario}: round {number + 1}", file=sys.stderr, flush=True)
        trial.look_at_all()
    return Row(
        scenario,
        rounds,
        PROMISE,
        f"the room was taken under load: {', '.join(sorted(seen))}; in every second round all was "
        "killed before there was room again",
        len(trial.ledger.told),
        len(trial.lost),
        detected=", ".join(sorted(seen)),
        wrong=tuple(trial.wrong),
    )


def one_round(
    trial: Trial,
    begin: Callable[[], Shortage],
    chance: random.Random,
    killed: bool,
    seen: set[str],
) -> None:
    """Fill while clients work, until a command is refused; then make room."""
    load = trial.load(CLIENTS, f"d{chance.randrange(10**6)}")
    try:
        load.wait_for(chance.randint(1, ANSWERS_MAX), PATIENCE_SECONDS)
        shortage = begin()
        try:
            until(lambda: filled(trial, shortage, seen), "a refusal", PATIENCE_SECONDS)
            if killed:
                kill_both(trial.one)
        finally:
            shortage.remove()
        if not killed:
            load.wait_for(CLIENTS, PATIENCE_SECONDS)
    finally:
        trial.end(load)
    if killed:
        refusal = start_or_refusal(trial.one)
        assert not refusal, f"the start was refused: {first_words(refusal)}"
    trial.settle()
    trial.look()


def filled(trial: Trial, shortage: Shortage, seen: set[str]) -> bool:
    """Take what room there is; whether that was felt, and how."""
    shortage.fill()
    body = {"tasks": [{"command": "true"}], "submit": False}
    asked = Asked("/jobs", f"probe.{len(trial.ledger.told)}.{len(seen)}", body)
    with trial.one.client() as http:
        got = http.post(asked.path, json=asked.body, headers={"Idempotency-Key": asked.key})
    if got.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        words = f"503 `{got.json()['code']}`"
    else:
        trial.ledger.note(asked, got.json())
        words = shortage.felt()
    seen |= {words} - {""}
    return bool(words)
