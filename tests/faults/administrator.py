"""An administrator changes the stream's limits so that events go, or deletes it."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import DUPLICATE_WINDOW_SECONDS, SECOND
from adapters.jetstream.lock import DataLock
from tests.e2e.home import new_home
from tests.e2e.outside import outside_server
from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.stores import rows
from tests.e2e.stream import connected
from tests.e2e.test_store_faults import STREAM, update_stream, update_stream_at
from tests.e2e.test_watchdog import kinds_in
from tests.faults.evidence import held_by, missing
from tests.faults.report import Row
from tests.faults.trial import Trial, first_words, start_or_refusal
from tests.support.nats import AdminServer
from tests.support.waiting import until

CLIENTS: Final = 4
ANSWERS: Final = 150
NOTICED_SECONDS: Final = 5.0
MEND_SECONDS: Final = 90.0
PROMISE: Final = "noticed within 5 s, nothing new is taken, refused at start, nothing lost"


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """Limits under the running service, a deletion under it, and one while it is down."""
    del seed, rounds
    yield limits_changed()
    yield deleted_under_it()
    yield deleted_while_down()


def limits_changed() -> Row:
    """``max_age`` of 100 ms: all that is older leaves the stream at once."""
    short = {"max_age": SECOND // 10, "duplicate_window": SECOND // 10}
    right = {"max_age": 0, "duplicate_window": DUPLICATE_WINDOW_SECONDS * SECOND}
    with new_home() as home, Service(home) as one:
        trial = Trial(one)
        one.start()
        url = one.endpoint["nats_url"]
        change = lambda: asyncio.run(update_stream_at(url, one.data, short))  # noqa: E731
        noticed = meanwhile(trial, change)
        one.stop()
        asyncio.run(update_stream(one.data, right))
        refusal = refused(trial)
        mend(trial)
        return row("limits changed by an administrator (max_age)", noticed, refusal, trial)


def deleted_under_it() -> Row:
    """``STREAM.DELETE`` on an outside nats-server; its operator has to restore it there."""
    with (
        new_home() as home,
        outside_server(home / "nats", sync="always") as outside,
        Service(home, **outside.settings) as one,
    ):
        trial = Trial(one)
        one.start()
        delete = lambda: asyncio.run(delete_at(outside.url, outside.admin))  # noqa: E731
        noticed = meanwhile(trial, delete)
        one.stop()
        refusal = refused(trial)
        lost = missing(trial.ledger.told, dict(rows(one.data)))
        trial.lost |= {told.event_id: told for told in lost}
        kept = len(trial.ledger.told) - len(trial.lost)
        how = (
            f"{noticed}; {kept} of {len(trial.ledger.told)} acknowledged events are in the journal"
        )
        return row("stream deleted under the service", how, refusal, trial)


def deleted_while_down() -> Row:
    """``STREAM.DELETE`` between two starts."""
    with new_home() as home, Service(home) as one:
        trial = Trial(one)
        one.start()
        worked(trial)
        one.stop()
        asyncio.run(delete_in(one.data))
        refusal = refused(trial)
        mend(trial)
        return row("stream deleted while the service was down", "", refusal, trial)


async def delete_at(url: str, login: Path) -> None:
    """Delete the stream on a server that runs."""
    async with connected(url, login) as client:
        assert await client.jetstream().delete_stream(STREAM)


async def delete_in(data: Path) -> None:
    """Delete the stream of a stopped service, as an administrator of its own server could."""
    lock = await DataLock.acquire(data)
    try:
        server = await AdminServer.start(lock, cluster="*", stream="*")
        try:
            async with server.connection() as connection:
                subject = f"$JS.API.STREAM.DELETE.{STREAM}"
                await connection.call(subject, None, StreamInfo, NOTICED_SECONDS)
        finally:
            await server.stop()
    finally:
        lock.release()


# --- what all of them do --------------------------------------------------------------------------


def worked(trial: Trial) -> None:
    """Some load, and all of it looked at."""
    load = trial.load(CLIENTS, "before")
    try:
        load.wait_for(ANSWERS)
    finally:
        trial.end(load)
    trial.settle()
    trial.look()


def meanwhile(trial: Trial, change: Callable[[], None]) -> str:
    """Do it under load; how it was noticed, and when. Nothing may be taken from then on."""
    load = trial.load(CLIENTS, "under")
    try:
        load.wait_for(ANSWERS)
        change()
        began = time.monotonic()
        until(lambda: kinds_in(trial.one.log), "the watchdog's warning", 2 * NOTICED_SECONDS)
        seconds = time.monotonic() - began
    finally:
        trial.end(load)
    if seconds > NOTICED_SECONDS:
        trial.wrong.append(f"it was noticed only after {seconds:.1f} s")
    taken = taken_after_the_warning(trial)
    if taken:
        trial.wrong.append(f"{taken} commands were taken after the warning")
    kinds = ", ".join(f"`{kind}`" for kind in sorted(kinds_in(trial.one.log)))
    return f"watchdog: {kinds} after {seconds:.2f} s"


def taken_after_the_warning(trial: Trial) -> int:
    """How many of these new commands are answered with success, when none may be."""
    body = {"tasks": [{"command": "true"}], "submit": False}
    asked = [trial.one.http("POST", "/jobs", body, f"late.{n}").status_code for n in range(5)]
    return sum(status < 400 for status in asked)


def refused(trial: Trial) -> str:
    """The next start is refused; with which words."""
    refusal = start_or_refusal(trial.one)
    if not refusal:
        trial.wrong.append("the next start was not refused")
        trial.one.stop()
        return "nothing"
    print(refusal, file=sys.stderr, flush=True)
    return first_words(refusal)


def mend(trial: Trial) -> None:
    """Made again from the journal: everything that was acknowledged is there."""
    one = trial.one
    said = said_by(one.command("mend"), one.clean_environment(), one.home, seconds=MEND_SECONDS)
    if said.status != 0:
        trial.wrong.append(f"mend ended with {said.status}: {said.err.strip()}")
    one.start()
    lost = missing(trial.ledger.told, held_by(one.stream()))
    trial.lost |= {told.event_id: told for told in lost}
    trial.wrong += [f"{told.key} is lost" for told in lost]
    trial.settle()
    trial.look_at_all()


def row(scenario: str, noticed: str, refusal: str, trial: Trial) -> Row:
    """A line of the table."""
    detected = [noticed.partition(";")[0], f"start refused ({refusal})"]
    happened = noticed.partition("; ")[2] or "mended from the journal, byte for byte"
    return Row(
        scenario,
        1,
        PROMISE,
        happened,
        len(trial.ledger.told),
        len(trial.lost),
        detected="; ".join(words for words in detected if words),
        wrong=tuple(trial.wrong),
    )
