"""At start: is the log still the one whose events the journal holds, and are they still in it?

A stream that is empty, shorter or different where there was history is loss, and refused.
"""

from contextlib import aclosing
from hashlib import sha256

from msgspec import Struct

from application.ports import CaughtUp, EventLog, Journal, LogIdentity, Mark, Stored
from domain.errors import Corrupt


class Compared(Struct, frozen=True):
    """Log and journal belong together. ``behind``: events that the journal has still to copy."""

    log_id: str
    log_last: int
    journal_position: int
    adopted: bool

    @property
    def behind(self) -> int:
        """How many events of the log the journal does not hold yet."""
        return self.log_last - self.journal_position


async def compare(log: EventLog, journal: Journal) -> Compared:
    """Compare identity, length and head; a journal that never belonged to a log adopts this one.

    Raises ``Corrupt`` with a report of several lines when they differ, and what the log raises.
    """
    identity, mark = await log.identity(), journal.mark()
    if mark is None:
        journal.adopt(identity.id)
        return Compared(identity.id, identity.last, 0, adopted=True)
    problems = _differences(identity, mark)
    if not problems and mark.position:
        problems = _head_differences(mark, await _event_at(log, mark.position))
    if problems:
        raise Corrupt(_report(identity, mark, problems))
    return Compared(identity.id, identity.last, mark.position, adopted=False)


def _differences(identity: LogIdentity, mark: Mark) -> list[str]:
    problems = []
    if identity.id != mark.log_id:
        problems.append("it is another log than the one this journal copied")
    if mark.position and not identity.last:
        problems.append(f"it is empty, but had {mark.position} events")
    elif identity.last < mark.position:
        problems.append(f"it lacks the last {mark.position - identity.last} events that were there")
    if identity.last and identity.first != 1:
        problems.append(f"it begins at position {identity.first}, must be 1")
    return problems


def _head_differences(mark: Mark, event: Stored | None) -> list[str]:
    if event is None:
        return [f"it has no event at position {mark.position}, the last one that was copied"]
    found = sha256(event.raw).hexdigest()
    if found != mark.sha256:
        return [
            f"its event at position {mark.position} ({event.type} of {event.aggregate})"
            f" has the hash {found}, but {mark.sha256} was copied"
        ]
    return []


async def _event_at(log: EventLog, position: int) -> Stored | None:
    async with aclosing(log.read(position - 1)) as items:
        async for item in items:
            if isinstance(item, CaughtUp):
                return None
            return item[0] if item[0].position == position else None
    return None


def _report(identity: LogIdentity, mark: Mark, problems: list[str]) -> str:
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return (
        f"the log does not match the journal:\n{lines}\n"
        f"  log:     {identity.id}, positions {identity.first} to {identity.last}\n"
        f"  journal: {mark.log_id}, up to position {mark.position}, head {mark.sha256 or 'none'}\n"
        "Nothing was written. Do not provision again: find the log's store (was another disk"
        " mounted?), or mend the log from the journal"
    )
