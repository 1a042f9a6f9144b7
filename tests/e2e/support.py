"""A service in a process of its own, met only from outside: its files, HTTP, command line, stream.

Everything of a test lies in one short directory below /tmp that other accounts may pass through:
tasks run as nobody, and leave traces there. Whatever carries that directory's name in its command
line or environment belongs to the test, and is gone when the test is over.
"""

import asyncio
import gc
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import httpx
import nats
import pytest

from adapters.engines.local.procfs import Process, all_pids, process, read_bytes
from tests.support.processes import is_root

ROOT: Final = Path(__file__).parents[2]
COUNTERMAND: Final = str(Path(sys.executable).with_name("countermand"))
PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.02
STOP_SECONDS_MAX: Final = 5.0
NOBODY: Final = 65534
ENVIRONMENT_PASSED_ON: Final = ("HOME", "PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
Json = dict[str, Any]

needs_root = pytest.mark.skipif(not is_root(), reason="tasks have an account of their own")


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds:.0f} s"
        time.sleep(LOOK_SECONDS)


# --- what an outsider finds on the stream ---------------------------------------------------------


class Message(NamedTuple):
    """One message of the stream, as a reader gets it."""

    sequence: int
    subject: str
    raw: bytes

    @property
    def event(self) -> Json:
        found = json.loads(self.raw)
        assert isinstance(found, dict)
        return found

    @property
    def type(self) -> str:
        """The event's short name."""
        return str(self.event["type"]).split(".")[1]

    @property
    def data(self) -> Json:
        found = self.event["data"]
        assert isinstance(found, dict)
        return found

    @property
    def aggregate(self) -> str:
        """Kind and id, from the subject."""
        _, _, kind, name, _ = self.subject.split(".")
        return f"{kind}/{name}"


async def read_stream(endpoint: Json, login: dict[str, str]) -> list[Message]:
    """Every message there is, through the reader's credentials and the ordinary client."""
    client = await nats.connect(
        endpoint["nats_url"],
        user=login["user"],
        password=login["password"],
        inbox_prefix=b"_INBOX.reader",
        allow_reconnect=False,
    )
    try:
        stream, jetstream = endpoint["stream"], client.jetstream()
        last = (await jetstream.stream_info(stream)).state.last_seq
        found = []
        for sequence in range(1, last + 1):
            message = await jetstream.get_msg(stream, sequence, direct=True)
            assert message.subject is not None
            assert message.data is not None
            found.append(Message(sequence, message.subject, message.data))
        return found
    finally:
        await client.close()


def assert_chained(messages: list[Message]) -> None:
    """Versions 1, 2, 3 without a gap, each event with the SHA-256 of the last one's bytes."""
    ends: dict[str, tuple[int, str]] = {}
    for message in messages:
        version, digest = ends.get(message.aggregate, (0, ""))
        event = message.event
        assert event["aggregateversion"] == version + 1, message
        assert event.get("previoushash", "") == digest, message
        assert event["subject"] == message.aggregate
        ends[message.aggregate] = version + 1, hashlib.sha256(message.raw).hexdigest()
    ids = [message.event["id"] for message in messages]
    assert len(set(ids)) == len(ids)


# --- processes ------------------------------------------------------------------------------------


def belonging_to(text: str) -> list[Process]:
    """Living processes that carry ``text`` in command line or environment, but not this one."""
    found = []
    for pid in all_pids():
        try:
            said = read_bytes(f"/proc/{pid}/cmdline") + read_bytes(f"/proc/{pid}/environ")
        except OSError:
            continue
        one = process(pid)
        if text.encode() in said and pid != os.getpid() and one is not None and one.living:
            found.append(one)
    return found


