"""Bits that flip in the files of the store, and blocks that lose their end, while it is down.

A store of several blocks is made once by a real service and stopped, in order or by ``kill -9``
under load. Each damage is done to a copy: the next start must refuse it and say why, or nothing may
be missing; ``fsck`` must name it; ``mend`` must bring back every byte.
"""

import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
from msgspec import Struct

from tests.e2e.home import new_home
from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.stores import copied, fsck, rows
from tests.e2e.test_fsck import stream_of
from tests.e2e.test_store_faults import MIB
from tests.faults.evidence import held_by, missing, unlike
from tests.faults.load import Told
from tests.faults.report import Row, counted
from tests.faults.trial import Trial, first_words, kill_both, start_or_refusal
from tests.support.waiting import again_and_again, until

STREAM_BYTES: Final = 31 * MIB
"""nats-server's blocks have 4 MiB then (8 MiB from 32 MiB on)."""

BLOCKS: Final = 3
FILLER: Final = "x" * 30_000
CLIENTS: Final = 4
FLIPS_ANYWHERE: Final = 1
MEND_SECONDS: Final = 90.0
ASK_SECONDS: Final = 0.001
DAMAGED: Final = 10
PROMISE: Final = "refused at start with the reason, and mended from the journal; or nothing missing"


class Store(Struct, frozen=True):
    """A service's data directory after its end, and what it holds."""

    data: Path
    end: str
    told: list[Told]
    held: dict[int, bytes]

    @property
    def last_told(self) -> int:
        """The last event that somebody was told of. ``kill -9`` may leave some after it."""
        return max(told.position for told in self.told)


class Damage(Struct, frozen=True):
    """What is done to a file of the store: ``bit`` of the byte at ``offset`` is flipped, or, with
    no bit, the file ends there."""

    file: Path
    offset: int
    bit: int | None
    words: str

    def do(self, data: Path) -> None:
        """Do it."""
        path = data / self.file
        with path.open("r+b") as file:
            if self.bit is None:
                file.truncate(self.offset)
                return
            file.seek(self.offset)
            byte = file.read(1)[0]
            file.seek(self.offset)
            file.write(bytes([byte ^ (1 << self.bit)]))


class Verdict(Struct, frozen=True):
    """What came of one damage. ``detected``: "" when there was nothing to be detected.
    ``untold``: events at the end, of which nobody had been told, that are gone unnoticed."""

    detected: str
    fsck: str
    lost: int
    wrong: tuple[str, ...]
    mended: bool = False
    untold: int = 0


# --- a store --------------------------------------------------------------------------------------


def grown(home: Path, end: str) -> Store:
    """A service that filled some blocks; ``end``: "a clean stop" or "kill -9"."""
    home.mkdir(mode=0o711)
    with Service(home, stream_bytes_max=STREAM_BYTES) as one:
        trial = Trial(one)
        one.start()
        fill(trial)
        if end == "kill -9":
            load = trial.load(CLIENTS, "last")
            load.wait_for(200)
            kill_both(one)
            load.end()
        else:
            trial.look_at_all()
            assert not trial.wrong, trial.wrong
            one.stop()
    return Store(one.data, end, trial.ledger.told, seen_in(one.data))


def fill(trial: Trial) -> None:
    """Big events until the last but one block is full."""
    load = trial.load(CLIENTS, "fill", FILLER)
    try:
        until(lambda: len(blocks_in(trial.one.data)) >= BLOCKS, "several blocks", 120)
    finally:
        trial.end(load)
    trial.settle()


def seen_in(data: Path) -> dict[int, bytes]:
    """What the stream holds, read from a copy: to open a store is to tidy it up."""
    with new_home() as home:
        copied(data, home / "data")
        return held_by(stream_of(home / "data"))


def blocks_in(data: Path) -> list[Path]:
    """The blocks of the stream, in their order."""
    found = [path for path in in_messages(data, "*.blk") if path.stat().st_size]
    return sorted((p.relative_to(data) for p in found), key=lambda path: int(path.stem))


