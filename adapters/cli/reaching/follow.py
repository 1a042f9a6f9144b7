"""The live stream through cuts: goes on after the last event given; none lost, none twice."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from adapters.cli.exits import FAILURE, UNAVAILABLE, Failure
from adapters.cli.reaching.client import Lost, Response
from adapters.cli.reaching.server import Rejected
from adapters.cli.reaching.shapes import CloudEvent
from adapters.cli.reaching.sse import frames

CAUGHT_UP: Final = "caught up"
PASSED: Final = "passed"
MARKS: Final = {"caught-up": CAUGHT_UP, "position": PASSED}
POSITIONS: Final = frozenset(MARKS.values())
"""What the server says of a position; the other marks are about the connection."""

PAUSES_SECONDS: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Seen(NamedTuple):
    """One event; ``text`` is the JSON as it came. ``unreadable``: why it is no known event."""

    position: int
    aggregate: str
    event: CloudEvent | None
    text: str
    unreadable: str = ""


class Mark(NamedTuple):
    """Something that is no event, and the position it is said at.

    ``words``: ``caught up``, ``connection lost`` (and ``why``, where the server said it),
    ``connected again``; ``passed`` says only that nothing more is to be seen up to there.
    """

    words: str
    position: int
    why: str = ""


Open = Callable[[int | None], Response]


def follow(
    open_after: Open,
    after: int | None,
    live: bool = True,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Seen | Mark]:
    """Events after ``after``, and marks: without end, or, unless ``live``, to the backlog's end.

    ``after`` is None where only the server knows where it begins; it is asked so again until it has
    said it. The first connection must succeed; later ones are tried for ever, with growing pauses.
    ``Failure`` for what trying again does not mend.
    """
    last, failed, lost = after, 0, False
    response: Response | None = open_after(last)
    while True:
        why = ""
        try:
            with response or open_after(last) as stream:
                if lost:
                    lost = False
                    yield Mark("connected again", last or 0)
                for found in frames_of(stream):
                    failed = 0
                    if isinstance(found, Mark):
                        last = max(last or 0, found.position)
                        yield found
                        if found.words == CAUGHT_UP and not live:
                            return
                    elif last is None or found.position > last:
                        yield found
                        last = found.position
        except (Lost, Failure) as e:
            if isinstance(e, Failure):
                if e.status != UNAVAILABLE:
                    raise
                why = e.sentence
        response = None
        if not lost:
            lost = True
            yield Mark("connection lost", last or 0, why)
        pause(PAUSES_SECONDS[min(failed, len(PAUSES_SECONDS) - 1)])
        failed += 1


def frames_of(stream: Response) -> Iterator[Seen | Mark]:
    """The events and marks of one connection."""
    try:
        for frame in frames(stream.pieces()):
            data = json.loads(frame.data)
            if frame.event == "error":
                raise Rejected(int(data.get("status", 500)), data, "the server")
            words = MARKS.get(frame.event)
            yield mark(words, data) if words else seen(data, frame.data)
    except (ValueError, KeyError, TypeError) as e:
        raise Failure(FAILURE, f"the stream of events was not understood: {e}") from e


def mark(words: str, data: dict[str, Any]) -> Mark:
    """What the server says of a position."""
    return Mark(words, int(data["position"]))


def seen(data: dict[str, Any], text: str) -> Seen:
    """An event."""
    event, why = data["event"], data.get("unreadable", "")
    return Seen(int(data["position"]), data["aggregate"], event, text, why)
