"""At a start the journal is compared with the log: the bytes of every event, not a hash of them.

Whoever reads the log from its beginning hands on what was read; the log is not read for it again.
"""

import asyncio
from collections.abc import Sequence

from application.fsck import Copies, Copy
from application.histories import sha256_hex
from application.ports import Stored
from domain.errors import Corrupt


class SecondCopy:
    """``until``: how far the journal went when this was made. What comes later it copies itself."""

    def __init__(self, copies: Copies, until: int) -> None:
        self._copies = copies
        self._until = until

    async def compare(self, batch: tuple[Stored, ...]) -> None:
        """Pass, or raise ``Corrupt``, which names the first event that is another one there.

        ``batch``: events of the log, in order and without a hole.
        """
        wanted = [x for x in batch if x.position <= self._until]
        if wanted:
            after, last = wanted[0].position - 1, wanted[-1].position
            found = await asyncio.to_thread(self._copies.copies, after, last, len(wanted))
            refuse_others(wanted, found)


def refuse_others(events: Sequence[Stored], copies: Sequence[Copy]) -> None:
    """Raise ``Corrupt`` for the first event whose copy is none, or another one."""
    held = {copy.position: copy for copy in copies}
    for event in events:
        copy = held.get(event.position)
        if copy is None or copy.raw != event.raw or not same_place(event, copy):
            raise Corrupt(f"{differ(event, copy)}. Nothing was decided on it")


def same_place(event: Stored, copy: Copy) -> bool:
    """Whether the journal keeps it where it belongs."""
    return (copy.aggregate, copy.type) == (event.aggregate, event.type)


def differ(event: Stored, copy: Copy | None) -> str:
    """How a copy differs, in a sentence."""
    at = f"event {event.position} ({event.type} of {event.aggregate})"
    if copy is None:
        return f"the journal has no {at}, which it had copied"
    if copy.raw != event.raw:
        return (
            f"stream and journal have other bytes of {at}: SHA-256 {sha256_hex(event.raw)} in the "
            f"stream, {sha256_hex(copy.raw)} in the journal"
        )
    return f"the journal keeps {at} as {copy.type} of {copy.aggregate}"
