"""What tasks are given of the service, what they may read, and whom they may ask."""

from pathlib import Path
from typing import Final

import pytest

from tests.e2e.scripts import MARK, let_end, lines
from tests.e2e.service import Service
from tests.support.accounts import as_nobody, needs_root

pytestmark = [pytest.mark.e2e]

PASSED_TO_TASKS: Final = {
    "CCP_JOBID",
    "CCP_JOBNAME",
    "CCP_NODES",
    "CCP_NODES_CORES",
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
    job, trace = service.running()

    with as_nobody():
        asked = service.http("POST", f"/jobs/{job}/cancel", {"mode": "forced"})
        seen = service.http("GET", f"/jobs/{job}")

    assert (asked.status_code, seen.status_code) == (401, 401)
    assert "JobCancelRequested" not in [m.type for m in service.events(job)]
    service.cancel(job)
    let_end(trace)
    service.until_state(job, "Canceled")
