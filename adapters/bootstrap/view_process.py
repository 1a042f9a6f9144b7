"""Building views in a process of its own, so that commands keep the service's processor time."""

import asyncio
import sys
from collections.abc import AsyncIterator

import msgspec
from msgspec.structs import replace

from adapters.bootstrap import view_builder
from adapters.bootstrap.view_builder import (
    ERROR_CHARACTERS_MAX,
    NOT_BUILT,
    Damage,
    Step,
    ViewSource,
)
from application.ports import Reporter
from application.view_building import Build, Told
from domain.errors import Corrupt, Unavailable


def beside(source: ViewSource, reporter: Reporter) -> Build:
    """A build that runs in a process beside the service."""

    async def build(name: str, told: Told) -> None:
        await run(replace(source, name=name), told, reporter)

    return build


async def run(source: ViewSource, told: Told, reporter: Reporter) -> None:
    """Run the process to its end. Raises ``Corrupt`` as ``fill`` does, ``Unavailable`` else.

    The error is for everybody. Of a defect it says only the last line; the traceback is reported.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", str(view_builder.__file__)),  # -P: no code from where it starts
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None, "a pipe was asked for"
    assert process.stdout is not None, "a pipe was asked for"
    assert process.stderr is not None, "a pipe was asked for"
    errors = asyncio.create_task(process.stderr.read())
    try:
        process.stdin.write(msgspec.json.encode(source) + b"\n")
        damage = await heard(process.stdout, told)
        status, said = await process.wait(), (await errors).decode(errors="replace").strip()
    finally:
        await ended(process)
        errors.cancel()
    if damage is not None:
        raise Corrupt(damage.message)
    if status != 0:
        why = said[-ERROR_CHARACTERS_MAX:]
        if status != NOT_BUILT:
            reporter("view_builder_failed", status=status, said=why)
            why = why.rpartition("\n")[2]
        raise Unavailable(
            f"the process that builds the views {how_ended(status)}{why and f': {why}'}"
        )


def how_ended(status: int) -> str:
    """In words, of a process that did not end well."""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


async def heard(lines: AsyncIterator[bytes], told: Told) -> Damage | None:
    """Everything that the process says, to its end; the damage that it met, if it did.

    Raises ``Unavailable`` for half a line: it was ended in the middle.
    """
    damage = None
    async for line in lines:
        try:
            said = msgspec.json.decode(line, type=Step | Damage)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"the process that builds the views said {line[:80]!r}") from error
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
