"""What must not go unnoticed: whatever is done to the stream itself, and an end of nats-server.

What of it makes the service read-only is the watchdog's to say.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.server import EmbeddedServer, ServerExit
from application.ports import Reporter

LOOK_SECONDS: Final = 0.5


def alarms_of(
    log: JetStreamLog, server: EmbeddedServer | None, reporter: Reporter
) -> Callable[[], Awaitable[None]]:
    """Looks until cancelled, and tells of each once."""

    async def watch() -> None:
        changes: tuple[str, ...] = ()
        exits: tuple[ServerExit, ...] = ()
        while True:
            for change in log.health.advisories:
                if change not in changes:
                    reporter("stream_advisory", what=change)
            for end in exits_of(server):
                if end not in exits:
                    reporter("nats_server_ended", status=end.status)
            changes, exits = log.health.advisories, exits_of(server)
            await asyncio.sleep(LOOK_SECONDS)

    return watch


def exits_of(server: EmbeddedServer | None) -> tuple[ServerExit, ...]:
    """Unexpected ends of the embedded server; an outside one is its operator's business."""
    return tuple(server.exits) if server is not None else ()
