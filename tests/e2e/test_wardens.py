"""Wardens killed, machines restarted, strangers at a socket: seen from the job's history."""

import json
import os
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.scripts import let_end, lines, polite, runs, stubborn
from tests.e2e.service import STOP_SECONDS_MAX, Service
from tests.e2e.stream import check_history
from tests.support.accounts import as_nobody, needs_root
from tests.support.processes import alive
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e]

ANOTHER_BOOT: Final = "00000000-0000-4000-8000-000000000000"
COMMANDS: Final = b"1 stop 7838 kill 9 0\n2 go\n"


def only(service: Service, job: int, name: str) -> Json:
    """The data of the only event of that name."""
    (found,) = [m.data for m in service.events(job) if m.type == name]
    return found


def kill_wardens(service: Service) -> int:
    """SIGKILL to every warden of the data directory; how many there were."""
    pids = service.wardens()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not service.wardens(), "the end of the wardens")
    return len(pids)


def run_directory(service: Service) -> Path:
    (found,) = (service.data / "runs").iterdir()
    return found


def assert_told_whole(service: Service, job: int) -> None:
    """Whatever happened, the history is whole and tells the state."""
    check_history(service.stream())
    assert service.ask("GET", f"/jobs/{job}/replay")["matches_live"] is True
    until(lambda: not service.members(job), "an end of all its processes")


def test_a_task_whose_warden_is_killed_runs_again_by_itself(service: Service) -> None:
    service.start()
    trace = service.trace("trace")
    job = service.submit(tasks=[{"command": polite(trace), "retry_count": None}])
    service.ask("PUT", "/parameters/TaskRetryCount", {"value": "1"})
    until(lambda: runs(trace) == [f"{job}.1.0-1"], "the first run")
    assert kill_wardens(service) == 1
    until(lambda: runs(trace) == [f"{job}.1.0-1", f"{job}.1.0-2"], "the second run")
    failed = only(service, job, "TaskFailed")
    assert (failed["code"], failed["runs_again"]) == ("run_lost", True)
    service.cancel(job, "forced")
    service.until_state(job, "Canceled")
    assert_told_whole(service, job)


def test_a_warden_that_is_killed_fails_its_task_with_the_reason(service: Service) -> None:
    service.start()
    job, _ = service.running(stubborn)

    assert kill_wardens(service) == 1
    service.until_state(job, "Failed")

    failed = only(service, job, "TaskFailed")
    assert failed["code"] == "run_lost"
    assert failed["reason"].startswith("the warden died; ")
    assert "killed" in failed["reason"]
    assert_told_whole(service, job)


def test_a_warden_killed_in_a_grace_period_leaves_the_cancel_to_end(service: Service) -> None:
    service.start()
    service.set_grace(60)
    trace = service.trace("release")
    job, told = service.running(stubborn, release=f"echo released >>{trace}")
    service.cancel(job)
    until(lambda: "term" in lines(told), "the signal")

    assert kill_wardens(service) == 1
    service.until_state(job, "Canceled")

    assert only(service, job, "TaskFailed")["code"] == "run_lost"
    assert only(service, job, "JobCanceled")["released"] is True
    assert lines(trace) == ["released"]
    assert_told_whole(service, job)


def test_a_cancel_that_does_not_end_is_told_until_it_does(service: Service) -> None:
    """Its warden sleeps and carries nothing out."""
    service.start()
    job, _ = service.running(stubborn)
    (warden,) = service.wardens()
    os.kill(warden, signal.SIGSTOP)
    try:
        service.cancel(job, mode="forced")
        reason = "1 cancel should be over by now: countermand ls --stuck lists what is not"
        until(lambda: reason in service.health()["reasons"], "the stuck cancel in the health")
        assert service.health()["status"] == "degraded"
        (found,) = service.ask("GET", "/cancellations?troubled=true")["cancellations"]
        assert (found["job_id"], found["trouble"]) == (job, "stuck")
    finally:
        os.kill(warden, signal.SIGCONT)
    service.until_state(job, "Canceled")
    until(lambda: service.health()["status"] == "ready", "a healthy service again")


def test_every_warden_killed_while_the_service_is_down(service: Service) -> None:
    service.start()
    traces = [service.trace(f"trace{n}") for n in range(3)]
    jobs = [service.submit(stubborn(trace)) for trace in traces]
    until(lambda: all(runs(trace) for trace in traces), "the tasks are up")
    service.set_grace(60)
    service.cancel(jobs[0])
    until(lambda: "term" in lines(traces[0]), "the signal")
    service.kill()
    assert kill_wardens(service) == 3

    service.start()

    assert service.until_state(jobs[0], "Canceled", "Failed")["state"] == "Canceled"
    for job in jobs[1:]:
        assert service.until_state(job, "Failed")["tasks"][0]["code"] == "run_lost"
    for job in jobs:
        assert only(service, job, "TaskFailed")["reason"].startswith("the warden died")
        assert_told_whole(service, job)
    assert service.ask("GET", "/health/ready")["status"] == "ready"


def test_a_warden_killed_before_the_word_to_go_means_that_nothing_ran(service: Service) -> None:
    trace = service.trace("trace")
    service.start_crashing("before:TaskStarted")
    job = service.submit(f"echo run $COUNTERMAND_RUN >>{trace}")
    until(lambda: service.ended, "the crash")
    assert kill_wardens(service) == 1

    service.start()
    service.until_state(job, "Finished")

    assert runs(trace) == [f"{job}.1.0-1"]
    assert [m.type for m in service.events(job)].count("TaskStarted") == 1
    assert_told_whole(service, job)


