"""Finish and requeue of one task on real processes, by the command line, and through a crash."""

import json
import signal
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.scripts import let_end, lines, polite, runs, stubborn
from tests.e2e.service import Service
from tests.e2e.stream import check_history
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e]

FINISHED: Final = ["TaskFinishRequested", "TaskStopOrdered", "TaskStopped"]


def task(service: Service, job: int, number: int) -> Json:
    found: Json = service.job(job)["tasks"][number - 1]
    return found


def until_task(service: Service, job: int, number: int, state: str) -> None:
    until(lambda: task(service, job, number)["state"] == state, f"task {number} is {state}")


def about(service: Service, job: int, number: int) -> list[str]:
    """The events that name this task, from the first request on it."""
    found = [
        event.type
        for event in service.events(job)
        if event.data.get("task") == number
        or number in [run["task"] for run in event.data.get("runs", [])]
    ]
    return found[1:]  # after its start


def end_of(marker: Path) -> str:
    """Runs until ``marker`` is there."""
    return f"while [ ! -e {marker} ]; do sleep 0.05; done"


def test_a_running_task_is_finished_and_the_rest_of_the_job_goes_on(service: Service) -> None:
    service.start()
    first, gate = service.trace("first"), service.home / "gate"
    job = service.submit(polite(first), end_of(gate), release="true")
    until(lambda: runs(first) == [f"{job}.1.0-1"], "the first task is up")

    said = service.cli("finish", str(job), "--task", "1", "-m", "it is \N{PARTY POPPER} enough")
    assert said.status == 0, said.err
    assert said.out.startswith(f"job {job}: finish of task 1 accepted; it is being stopped (event ")
    until(lambda: "term" in lines(first), "the signal")
    assert task(service, job, 1)["state"] == "Finishing"
    let_end(first)
    until_task(service, job, 1, "Finished")
    assert service.job(job)["state"] == "Running"
    gate.touch()

    ended = service.until_state(job, "Finished", "Failed")
    assert [t["state"] for t in ended["tasks"]] == ["Finished", "Finished", "Finished"]
    assert ended["tasks"][0]["finish"]["message"] == "it is \N{PARTY POPPER} enough"
    assert lines(first).count("tidy") == 1
    assert about(service, job, 1) == FINISHED
    stopped = next(e.data for e in service.events(job) if e.type == "TaskStopped")
    assert (stopped["cause"], stopped["outcome"]) == ("finish", "Finished")
    shown = service.cli("show", str(job)).out
    assert "finish by" in shown
    late = service.cli("finish", str(job), "--task", "1")
    assert (late.status, "(rule finish-task-from-Finished)" in late.err) == (6, True)
    check_history(service.stream())


def test_a_task_that_ignores_the_signal_is_killed_with_all_it_left(service: Service) -> None:
    service.start()
    service.set_grace(1)
    job, trace = service.running(stubborn)
    service.ask("POST", f"/jobs/{job}/tasks/1/finish", {"message": "enough"})
    service.until_state(job, "Finished")
    stop = next(e.data for e in service.events(job) if e.type == "TaskForceStopped")
    assert (stop["cause"], stop["why"], stop["outcome"]) == ("finish", "grace_expired", "Finished")
    assert (stop["survivors"], lines(trace).count("term")) == (0, 1)
    until(lambda: not service.members(job), "an end of all its processes")


def test_a_waiting_task_is_finished_without_a_process(service: Service) -> None:
    service.configure(slots=1)
    service.start()
    gate, ran = service.home / "gate", service.trace("ran")
    job = service.submit(end_of(gate), f"echo second >>{ran}", f"echo third >>{ran}")
    until_task(service, job, 1, "Running")
    answer = service.ask("POST", f"/jobs/{job}/tasks/2/finish", {"message": "by hand"})
    assert answer["explanation"].endswith("it counts as Finished and never runs")
    gate.touch()
    ended = service.until_state(job, "Finished", "Failed")
    assert [(t["state"], t["attempt"]) for t in ended["tasks"]] == [
        ("Finished", 1),
        ("Finished", 0),
        ("Finished", 1),
    ]
    assert lines(ran) == ["third"]


def test_failed_and_canceled_tasks_run_again_while_the_job_goes_on(service: Service) -> None:
    service.configure(slots=2)
    service.start()
    gate, tries, ran = service.home / "gate", service.trace("tries"), service.trace("ran")
    fails_once = f"echo try >>{tries}; [ $(wc -l <{tries}) -gt 1 ]"
    job = service.submit(end_of(gate), fails_once, f"echo third >>{ran}; {end_of(gate)}")
    until_task(service, job, 2, "Failed")
    until(lambda: lines(ran) == ["third"], "the third task is up")
    service.ask("POST", f"/jobs/{job}/tasks/3/cancel", {"mode": "forced"})
    until_task(service, job, 3, "Failed")

    said = service.cli("requeue", str(job), "--task", "2", as_json=True)
    assert (said.status, json.loads(said.out)["operation"]) == (0, "requeue_task"), said
    service.ask("POST", f"/jobs/{job}/tasks/3/requeue", {})
    until(lambda: lines(ran) == ["third", "third"], "the third task runs a second time")
    gate.touch()

    ended = service.until_state(job, "Finished", "Failed")
    assert [(t["state"], t["attempt"]) for t in ended["tasks"]] == [
        ("Finished", 1),
        ("Finished", 2),
        ("Finished", 2),
    ]
    assert lines(tries) == ["try", "try"]
    assert about(service, job, 2) == ["TaskFailed", "TaskRequeued", "TaskStarted", "TaskFinished"]
    over = service.cli("requeue", str(job), "--task", "2")
    assert (over.status, "(rule requeue-task-in-Finished)" in over.err) == (6, True)
    assert service.ask("GET", f"/jobs/{job}/replay")["matches_live"] is True
    check_history(service.stream())


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "after:TaskFinishRequested",
        "before:TaskStopOrdered",
        "after:TaskStopOrdered",
        "before:stop-1",
        "after:stop-1",
        "before:TaskStopped",
        "after:TaskStopped",
    ],
)
def test_a_finish_is_carried_out_by_the_next_service(service: Service, point: str) -> None:
    trace = service.trace("trace")
    let_end(trace)
    service.start_crashing(point)
    job = service.submit(polite(trace))
    until(lambda: runs(trace) == [f"{job}.1.0-1"], "the task is up")
    path, body = f"/jobs/{job}/tasks/1/finish", {"message": "enough"}
    try:
        service.http("POST", path, body, "the-finish")
    except httpx.TransportError:
        assert point == "after:TaskFinishRequested"
    assert service.process is not None
    assert service.process.wait() == -signal.SIGKILL
    service.start()

    answer = service.ask("POST", path, body, "the-finish")
    assert (answer["outcome"], answer["event_type"]) == ("accepted", "TaskFinishRequested")
    ended = service.until_state(job, "Finished")
    assert ended["tasks"][0]["finish"]["request_id"] == "the-finish"
    assert about(service, job, 1) == FINISHED
    assert (lines(trace).count("term"), lines(trace).count("tidy")) == (1, 1)
    assert runs(trace) == [f"{job}.1.0-1"]
    check_history(service.stream())
