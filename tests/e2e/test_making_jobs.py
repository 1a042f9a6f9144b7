"""A job made piece by piece, changed, submitted and run, by the command line and over HTTP."""

import json

import pytest

from tests.e2e.scripts import lines
from tests.e2e.service import Service
from tests.e2e.stream import check_history

pytestmark = [pytest.mark.e2e]


def test_a_job_is_created_given_tasks_one_by_one_and_submitted(service: Service) -> None:
    service.configure(slots=1)
    service.start()
    ran = service.trace("ran")
    job = int(service.cli("submit", "--hold", "-q", "--", "true").out)
    for number, word in ((2, "one"), (3, "two")):
        said = service.cli("add", str(job), "--task", f"echo {word} >>{ran}", as_json=True)
        assert (said.status, json.loads(said.out)["task_id"]) == (0, number), said.err
    service.ask("POST", f"/jobs/{job}/tasks", {"tasks": [{"command": f"echo three >>{ran}"}]})
    changed = service.cli("modify", str(job), "--name", "made by hand", "--priority", "Highest")
    assert changed.status == 0, changed.err
    assert changed.out.startswith(f"job {job}: changed: name, priority")
    assert service.cli("submit", "--job", str(job)).status == 0
    ended = service.until_state(job, "Finished", "Failed")
    assert (ended["state"], ended["name"], ended["priority"]) == (
        "Finished",
        "made by hand",
        "Highest",
    )
    assert lines(ran) == ["one", "two", "three"]
    late = service.cli("add", str(job), "--", "true")
    assert (late.status, "(rule add_tasks-states)" in late.err) == (6, True), late.err
    check_history(service.stream())


def test_a_job_for_an_account_that_may_run_nothing_is_not_taken(service: Service) -> None:
    service.start()
    said = service.cli("submit", "--run-as", "bin", "--", "true")
    assert said.status != 0
    assert "bin" in said.err
    assert "Traceback" not in said.err
    assert [x for x in service.stream() if ".policy." not in x.subject] == []
