"""A service from its first start to its last end: files, accounts, signals, refusals."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest

from application.settings import Settings
from tests.e2e.support import (
    COUNTERMAND,
    MARK,
    PATIENCE_SECONDS,
    STOP_SECONDS_MAX,
    Service,
    as_nobody,
    assert_chained,
    belonging_to,
    let_end,
    lines,
    needs_root,
    new_home,
    polite,
    runs,
    stubborn,
    until,
)
from tests.support.processes import alive

pytestmark = [pytest.mark.e2e]

KILLS: Final = 5
PASSED_TO_TASKS: Final = {
    "CCP_JOBID",
    "CCP_JOBNAME",
    "CCP_TASKID",
    "CCP_TASKINSTANCEID",
    "COUNTERMAND_RUN",
    "HOME",
    "LOGNAME",
    "PATH",
    "PWD",
    "SHELL",
    "USER",
    MARK,
}
SECRET: Final = "a-secret-of-the-service-6dd8"
OPEN_TO_ALL: Final = {"run/countermand.sock"}
MAY_BE_ENTERED: Final = {".", "run", "runs"}


def running(service: Service, name: str = "trace") -> tuple[int, Path]:
    """A job whose polite task is up."""
    trace = service.trace(name)
    job = service.submit(polite(trace))
    until(lambda: runs(trace) == [f"{job}.1.0-1"], "the task is up")
    return job, trace


def said_by(service: Service, *command: str) -> subprocess.CompletedProcess[str]:
    """A command that must end by itself."""
    return subprocess.run(
        [COUNTERMAND, *command],
        env=service.clean_environment(),
        cwd=service.home,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def words_of(done: subprocess.CompletedProcess[str], lines_max: int = 1) -> str:
    """What a refused command said: a sentence, and at most a list of what is wrong."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("countermand: ")
    assert len(done.stderr.splitlines()) <= lines_max, done.stderr
    return done.stderr


# --- files ----------------------------------------------------------------------------------------


def test_the_endpoint_says_where_everything_is(service: Service) -> None:
    service.start()
    file = service.data / "run" / "endpoint.json"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    endpoint = service.endpoint
    assert set(endpoint) == {
        "http",
        "socket",
        "token_file",
        "nats_url",
        "nats_credentials_file",
        "stream",
        "cluster",
        "pid",
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint["http"])
    assert re.fullmatch(r"nats://127\.0\.0\.1:\d+", endpoint["nats_url"])
    assert (endpoint["stream"], endpoint["cluster"]) == ("COUNTERMAND", "local")
    assert endpoint["pid"] == service.pid
    login = json.loads(Path(endpoint["nats_credentials_file"]).read_bytes())
    assert login.keys() == {"user", "password"}
    assert login["user"] == "reader"
    service.stop()
    assert not file.exists()
    assert not Path(endpoint["token_file"]).exists()


def test_nobody_else_may_read_anything_in_the_data_directory(service: Service) -> None:
    service.start()
    job, trace = running(service)
    for path in [service.data, *service.data.rglob("*")]:
        name = str(path.relative_to(service.data))
        mode = stat.S_IMODE(path.lstat().st_mode)
        if name in OPEN_TO_ALL:
            assert mode == 0o666
        elif path.is_dir() and (name in MAY_BE_ENTERED or path.parent == service.data / "runs"):
            assert mode == 0o711, name
        else:
            assert mode & 0o077 == 0, f"{name} has mode {mode:o}"
    service.cancel(job)
    let_end(trace)
    service.until_state(job, "Canceled")


# --- the end and the next beginning ---------------------------------------------------------------


def test_sigterm_leaves_tasks_to_the_next_service(service: Service) -> None:
    service.start()
    job, trace = running(service)
    wardens = service.wardens()
    nats = service.nats_pid

    service.stop()

    assert service.wardens() == wardens
    assert service.members(job)
    assert not alive(nats)
    service.start()
    assert service.job(job)["state"] == "Running"
    service.cancel(job)
    until(lambda: "term" in lines(trace), "the signal")
    let_end(trace)
    service.until_state(job, "Canceled")
    assert runs(trace) == [f"{job}.1.0-1"]
    until(lambda: not service.wardens(), "the end of the wardens")


