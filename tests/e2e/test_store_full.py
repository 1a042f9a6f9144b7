"""The store is full: it is said, running cancels still end, nothing is lost or comes twice."""

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from adapters.bootstrap.disk import free_bytes
from tests.e2e.home import new_home
from tests.e2e.service import Service, running_service
from tests.e2e.stream import check_history, ends
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MIB = 1024**2
DISK = "64m"
GRACE_SECONDS = 2
JOBS = 6
"""Their last events do not all fit into what is left of the page that the stream writes to."""


@contextmanager
def small_disk() -> Iterator[Path]:
    """A directory on a disk of 64 MiB."""
    with new_home() as made:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=711", "tmpfs", str(made)]
        done = subprocess.run(mount, capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a small disk cannot be mounted here: {done.stderr.decode().strip()}")
        try:
            yield made
        finally:
            subprocess.run(["umount", "--lazy", str(made)], check=True)


class Filler:
    """A file that takes the disk's room, to the last byte."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._path = disk / "filler"
        self._handle = os.open(self._path, os.O_CREAT | os.O_WRONLY)

    def fill(self) -> None:
        """Take all there is, a reserve that is given up meanwhile included."""
        while self._written():
            pass

    def take_what_is_free(self) -> None:
        """Take what is free now; of a reserve that is given up meanwhile, nothing."""
        free = free_bytes(self._disk)
        while free > 0 and (written := self._written()):
            free -= written

    def _written(self) -> int:
        try:
            return os.write(self._handle, bytes(4096))
        except OSError as full:
            if full.errno != errno.ENOSPC:
                raise
            return 0

    def remove(self) -> None:
        with suppress(FileNotFoundError):
            self._path.unlink()
            os.close(self._handle)


@contextmanager
def on_small_disk() -> Iterator[tuple[Service, Filler]]:
    with small_disk() as disk:
        one = Service(disk).start()
        filler = Filler(disk)
        try:
            one.set_grace(GRACE_SECONDS)
            yield one, filler
        finally:
            filler.remove()
            one.kill()


def being_canceled(one: Service, jobs: int) -> list[int]:
    """Jobs whose grace period runs: they do not listen to the stop signal."""
    made = [one.deaf_job() for _ in range(jobs)]
    for job in made:
        body = {"message": "before the disk was full"}
        assert one.http("POST", f"/jobs/{job}/cancel", body).status_code == 200
    return made


def refusal(one: Service, path: str, body: Json) -> Json:
    """The problem that a new command gets now: 503, with a time to come back."""
    with one.client() as http:
        answer = http.post(path, json=body)
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    found: Json = answer.json()
    assert found["code"] == "store_full"
    return found


def works_again(one: Service) -> int:
    """A job that is made as soon as commands are taken again."""

    def made() -> int:
        with one.client() as http:
            answer = http.post("/jobs", json={"tasks": [{"command": "true"}]})
        assert answer.status_code in (201, 503), answer.text
        return int(answer.json()["job_id"]) if answer.status_code == 201 else 0

    job = until(made, "commands are taken again")
    one.until_state(job, "Finished")
    return job


def check_ended_once(one: Service, jobs: list[int]) -> None:
    history = one.stream()
    check_history(history)
    ended = [e.aggregate for e in ends(history)]
    assert sorted(ended) == sorted(f"job/{job}" for job in jobs)
    for job in jobs:
        types = [e.type for e in history if e.aggregate == f"job/{job}"]
        assert types[-4:] == [
            "JobCancelRequested",
            "TaskStopOrdered",
            "TaskForceStopped",
            "JobCanceled",
        ]
    journal_follows(one)


def journal_follows(one: Service) -> None:
    """The second copy catches up, so that the service is ready again."""
    until(lambda: one.health()["status"] == "ready", f"ready again: {one.health()}")


# --- the stream's own limit -----------------------------------------------------------------------


def test_a_full_stream_takes_no_command_but_lets_a_running_cancel_end() -> None:
    with running_service(stream_bytes_max=MIB) as one:
        one.set_grace(4)
        (job,) = being_canceled(one, 1)
        said = until(lambda: fill_stream(one), "the stream is full")
        assert "of 1048576 bytes" in said["detail"]
        assert "95 %" in said["detail"]
        assert "stream_bytes_max" in said["detail"]
        refusal(one, f"/jobs/{job}/cancel", {"message": "again"})
        refusal(one, "/jobs/999999/cancel", {})
        check_said_everywhere(one, "of 1048576 bytes")
        shown = one.cli("cancel", str(job), "-m", "by hand")
        assert (shown.status, "95 %" in shown.out + shown.err) == (75, True)
        one.until_state(job, "Canceled")
        events = one.stream()
        check_history(events)
        assert [e.aggregate for e in ends(events)] == [f"job/{job}"]


def check_said_everywhere(one: Service, why: str) -> None:
    """Health and metrics say that no new command is taken, so that somebody is called."""
    answer = one.http("GET", "/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
    (said,) = (x for x in answer.json()["reasons"] if "no new command is taken" in x)
    assert why in said
    assert (one.metric("ready"), one.metric("refused_for_room")) == (0, 1)
    assert one.http("GET", "/jobs").status_code == 200, "questions are answered"


def fill_stream(one: Service) -> Json | None:
    """Make big jobs until one is refused and the stream really is full; the problem."""
    big = {"command": "true", "environment": {"X": "x" * 30_000}}
    with one.client() as http:
        answer = http.post("/jobs", json={"tasks": [big], "submit": False})
    if answer.status_code == 201:
        return None
    assert answer.status_code == 503, answer.text
    assert "retry-after" in answer.headers
    problem: Json = answer.json()
    assert problem["code"] == "store_full"
    return problem if one.stream_bytes() >= MIB * 95 // 100 else None


# --- the disk -------------------------------------------------------------------------------------


def test_on_a_full_disk_the_reserve_lets_running_cancels_end() -> None:
    with on_small_disk() as (one, filler):
        assert (one.metric("ready"), one.metric("refused_for_room")) == (
            1,
            0,
        )
        assert one.metric("disk_needed_bytes") == one.metric("disk_reserve_bytes") == 8 * MIB
        assert one.metric('disk_free_bytes{holds="data"}') > 8 * MIB
        assert one.metric('disk_size_bytes{holds="mark"}') == 64 * MIB
        jobs = being_canceled(one, 3)
        filler.take_what_is_free()
        said = until(lambda: refused_for_the_disk(one), "new commands are refused")
        assert "free some space" in said["detail"]
        check_said_everywhere(one, "free some space")
        check_true_numbers(one)
        refusal(one, f"/jobs/{jobs[0]}/cancel", {"message": "again"})
        for job in jobs:
            one.until_state(job, "Canceled")
        assert not (one.data / "reserve").exists()
        filler.remove()
        works_again(one)
        check_ended_once(one, jobs)
        until((one.data / "reserve").exists, "the reserve is back")
        assert (one.metric("ready"), one.metric("refused_for_room")) == (
            1,
            0,
        )


def check_true_numbers(one: Service) -> None:
    """Once the reserve was given up, what became free by it is told as free."""
    until(lambda: one.metric("disk_reserve_bytes") == 0, "the reserve is given up")
    assert one.metric("disk_needed_bytes") == 32 * MIB
    (said,) = (x for x in one.health()["reasons"] if "bytes free" in x)
    told = int(said.split(" bytes free")[0].rpartition(" ")[2])
    assert 4 * MIB < told < 32 * MIB, said
    assert f"again from {32 * MIB} on" in said


def refused_for_the_disk(one: Service) -> Json | None:
    """The refusal, once the service has looked at its disk."""
    with one.client() as http:
        answer = http.post("/jobs", json={"tasks": [{"command": "true"}], "submit": False})
    if answer.status_code == 201:
        return None
    assert answer.json()["code"] == "store_full", answer.text
    found: Json = answer.json()
    return found


def test_when_the_reserve_is_gone_too_cancels_end_as_soon_as_there_is_room() -> None:
    with on_small_disk() as (one, filler):
        jobs = being_canceled(one, JOBS)
        until(written_no_more(one, filler), "the stream's write fails")
        until(lambda: troubled(one), "somebody is told")
        refusal(one, f"/jobs/{jobs[0]}/cancel", {"message": "again"})
        filler.remove()
        for job in jobs:
            one.until_state(job, "Canceled")
        works_again(one)
        check_ended_once(one, jobs)


def test_room_that_comes_back_within_a_failing_write_is_found_out() -> None:
    """Measured: after one failed write a stream stores nothing more, however much room there is."""
    with on_small_disk() as (one, filler):
        jobs = being_canceled(one, JOBS)
        until(written_no_more(one, filler), "the stream's write fails")
        filler.remove()
        for job in jobs:
            one.until_state(job, "Canceled")
        works_again(one)
        check_ended_once(one, jobs)
        one.stop()
        one.start()
        check_ended_once(one, jobs)


def written_no_more(one: Service, filler: Filler) -> Callable[[], bool]:
    """Keep the disk full, the given-up reserve included, until nats-server says that it is ill."""
    (file,) = (one.data / "run").glob("nats-server_*.ports")
    health = json.loads(file.read_text())["monitoring"][0] + "/healthz"

    def look() -> bool:
        filler.fill()
        return httpx.get(health, trust_env=False).status_code == 503

    return look


def troubled(one: Service) -> bool:
    """A full disk is seen in the service's health."""
    health = one.health()
    return any("bytes left" in reason or "disk" in reason for reason in health["reasons"])
