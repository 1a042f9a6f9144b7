"""Filter programs as processes of this machine, each below an usher of its own."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.engines.local.procfs import Process, all_pids, read_bytes, send_signal
from adapters.engines.local.procfs import process as process_of
from adapters.filters import usher
from adapters.filters.checks import refusal
from application.filters import OUTPUT_BYTES_MAX, FilterCall, FilterRun
from domain.errors import Unavailable
from domain.states import FilterHow

PATH: Final = "/usr/local/bin:/usr/bin:/bin"
FILE_NAME: Final = "job.xml"
ERRORS_NAME: Final = "errors"
WORK_NAME: Final = "work"
FILE_GROWTH_BYTES_MAX: Final = 1024 * 1024
READ_BYTES: Final = 256 * 1024
SAID_BYTES_MAX: Final = OUTPUT_BYTES_MAX + 64 * 1024
LATE_SECONDS_MAX: Final = 20.0
"""How long after the program's time an usher may still be busy with its end."""

END_SECONDS_MAX: Final = 2.0
LOOK_SECONDS: Final = 0.01
PLACE: Final = "TMPDIR"
"""The variable that tells a filter, and all that it starts, where its own directory is."""


class Said(Struct, frozen=True):
    """The usher's line."""

    exit_code: int | None
    signal: int | None
    timed_out: bool
    reason: str


class LocalFilters:
    """``FilterPrograms``. ``directory``: of this service alone; each run has a place in it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()
        self._ours = f"{secrets.token_hex(4)}-"
        self._swept = False

    async def run(self, call: FilterCall) -> FilterRun:
        no = await asyncio.to_thread(refusal, call.program)
        if no is not None:
            return no
        try:
            place = await asyncio.to_thread(self._make_place, call.file)
        except OSError as error:
            raise Unavailable(f"the job's file cannot be written: {error}") from error
        try:
            said = await self._usher(call, place)
            file = await asyncio.to_thread(read_back, place / FILE_NAME, len(call.file))
            return run_of(call, said, file)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, place, True))

    def _make_place(self, file: bytes) -> Path:
        """A directory for one run. What an earlier service left is removed first."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._swept:
            self._swept = True
            for left in self._directory.iterdir():
                if not left.name.startswith(self._ours):
                    shutil.rmtree(left, ignore_errors=True)
        place = Path(tempfile.mkdtemp(prefix=self._ours, dir=self._directory))
        (place / WORK_NAME).mkdir(mode=0o700)
        fd = os.open(place / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as target:
            target.write(file)
        return place

    async def _usher(self, call: FilterCall, place: Path) -> bytes:
        """What the usher of this run says. However this ends, the usher and all below it end."""
        process = await start(call, place)
        try:
            assert process.stdout is not None, "it is a pipe"
            async with asyncio.timeout(call.seconds + LATE_SECONDS_MAX):
                said = await all_of(process.stdout)
        except TimeoutError:
            said = b""
        finally:
            await asyncio.shield(end(process, place))
        if b"\n" not in said:
            words = (place / ERRORS_NAME).read_text(errors="replace")[-500:]
            raise Unavailable(f"the keeper of the filter ended without a word: {words}")
        return said


async def start(call: FilterCall, place: Path) -> asyncio.subprocess.Process:
    """The usher, with the lifeline in our hands. Raises ``Unavailable``."""
    arguments = (str(call.seconds), call.program, str(place / FILE_NAME), *call.arguments)
    try:
        with (place / ERRORS_NAME).open("wb") as errors:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", usher.__file__),
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=place / WORK_NAME,
                env=environment(call, place),
                start_new_session=True,
            )
    except OSError as error:
        raise Unavailable(f"no process can be made for the filter: {error}") from error


async def all_of(stream: asyncio.StreamReader) -> bytes:
    """What an usher may say at most."""
    said = b""
    while len(said) < SAID_BYTES_MAX and (data := await stream.read(SAID_BYTES_MAX)):
        said += data
    return said


async def end(process: asyncio.subprocess.Process, place: Path) -> None:
    """Let go of the lifeline; what an usher that was killed has left is found and killed here."""
    assert process.stdin is not None, "it is a pipe"
    process.stdin.close()
    try:
        async with asyncio.timeout(END_SECONDS_MAX):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode != 0:
        await asyncio.to_thread(sweep, place)


def sweep(place: Path) -> None:
    """SIGKILL to whatever carries the place of a run in its environment. Blocks, for a moment."""
    mark = f"{PLACE}={place / WORK_NAME}".encode()
    deadline = time.monotonic() + END_SECONDS_MAX
    while (left := carriers(mark)) and time.monotonic() < deadline:
        for one in left:
            send_signal(one, signal.SIGKILL)
        time.sleep(LOOK_SECONDS)


def carriers(mark: bytes) -> list[Process]:
    """Living processes with this variable."""
    found = []
    for pid in all_pids():
        with suppress(OSError):
            variables = read_bytes(f"/proc/{pid}/environ").split(b"\0")
            one = process_of(pid) if mark in variables else None
            if one is not None and one.living:
                found.append(one)
    return found


def environment(call: FilterCall, place: Path) -> dict[str, str]:
    """All that a filter finds in its environment."""
    try:
        own = pwd.getpwuid(os.geteuid())
        name, home = own.pw_name, own.pw_dir
    except KeyError:
        name, home = str(os.geteuid()), "/"
    return {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": home,
        "USER": name,
        "LOGNAME": name,
        PLACE: str(place / WORK_NAME),
        "CCP_JOBID": str(call.job),
        "COUNTERMAND_FILTER": call.kind,
    }


def run_of(call: FilterCall, said: bytes, file: bytes | None) -> FilterRun:
    """The usher's words as the port's."""
    line, _, output = said.partition(b"\n")
    try:
        told = msgspec.json.decode(line, type=Said)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the keeper of the filter cannot be understood: {error}") from None
    output = output[:OUTPUT_BYTES_MAX]
    if told.timed_out:
        late = f"it was killed after {call.seconds:g} seconds"
        return FilterRun(FilterHow.TIMED_OUT, output=output, file=file, reason=late)
    if told.reason:
        reason = f"{call.program} cannot be started: {told.reason}"
        return FilterRun(FilterHow.INVALID, output=output, file=file, reason=reason)
    return FilterRun(FilterHow.RAN, told.exit_code, told.signal, output, file)


def read_back(path: Path, before_bytes: int) -> bytes | None:
    """The job's file as the filter left it; None for what is not a file of a likely size."""
    bytes_max = before_bytes + FILE_GROWTH_BYTES_MAX
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        data = b""
        while len(data) <= bytes_max and (more := os.read(fd, READ_BYTES)):
            data += more
    finally:
        os.close(fd)
    return data if len(data) <= bytes_max else None
