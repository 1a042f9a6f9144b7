"""A sweep of 100,000 subtasks, canceled while a few of them run: facts, views and faces agree."""

import json
from typing import Any, Final

import pytest

from domain.numbers import NONE, Numbers
from tests.e2e.scripts import job_of
from tests.e2e.service import Service
from tests.e2e.stream import Event, check_history
from tests.e2e.views import against_rebuild, until_quiet
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

SUBTASKS: Final = 100_000
SLOTS: Final = 4
DONE: Final = 3
"""The first subtasks end by themselves; those behind them run until they are stopped."""
REACHED: Final = DONE + SLOTS


def submitted(service: Service) -> int:
    """The sweep, with its first subtasks done and as many running as there are slots."""
    command = f"[ * -gt {DONE} ] && exec sleep 600; exit 0"
    (task,) = job_of(command, mark=service.home)["tasks"]
    sweep = {"type": "ParametricSweep", "start": 1, "end": SUBTASKS, "increment": 1}
    job = service.submit(tasks=[{**task, **sweep}])

    def settled() -> bool:
        counts = counts_of(service, job)
        return (counts["finished"], counts["running"]) == (DONE, SLOTS)

    until(settled, f"{DONE} subtasks are done and {SLOTS} run")
    return job


def counts_of(service: Service, job: int) -> Any:
    """What the subtasks do, as the job says it."""
    return service.job(job)["tasks"][0]["subtasks"]


def subtasks_of(service: Service, job: int) -> list[Any]:
    """All that were reached, page by page, once the views know how each of them ended."""
    position = until_quiet(service)
    found, after = list[Any](), 0
    with service.client(**{"Countermand-At-Least": str(position)}) as client:
        while True:
            path = f"/jobs/{job}/tasks/1/subtasks?limit=5&after={after}"
            body = client.get(path).json()
            found += body["subtasks"]
            if body["next"] is None:
                return found
            after = body["next"]


def numbers_of(events: list[Event], *types: str) -> Numbers:
    """The subtasks whose runs these events name."""
    found = NONE
    for event in events:
        for run in event.data["runs"] if event.type in types else ():
            found |= Numbers.read(run["instances"])
    return found


@pytest.mark.parametrize(
    ("mode", "end", "signal"),
    [("normal", "TaskStopped", 15), ("forced", "TaskForceStopped", 9)],
)
def test_a_cancel_of_a_large_sweep_is_one_fact_and_every_run_has_its_end(
    service: Service, mode: str, end: str, signal: int
) -> None:
    service.start()
    job = submitted(service)

    receipt = service.cancel(job, mode)
    assert (receipt["outcome"], receipt["event_type"]) == ("accepted", "JobCancelRequested")
    service.until_state(job, "Canceled")

    events = service.events(job)
    (cancel,) = [x for x in events if x.type == "JobCancelRequested"]
    (waiting,) = cancel.data["waiting"]["subtasks"]
    assert (waiting["instances"], waiting["cut"]) == (f"{REACHED + 1}-{SUBTASKS}", 0)
    assert cancel.data["waiting"]["count"] == SUBTASKS - REACHED
    running = Numbers.between(DONE + 1, REACHED)
    (named,) = cancel.data["running"]["runs"]
    assert Numbers.read(named["instances"]) == running
    assert numbers_of(events, end) == running
    assert numbers_of(events, "TaskFinished") == Numbers.between(1, DONE)
    check_history(service.stream())

    found = subtasks_of(service, job)
    assert [x["subtask_id"] for x in found] == list(range(1, REACHED + 1))
    assert [(x["state"], x["exit_code"], x["exit_signal"]) for x in found] == [
        *[("Finished", 0, None)] * DONE,
        *[("Failed", None, signal)] * SLOTS,
    ]
    assert all(x["started_at"] and x["ended_at"] and x["attempt"] == 1 for x in found)
    assert counts_of(service, job) == {
        "total": SUBTASKS,
        "expanded": REACHED,
        "waiting": 0,
        "running": 0,
        "finished": DONE,
        "failed": SLOTS,
        "canceled": SUBTASKS - REACHED,
    }
    assert against_rebuild(service, service.home) == ()

    shown = service.cli("show", str(job)).out
    assert f"{SUBTASKS} of {SUBTASKS} subtasks done: {DONE} finished, {SLOTS} failed" in shown
    one = json.loads(service.cli("show", f"{job}.1.{REACHED}", as_json=True).out)
    assert one["exit_signal"] == signal
    beyond = service.cli("show", f"{job}.1.{REACHED + 1}")
    assert (beyond.status, "has not been expanded yet" in beyond.err) == (3, True)


def test_one_subtask_is_stopped_and_another_runs_again(service: Service) -> None:
    service.start()
    job = submitted(service)
    assert service.cli("cancel", f"{job}.1.{REACHED}", "--force", "--wait=60s").status == 0

    def slot_is_used_again() -> bool:
        return bool(counts_of(service, job)["running"] == SLOTS)

    until(slot_is_used_again, "the next subtask has the slot")
    assert counts_of(service, job)["expanded"] == REACHED + 1
    assert service.cli("requeue", f"{job}.1.{REACHED}").status == 0
    (row,) = service.ask("GET", f"/audit?task=1&kind=request&job={job}")["rows"]
    assert row["tasks"] == f"1.{REACHED}"
    service.cancel(job, "forced")
    service.until_state(job, "Canceled")
    last = service.ask("GET", f"/jobs/{job}/tasks/1/subtasks/{REACHED}")["subtask"]
    assert last["attempt"] in (1, 2)
