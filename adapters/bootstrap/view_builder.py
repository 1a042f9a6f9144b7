"""The process that builds views beside the service. Run as a script, with what to do on its input.

    python -P view_builder.py

Its first line of input is a ``ViewSource``. It says a line of JSON for each step: a ``Step``, or at
the end ``Damage``. It ends with status 0, or says why not; and at once when its input ends, because
then the service is gone.
"""

import os
import sys
import threading
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from msgspec import Struct

from adapters.bootstrap.collector import relax_collector
from adapters.bootstrap.view_place import view_files
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from application.view_building import fill
from application.view_writer import ViewWriter
from domain.errors import Corrupt, CountermandError

NICE: Final = 10
"""Less of the processor than the service, when both want it."""

LEFT_ALONE: Final = 3
"""The status with which it ends because the service has."""

NOT_BUILT: Final = 4
"""The status with which it ends when it has said why, in words for everybody."""

ERROR_CHARACTERS_MAX: Final = 2000
STDIN: Final = 0


class ViewSource(Struct, frozen=True):
    """Where the stream is, and where the views go. ``name``: of the file to fill; ``database``:
    where that is instead of in ``directory``, "" for there.

    ``until``: the last event to fold; 0 for all that there are.
    """

    urls: tuple[str, ...]
    credentials_file: str
    monitor_urls: tuple[str, ...]
    accept_loss: str
    spec: StreamSpec
    directory: str
    log_id: str
    database: str = ""
    name: str = ""
    until: int = 0


class Step(Struct, frozen=True, tag="step"):
    """How far the build has come, and how far it goes."""

    position: int
    last: int


class Damage(Struct, frozen=True, tag="damage"):
    """The build ended at an event that cannot be folded."""

    message: str


async def build(source: ViewSource) -> None:
    """Fill the views with all that the stream holds now."""
    address = ServerAddress(source.urls, Path(source.credentials_file), "service")
    log = await JetStreamLog.open(
        address, source.spec, monitor_urls=source.monitor_urls, accept_loss=source.accept_loss
    )
    try:
        files = view_files(source.database, Path(source.directory), source.log_id)
        store = files.open(source.name)
        try:
            told = lambda position, last: say(Step(position, last))  # noqa: E731
            await fill(log, ViewWriter(store), told, source.until or None)
        except Corrupt as error:
            say(Damage(error.message[:ERROR_CHARACTERS_MAX]))
        finally:
            store.close()
    finally:
        await log.close()


def say(what: Step | Damage) -> None:
    """One line for the service."""
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


def end_with_the_service() -> None:
    """The input stays open as long as the service lives; nothing more comes by it."""
    while os.read(STDIN, 1):
        pass
    os._exit(LEFT_ALONE)


def main() -> int:
    """The process."""
    os.umask(0o077)
    os.nice(NICE)
    source = msgspec.json.decode(sys.stdin.buffer.readline(), type=ViewSource)
    threading.Thread(target=end_with_the_service, daemon=True).start()
    relax_collector()
    try:
        uvloop.run(build(source))
    except CountermandError as error:
        sys.stderr.write(error.message + "\n")
        return NOT_BUILT
    return 0


if __name__ == "__main__":
    sys.exit(main())
