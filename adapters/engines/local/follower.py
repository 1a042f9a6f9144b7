"""The service's side of one warden: commands out, notes in, and what to do when it falls silent."""

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from adapters.engines.local import leftovers, notes, procfs
from adapters.engines.local.cgroups import Cgroup
from adapters.engines.local.notes import Note, Record, Reply
from adapters.engines.local.talk import SOCKET_NAME
from application.engine import RunKey, RunPhase
from domain.errors import Unavailable

COMMAND_SECONDS_MAX: Final = 10.0
RECONNECT_SECONDS: Final = 0.1
GONE_SECONDS_MAX: Final = 5.0
SETTLE_SECONDS_MAX: Final = 10.0
LOOK_SECONDS: Final = 0.005
ERRORS_NAME: Final = "warden.err"
LAST_WORDS_MAX: Final = 200
WARDEN: Final = Path(__file__).with_name("warden.py")

Changed = Callable[[Record, Record], None]


class Follower:
    """Follows one run until nothing more can be noted of it.

    ``changed`` is called with the record before and after each note. A warden that cannot be
    reached but lives is connected to again; one that died is looked after: what it left is killed,
    and the record says lost.
    """

    def __init__(
        self, directory: Path, record: Record, changed: Changed, kill_seconds: float
    ) -> None:
        self.directory = directory
        self.record = record
        self._changed = changed
        self._kill_seconds = kill_seconds
        self._writer: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._news = asyncio.Condition()
        self._replies: dict[int, asyncio.Future[str]] = {}
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    def start(self, connection: socket.socket | None = None) -> None:
        """Begin to follow: over a connection that is there, or a new one."""
        if self._task is None and not self.record.over:
            self._task = asyncio.create_task(self._follow(connection))

    async def settle(self) -> None:
        """Know where the run stands now: its warden is connected, or the run is over."""
        self.start()
        if self._task is None:
            await self._bury()
            return
        connected = asyncio.create_task(self._connected.wait())
        await asyncio.wait(
            {connected, self._task}, timeout=SETTLE_SECONDS_MAX, return_when=FIRST_COMPLETED
        )
        connected.cancel()

    async def command(self, *words: str) -> None:
        """Have the warden carry out a command. Returns when it is noted, or the run is over.

        Said again when the connection is cut meanwhile: a warden does nothing twice.
        """
        error = ""
        try:
            async with asyncio.timeout(COMMAND_SECONDS_MAX):
                while not self._over():
                    try:
                        error = await self._ask(" ".join(words))
                        break
                    except OSError:
                        await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            name = self.directory.name
            raise Unavailable(
                f"the warden of run {name} does not answer", code="engine_unavailable"
            ) from None
        if error:
            raise Unavailable(f"the warden refused {words[0]}: {error}", code="engine_unavailable")

    async def until(self, reached: Callable[[Record], bool], seconds_max: float) -> bool:
        """Wait until the record is so; False when it was not in time."""
        try:
            async with asyncio.timeout(seconds_max), self._news:
                await self._news.wait_for(lambda: reached(self.record))
        except TimeoutError:
            return False
        return True

    async def finish(self) -> None:
        """Wait, within bounds, until the warden of a run that is over has gone; then let go."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=GONE_SECONDS_MAX)
        await self.close()

    async def close(self) -> None:
        """Let go of the warden, which goes on by itself."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disconnect()

    # --- commands ---------------------------------------------------------------------------------

    async def _ask(self, line: str) -> str:
        if self._writer is None:
            raise ConnectionError("not connected")
        self._number += 1
        number = self._number
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replies[number] = answer
        try:
            self._writer.write(f"{number} {line}\n".encode("ascii"))
            await self._writer.drain()
            return await answer
        finally:
            del self._replies[number]

    # --- following --------------------------------------------------------------------------------

    async def _follow(self, connection: socket.socket | None) -> None:
        while not self._over():
            with contextlib.suppress(OSError):
                if connection is None:
                    connection = await asyncio.to_thread(self._connect)
                await self._listen(connection)
            connection = None
            await self._take(await asyncio.to_thread(notes.read, self.directory, self._key))
            if not self._over() and await self._is_gone():
                await self._lose()
            if not self._over():
                await asyncio.sleep(RECONNECT_SECONDS)
        await self._bury()

    def _over(self) -> bool:
        return self.record.over

    @property
    def _key(self) -> RunKey:
        return self.record.status.key

    async def _listen(self, connection: socket.socket) -> None:
        reader, self._writer = await asyncio.open_unix_connection(sock=connection)
        self._connected.set()
        try:
            while line := await reader.readline():
                await self._hear(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ConnectionError(f"the warden does not speak the protocol: {error}") from error
        finally:
            await self._disconnect()

    async def _hear(self, line: bytes) -> None:
        match notes.decode(line):
            case Reply(reply=number, error=error):
                answer = self._replies.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(error)
            case Note() as note:
                await self._take(notes.apply(self.record, note, self.directory.name))

    async def _take(self, record: Record) -> None:
        """Believe the longer of two records."""
        if record.n <= self.record.n:
            return
        before, self.record = self.record, record
        async with self._news:
            self._news.notify_all()
        self._changed(before, record)

    async def _disconnect(self) -> None:
        self._connected.clear()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        for answer in self._replies.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the warden hung up"))

    def _connect(self) -> socket.socket:
        """A connection to the warden itself, not to another process. Raises ``OSError``.

        Through a descriptor of the directory: a socket's path may not exceed 107 bytes.
        """
        directory = os.open(self.directory, os.O_PATH | os.O_CLOEXEC)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(COMMAND_SECONDS_MAX)
            connection.connect(f"/proc/self/fd/{directory}/{SOCKET_NAME}")
            self._check_peer(connection)
        except BaseException:
            connection.close()
            raise
        finally:
            os.close(directory)
        connection.setblocking(False)
        return connection

    def _check_peer(self, connection: socket.socket) -> None:
        size = struct.calcsize("3i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        handle = self.record.status.handle
        if handle is None or struct.unpack("3i", credentials)[0] != handle.pid:
            raise ConnectionError("another process listens in the warden's place")

    # --- the end ----------------------------------------------------------------------------------

    async def _is_gone(self) -> bool:
        """Whether the warden has died: its connection is cut a moment before its end shows."""
        handle = self.record.status.handle
        if handle is None or handle.boot_id != procfs.boot_id():
            return True
        deadline = time.monotonic() + GONE_SECONDS_MAX
        while procfs.is_alive(handle.pid, handle.start_ticks):
            if time.monotonic() > deadline or await asyncio.to_thread(self._answers):
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except OSError:
            return False
        return True

    async def _lose(self) -> None:
        """The warden died before the end: kill what it left, and say so in its place."""
        record = await asyncio.to_thread(
            lose, self.directory, notes.read(self.directory, self._key), self._kill_seconds
        )
        await self._take(record)

    async def _bury(self) -> None:
        """Reap the warden if it is this process's child, and remove the run's cgroup."""
        await asyncio.to_thread(self._bury_now)

    def _bury_now(self) -> None:
        handle = self.record.status.handle
        ours = handle is not None and handle.boot_id == procfs.boot_id()
        deadline = time.monotonic() + GONE_SECONDS_MAX
        while handle is not None and ours and time.monotonic() < deadline:
            if not reap(handle.pid, handle.start_ticks):
                break
            time.sleep(LOOK_SECONDS)
        if self.record.cgroup:
            Cgroup(self.record.cgroup).remove()


def reap(pid: int, start_ticks: int) -> bool:
    """Reap that warden if it is a child of this process and has ended; True while it lives."""
    found = procfs.process(pid)
    if found is None or found.start_ticks != start_ticks:
        return False
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return found.living


def lose(directory: Path, record: Record, kill_seconds: float) -> Record:
    """What became of a run whose warden is dead, noted durably in the warden's place."""
    handle = record.status.handle
    restarted = handle is None or handle.boot_id != procfs.boot_id()
    killed, left = (0, 0) if restarted else leftovers.sweep(record, directory.name, kill_seconds)
    ended = record.status.phase is RunPhase.ENDED
    if ended and left:
        return record
    what = "survivors_gone" if ended else "lost"
    why = "the machine restarted" if restarted else f"the warden died{_last_words(directory)}"
    note = Note(
        record.n + 1,
        what,
        at_ms=time.time_ns() // 1_000_000,
        reason=_sentence(why, record.went, killed, left) + ("" if restarted else _doubt(record)),
        killed=killed,
        survivors=left,
    )
    try:
        return notes.add(directory, record, note)
    except OSError:
        return notes.apply(record, note, directory.name)


def _last_words(directory: Path) -> str:
    """What a warden said when it ended over an error of its own."""
    try:
        lines = (directory / ERRORS_NAME).read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return f" ({lines[-1][:LAST_WORDS_MAX]})" if lines else ""


def _sentence(why: str, went: bool, killed: int, left: int) -> str:
    if not went:
        return f"{why} before the word to go; nothing ran"
    if left:
        return f"{why}; {killed} processes left behind were sent SIGKILL, {left} outlived it"
    return f"{why}; {killed} processes left behind were killed" if killed else why


def _doubt(record: Record) -> str:
    """Without a cgroup nobody can be sure that all was found."""
    if record.cgroup or not record.went:
        return ""
    return "; without a cgroup, processes that cleared their environment may have been missed"


def spawn(directory: Path) -> socket.socket:
    """Start a warden in its directory; the connection to it. It inherits nothing else.

    It is reaped by pid (``reap``), so the ``Popen`` object is told not to care.
    """
    ours, theirs = socket.socketpair()
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    with theirs, open(directory / ERRORS_NAME, "wb") as errors:
        os.chmod(directory / ERRORS_NAME, 0o600)
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WARDEN), str(directory)],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=kept,
            cwd="/",
            start_new_session=True,
        )
        child.returncode = 0
    ours.setblocking(False)
    return ours