def in_messages(data: Path, pattern: str) -> list[Path]:
    """Files among the stream's messages, not those of a consumer or of a batch under way."""
    return [*(data / "jetstream").glob(f"jetstream/*/streams/*/msgs/{pattern}")]


# --- what is done to it ---------------------------------------------------------------------------


def flips(store: Store, chance: random.Random) -> Iterator[Damage]:
    """In each block one bit of an acknowledged cancel and some anywhere; and one in the index."""
    for number, block in enumerate(blocks_in(store.data), 1):
        raw = (store.data / block).read_bytes()
        cancels = [(t, place) for t in store.told if t.message and (place := place_in(raw, t)) >= 0]
        told, place = chance.choice(cancels)
        inside = place + chance.randrange(len(store.held[told.position]) // 2)
        yield Damage(
            block, inside, chance.randrange(8), f"block {number}, in event {told.position}"
        )
        for _ in range(FLIPS_ANYWHERE):
            offset = chance.randrange(len(raw))
            yield Damage(block, offset, chance.randrange(8), f"block {number}, byte {offset}")
    for index in in_messages(store.data, "index.db"):
        offset = chance.randrange(index.stat().st_size)
        file = index.relative_to(store.data)
        yield Damage(file, offset, chance.randrange(8), f"index.db, byte {offset}")


def place_in(raw: bytes, told: Told) -> int:
    """Where the bytes of an event begin in a block; -1 for another block."""
    return raw.find(f'"id":"{told.event_id}"'.encode())


def cuts(store: Store, chance: random.Random) -> Iterator[Damage]:
    """Each block ends too early: somewhere, and a few bytes before its end."""
    for number, block in enumerate(blocks_in(store.data), 1):
        size = (store.data / block).stat().st_size
        for offset in (chance.randrange(size), size - chance.randrange(1, 100)):
            yield Damage(block, offset, None, f"block {number}, cut from {size} to {offset} bytes")


# --- what comes of it -----------------------------------------------------------------------------


def judged(store: Store, damage: Damage) -> Verdict:
    """Damage a copy, start it, mend it if that is refused, and look for every byte."""
    with new_home() as home, Service(home, stream_bytes_max=STREAM_BYTES) as one:
        copied(store.data, one.data)
        damage.do(one.data)
        with questions(one) as taken:
            refusal = start_or_refusal(one)
        if refusal:
            return mended(store, one, first_words(refusal), taken)
        wrong = whole(one, store)
        status, report = fsck(one)
        if status != 0:
            wrong.append(f"the start took it, and then fsck found {report['first']}")
        found = held_by(one.stream())
        untold = len(unlike(store.held, found))
        return Verdict("", "", len(missing(store.told, found)), tuple(wrong), untold=untold)


@contextmanager
def questions(one: Service) -> Iterator[list[str]]:
    """Somebody who asks for a cancel again and again while the service starts; what was recorded
    of it, which is nothing when the start is refused."""
    taken = list[str]()

    def ask() -> None:
        with suppress(OSError, httpx.TransportError), one.client() as http:
            got = http.post("/jobs/1/cancel", json={"message": "while it starts"})
            if got.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                taken.append(f"a command was taken: {got.status_code} {got.text[:200]}")

    with again_and_again(ask, ASK_SECONDS):
        yield taken


def mended(store: Store, one: Service, refusal: str, wrong: list[str]) -> Verdict:
    """A refused start leaves the way open to ``fsck`` and ``mend``."""
    status, kind = looked_through(one)
    if status != DAMAGED:
        wrong.append(f"the start was refused ({refusal}), and fsck ended with {status}")
    said = said_by(one.command("mend"), one.clean_environment(), one.home, seconds=MEND_SECONDS)
    if said.status != 0:
        left = [n for n, _ in rows(one.data)]
        lost = [t for t in store.told if t.position not in left]
        words = said.err.strip() or said.out.strip()
        wrong.append(f"mend ended with {said.status}: {words}")
        return Verdict(refusal, kind, len(lost), tuple(wrong))
    again = start_or_refusal(one)
    if again:
        return Verdict(refusal, kind, 0, (*wrong, f"refused after mend: {first_words(again)}"))
    wrong += whole(one, store)
    lost = missing(store.told, held_by(one.stream()))
    return Verdict(refusal, kind, len(lost), tuple(wrong), mended=True)


def looked_through(one: Service) -> tuple[int, str]:
    """The status of ``fsck``, and the kind of the first damage, or what it says otherwise."""
    command = one.command("fsck", "-o", "json", "--no-views")
    said = said_by(command, one.clean_environment(), one.home, seconds=MEND_SECONDS)
    if said.status not in (0, DAMAGED):
        return said.status, said.err.strip()
    report = json.loads(said.out)
    return said.status, report["first"]["kind"] if report["damaged"] else ""


def whole(one: Service, store: Store) -> list[str]:
    """What a service that runs does not have of what was in the store, up to the last event that
    somebody was told of."""
    known = {n: raw for n, raw in store.held.items() if n <= store.last_told}
    differ = unlike(known, held_by(one.stream()))
    if not differ:
        return []
    return [f"{len(differ)} events are not what they were, the first at {differ[0]}"]


# --- the rows -------------------------------------------------------------------------------------


def play_flips(seed: int, rounds: int | None) -> Iterator[Row]:
    """Bits that flip."""
    del rounds
    for store in stores():
        damages = [*flips(store, random.Random(seed))]
        yield row("a bit flips in a block or the index", store, damages)


def play_cuts(seed: int, rounds: int | None) -> Iterator[Row]:
    """Blocks that lose their end."""
    del rounds
    for store in stores():
        yield row("a block is cut short", store, [*cuts(store, random.Random(seed))])


def stores() -> Iterator[Store]:
    """One after each kind of end."""
    for end in ("a clean stop", "kill -9"):
        with new_home() as home:
            yield grown(home / "grown", end)


def row(what: str, store: Store, damages: Sequence[Damage]) -> Row:
    """All damages to one store."""
    verdicts = list[Verdict]()
    wrong = [f"{t.key} was not there before" for t in missing(store.told, store.held)]
    for damage in damages:
        verdict = judged(store, damage)
        verdicts.append(verdict)
        wrong += [f"{damage.words}, bit {damage.bit}: {words}" for words in verdict.wrong]
        told = verdict.detected or "nothing was missing"
        print(f"{store.end}; {damage.words}, bit {damage.bit}: {told}", file=sys.stderr, flush=True)
    refused = [verdict for verdict in verdicts if verdict.detected]
    return Row(
        f"{what}, after {store.end}",
        len(damages),
        PROMISE,
        f"{len(refused)} starts refused, {sum(v.mended for v in verdicts)} mended; "
        f"{len(verdicts) - len(refused)} times nothing was missing{untold(verdicts)}",
        len(store.told),
        sum(verdict.lost for verdict in verdicts),
        detected=detected(refused),
        wrong=tuple(wrong),
    )


def untold(verdicts: Sequence[Verdict]) -> str:
    """What went without a word."""
    found = [verdict.untold for verdict in verdicts if verdict.untold]
    words = f", of which {len(found)} times but for the end that nobody had been told of"
    return f"{words} ({max(found)} at most)" if found else ""


def detected(verdicts: Sequence[Verdict]) -> str:
    """Where each start was refused, and what fsck called it."""
    if not verdicts:
        return ""
    kinds = counted([f"`{verdict.fsck}`" for verdict in verdicts])
    return f"start refused ({counted([family(v.detected) for v in verdicts])}); fsck: {kinds}"


def family(words: str) -> str:
    """The refusal without its numbers and names, so that the same ones are counted together."""
    return re.sub(r"\d+", "N", words)
