"""At start: is the log still the one whose events the journal holds, and are they still in it?

There are two witnesses: the journal, and the mark (``mark_keeper``), which may lie on another disk.
A stream that is empty, shorter or different where there was history is loss, and refused.
"""

from contextlib import aclosing
from hashlib import sha256
from typing import Final

from msgspec import Struct

from application.ports import CaughtUp, EventLog, Journal, LogIdentity, Mark, Stored
from domain.errors import Corrupt


class Compared(Struct, frozen=True):
    """Log and journal belong together. ``behind``: events that the journal has still to copy.

    ``head``: the log's last event, as a mark has it.
    """

    log_id: str
    log_last: int
    journal_position: int
    adopted: bool
    head: Mark

    @property
    def behind(self) -> int:
        """How many events of the log the journal does not hold yet."""
        return self.log_last - self.journal_position


async def compare(log: EventLog, journal: Journal, mark: Mark | None = None) -> Compared:
    """Compare identity, length and head with both witnesses.

    A journal that never belonged to a log adopts this one. Raises ``Corrupt`` with a report of
    several lines when they differ, and what the log raises.
    """
    copied = journal.mark()
    identity, head = await prove(log, copied, mark, journal)
    if copied is None:
        journal.adopt(identity.id)
    position = copied.position if copied is not None else 0
    return Compared(identity.id, identity.last, position, copied is None, head)


async def prove(
    log: EventLog, copied: Mark | None, mark: Mark | None, journal: Journal | None = None
) -> tuple[LogIdentity, Mark]:
    """The log's identity and head, when its witnesses agree with it. Raises as ``compare`` does.

    ``journal``: its own two ends are looked at too, the bytes as they lie there.
    """
    identity = await log.identity()
    problems = [] if copied is None else await _problems(log, identity, copied, JOURNAL)
    if journal is not None and copied is not None:
        problems += journal_flaws(journal, copied)
        problems += await _first_differences(log, journal)
    problems += [] if mark is None else await _problems(log, identity, mark, MARK)
    if problems:
        raise Corrupt(_report(identity, copied, mark, problems))
    return identity, await head_of(log, identity)


def journal_flaws(journal: Journal, copied: Mark) -> list[str]:
    """Where the journal's end is not what its head says, in sentences."""
    last = journal.read(copied.position - 1, 1) if copied.position else ()
    found = sha256(last[0].raw).hexdigest() if last and last[0].position == copied.position else ""
    flaws = []
    if found != copied.sha256:
        held = f"has the hash {found} there" if found else "has none there"
        flaws.append(
            f"the journal is damaged itself: its head says event {copied.position} with the hash "
            f"{copied.sha256}, and it {held}"
        )
    beyond = journal.read(copied.position, 1)
    if beyond:
        flaws.append(
            f"the journal is damaged itself: it has event {beyond[0].position}, and its head says "
            f"that it ends at {copied.position}"
        )
    return flaws


async def _first_differences(log: EventLog, journal: Journal) -> list[str]:
    kept, first = journal.read(0, 1), await _event_at(log, 1)
    if not kept or first is None or kept[0].raw == first.raw:
        return []
    return [f"its event at position 1 ({first.type} of {first.aggregate}) is not the journal's"]


async def said(log: EventLog, copied: Mark | None, mark: Mark | None) -> str:
    """What the witnesses have against the log, on one line; "" when they agree with it."""
    try:
        await prove(log, copied, mark)
    except Corrupt as error:
        return problems_in(error.message)
    return ""


async def head_of(log: EventLog, identity: LogIdentity) -> Mark:
    """The log's last event, as a mark has it."""
    last = await _event_at(log, identity.last) if identity.last else None
    if last is None:
        return Mark(identity.id, 0, "")
    return Mark(identity.id, last.position, sha256(last.raw).hexdigest())


async def _problems(
    log: EventLog, identity: LogIdentity, witness: Mark, words: "Words"
) -> list[str]:
    problems = differences(identity, witness, words)
    if not problems and witness.position:
        event = await _event_at(log, witness.position)
        problems = _head_differences(witness, event, words.was_seen)
    return [f"{words.begin}{problem}" for problem in problems]


class Words(Struct, frozen=True):
    """How a witness is called."""

    begin: str
    the_one: str
    was_seen: str


JOURNAL: Final = Words("", "the one this journal copied", "was copied")
MARK: Final = Words("by the mark: ", "the one that was marked", "was marked")


def differences(identity: LogIdentity, mark: Mark, words: Words) -> list[str]:
    """What a witness says of identity and length, in sentences; nothing when it agrees."""
    problems = []
    if identity.id != mark.log_id:
        problems.append(f"it is another log than {words.the_one}")
    if mark.position and not identity.last:
        problems.append(f"it is empty, but had {mark.position} events")
    elif identity.last < mark.position:
        problems.append(f"it lacks the last {mark.position - identity.last} events that were there")
    if identity.last and identity.first != 1:
        problems.append(f"it begins at position {identity.first}, must be 1")
    return problems


def _head_differences(mark: Mark, event: Stored | None, was_seen: str) -> list[str]:
    if event is None:
        return [f"it has no event at position {mark.position}, the last one that {was_seen}"]
    found = sha256(event.raw).hexdigest()
    if found != mark.sha256:
        return [
            f"its event at position {mark.position} ({event.type} of {event.aggregate})"
            f" has the hash {found}, but {mark.sha256} {was_seen}"
        ]
    return []


async def holds(log: EventLog, mark: Mark) -> bool:
    """Whether the log has, at the mark's position, the very event that was marked."""
    identity = await log.identity()
    if identity.last < mark.position:
        return False
    event = await _event_at(log, mark.position)
    return event is not None and sha256(event.raw).hexdigest() == mark.sha256


async def _event_at(log: EventLog, position: int) -> Stored | None:
    async with aclosing(log.read(position - 1)) as items:
        async for item in items:
            if isinstance(item, CaughtUp):
                return None
            return item[0] if item[0].position == position else None
    return None


def _report(
    identity: LogIdentity, copied: Mark | None, mark: Mark | None, problems: list[str]
) -> str:
    witnesses = {"journal": copied, "mark": mark}
    told = [f"  - {problem}" for problem in problems]
    told.append(f"  log:     {identity.id}, positions {identity.first} to {identity.last}")
    told += [
        f"  {name + ':':<8} {x.log_id}, up to position {x.position}, head {x.sha256 or 'none'}"
        for name, x in witnesses.items()
        if x is not None
    ]
    lines = "\n".join(told)
    return f"the log does not match the journal:\n{lines}\n{ADVICE}"


ADVICE: Final = (
    "Nothing was written. Do not provision again: find the log's store (was another disk mounted?),"
    " or mend the log from the journal with 'countermand mend', which says so where it is the"
    " journal that is damaged; 'countermand accept-loss' gives up what is missing"
)
"""What to do about a log that is not what it was."""


def problems_in(report: str) -> str:
    """What is wrong, on one line, from a report of several."""
    found = [x.removeprefix("  - ") for x in report.splitlines() if x.startswith("  - ")]
    return "; ".join(found) or report.partition("\n")[0]