def test_a_task_that_ends_while_no_service_runs_is_told_by_the_next(service: Service) -> None:
    service.start()
    trace = service.trace("trace")
    job = service.submit(
        f"echo run $COUNTERMAND_RUN >>{trace}; until [ -e {trace}.end ]; do sleep 0.05; done; "
        "exit 3"
    )
    until(lambda: runs(trace), "the task is up")
    service.stop()
    let_end(trace)
    until(lambda: not service.wardens(), "the end of the run")

    service.start()

    (task,) = service.until_state(job, "Failed")["tasks"]
    assert (task["exit_code"], task["attempt"]) == (3, 1)


def test_stop_tasks_ends_running_jobs_as_facts(service: Service) -> None:
    service.start("--stop-tasks", *service.options)
    traces = [service.trace(f"trace{n}") for n in range(3)]
    jobs = [service.submit(stubborn(trace)) for trace in traces]
    waits = service.submit(*["sleep 60"] * 8)
    until(lambda: all(runs(trace) for trace in traces), "the tasks are up")
    until(lambda: service.members(waits), "the first of eight")

    service.stop()

    assert not service.wardens()
    assert not belonging_to(f"{MARK}={service.home}")
    service.start()
    for job in jobs:
        assert service.job(job)["state"] == "Canceled"
        types = [m.type for m in service.events(job)]
        assert types[-4:] == [
            "JobCancelRequested",
            "TaskStopOrdered",
            "TaskForceStopped",
            "JobCanceled",
        ]
    assert service.job(waits)["state"] == "Canceled"
    assert_chained(service.stream())


def test_stop_tasks_in_the_middle_of_starts(service: Service) -> None:
    """Each is either not begun, and begins with the next service, or ends as the others do."""
    service.start("--stop-tasks", *service.options)
    jobs = [service.submit("sleep 60") for _ in range(4)]

    service.stop()

    assert not belonging_to(f"{MARK}={service.home}")
    until(lambda: not service.wardens(), "the end of the wardens")
    service.start()
    for job in jobs:
        types = [m.type for m in service.events(job)]
        assert "TaskFailed" not in types
        if "JobCancelRequested" in types:
            assert types[-1] == "JobCanceled"
        else:
            service.until_state(job, "Running")


def test_killed_again_and_again_a_running_task_survives(service: Service) -> None:
    service.start()
    job, trace = running(service)
    leader = {p.identity for p in service.members(job) if p.pid == p.session}
    assert len(leader) == 1
    for _ in range(KILLS):
        service.restart()
        assert service.job(job)["state"] == "Running"
    assert leader <= {p.identity for p in service.members(job)}
    assert runs(trace) == [f"{job}.1.0-1"]

    service.cancel(job)
    until(lambda: "term" in lines(trace), "the signal")
    let_end(trace)
    service.until_state(job, "Canceled")
    assert [m.type for m in service.events(job)].count("TaskStarted") == 1
    assert service.ask("GET", "health/ready")["status"] == "ready"


# --- one service a directory ----------------------------------------------------------------------


def test_a_second_service_is_refused_and_the_first_unharmed(service: Service) -> None:
    service.start()
    endpoint, nats = service.endpoint, service.nats_pid

    second = said_by(service, "serve", "--data", str(service.data), "--port", "0")

    assert second.returncode == 1
    sentence = words_of(second)
    assert f"{service.data} is in use by process {service.pid}" in sentence
    assert service.endpoint == endpoint
    assert service.nats_pid == nats
    assert (service.data / "run" / "countermand.sock").exists()
    service.until_state(service.submit("true"), "Finished")


def test_a_nats_server_that_outlives_its_service_is_waited_for(service: Service) -> None:
    service.start()
    orphan = service.nats_pid
    os.kill(orphan, signal.SIGSTOP)
    try:
        service.kill9()
        process = service.run([COUNTERMAND, "serve", "--data", str(service.data), "--port", "0"])
        lock = str(service.data / "lock")
        until(lambda: lock in opened_by(process.pid), "the next service tries the lock")
        assert process.poll() is None
    finally:
        os.kill(orphan, signal.SIGCONT)

    service.wait_ready()

    assert not alive(orphan)
    assert service.nats_pid != orphan


