"""A real ``countermand serve`` in a process of its own, met only from outside.

Everything lies in one short directory under /tmp (a socket's path may have 107 bytes), and whatever
runs out of it is ended with the test, by its process id.
"""

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import nats
from msgspec import Struct

PROGRAM: Final = str(Path(sys.executable).with_name("countermand"))
READY_SECONDS: Final = 30.0
DEADLINE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.02
READ_AT_ONCE: Final = 100
ROOT: Final = "countermand"

T = TypeVar("T")
Json = dict[str, Any]
Value = str | int | bool | list[str]


def until(look: Callable[[], T | None], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """What ``look`` gives as soon as it is something; fails the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(LOOK_SECONDS)


class Event(Struct, frozen=True):
    """A message of the stream, as any consumer reads it."""

    position: int
    subject: str
    raw: bytes

    @property
    def type(self) -> str:
        return self.subject.rpartition(".")[2]

    @property
    def aggregate(self) -> str:
        return ".".join(self.subject.split(".")[2:4])

    @property
    def body(self) -> Json:
        found: Json = json.loads(self.raw)
        return found

    @property
    def data(self) -> Json:
        found: Json = self.body["data"]
        return found


class Said(Struct, frozen=True):
    """What a run of the program printed."""

    status: int
    out: str
    err: str


class Live:
    """A service on ``data``. ``settings`` go into its TOML file at the next start."""

    def __init__(self, directory: Path, **settings: Value) -> None:
        self.directory = directory
        self.data = directory / "d"
        self.settings: dict[str, Value] = {
            "data_directory": str(self.data),
            "http_port": 0,
            "slots": 32,
            "refusals_per_minute": 100_000,
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        (directory / "log").touch()

    # --- its life ---------------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """Everything it said, over all its lives."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None, "it was never started"
        return self.process.pid

    def configure(self, **settings: Value) -> None:
        """Settings for the next start; "" takes one away."""
        self.settings = {k: v for k, v in {**self.settings, **settings}.items() if v != ""}

    def launch(self, verb: str = "serve") -> subprocess.Popen[bytes]:
        config = self.directory / "config.toml"
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in self.settings.items())
        config.write_text("".join(lines))
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                [PROGRAM, verb, "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> "Live":
        """Start it, and return when it is ready."""
        self.process = self.launch()
        until(self._ready, "the service is ready", READY_SECONDS)
        return self

    def refused(self) -> str:
        """Start it, which must be refused with status 1; what it said."""
        before = len(self.log)
        process = self.launch()
        try:
            assert process.wait(READY_SECONDS) == 1, self.log[before:]
        finally:
            process.kill()
            process.wait()
        said = self.log[before:]
        assert "Traceback" not in said
        return said

    def stop(self) -> None:
        """SIGTERM; it must end cleanly."""
        assert self.process is not None, "it was never started"
        self.process.terminate()
        assert self.process.wait(DEADLINE_SECONDS) == 0, self.log[-2000:]

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None, "it was never started"
        self.process.kill()
        self.process.wait()

    def _ready(self) -> bool:
        assert self.process is not None, "launched before"
        assert self.process.poll() is None, f"it ended:\n{self.log[-4000:]}"
        try:
            if self.endpoint["pid"] != self.process.pid:
                return False
            return str(self.health()["status"]) != "not_ready"
        except (OSError, ValueError, httpx.TransportError):
            return False

    @property
    def endpoint(self) -> Json:
        found: Json = json.loads((self.data / "run" / "endpoint.json").read_text())
        return found

    def nats_pid(self) -> int:
        """The embedded nats-server of this service; 0 while there is none."""
        for pid in pids():
            stat = read(pid, "stat").rpartition(b")")[2].split()
            if stat and stat[0] != b"Z" and int(stat[1]) == self.pid:
                arguments = read(pid, "cmdline").split(b"\0")
                if arguments[0].endswith(b"/nats-server"):
                    return pid
        return 0

    # --- its faces --------------------------------------------------------------------------------

    def http(self, **headers: str) -> httpx.Client:
        """A client on the Unix socket, as root or whoever runs the tests."""
        socket = str(self.data / "run" / "countermand.sock")
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=socket, verify=False),
            base_url="http://countermand/api/v1",
            headers=headers,
            timeout=30,
            trust_env=False,
        )

    def cli(self, *arguments: str | bytes, stdin: bytes = b"", as_json: bool = False) -> Said:
        """Run the command line against this service."""
        environment = {**os.environ, "COUNTERMAND_DATA": str(self.data), "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            [PROGRAM, *arguments, *(["-o", "json"] if as_json else [])],
            input=stdin,
            capture_output=True,
            timeout=60,
            check=False,
            env=environment,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    def health(self) -> Json:
        with self.http() as http:
            found: Json = http.get("/health/ready").json()
            return found

    def submit(self, *commands: str, key: str = "", **fields: Any) -> int:
        """A job with these tasks; its number."""
        tasks = [{"command": c} for c in commands or ("sleep 60",)]
        headers = {"Idempotency-Key": key} if key else {}
        with self.http(**headers) as http:
            answer = http.post("/jobs", json={"tasks": tasks, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["job_id"])

    def cancel(self, job: int, key: str = "", **body: str) -> httpx.Response:
        with self.http(**({"Idempotency-Key": key} if key else {})) as http:
            return http.post(f"/jobs/{job}/cancel", json=body)

    def job(self, job: int) -> Json:
        with self.http() as http:
            answer = http.get(f"/jobs/{job}")
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def state(self, job: int) -> str:
        return str(self.job(job)["state"])

    def until_running(self, job: int) -> None:
        """Until every task of the job runs."""
        running = {"Running"}
        until(
            lambda: {t["state"] for t in self.job(job)["tasks"]} == running, f"job {job} is running"
        )

    def deaf_job(self) -> int:
        """A running job that does not listen to the stop signal, from now on."""
        job = self.submit("trap '' TERM; touch deaf; while :; do sleep 1; done")
        until(lambda: [*(self.data / "runs").glob(f"{job}.*/work/deaf")], f"job {job} is deaf")
        self.until_running(job)
        return job

    def until_state(self, job: int, state: str) -> None:
        until(lambda: self.state(job) == state, f"job {job} is {state}")

    # --- the stream, read as anybody may ----------------------------------------------------------

    def events(self, aggregate: str = "") -> list[Event]:
        """Every event, or those of ``job.17``, by a plain client with the reader's credentials."""
        found = asyncio.run(read_stream(self.endpoint))
        return [e for e in found if aggregate in ("", e.aggregate)]

    def stream_bytes(self) -> int:
        """What the stream holds, by nats-server's own word."""
        return asyncio.run(stream_bytes(self.endpoint))

    def job_events(self, job: int) -> list[Event]:
        return self.events(f"job.{job}")

    def credentials(self, role: str) -> Json:
        return login_in(str(self.data / "credentials" / f"{role}.json"))


def login_in(path: str) -> Json:
    """The user and password in a credentials file."""
    found: Json = json.loads(Path(path).read_text())
    return found


async def read_stream(endpoint: Json) -> list[Event]:
    """The whole stream, message by message, with an ordinary client."""
    login = login_in(endpoint["nats_credentials_file"])
    client = await nats.connect(endpoint["nats_url"], **login, inbox_prefix="_INBOX.reader")
    try:
        stream, jetstream = endpoint["stream"], client.jetstream()
        last = (await jetstream.stream_info(stream)).state.last_seq
        places = range(1, last + 1)
        found = [await jetstream.get_msg(stream, n, direct=True) for n in places]
        return [
            Event(n, m.subject or "", m.data or b"") for n, m in zip(places, found, strict=True)
        ]
    finally:
        await client.close()


# --- what must be true of every stream ------------------------------------------------------------


def check_history(events: list[Event]) -> None:
    """Positions and versions without a gap, hashes chained, no event id twice, no request twice."""
    places = [e.position for e in events]
    assert places == list(range(1, len(events) + 1))
    ids = [e.body["id"] for e in events]
    assert len(set(ids)) == len(ids), "an event id stands twice in the stream"
    by_aggregate: dict[str, list[Event]] = {}
    for event in events:
        by_aggregate.setdefault(event.aggregate, []).append(event)
    for name, history in by_aggregate.items():
        check_aggregate(name, history)


def check_aggregate(name: str, history: list[Event]) -> None:
    versions = [e.body["aggregateversion"] for e in history]
    assert versions == list(range(1, len(history) + 1)), f"{name}: {versions}"
    hashes = [e.body.get("previoushash") for e in history]
    assert hashes == [None, *(sha256(e.raw).hexdigest() for e in history[:-1])], name
    asked = [(e.type, e.body["authid"], e.data["request_id"]) for e in history if asks(e)]
    assert len(set(asked)) == len(asked), f"{name}: a request stands twice: {asked}"


def asks(event: Event) -> bool:
    """Whether the event answers a request of a person."""
    return event.body["authid"] != ROOT and "request_id" in event.data


def ends(events: list[Event]) -> list[Event]:
    """The ends of cancels."""
    return [e for e in events if e.type == "JobCanceled"]


def basic(name: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


# --- making and ending ----------------------------------------------------------------------------


@contextmanager
def directory() -> Iterator[Path]:
    """A short directory that others may enter; what runs out of it ends with it."""
    made = Path(tempfile.mkdtemp(prefix="cm-e2e-", dir="/tmp"))
    made.chmod(0o711)
    try:
        yield made
    finally:
        end_all(made)
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def live(**settings: Value) -> Iterator[Live]:
    """A running service in a directory of its own."""
    with directory() as made:
        one = Live(made, **settings).start()
        try:
            yield one
        finally:
            if one.process is not None and one.process.poll() is None:
                one.kill()


def end_all(made: Path) -> None:
    """SIGKILL, by its id, to every process that lives in the directory, until none is left."""
    until(lambda: not [kill(pid) for pid in living_in(made)], f"nothing runs out of {made}")


def kill(pid: int) -> int:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return pid


def living_in(made: Path) -> list[int]:
    """Processes that name the directory in their arguments or environment, or work in it."""
    name, found = os.fsencode(made), []
    for pid in pids():
        try:
            where = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        told = read(pid, "cmdline") + read(pid, "environ")
        if pid != os.getpid() and (name in told or where.startswith(str(made) + "/")):
            found.append(pid)
    return found


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


async def stream_bytes(endpoint: Json) -> int:
    login = login_in(endpoint["nats_credentials_file"])
    client = await nats.connect(endpoint["nats_url"], **login, inbox_prefix="_INBOX.reader")
    try:
        return (await client.jetstream().stream_info(endpoint["stream"])).state.bytes
    finally:
        await client.close()


async def publish_as_service(one: Live, messages: list[tuple[str, bytes]]) -> list[int]:
    """Store messages with the service's credentials, as a later version would; their positions."""
    login = one.credentials("service")
    client = await nats.connect(one.endpoint["nats_url"], **login, inbox_prefix="_INBOX.service")
    try:
        jetstream = client.jetstream()
        return [(await jetstream.publish(subject, raw)).seq for subject, raw in messages]
    finally:
        await client.close()
