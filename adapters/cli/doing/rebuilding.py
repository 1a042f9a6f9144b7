"""Having the views built anew, and watching it to its end, through cuts of the connection."""

import gc
import time
from collections.abc import Callable
from typing import Final

from adapters.cli.doing.progress import Progress
from adapters.cli.exits import CONFLICT, DIFFERENT, DONE, FAILURE, UNAVAILABLE, Failure
from adapters.cli.printing.moments import shown
from adapters.cli.reaching.view_shapes import Rebuild
from adapters.cli.typed.options import Asked

POLL_SECONDS: Final = 0.25
AWAY_SECONDS_MAX: Final = 30.0
HEADINGS: Final = ("TABLE", "ROWS", "FIRST")


def rebuild(asked: Asked) -> int:
    """Begin a rebuild, or go along with the one under way, and say how it ended."""
    gc.enable()
    asked.out.check(Rebuild)
    found = begun(asked)
    with Progress(asked, "rebuilding the views", max(1, found["last"]), lines=True) as progress:
        ended = watched(asked, found, progress)
    return told(asked, ended)


def begun(asked: Asked) -> Rebuild:
    """The rebuild that was begun, or is under way."""
    try:
        found = asked.server.rebuild()["rebuild"]
    except Failure as e:
        found = asked.server.projections()["rebuild"] if e.status == CONFLICT else None
        if found is None or not found["running"]:
            raise
        since = shown(found["began_at"], asked.out.utc)
        asked.out.note(f"the views are being rebuilt already, since {since}")
    if found is None:
        raise Failure(FAILURE, "the server began no rebuild; is it Countermand?")
    return found


def watched(
    asked: Asked,
    found: Rebuild,
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Rebuild:
    """The rebuild at its end. ``Failure`` 75 when the service stays away, or forgot about it."""
    began_at, heard_at = found["began_at"], clock()
    while found["running"]:
        progress.reached(min(found["position"], found["last"]))
        pause(POLL_SECONDS)
        try:
            now, heard_at = asked.server.projections()["rebuild"], clock()
        except Failure as e:
            if e.status != UNAVAILABLE or clock() - heard_at > AWAY_SECONDS_MAX:
                raise
            continue
        if now is None or now["began_at"] != began_at:
            words = "the service was started again, and the rebuild ended with the old one"
            raise Failure(UNAVAILABLE, words, "ask for it again", "rebuild_lost")
        found = now
    progress.reached(found["last"])
    return found


def told(asked: Asked, ended: Rebuild) -> int:
    """Say how it ended."""
    out = asked.out
    if not out.for_people:
        out.value(ended, Rebuild)
    elif not out.quiet and not ended["error"]:
        out.line(f"the views were built anew up to event {ended['position']}: {verdict(ended)}")
    if out.for_people and ended["differences"]:
        rows = ((x["table"], x["rows"], x["first"]) for x in ended["differences"])
        out.table(HEADINGS, rows)
    if ended["error"]:
        raise failed(ended)
    return DIFFERENT if ended["differences"] else DONE


def failed(ended: Rebuild) -> Failure:
    """Why it failed, and which views are in use now.

    Views that end at an event nobody can read take the place of old ones that end there too.
    """
    if ended["compared"]:
        there = f"the new ones are in use: like the old ones they end at {ended['position']}"
    else:
        there = "the views in use stay as they are"
    return Failure(FAILURE, f"the rebuild failed: {ended['error']}", there)


def verdict(ended: Rebuild) -> str:
    """The comparison with what was in use."""
    if not ended["compared"]:
        return "there was nothing at the same position to compare them with"
    if ended["equal"]:
        return "equal to the views in use, row for row"
    count = sum(x["rows"] for x in ended["differences"])
    return f"they DIFFER from the views that were in use, in {count} rows"