def opened_by(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(one))
        except FileNotFoundError:
            continue
    return found


# --- other verbs that run something ---------------------------------------------------------------


def test_provision_and_then_serve(service: Service) -> None:
    first = said_by(service, "provision", "--data", str(service.data))
    again = said_by(service, "provision", "--data", str(service.data))
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "made" in first.stdout
    assert "is there already" in again.stdout

    service.start()

    service.until_state(service.submit("true"), "Finished")


class Dev:
    """``countermand dev`` as on a terminal: a process group of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        self.output = home / "dev.out"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [COUNTERMAND, "dev", "--port", "0", *options],
                cwd=home,
                env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def until_says(self, words: str) -> None:
        until(lambda: words in self.text or self.process.poll() is not None, f"it says {words!r}")
        assert words in self.text, self.text

    def said(self, what: str) -> str:
        """A line of what it says about where things are."""
        found = re.search(rf"^  {what} +(.+)$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the process group. Its exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(2 * STOP_SECONDS_MAX)


@contextmanager
def dev(home: Path, *options: str) -> Iterator[Dev]:
    one = Dev(home, *options)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def test_dev_says_where_things_are_and_leaves_nothing_behind() -> None:
    with new_home() as home, dev(home, "--no-demo") as one:
        one.until_says("Ctrl-C ends it")
        data = Path(one.said("data"))
        assert Path(one.said("socket")).is_socket()
        assert one.said("web").startswith("http://127.0.0.1:")
        export = re.search(r"export (COUNTERMAND_ENDPOINT)=(.+)", one.text)
        assert export is not None
        environment = {"PATH": os.environ["PATH"], export[1]: export[2]}
        submit = [COUNTERMAND, "submit", "--env", f"{MARK}={home}", "--", "sleep", "600"]
        subprocess.run(submit, env=environment, check=True, timeout=PATIENCE_SECONDS)
        until(lambda: belonging_to(f"{MARK}={home}"), "the task is up")

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")
        assert not belonging_to(f"{MARK}={home}")


def test_dev_with_its_demonstration() -> None:
    with new_home() as home, dev(home) as one:
        one.until_says("JobCanceled")
        data = Path(one.said("data"))
        assert "just trying it out" in one.text
        assert "job 1: Canceled" in one.text

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")


def test_dev_interrupted_in_the_middle_of_its_demonstration() -> None:
    with new_home() as home, dev(home) as one:
        one.until_says("job 1: submitted")
        data = Path(one.said("data"))

        assert one.interrupt() == 0, one.text

        assert "Traceback" not in one.text
        assert not data.parent.exists()
        until(lambda: not belonging_to(str(data)), "an end of everything")


def test_dev_keeps_a_directory_that_was_named() -> None:
    with new_home() as home, dev(home, "--no-demo", "--data", str(home / "mine")) as one:
        one.until_says("Ctrl-C ends it")
        assert one.interrupt() == 0, one.text
        assert (home / "mine" / "stream.json").exists()


# --- ports ----------------------------------------------------------------------------------------


def test_a_taken_port_is_replaced_by_another_and_said(service: Service) -> None:
    default = Settings("").http_port
    with closing(socket.socket()) as taken:
        try:
            taken.bind(("127.0.0.1", default))
            taken.listen()
        except OSError:
            pass  # taken by somebody else is as good
        service.start("--slots", "1")
        assert not service.endpoint["http"].endswith(f":{default}")
    assert "port_taken" in service.log_text()
    assert str(default) in service.log_text()


def test_a_taken_port_that_was_asked_for_is_refused(service: Service) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = said_by(service, "serve", "--data", str(service.data), "--port", str(port))
    assert done.returncode == 1
    assert str(port) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not belonging_to(str(service.data))
    service.start()


# --- looking around -------------------------------------------------------------------------------


def test_config_doctor_and_version(service: Service) -> None:
    service.start()
    version = service.cli("version").stdout
    assert version.startswith("countermand ")

    settings = json.loads(service.cli("config", "-o", "json").stdout)
    assert str(service.data) in json.dumps(settings)

    findings = json.loads(service.cli("doctor", "-o", "json", status=None).stdout)
    told = json.dumps(findings)
    assert f"process {service.pid} is running" in told
    assert "error" not in {finding["level"] for finding in findings}
    service.kill9()
    assert "has ended without cleaning up" in service.cli("doctor", status=None).stdout


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("grace = 3", "there is no setting grace"),
        ("slots = 'many'", "slots"),
        ("slots = -1", "slots"),
        ("http_port = 70000", "http_port"),
        ("cluster = 'a b'", "cluster"),
        ("stop_signal = 'SIGKILL'", "stop_signal"),
        ("accept_loss = 'yes'", "accept_loss"),
        ("allow_root_tasks = 'yes'", "allow_root_tasks"),
        ("message_units_max = 321", "message_units_max"),
        ("slots =", "is not TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(service: Service, toml: str, words: str) -> None:
    file = service.home / "countermand.toml"
    file.write_text(toml)

    done = said_by(service, "serve", "--data", str(service.data), "--config", str(file))

    assert done.returncode == 1
    assert words in words_of(done, lines_max=2)
    assert not service.data.exists()


@pytest.mark.parametrize("options", [["--slots", "0"], ["--port", "65536"], ["--no-such"]])
def test_a_wrong_option_is_a_usage_error(service: Service, options: list[str]) -> None:
    done = said_by(service, "serve", "--data", str(service.data), *options)

    assert done.returncode == 2
    assert options[0] in done.stderr
    assert "Traceback" not in done.stderr
    assert not service.data.exists()


# --- what tasks are given, and what they are not --------------------------------------------------


def test_a_task_is_given_nothing_of_the_service(service: Service) -> None:
    service.environment = {"SERVICE_PASSWORD": SECRET, "COUNTERMAND_TOKEN": SECRET}
    service.start()
    trace = service.trace("environment")
    job = service.submit(f"env >{trace}; ls -l /proc/self/fd >>{trace}.fds")
    service.until_state(job, "Finished")

    names = {line.partition("=")[0] for line in lines(trace)}
    assert names == PASSED_TO_TASKS
    assert SECRET not in trace.read_text()
    for pid in (*service.wardens(),):
        assert SECRET.encode() not in Path(f"/proc/{pid}/environ").read_bytes()


@needs_root
def test_a_task_finds_its_work_directory_by_its_path(service: Service) -> None:
    service.start()
    job = service.submit('echo here >"$PWD/file" && cd / && cat "$OLDPWD/file"')

    service.until_state(job, "Finished", "Failed")

    assert service.job(job)["state"] == "Finished"


@needs_root
def test_tasks_run_as_nobody_and_read_nothing(service: Service) -> None:
    service.start()
    trace = service.trace("reads")
    secrets = [p for p in service.data.rglob("*") if p.is_file()]
    assert {p.name for p in secrets} >= {"service.json", "journal.sqlite", "endpoint.json", "token"}
    reads = " ".join(f"'{p}'" for p in secrets)
    job = service.submit(
        f"id -un >>{trace}; cat {reads} >>{trace} 2>/dev/null; ls {service.data} >>{trace} "
        f"2>/dev/null; ls {service.data}/runs >>{trace} 2>/dev/null; "
        f"cat /proc/{service.pid}/environ >>{trace} 2>/dev/null; "
        f"kill -9 {service.pid} {service.nats_pid} 2>/dev/null; echo over >>{trace}"
    )
    service.until_state(job, "Finished", "Failed")

    assert lines(trace) == ["nobody", "over"]
    assert not service.ended


@needs_root
def test_the_account_of_tasks_is_nobody_at_the_socket_either(service: Service) -> None:
    service.start()
    job, trace = running(service)

    service.disconnect()
    with as_nobody():
        asked = service.http("POST", f"jobs/{job}/cancel", {"mode": "forced"})
        seen = service.http("GET", f"jobs/{job}")
    service.disconnect()

    assert (asked.status_code, seen.status_code) == (401, 401)
    assert "JobCancelRequested" not in [m.type for m in service.events(job)]
    service.cancel(job)
    let_end(trace)
    service.until_state(job, "Canceled")