def test_a_warden_killed_between_the_written_start_and_go(service: Service) -> None:
    trace = service.trace("trace")
    service.start_crashing("before:go-1")
    job = service.submit(f"echo run $COUNTERMAND_RUN >>{trace}")
    until(lambda: service.ended, "the crash")
    assert kill_wardens(service) == 1

    service.start()
    service.until_state(job, "Failed")

    assert "nothing ran" in only(service, job, "TaskFailed")["reason"]
    assert runs(trace) == []
    assert_told_whole(service, job)


@needs_root
def test_a_machine_that_restarted_fails_what_ran_on_it(service: Service) -> None:
    """Before: a service in a mount namespace that shows another boot id. After: this machine."""
    boot_id = service.home / "boot_id"
    boot_id.write_text(ANOTHER_BOOT + "\n")
    if subprocess.run(elsewhere(boot_id, "true"), check=False, capture_output=True).returncode:
        pytest.skip("no mount namespace may be made here")
    service.run(elsewhere(boot_id, *service.command()))
    service.wait_ready()
    job, _ = service.running(polite)
    assert only(service, job, "TaskStarted")["handle"]["boot_id"] == ANOTHER_BOOT
    service.kill()
    kill_task(service, job)

    service.start()
    service.until_state(job, "Failed")

    failed = only(service, job, "TaskFailed")
    assert (failed["code"], failed["reason"]) == ("run_lost", "the machine restarted")
    assert_told_whole(service, job)


def elsewhere(boot_id: Path, *command: str) -> list[str]:
    """A command for which the machine has started another time."""
    mount = f"mount --bind {boot_id} /proc/sys/kernel/random/boot_id"
    return ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]


def kill_task(service: Service, job: int) -> None:
    """Nothing of the job is there any more, as after a restart of the machine."""
    assert kill_wardens(service) == 1
    for one in service.members(job):
        os.kill(one.pid, signal.SIGKILL)
    until(lambda: not service.members(job), "the end of the task")


def test_notes_of_another_keeper_are_no_notes_of_this_run(service: Service) -> None:
    """A restored backup, a damaged disk: never a job that runs for ever."""
    service.start()
    job, _ = service.running(polite)
    assert service.stop() < STOP_SECONDS_MAX
    kill_task(service, job)
    notes = run_directory(service) / "notes"
    told = [json.loads(line) for line in notes.read_text().splitlines()]
    told = [note | {"boot_id": ANOTHER_BOOT} if "boot_id" in note else note for note in told]
    notes.write_text("".join(json.dumps(note, separators=(",", ":")) + "\n" for note in told))

    service.start()
    service.until_state(job, "Failed")

    assert only(service, job, "TaskFailed")["reason"] == "the engine has no note of this run"
    assert_told_whole(service, job)


def test_notes_that_are_gone_fail_the_task(service: Service) -> None:
    service.start()
    job, _ = service.running(polite)
    service.kill()
    kill_wardens(service)
    (run_directory(service) / "notes").unlink()

    service.start()
    service.until_state(job, "Failed")

    assert only(service, job, "TaskFailed")["reason"] == "the engine has no note of this run"
    assert_told_whole(service, job)


def said_to_stranger(directory: Path) -> str:
    """What a warden answers to commands of this process."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(10)
        try:
            connection.connect(str(directory / "sock"))
        except PermissionError:
            return "refused"
        try:
            connection.sendall(COMMANDS)
            return connection.recv(65536).decode()
        except ConnectionError:
            return "hung up"


@needs_root
@pytest.mark.parametrize("mode", [0o600, 0o666])
def test_a_stranger_cannot_command_a_warden(service: Service, mode: int) -> None:
    service.start()
    job, trace = service.running(polite)
    directory = run_directory(service)
    os.chmod(directory / "sock", mode)

    with as_nobody():
        said = said_to_stranger(directory)

    assert said in (("refused",) if mode == 0o600 else ("", "hung up"))
    assert "ordered" not in (directory / "notes").read_text()
    service.cancel(job)
    let_end(trace)
    service.until_state(job, "Canceled")
    assert only(service, job, "TaskStopped")["exit"]["code"] == 0


@needs_root
def test_tasks_cannot_signal_their_warden(service: Service) -> None:
    service.start()
    trace = service.trace("trace")
    job = service.submit(
        f"kill -9 $PPID 2>/dev/null; echo run $COUNTERMAND_RUN >>{trace}; sleep 60"
    )
    until(lambda: runs(trace), "the task is up")

    (warden,) = service.wardens()
    assert alive(warden)
    service.cancel(job, "forced")
    service.until_state(job, "Canceled")
    assert only(service, job, "TaskForceStopped")["why"] == "forced"


def test_many_wardens_are_found_again(service: Service) -> None:
    service.configure(slots=8)
    service.start()
    trace = service.trace("trace")
    job = service.submit(*[polite(trace)] * 8)
    until(lambda: len(runs(trace)) == 8, "the tasks are up")
    service.restart()
    let_end(trace)

    service.cancel(job)
    service.until_state(job, "Canceled")

    assert lines(trace).count("tidy") == 8
    assert [m.type for m in service.events(job)].count("TaskStopped") == 8
    assert_told_whole(service, job)
