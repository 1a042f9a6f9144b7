"""Printing the live stream: events on stdout, marks beside them, and never a silent end."""

import gc
import sys
from collections.abc import Iterator
from shlex import quote
from typing import NamedTuple

from adapters.cli.exits import DONE, NO_SUCH_JOB, UNAVAILABLE, Failure
from adapters.cli.printing.events import cells
from adapters.cli.printing.stdout import on_terminal, warn
from adapters.cli.reaching.client import Response
from adapters.cli.reaching.follow import CAUGHT_UP, PASSED, POSITIONS, Mark, Seen, follow
from adapters.cli.reaching.shapes import StreamedEvent
from adapters.cli.typed.options import Asked
from adapters.cli.words import ENDED_STATES

WIDTHS = (6, 20, 16, 24, 14, 0)
WIDTHS_ON_TERMINAL = (6, 8, 8, 20, 8, 0)
HEADINGS = ("EVENT", "TIME", "ABOUT", "TYPE", "ACTOR", "SUMMARY")


class Following(NamedTuple):
    """What is followed, and when it is enough.

    It begins after the position ``after``, or, when that is None, at the moment ``since`` (RFC
    3339). ``types``, ``job`` and ``actors`` are filters. ``events_max``: so many are enough;
    ``ends_with_job``: enough when the job has ended; not ``live``: at the end of the backlog.
    """

    after: int | None = 0
    since: str = ""
    types: tuple[str, ...] = ()
    job: str | None = None
    actors: tuple[str, ...] = ()
    events_max: int | None = None
    ends_with_job: bool = False
    live: bool = True

    def query(self, after: int | None) -> list[tuple[str, str]]:
        """The query from a position on, or from the beginning when there is none yet."""
        begin = ("since", self.since) if after is None else ("after", str(after))
        pairs = [begin, ("follow", "true" if self.live else "false")]
        pairs += [("type", x) for x in self.types] + [("actor", x) for x in self.actors]
        return pairs + ([] if self.job is None else [("job", self.job)])

    def going_on(self, last: int) -> str:
        """What to type to go on after ``last``."""
        words = ["watch"]
        words += [f"--type {quote(x)}" for x in self.types]
        words += [f"--job {quote(self.job)}"] if self.job else []
        words += [f"--actor {quote(x)}" for x in self.actors]
        return f"{' '.join(words)} --from {last + 1}"


def print_live(asked: Asked, following: Following) -> int:
    """Print until it is enough; what ends it is said on stderr, with where to go on."""
    gc.enable()
    printer = Printer(asked)
    reached: int | None = None
    ending = ""  # what else ends it is said by whoever hears of it
    try:
        for found in events_of(asked, following):
            printer.show(found)
            if isinstance(found, Mark) and found.words not in POSITIONS:
                continue
            reached = found.position
            if can_end(found) and enough(asked, following, printer, reached):
                break
        ending = "done; "
    finally:
        printer.close()
        if reached is not None:
            asked.out.note(f"-- {ending}{following.going_on(reached)} goes on from here --")
    return DONE


def events_of(asked: Asked, following: Following) -> Iterator[Seen | Mark]:
    """The stream; one that asks for the server anew at each connection."""

    def open_after(position: int | None) -> Response:
        return asked.server.stream(following.query(position))

    return follow(open_after, following.after, following.live)


def can_end(found: Seen | Mark) -> bool:
    """Whether this may be the last that is printed: an event, or the end of the backlog."""
    return isinstance(found, Seen) or found.words == CAUGHT_UP


def enough(asked: Asked, following: Following, printer: "Printer", last: int) -> bool:
    """Whether the count is reached, or the job has ended and all up to ``last`` was its story."""
    if following.events_max is not None:
        return printer.printed >= following.events_max
    if not following.ends_with_job or following.job is None or not printer.caught_up:
        return False
    return has_ended(asked, following.job, last)


def has_ended(asked: Asked, job: str, last: int) -> bool:
    """Whether the job has, and not by an event after ``last``.

    No, when the server is away: the stream asks again when it is back.
    """
    try:
        return is_told(asked, job, last)
    except Failure as e:
        if e.status != UNAVAILABLE:
            raise
        return False


def is_told(asked: Asked, job: str, last: int) -> bool:
    """Whether the story up to ``last`` is all of the job's. One that left the job view is over."""
    try:
        detail = asked.server.job(job)
    except Failure as e:
        if e.status != NO_SUCH_JOB:
            raise
        return not next(asked.server.events(job, last))["events"]
    return detail["state"] in ENDED_STATES and detail["position"] <= last


class Printer:
    """Events as rows or JSON, marks as words."""

    def __init__(self, asked: Asked) -> None:
        self._out = asked.out
        self._widths = WIDTHS_ON_TERMINAL if on_terminal(sys.stdout) else WIDTHS
        self._sequel = asked.out.sequel(StreamedEvent)
        self.printed = 0
        self.caught_up = False

    def show(self, found: Seen | Mark) -> None:
        """Print one."""
        if isinstance(found, Mark):
            self._mark(found)
            return
        self.printed += 1
        if self._out.for_people:
            self._out.row(self._row(found), self._widths, HEADINGS)
        else:
            self._sequel.add(found.text)

    def close(self) -> None:
        """End what was begun."""
        if not self._out.for_people:
            self._sequel.close()

    def _mark(self, mark: Mark) -> None:
        self.caught_up = self.caught_up or mark.words == CAUGHT_UP
        text = f"-- {mark.words} at {mark.position}{mark.why and f': {mark.why}'} --"
        if mark.words == PASSED:
            return
        if mark.words != CAUGHT_UP:
            warn(text)
        elif self._out.for_people and not self._out.quiet:
            self._out.row((text,), (0,))
        else:
            self._out.note(text)

    def _row(self, found: Seen) -> tuple[object, ...]:
        time, *said = cells(found.event, found.unreadable, self._out.utc)
        return found.position, time, found.aggregate, *said