def command_line(pid: int) -> str:
    """What a process was started with; "" when it is gone."""
    try:
        return read_bytes(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def as_nobody() -> Iterator[None]:
    """What this process does meanwhile, it does with the rights of the account of tasks."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


# --- the service ----------------------------------------------------------------------------------


class Service:
    """One data directory, and the service that runs on it, if one does."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.traces = home / "traces"
        self.traces.mkdir()
        self.traces.chmod(0o777)
        self.log = home / "service.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.options: tuple[str, ...] = ("--slots", "4", "--port", "0")
        self.environment: dict[str, str] = {}
        self._client: httpx.Client | None = None

    # --- life -------------------------------------------------------------------------------------

    def start(self, *options: str) -> Self:
        """The real thing, until it is ready."""
        given = options or self.options
        self.run([COUNTERMAND, "serve", "--data", str(self.data), *given])
        self.wait_ready()
        return self

    def start_crashing(self, point: str, *, wait: bool = True) -> Self:
        """One that ends itself with SIGKILL at ``point`` (see ``crashing_service``)."""
        module = ["-m", "tests.e2e.crashing_service"]
        self.run([sys.executable, *module, "--data", str(self.data), "--crash", point])
        if wait:
            self.wait_ready()
        return self

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start a service process, without waiting for anything."""
        assert self.ended, "a service runs already"
        self.disconnect()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def clean_environment(self) -> dict[str, str]:
        """Nothing of the person who runs the tests, but the way to the programs."""
        kept = {n: os.environ[n] for n in ENVIRONMENT_PASSED_ON if n in os.environ}
        return kept | self.environment

    def wait_ready(self) -> None:
        """Until the endpoint is this process's and its health is ready; fails when it ends."""
        until(lambda: self.ended or self._own_endpoint(), "endpoint.json")
        until(lambda: self.ended or self._is_ready(), "a ready service")
        assert not self.ended, self.log_text()

    def _own_endpoint(self) -> bool:
        assert self.process is not None
        with suppress(OSError, ValueError):
            return bool(self.endpoint["pid"] == self.process.pid)
        return False

    def _is_ready(self) -> bool:
        with suppress(httpx.TransportError):
            return self.http("GET", "health/ready").status_code == 200
        return False

    @property
    def ended(self) -> bool:
        """No service runs, as far as this object started one."""
        return self.process is None or self.process.poll() is not None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def nats_pid(self) -> int:
        """The service's nats-server."""
        (found,) = [
            p.pid
            for p in belonging_to(str(self.data))
            if p.parent == self.pid and "nats-server" in command_line(p.pid)
        ]
        return found

    def kill9(self) -> None:
        """As a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def terminate(self) -> tuple[int, float]:
        """SIGTERM; the exit status and the seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE_SECONDS)
        return status, time.monotonic() - began

    def stop(self) -> None:
        """An orderly end, in the time that was promised."""
        status, seconds = self.terminate()
        assert status == 0, self.log_text()
        assert seconds < STOP_SECONDS_MAX

    def restart(self, *options: str) -> Self:
        """``kill -9`` and the next one."""
        self.kill9()
        return self.start(*options)

    def log_text(self) -> str:
        """What the services said so far."""
        return self.log.read_text(errors="replace")

    # --- faces ------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Json:
        found = json.loads((self.data / "run" / "endpoint.json").read_bytes())
        assert isinstance(found, dict)
        return found

    def http(
        self, method: str, path: str, body: Json | None = None, key: str = ""
    ) -> httpx.Response:
        """One request on the Unix socket, as the account that runs the tests."""
        if self._client is None:
            transport = httpx.HTTPTransport(uds=str(self.data / "run" / "countermand.sock"))
            self._client = httpx.Client(
                transport=transport, base_url="http://countermand/api/v1/", timeout=PATIENCE_SECONDS
            )
        headers = {"Idempotency-Key": key} if key else {}
        with warnings.catch_warnings():
            # httpcore leaves the socket of a refused Unix connection to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                return self._client.request(method, path, json=body, headers=headers)
            except httpx.TransportError as error:
                failure = repr(error)
            gc.collect()
        raise httpx.TransportError(failure)

    def ask(self, method: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """As ``http``, for requests that must succeed."""
        answer = self.http(method, path, body, key)
        assert answer.is_success, answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found

    def cli(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """The command line, which finds the service through the data directory."""
        done = subprocess.run(
            [COUNTERMAND, *arguments],
            env=self.clean_environment() | {"COUNTERMAND_DATA": str(self.data)},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        if status is not None:
            assert done.returncode == status, done.stdout + done.stderr
        return done

    def stream(self) -> list[Message]:
        """Every message on the stream."""
        endpoint = self.endpoint
        login = json.loads(Path(endpoint["nats_credentials_file"]).read_bytes())
        return asyncio.run(read_stream(endpoint, login))

    def events(self, job: int) -> list[Message]:
        """A job's events, as an outsider reads them."""
        return [m for m in self.stream() if m.aggregate == f"job/{job}"]

    # --- jobs -------------------------------------------------------------------------------------

    def trace(self, name: str) -> Path:
        """A file that tasks can write to."""
        file = self.traces / name
        file.touch()
        file.chmod(0o666)
        return file

    def submit(self, *commands: str, release: str = "", key: str = "") -> int:
        """A job with these command lines; its number."""
        receipt = self.ask("POST", "jobs", job_of(*commands, release=release, mark=self.home), key)
        return int(receipt["job_id"])

    def cancel(
        self, job: int, mode: str = "normal", message: str = "enough", key: str = ""
    ) -> Json:
        """Ask for a cancel; the receipt."""
        return self.ask("POST", f"jobs/{job}/cancel", {"message": message, "mode": mode}, key)

    def job(self, number: int) -> Json:
        """The job as it is now."""
        return self.ask("GET", f"jobs/{number}")

    def until_state(self, number: int, *states: str) -> Json:
        """The job, when it is in one of ``states``."""
        until(lambda: self.job(number)["state"] in states, f"job {number} is {states}")
        return self.job(number)

    def set_grace(self, seconds: int) -> None:
        self.ask("PUT", "parameters/TaskCancelGracePeriod", {"value": str(seconds)})

    def wardens(self) -> list[int]:
        """Pids of the wardens that keep runs of this data directory."""
        runs = str(self.data / "runs")
        return [
            p.pid
            for p in belonging_to(runs)
            if "warden.py" in command_line(p.pid) and runs in command_line(p.pid)
        ]

    def members(self, job: int) -> list[Process]:
        """Processes of a job's tasks, wherever they are by now."""
        own = f"CCP_JOBID={job}\0".encode()
        found = []
        for one in belonging_to(f"{MARK}={self.home}"):
            with suppress(OSError):
                found += [one] if own in read_bytes(f"/proc/{one.pid}/environ") else []
        return found

    # --- the end ----------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Close the connection: the next request opens one of its own."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.disconnect()
        if self.process is not None and self.process.poll() is None:
            self.kill9()
        until(lambda: not self._kill_the_rest(), "an end of everything")
        if error is not None and self.log.exists():
            sys.stderr.write(self.log_text()[-4000:])

    def _kill_the_rest(self) -> list[Process]:
        """SIGKILL to all that is left of this test; what that was."""
        left = belonging_to(str(self.home))
        for one in left:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)
        return left


MARK: Final = "COUNTERMAND_E2E"


def job_of(*commands: str, release: str = "", mark: Path) -> Json:
    """The body of a submission. Each task carries ``mark`` in its environment."""
    kinds = [("Basic", command) for command in commands]
    kinds += [("NodeRelease", release)] if release else []
    environment = {MARK: str(mark)}
    tasks = [{"command": c, "type": kind, "environment": environment} for kind, c in kinds]
    return {"name": "e2e", "tasks": tasks}


@contextmanager
def new_home() -> Iterator[Path]:
    """A directory for one test, below /tmp: short, and open to the accounts of tasks."""
    home = Path(tempfile.mkdtemp(prefix="cm-e2e-", dir="/tmp"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def new_service() -> Iterator[Service]:
    """A service that is not started yet, on an empty data directory."""
    with new_home() as home, Service(home) as service:
        yield service


# --- what tasks do --------------------------------------------------------------------------------


def polite(trace: Path) -> str:
    """Counts its runs and signals; after one, ends as soon as ``TRACE.end`` is there."""
    return (
        f"trap 'echo term >>{trace}; told=1' TERM; echo run $COUNTERMAND_RUN >>{trace}; "
        f'while [ -z "$told" ] || [ ! -e {trace}.end ]; do sleep 0.05; done; echo tidy >>{trace}'
    )


def stubborn(trace: Path) -> str:
    """Counts its runs and signals; only SIGKILL ends it, and what it left in another session."""
    return (
        f"trap 'echo term >>{trace}' TERM; "
        "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.2; done' &); "
        f"echo run $COUNTERMAND_RUN >>{trace}; while :; do sleep 0.05; done"
    )


def let_end(trace: Path) -> None:
    """Let a polite task end."""
    Path(f"{trace}.end").touch()


def lines(trace: Path) -> list[str]:
    """What tasks wrote."""
    return trace.read_text().splitlines()


def runs(trace: Path) -> list[str]:
    """The runs that began: ``job.task.instance-attempt``, one for each time."""
    return [line.split()[1].rpartition(".")[0] for line in lines(trace) if line.startswith("run ")]
