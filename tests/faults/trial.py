"""A service under load, what its clients were told, and whether all of that stays true."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Final

from application.startup_check import problems_in
from tests.e2e.home import kill
from tests.e2e.service import Service
from tests.e2e.stores import fsck, rows
from tests.e2e.stream import check_history, ends, read_stream
from tests.faults.evidence import Memory, copies_differ, held_by, missing
from tests.faults.load import Asked, Ledger, Load, Told, settle
from tests.support.waiting import until

CARRIED_OUT_SECONDS: Final = 60.0
COPIED_SECONDS: Final = 30.0
WRONG_KEPT: Final = 10


class Trial:
    """``wrong``: every way in which a promise was broken; ``lost``: what is not there any more."""

    def __init__(self, one: Service) -> None:
        self.one = one
        self.ledger = Ledger(one.home / "acknowledged.ndjson")
        self.wrong: list[str] = []
        self.lost: dict[str, Told] = {}
        self._open: list[Asked] = []
        self._memory = Memory()
        self._looked = 0
        self._held: dict[int, bytes] = {}
        self._canceled: list[str] = []

    def load(self, clients: int, name: str, filler: str = "") -> Load:
        """Clients that begin now."""
        return Load(self.one, self.ledger, clients, name, filler).start()

    def end(self, load: Load) -> None:
        """Send the clients home. What they were not told is asked later."""
        self._open += load.end()

    def settle(self) -> None:
        """Whatever had no answer gets one."""
        unanswered, self._open = self._open, []
        settle(self.one, self.ledger, unanswered)

    # --- looking ----------------------------------------------------------------------------------

    def look(self) -> int:
        """Find in the stream what was acknowledged since the last look; how much that was."""
        new = self.ledger.told[self._looked :]
        self._read_on()
        self._note_lost(missing(new, self._held))
        self._looked += len(new)
        return len(new)

    def _read_on(self) -> None:
        """Everything that the stream has got since the last time."""
        after = len(self._held)
        events = asyncio.run(read_stream(self.one.endpoint, after))
        self._held |= held_by(events)
        self._note_changed(self._memory.changed(held_by(events)))
        self._canceled += [event.aggregate for event in ends(events)]

    def look_at_all(self) -> None:
        """Everything: all acknowledged, each accepted cancel at its end once, the journal equal,
        and nothing that ``fsck`` finds."""
        self._attempt(self._carried_out)
        events = self.one.stream()
        held = held_by(events)
        self._note_lost(missing(self.ledger.told, held))
        self._note_changed(self._memory.changed(held))
        self._attempt(lambda: check_history(events))
        self._attempt(lambda: self._ended_once([e.aggregate for e in ends(events)]))
        self._attempt(lambda: self._copied(held))
        self._attempt(self._whole)
        self.wrong += [f"an odd answer: {words}" for words in self.ledger.odd[:WRONG_KEPT]]

    def _note_lost(self, lost: list[Told]) -> None:
        for told in lost:
            if told.event_id not in self.lost:
                self.lost[told.event_id] = told
                where = f"event {told.event_id} of {told.key}"
                self.wrong.append(f"{where} is not at position {told.position}")

    def _note_changed(self, positions: list[int]) -> None:
        self.wrong += [f"event {position} has other bytes than before" for position in positions]

    def _attempt(self, look: Callable[[], None]) -> None:
        try:
            look()
        except AssertionError as error:
            self.wrong.append(str(error).partition("\n")[0] or "a check failed")

    def _carried_out(self) -> None:
        wanted = {f"job/{told.job}" for told in self.ledger.cancels}

        def all_over() -> bool:
            self._read_on()
            return wanted <= set(self._canceled)

        until(all_over, "the end of each accepted cancel", CARRIED_OUT_SECONDS)

    def _ended_once(self, ended: list[str]) -> None:
        twice = sorted(job for job, number in Counter(ended).items() if number > 1)
        assert not twice, f"canceled twice: {twice}"

    def _copied(self, held: dict[int, bytes]) -> None:
        until(lambda: len(rows(self.one.data)) >= len(held), "the journal's copy", COPIED_SECONDS)
        copy = [row for row in rows(self.one.data) if row[0] <= len(held)]
        differ = copies_differ(held, copy)
        assert not differ, f"stream and journal differ at {differ[:WRONG_KEPT]}"

    def _whole(self) -> None:
        status, report = fsck(self.one)
        assert status == 0, f"fsck: {json.dumps(report['first'])}"


def first_words(refusal: str) -> str:
    """What is wrong, from a refused start's report, without what to do about it."""
    for line in refusal.splitlines():
        if line.startswith("countermand: "):
            words = line.removeprefix("countermand: ").partition(". ")[0]
            return f"{words} {problems_in(refusal)}" if words.endswith(":") else words
    return refusal.strip().rpartition("\n")[2]


def start_or_refusal(one: Service) -> str:
    """Start the service; "" when it is ready, else what it said when it refused.

    Fails when it ended otherwise than by a refusal.
    """
    before = len(one.log)
    one.run(one.command())
    until(lambda: one.ended or one.is_ready(), "a start or a refusal")
    if not one.ended:
        return ""
    said = one.log[before:]
    assert one.process is not None
    assert one.process.returncode == 1, said[-2000:]
    assert "Traceback" not in said, said[-2000:]
    return said


def kill_both(one: Service) -> None:
    """SIGKILL to the service's nats-server and to the service, at once."""
    for pid in one.nats_pids():
        kill(pid)
    one.kill()
