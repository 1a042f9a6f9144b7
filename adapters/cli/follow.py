"""The live stream through cuts: goes on after the last event given; none lost, none twice."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from adapters.cli.client import Lost, Response
from adapters.cli.exits import FAILURE, UNAVAILABLE, Failure
from adapters.cli.server import Rejected
from adapters.cli.shapes import CloudEvent
from adapters.cli.sse import frames

CAUGHT_UP: Final = "caught up"
PAUSES_SECONDS: Final = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Seen(NamedTuple):
    """One event; ``text`` is the JSON as it came."""

    position: int
    aggregate: str
    event: CloudEvent
    text: str


class Mark(NamedTuple):
    """``caught up``, ``connection lost`` or ``connected again``, and the position it is said at."""

    words: str
    position: int


Open = Callable[[int], Response]


def follow(
    open_after: Open, after: int, live: bool = True, pause: Callable[[float], None] = time.sleep
) -> Iterator[Seen | Mark]:
    """Events after ``after``, and marks: without end, or, unless ``live``, to the backlog's end.

    The first connection must succeed; later ones are tried for ever, with growing pauses.
    ``Failure`` for what trying again does not mend.
    """
    last, failed, lost = after, 0, False
    response: Response | None = open_after(last)
    while True:
        try:
            with response or open_after(last) as stream:
                if lost:
                    lost = False
                    yield Mark("connected again", last)
                for found in frames_of(stream):
                    failed = 0
                    if isinstance(found, Mark):
                        yield found
                        if not live:
                            return
                    elif found.position > last:
                        yield found
                        last = found.position
        except (Lost, Failure) as e:
            if isinstance(e, Failure) and e.status != UNAVAILABLE:
                raise
        response = None
        if not lost:
            lost = True
            yield Mark("connection lost", last)
        pause(PAUSES_SECONDS[min(failed, len(PAUSES_SECONDS) - 1)])
        failed += 1


def frames_of(stream: Response) -> Iterator[Seen | Mark]:
    """The events and marks of one connection."""
    try:
        for frame in frames(stream.pieces()):
            data = json.loads(frame.data)
            if frame.event == "error":
                raise Rejected(int(data.get("status", 500)), data, "the server")
            yield mark(data) if frame.event == "caught-up" else seen(data, frame.data)
    except (ValueError, KeyError, TypeError) as e:
        raise Failure(FAILURE, f"the stream of events was not understood: {e}") from e


def mark(data: dict[str, Any]) -> Mark:
    """The end of the backlog."""
    return Mark(CAUGHT_UP, int(data["position"]))


def seen(data: dict[str, Any], text: str) -> Seen:
    """An event."""
    return Seen(int(data["position"]), data["aggregate"], data["event"], text)
