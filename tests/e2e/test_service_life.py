"""A service from its first start to its last end: files, signals, and one service a directory."""

import json
import os
import re
import signal
import stat
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.said import COUNTERMAND
from tests.e2e.scripts import MARK, let_end, lines, runs, stubborn
from tests.e2e.service import STOP_SECONDS_MAX, Service
from tests.e2e.stream import check_history
from tests.support.processes import alive, belonging_to
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

KILLS: Final = 5
OPEN_TO_ALL: Final = {"run/countermand.sock"}
MAY_BE_ENTERED: Final = {".", "run", "runs"}


# --- files ----------------------------------------------------------------------------------------


def test_the_endpoint_says_where_everything_is(service: Service) -> None:
    service.start()
    file = service.data / "run" / "endpoint.json"

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    endpoint = service.endpoint
    assert set(endpoint) == {
        "http",
        "https",
        "https_certificate",
        "socket",
        "token_file",
        "nats_url",
        "nats_credentials_file",
        "stream",
        "cluster",
        "pid",
    }
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", endpoint["http"])
    assert (endpoint["https"], endpoint["https_certificate"]) == ("", ""), "nobody asked for it"
    assert re.fullmatch(r"nats://127\.0\.0\.1:\d+", endpoint["nats_url"])
    assert (endpoint["stream"], endpoint["cluster"]) == ("COUNTERMAND", "local")
    assert endpoint["pid"] == service.pid
    login = json.loads(Path(endpoint["nats_credentials_file"]).read_bytes())
    assert login.keys() == {"user", "password"}
    assert login["user"] == "reader"
    assert service.stop() < STOP_SECONDS_MAX
    assert not file.exists()
    assert not Path(endpoint["token_file"]).exists()


def test_nobody_else_may_read_anything_in_the_data_directory(service: Service) -> None:
    service.start()
    job, trace = service.running()
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
    job, trace = service.running()
    wardens = service.wardens()
    nats = service.nats_pid

    assert service.stop() < STOP_SECONDS_MAX

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
    assert service.stop() < STOP_SECONDS_MAX
    let_end(trace)
    until(lambda: not service.wardens(), "the end of the run")

    service.start()

    (task,) = service.until_state(job, "Failed")["tasks"]
    assert (task["exit_code"], task["attempt"]) == (3, 1)


def test_stop_tasks_ends_running_jobs_as_facts(service: Service) -> None:
    service.start("--stop-tasks")
    traces = [service.trace(f"trace{n}") for n in range(3)]
    jobs = [service.submit(stubborn(trace)) for trace in traces]
    waits = service.submit(*["sleep 60"] * 8)
    until(lambda: all(runs(trace) for trace in traces), "the tasks are up")
    until(lambda: service.members(waits), "the first of eight")

    assert service.stop() < STOP_SECONDS_MAX

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
    check_history(service.stream())


def test_stop_tasks_in_the_middle_of_starts(service: Service) -> None:
    """Each is either not begun, and begins with the next service, or ends as the others do."""
    service.start("--stop-tasks")
    jobs = [service.submit("sleep 60") for _ in range(4)]

    assert service.stop() < STOP_SECONDS_MAX

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
    job, trace = service.running()
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
    assert service.ask("GET", "/health/ready")["status"] == "ready"


# --- one service a directory ----------------------------------------------------------------------


def test_a_second_service_is_refused_and_the_first_unharmed(service: Service) -> None:
    service.start()
    endpoint, nats = service.endpoint, service.nats_pid

    second = service.program("serve", "--data", str(service.data), "--port", "0")

    assert second.status == 1
    sentence = second.refusal()
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
        service.kill()
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
