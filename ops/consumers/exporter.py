"""Exports the stream to ndjson files, one a day: every event exactly once, by its position.

    python -m ops.consumers.exporter --directory /var/lib/countermand-export --until-caught-up

Killed at any moment and started again, it leaves the same bytes as if it had never been killed.
Each line holds position, subject and the stored bytes; ``days`` says how the files are kept. It
refuses to go on with another stream, with one that is shorter than what was exported, with one that
has another event at the position that was reached, and with one that has a gap.
"""

import argparse
import sys
from pathlib import Path

from ops.consumers import place, running
from ops.consumers.days import Days
from ops.consumers.errors import Refused
from ops.consumers.following import Event, feed
from ops.consumers.keeping import locked
from ops.consumers.log import log
from ops.consumers.running import Session, ending, in_sessions, run
from ops.consumers.wire import Mark


class Exporter:
    """Writes what the stream holds, from where the files end."""

    def __init__(self, days: Days) -> None:
        self._days = days

    async def session(self, session: Session) -> None:
        """From the end of the files on, for as long as the connection lasts."""
        mark = self._days.mark
        if mark is None:
            mark = await session.connection.mark(0)
            self._days.begin(mark)
        await session.connection.check(mark, str(self._days.directory))
        async with feed(session.connection, mark.position) as events:
            await session.each(events, self._add)
        log("exported", position=self._position)

    async def _add(self, events: list[Event]) -> None:
        check_no_gap(self._position, events)
        self._days.add(events)

    @property
    def _position(self) -> int:
        mark: Mark | None = self._days.mark
        return 0 if mark is None else mark.position


def check_no_gap(after: int, events: list[Event]) -> None:
    """Raises ``Refused`` unless the events follow ``after``, each the one before."""
    for expected, event in enumerate(events, start=after + 1):
        if event.position != expected:
            raise Refused(
                f"the stream has no event {expected}, but {event.position}: events were removed "
                "from it. Countermand never does that; look at the stream before exporting on"
            )


def main(arguments: list[str] | None = None) -> int:
    """Run the exporter; the exit status."""
    options = parser().parse_args(arguments)
    return run(lambda: export(options))


async def export(options: argparse.Namespace) -> None:
    """Everything, with these options. Raises ``Misuse``, ``Refused``, ``Unavailable``."""
    told = place.told(options)
    with locked(options.directory, 0o750):
        exporter = Exporter(Days(options.directory))
        await in_sessions(told, exporter.session, ending(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="exporter", description="Export the stream to ndjson files, one a day, exactly once."
    )
    made.add_argument(
        "--directory",
        metavar="DIR",
        type=Path,
        required=True,
        help="where the files are; one exporter a directory",
    )
    running.add_options(made)
    place.add_options(made)
    return made


if __name__ == "__main__":
    sys.exit(main())
