"""Snapshots of jobs across kill -9, damage and deletion: the same job, whatever becomes of them."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from application.snapshots import EVENTS_BETWEEN
from tests.e2e.service import Service
from tests.e2e.stream import check_history
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def snapshot_of(service: Service, job: int) -> Path | None:
    """The file, if there is one."""
    found = list((service.data / "snapshots").rglob(str(job)))
    return found[0] if found else None


def change_often(service: Service, job: int, times: int) -> None:
    """So many events of one job."""
    with service.client() as client:
        for n in range(times):
            answer = client.patch(f"/jobs/{job}", json={"name": f"name {n}"})
            assert answer.status_code == 200, answer.text


def refusals(service: Service) -> list[str]:
    """What was said of snapshots that were not used."""
    lines = [json.loads(x) for x in service.log.splitlines() if x.startswith("{")]
    return [x["reason"] for x in lines if x["event"] == "snapshot_refused"]


def test_killed_damaged_and_deleted_they_change_nothing(service: Service) -> None:
    service.start()
    body = {"name": "long", "tasks": [{"command": "true"}], "submit": False}
    job = int(service.ask("POST", "/jobs", body)["job_id"])
    change_often(service, job, EVENTS_BETWEEN)
    path = until(lambda: snapshot_of(service, job), "a snapshot")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    change_often(service, job, 3)
    before = service.job(job)

    service.kill()
    (path.parent / "leftover.new").write_bytes(path.read_bytes()[:100])
    service.start()
    assert service.job(job) == before
    assert not (path.parent / "leftover.new").exists()
    assert refusals(service) == []

    service.kill()
    raw = path.read_bytes()
    path.write_bytes(raw[:-20] + b"\0" * 20)
    service.start()
    assert service.job(job) == before
    assert ["checksum" in reason for reason in refusals(service)] == [True]
    until(lambda: snapshot_of(service, job), "another snapshot")

    shutil.rmtree(service.data / "snapshots")
    assert service.job(job) == before
    assert service.restart().job(job) == before
    service.cancel(job)
    service.until_state(job, "Canceled")
    assert len(refusals(service)) == 1
    check_history(service.stream())
