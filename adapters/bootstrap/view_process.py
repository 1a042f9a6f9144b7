"""Building views in a process of its own, so that commands keep the service's processor time.

The service writes a ``ViewSource`` to its standard input, and reads one line of JSON for each step:
a ``Step``, or at the end ``Damage``. The process ends with status 0, or says why not.

    python -m adapters.bootstrap.view_process
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.views.files import SqliteViewFiles
from application.view_building import Build, Told, fill
from application.view_writer import ViewWriter
from domain.errors import Corrupt, CountermandError, Unavailable

NICE: Final = 5
"""Less of the processor than the service, when both want it."""

ERROR_CHARACTERS_MAX: Final = 2000
END_SECONDS: Final = 5.0


class ViewSource(Struct, frozen=True):
    """Where the stream is, and where the views go. ``name``: of the file to fill."""

    urls: tuple[str, ...]
    credentials_file: str
    monitor_urls: tuple[str, ...]
    accept_loss: str
    spec: StreamSpec
    directory: str
    log_id: str
    name: str = ""


class Step(Struct, frozen=True, tag="step"):
    """How far the build has come, and how far it goes."""

    position: int
    last: int


class Damage(Struct, frozen=True, tag="damage"):
    """The build ended at an event that cannot be folded."""

    message: str


def beside(source: ViewSource) -> Build:
    """A build that runs in a process beside the service."""

    async def build(name: str, told: Told) -> None:
        await run(replace(source, name=name), told)

    return build


async def run(source: ViewSource, told: Told) -> None:
    """Run the process to its end. Raises ``Corrupt`` as ``fill`` does, ``Unavailable`` else."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "adapters.bootstrap.view_process"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None, "a pipe was asked for"
    assert process.stdout is not None, "a pipe was asked for"
    assert process.stderr is not None, "a pipe was asked for"
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(msgspec.json.encode(source))
        process.stdin.close()
        damage = await heard(process.stdout, told)
        status, said = await process.wait(), (await errors).decode(errors="replace").strip()
    finally:
        await ended(process)
        errors.cancel()
    if damage is not None:
        raise Corrupt(damage.message)
    if status != 0:
        why = said[-ERROR_CHARACTERS_MAX:]
        raise Unavailable(f"the process that builds the views ended with status {status}: {why}")


async def heard(lines: AsyncIterator[bytes], told: Told) -> Damage | None:
    """Everything that the process says, to its end; the damage that it met, if it did."""
    damage = None
    async for line in lines:
        said = msgspec.json.decode(line, type=Step | Damage)
        if isinstance(said, Damage):
            damage = said
        else:
            told(said.position, said.last)
    return damage


async def ended(process: asyncio.subprocess.Process) -> None:
    """Have the process end, whatever it is doing."""
    if process.returncode is None:
        process.kill()
        await process.wait()


# --- in the process -------------------------------------------------------------------------------


async def build(source: ViewSource) -> None:
    """Fill the views with all that the stream holds now."""
    address = ServerAddress(source.urls, Path(source.credentials_file), "service")
    log = await JetStreamLog.open(
        address, source.spec, monitor_urls=source.monitor_urls, accept_loss=source.accept_loss
    )
    try:
        files = SqliteViewFiles(Path(source.directory), source.log_id)
        store = files.open(source.name)
        try:
            await fill(log, ViewWriter(store), lambda position, last: say(Step(position, last)))
        except Corrupt as error:
            say(Damage(error.message))
        finally:
            store.close()
    finally:
        await log.close()


def say(what: Step | Damage) -> None:
    """One line for the service."""
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """The process."""
    os.umask(0o077)
    os.nice(NICE)
    source = msgspec.json.decode(sys.stdin.buffer.read(), type=ViewSource)
    try:
        asyncio.run(build(source))
    except CountermandError as error:
        sys.stderr.write(error.message + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
