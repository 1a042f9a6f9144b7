"""``countermand serve`` in a process of its own, met only from outside."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx

from adapters.engines.local.procfs import Process, read_bytes
from tests.e2e.home import new_home
from tests.e2e.said import COUNTERMAND, Said, said_by
from tests.e2e.scripts import DEAF, MARK, job_of, polite, runs
from tests.e2e.stream import Event, read_stream, stream_bytes
from tests.support.processes import belonging_to, command_line
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.web import Json

ROOT: Final = Path(__file__).parents[2]
COMMAND_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 5.0
ENVIRONMENT_PASSED_ON: Final = ("HOME", "PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")

Value = str | int | bool | list[str] | dict[str, int]


def toml(value: Value) -> str:
    """A value as TOML has it: a table on one line, and all else as JSON has it."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(name)} = {n}" for name, n in value.items())
        return f"{{ {inner} }}"
    return json.dumps(value)


class Service:
    """A data directory, its settings, and the service that runs on it, if one does."""

    def __init__(self, home: Path, **settings: Value) -> None:
        self.home = home
        self.data = home / "data"
        self.traces = home / "traces"
        self.traces.mkdir()
        self.traces.chmod(0o777)
        self.log_file = home / "service.log"
        self.log_file.touch()
        self.settings: dict[str, Value] = {
            "data_directory": str(self.data),
            "http_port": 0,
            "slots": 32,
            "refusals_per_minute": 100_000,
            **settings,
        }
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None

    # --- how it is started ------------------------------------------------------------------------

    def configure(self, **settings: Value) -> None:
        """Settings for the next start; "" takes one away."""
        self.settings = {k: v for k, v in {**self.settings, **settings}.items() if v != ""}

    def command(self, verb: str = "serve", *options: str) -> list[str]:
        """The command line of a start, with the settings in a TOML file."""
        config = self.home / "config.toml"
        told = (f"{name} = {toml(value)}\n" for name, value in self.settings.items())
        config.write_text("".join(told))
        return [COUNTERMAND, verb, "--config", str(config), *options]

    def clean_environment(self) -> dict[str, str]:
        """Nothing of the person who runs the tests, but the way to the programs."""
        kept = {n: os.environ[n] for n in ENVIRONMENT_PASSED_ON if n in os.environ}
        return kept | self.environment

    def launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        """A process that writes to the log, whatever becomes of it."""
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Make a process the service, without waiting for anything."""
        assert self.ended, "a service runs already"
        self.process = self.launch(command)
        return self.process

    # --- life -------------------------------------------------------------------------------------

    def start(self, *options: str) -> Self:
        """The real thing, until it is ready."""
        self.run(self.command("serve", *options))
        self.wait_ready()
        return self

    def start_crashing(self, point: str, *, wait: bool = True) -> Self:
        """One that ends itself with SIGKILL at ``point`` (see ``crashing_service``)."""
        module = ["-m", "tests.e2e.crashing_service"]
        self.run([sys.executable, *module, "--data", str(self.data), "--crash", point])
        if wait:
            self.wait_ready()
        return self

    def start_trapped(self) -> Self:
        """One that does the same at a point that ``set_trap`` names later."""
        self._trap.unlink(missing_ok=True)
        module = ["-m", "tests.e2e.crashing_service"]
        self.run(
            [sys.executable, *module, "--data", str(self.data), "--crash-as-in", str(self._trap)]
        )
        self.wait_ready()
        return self

    def set_trap(self, point: str) -> None:
        """From now on, until the next start."""
        half = self._trap.with_suffix(".half")
        half.write_text(point)
        half.rename(self._trap)

    @property
    def _trap(self) -> Path:
        return self.home / "trap"

    def start_ruled(self, rules: str) -> Self:
        """One that decides by these rules (see ``ruled_service``)."""
        file = self.home / "rules-in-force.cedar"
        file.write_text(rules)
        module = ["-m", "tests.e2e.ruled_service"]
        self.run([sys.executable, *module, "--data", str(self.data), "--rules", str(file)])
        self.wait_ready()
        return self

    def refused(self) -> str:
        """Start it, which must be refused with status 1; what it said."""
        before = len(self.log)
        process = self.launch(self.command())
        try:
            assert process.wait(PATIENCE_SECONDS) == 1, self.log[before:]
        finally:
            process.kill()
            process.wait()
        said = self.log[before:]
        assert "Traceback" not in said
        return said

    def wait_ready(self) -> None:
        """Until the endpoint is this process's and its health is ready; fails when it ends."""
        until(lambda: self.ended or self.is_ready(), "a ready service")
        assert not self.ended, f"it ended:\n{self.log[-4000:]}"

    def is_ready(self) -> bool:
        """Whether the endpoint is this process's and it answers that it is ready."""
        with suppress(OSError, ValueError, httpx.TransportError):
            is_own = self.endpoint["pid"] == self.pid
            return is_own and self.http("GET", "/health/ready").status_code == 200
        return False

    @property
    def ended(self) -> bool:
        """No service runs, as far as this object started one."""
        return self.process is None or self.process.poll() is not None

    @property
    def pid(self) -> int:
        assert self.process is not None, "it was never started"
        return self.process.pid

    @property
    def nats_pid(self) -> int:
        """The service's nats-server."""
        (found,) = self.nats_pids()
        return found

    def nats_pids(self) -> list[int]:
        """The service's nats-server, if there is one now."""
        found = [one.pid for one in belonging_to(str(self.data)) if one.parent == self.pid]
        return [pid for pid in found if "nats-server" in command_line(pid)]

    def stop(self) -> float:
        """SIGTERM, and an orderly end; the seconds it took."""
        assert self.process is not None, "it was never started"
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(PATIENCE_SECONDS) == 0, self.log[-4000:]
        return time.monotonic() - began

    def kill(self) -> None:
        """As a crash would."""
        assert self.process is not None, "it was never started"
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)

    def restart(self) -> Self:
        """``kill -9`` and the next one."""
        self.kill()
        return self.start()

    @property
    def log(self) -> str:
        """Everything the services said so far."""
        return self.log_file.read_text(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if not self.ended:
            self.kill()
        if error is not None:
            sys.stderr.write(self.log[-4000:])

    # --- faces ------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> Json:
        found = json.loads((self.data / "run" / "endpoint.json").read_bytes())
        assert isinstance(found, dict)
        return found

    def credentials(self, role: str) -> Path:
        """The file with the login of a user of nats-server."""
        return self.data / "credentials" / f"{role}.json"

    def client(self, **headers: str) -> httpx.Client:
        """A client on the Unix socket, as the account that runs the tests."""
        socket = str(self.data / "run" / "countermand.sock")
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=socket, verify=False),
            base_url="http://countermand/api/v1",
            headers=headers,
            timeout=PATIENCE_SECONDS,
            trust_env=False,
        )

    def http(
        self, method: str, path: str, body: Json | None = None, key: str = ""
    ) -> httpx.Response:
        """One request, also to a service that may be dead. Not for two threads at once."""
        headers = {"Idempotency-Key": key} if key else {}
        with warnings.catch_warnings():
            # httpcore leaves the socket of a refused Unix connection to the garbage collector.
            warnings.simplefilter("ignore", ResourceWarning)
            try:
                with self.client(**headers) as client:
                    return client.request(method, path, json=body)
            except httpx.TransportError as error:
                failure = repr(error)
            gc.collect()
        raise httpx.TransportError(failure)

    def ask(self, method: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """As ``http``, for requests that must succeed."""
        answer = self.http(method, path, body, key)
        assert answer.status_code in (200, 201), answer.text
        found = answer.json()
        assert isinstance(found, dict)
        return found

    def health(self) -> Json:
        with self.client() as client:
            found: Json = client.get("/health/ready").json()
            return found

    def program(self, *arguments: str | bytes) -> Said:
        """The command line of somebody who has told it nothing else."""
        return said_by([COUNTERMAND, *arguments], self.clean_environment(), self.home)

    def cli(self, *arguments: str | bytes, stdin: bytes = b"", as_json: bool = False) -> Said:
        """The command line, which finds the service through the data directory."""
        return said_by(
            [COUNTERMAND, *arguments, *(["-o", "json"] if as_json else [])],
            self.clean_environment() | {"COUNTERMAND_DATA": str(self.data), "LC_ALL": "C.UTF-8"},
            self.home,
            stdin=stdin,
            seconds=COMMAND_SECONDS_MAX,
        )

    def stream(self) -> list[Event]:
        """Every event there is."""
        return asyncio.run(read_stream(self.endpoint))

    def events(self, job: int) -> list[Event]:
        """A job's events, as an outsider reads them."""
        return [e for e in self.stream() if e.aggregate == f"job/{job}"]

    def stream_bytes(self) -> int:
        """What the stream holds."""
        return asyncio.run(stream_bytes(self.endpoint))

    def doctor(self) -> str:
        """What ``doctor`` says of the settings."""
        command = self.command("doctor")
        return said_by(command, self.clean_environment(), self.home).out

    # --- jobs -------------------------------------------------------------------------------------

    def trace(self, name: str) -> Path:
        """A file that tasks can write to."""
        file = self.traces / name
        file.touch()
        file.chmod(0o666)
        return file

    def submit(self, *commands: str, release: str = "", key: str = "", **fields: Any) -> int:
        """A job with these command lines, none of which runs again by itself; its number."""
        body = job_of(*commands, release=release, mark=self.home) | fields
        for task in body["tasks"]:
            task.setdefault("retry_count", 0)
        answer = self.http("POST", "/jobs", body, key)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["job_id"])

    def running(
        self, task: Callable[[Path], str] = polite, release: str = "", trace: str = "trace"
    ) -> tuple[int, Path]:
        """A job whose only task is up; where it leaves traces."""
        file = self.trace(trace)
        job = self.submit(task(file), release=release)
        until(lambda: runs(file) == [f"{job}.1.0-1"], "the task is up")
        return job, file

    def deaf_job(self) -> int:
        """A running job that does not listen to the stop signal, from now on."""
        job = self.submit(DEAF)
        until(lambda: [*(self.data / "runs").glob(f"{job}.*/work/deaf")], f"job {job} is deaf")
        self.until_running(job)
        return job

    def cancel(
        self, job: int, mode: str = "normal", message: str = "enough", key: str = ""
    ) -> Json:
        """Ask for a cancel; the receipt."""
        return self.ask("POST", f"/jobs/{job}/cancel", {"message": message, "mode": mode}, key)

    def job(self, number: int) -> Json:
        """The job as it is now."""
        return self.ask("GET", f"/jobs/{number}")

    def metric(self, series: str) -> float:
        """The value of the one series ``countermand_SERIES``, with its labels if it has some."""
        lines = self.http("GET", "/metrics").text.splitlines()
        (found,) = (x for x in lines if x.startswith(f"countermand_{series} "))
        return float(found.split()[-1])

    def until_state(self, number: int, *states: str) -> Json:
        """The job, when it is in one of ``states``."""
        until(lambda: self.job(number)["state"] in states, f"job {number} is {states}")
        return self.job(number)

    def until_running(self, number: int) -> None:
        """Until every task of the job runs."""
        what = f"job {number} is running"
        until(lambda: {t["state"] for t in self.job(number)["tasks"]} == {"Running"}, what)

    def set_grace(self, seconds: int) -> None:
        self.ask("PUT", "/parameters/TaskCancelGracePeriod", {"value": str(seconds)})

    def wardens(self) -> list[int]:
        """Pids of the wardens that keep runs of this data directory."""
        own = str(self.data / "runs")
        told = {one.pid: command_line(one.pid) for one in belonging_to(own)}
        return [pid for pid, said in told.items() if "warden.py" in said and own in said]

    def members(self, job: int) -> list[Process]:
        """Processes of a job's tasks, wherever they are by now."""
        own = f"CCP_JOBID={job}\0".encode()
        found = []
        for one in belonging_to(f"{MARK}={self.home}"):
            with suppress(OSError):
                found += [one] if own in read_bytes(f"/proc/{one.pid}/environ") else []
        return found


@contextmanager
def new_service(**settings: Value) -> Iterator[Service]:
    """A service that is not started yet, on an empty data directory."""
    with new_home() as home, Service(home, **settings) as service:
        yield service


@contextmanager
def running_service(**settings: Value) -> Iterator[Service]:
    """A service that is ready, in a directory of its own."""
    with new_service(**settings) as service:
        yield service.start()
