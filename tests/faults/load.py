"""Clients that make jobs and cancel them over HTTP, and write down what they were told."""

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import httpx
import msgspec
from msgspec import Struct

from tests.e2e.service import Service
from tests.support.waiting import until
from tests.support.web import Json

PATIENCE_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 0.02
ANSWERED: Final = (200, 201)
NOT_NOW: Final = 503
RUNS_EVERY: Final = 10
"""One job in so many has a task that really runs; the others wait in Configuring."""


class Told(Struct, frozen=True):
    """A request that was answered with success: what must be found of it for ever after."""

    key: str
    job: int
    message: str
    event_id: str
    position: int


class Asked(Struct, frozen=True):
    """A request that has no answer yet. It is asked again with the same key."""

    path: str
    key: str
    body: Json


class Ledger:
    """What was acknowledged, in memory and line by line in a file. Safe from any thread.

    ``odd``: answers that are neither success nor "not now".
    """

    def __init__(self, path: Path) -> None:
        self.told: list[Told] = []
        self.odd: list[str] = []
        self._lock = threading.Lock()
        self._path = path

    def note(self, asked: Asked, receipt: Json) -> None:
        """A request was answered with success."""
        told = Told(
            asked.key,
            int(receipt["job_id"]),
            str(asked.body.get("message", "")),
            receipt["event_id"],
            receipt["position"],
        )
        with self._lock:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(told) + b"\n")
            self.told.append(told)

    @property
    def cancels(self) -> list[Told]:
        """The cancels among them."""
        return [told for told in self.told if told.message]


def job_body(number: int, filler: str = "") -> Json:
    """A job; ``filler`` makes its event big."""
    if number % RUNS_EVERY == 0:
        return {"tasks": [{"command": "sleep 600"}]}
    environment = {"X": filler} if filler else {}
    return {"tasks": [{"command": "true", "environment": environment}], "submit": False}


class Load:
    """Clients at work, each on jobs of its own, from ``start`` to ``end``."""

    def __init__(
        self, one: Service, ledger: Ledger, clients: int, name: str, filler: str = ""
    ) -> None:
        self._over = threading.Event()
        self._ledger = ledger
        self._clients = [Client(one, ledger, f"{name}.{n}", filler) for n in range(clients)]
        self._threads = [
            threading.Thread(target=client.work, args=(self._over,)) for client in self._clients
        ]

    def start(self) -> "Load":
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def wait_for(self, count: int, seconds: float = PATIENCE_SECONDS) -> None:
        """Until so many more requests were answered with success."""
        wanted = len(self._ledger.told) + count

        def enough() -> bool:
            assert not self._ledger.odd, f"an odd answer: {self._ledger.odd[0]}"
            return len(self._ledger.told) >= wanted

        until(enough, f"{count} more answers", seconds)

    def end(self) -> list[Asked]:
        """Let them go home; the requests that are without an answer."""
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive(), "a client hangs"
        return [client.open for client in self._clients if client.open is not None]


class Client:
    """One of them. ``open``: the request that is without an answer."""

    def __init__(self, one: Service, ledger: Ledger, name: str, filler: str) -> None:
        self.open: Asked | None = None
        self._one = one
        self._ledger = ledger
        self._name = name
        self._filler = filler

    def work(self, over: threading.Event) -> None:
        """Make a job, cancel it, and so on."""
        number = 0
        with self._one.client() as http:
            while not over.is_set():
                number += 1
                self._one_job(http, over, number)

    def _one_job(self, http: httpx.Client, over: threading.Event, number: int) -> None:
        key = f"{self._name}.{number}"
        add = Asked("/jobs", f"{key}.add", job_body(number, self._filler))
        made = self._told(http, over, add)
        if made is not None:
            how = {"message": f"because of {key}", "mode": "forced"}
            path = f"/jobs/{made['job_id']}/cancel"
            self._told(http, over, Asked(path, f"{key}.cancel", how))

    def _told(self, http: httpx.Client, over: threading.Event, asked: Asked) -> Json | None:
        """The receipt; None when it is over before there is one."""
        self.open = asked
        while (receipt := answer(http, asked, self._ledger)) is None:
            if over.wait(AGAIN_SECONDS):
                return None
        self.open = None
        return receipt


def answer(http: httpx.Client, asked: Asked, ledger: Ledger) -> Json | None:
    """The receipt of a request, noted; None when nobody answers, or not now."""
    try:
        got = http.post(asked.path, json=asked.body, headers={"Idempotency-Key": asked.key})
    except httpx.TransportError:
        return None
    if got.status_code in ANSWERED:
        receipt: Json = got.json()
        ledger.note(asked, receipt)
        return receipt
    if got.status_code != NOT_NOW:
        ledger.odd.append(f"{asked.key}: {got.status_code} {got.text[:200]}")
    return None


def settle(one: Service, ledger: Ledger, unanswered: Iterable[Asked]) -> None:
    """Ask again, with the same keys, until each request has its answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with one.client() as http:
        for asked in unanswered:
            while answer(http, asked, ledger) is None:
                assert time.monotonic() < deadline, f"no answer to {asked.key}: {ledger.odd}"
                time.sleep(AGAIN_SECONDS)
