"""What is lost, counted: by the mark, the journal, copies kept aside, and the stream itself.

A restore with ``--journal-aside``, or a mend up to where the journal went, leaves positions that
named other events before; its own event stands on one of them. Nobody has accepted their loss
until a ``LossAccepted`` follows.
"""

from collections.abc import Iterable, Iterator
from contextlib import aclosing, closing
from itertools import takewhile
from pathlib import Path

from msgspec import Struct

from adapters.bootstrap.evidence import journal_path
from adapters.jetstream.log import JetStreamLog
from adapters.journal import SqliteJournal
from adapters.wire import sha256
from application.fsck import COPIES_AT_ONCE, Copy
from application.ports import CaughtUp, LogIdentity, Mark, Stored
from application.settings import Settings
from domain.errors import CountermandError
from domain.events import CLUSTER, Aggregate, LossAccepted, Recorded, StreamMended, StreamRestored

Span = tuple[int, int]
"""The first and the last of some positions."""


class Lost(Struct):
    """``spans``: positions whose events are lost, as far as is known. ``first``, ``last``: the
    lowest and the highest event that some copy still has, in words; ``copies``: which have any, and
    ``noted`` how many in all. ``unknown``: why there may be more.
    """

    spans: list[Span]
    first: tuple[int, str] | None = None
    last: tuple[int, str] | None = None
    copies: list[str] = []
    unknown: list[str] = []
    noted: int = 0

    @property
    def merged(self) -> list[Span]:
        """The spans in order, none touching another."""
        found = list[Span]()
        for begin, end in sorted(self.spans):
            if found and begin <= found[-1][1] + 1:
                found[-1] = found[-1][0], max(found[-1][1], end)
            else:
                found.append((begin, end))
        return found

    @property
    def count(self) -> int:
        """How many."""
        return sum(end - begin + 1 for begin, end in self.merged)

    @property
    def number(self) -> str:
        """How many, in words."""
        if not self.spans:
            return "no event is known to be lost"
        return f"{self.count} event{'s are' if self.count != 1 else ' is'} lost"

    @property
    def details(self) -> str:
        """Which, where they still are, and what cannot be known."""
        said = [f"their positions are {', '.join(map(between, self.merged))}"] if self.spans else []
        if self.first is not None and self.last is not None:
            ends = dict.fromkeys((told(*self.first), told(*self.last)))
            said.append(f"{' to '.join(ends)} are still in {' and '.join(self.copies)}")
        elif self.spans:
            said.append("no copy of them is left, so what they were cannot be known")
        return "; ".join([*said, *self.unknown])

    def note(self, copy: Copy) -> None:
        """An event that only a copy has."""
        at, what = copy.position, f"{copy.type} of {copy.aggregate}"
        self.noted += 1
        if self.spans and self.spans[-1][1] == at - 1:
            self.spans[-1] = self.spans[-1][0], at
        else:
            self.spans.append((at, at))
        self.first = min(self.first or (at, what), (at, what))
        self.last = max(self.last or (at, what), (at, what))


def between(span: Span) -> str:
    """Positions in words."""
    begin, end = span
    return f"{begin}" if begin == end else f"{begin} to {end}"


def told(position: int, what: str) -> str:
    """An event in words."""
    return f"event {position}, {what}"


async def lost_events(
    settings: Settings, log: JetStreamLog, identity: LogIdentity, known: Iterable[Mark | None]
) -> Lost:
    """What was acknowledged here and is not in the log. ``known``: what journal and mark know."""
    lost = Lost([])
    pending = switches(await log.load(Aggregate(CLUSTER, settings.cluster)))
    for mark in known:
        await by_mark(log, identity, mark, lost)
    for fact in pending:
        if fact.missing:
            lost.spans.append((fact.restored + 1, fact.restored + fact.missing))
    for path in copies(settings, pending):
        await by_copy(settings, log, path, lost)
    return lost


def switches(stored: Iterable[Stored]) -> list[StreamMended | StreamRestored]:
    """What was made again or restored since a loss was accepted, the latest first."""
    facts = [x.fact.data for x in stored if isinstance(x.fact, Recorded)]
    since = takewhile(lambda x: not isinstance(x, LossAccepted), reversed(facts))
    return [x for x in since if isinstance(x, StreamMended | StreamRestored)]


async def by_mark(log: JetStreamLog, identity: LogIdentity, mark: Mark | None, lost: Lost) -> None:
    """Positions that a witness knows of beyond the end, or its own where there is another event."""
    if mark is None or not mark.position:
        return
    if mark.position > identity.last:
        lost.spans.append((identity.last + 1, mark.position))
        return
    async with aclosing(log.read(mark.position - 1)) as items:
        async for item in items:
            if not isinstance(item, CaughtUp) and sha256(item[0].raw) != mark.sha256:
                lost.spans.append((mark.position, mark.position))
            return


def copies(settings: Settings, pending: Iterable[StreamMended | StreamRestored]) -> Iterator[Path]:
    """The journal there is, and those that were put aside since a loss was accepted."""
    path = journal_path(settings)
    if path.exists():
        yield path
    for fact in pending:
        if isinstance(fact, StreamRestored) and fact.kept_as:
            aside = path.with_name(f"{path.name}.{Path(fact.kept_as).name}")
            if aside.exists():
                yield aside


async def by_copy(settings: Settings, log: JetStreamLog, path: Path, lost: Lost) -> None:
    """Every event of a journal that the log does not have in its place, byte for byte."""
    before = lost.noted
    try:
        with closing(SqliteJournal(path, settings.cluster)) as journal:
            await compared(journal, log, lost)
    except CountermandError as error:
        lost.unknown.append(f"{path.name} cannot be read ({error.message}): there may be more")
    if lost.noted > before:
        lost.copies.append(path.name)


async def compared(journal: SqliteJournal, log: JetStreamLog, lost: Lost) -> None:
    """The same of an open one, read in step with the log."""
    after = 0
    async with aclosing(log.read(0)) as items:
        async for item in items:
            if isinstance(item, CaughtUp):
                break
            found = {x.position: x.raw for x in item}
            last = item[-1].position
            while page := journal.copies(after, last, COPIES_AT_ONCE):
                for copy in page:
                    if found.get(copy.position) != copy.raw:
                        lost.note(copy)
                after = page[-1].position
    while page := journal.copies(after, 2**62, COPIES_AT_ONCE):
        for copy in page:
            lost.note(copy)
        after = page[-1].position
