"""What the service ends on its own account, on real processes: limits, a failed task."""

import pytest

from tests.e2e.scripts import lines, polite
from tests.e2e.service import Service
from tests.e2e.stream import check_history
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]


def test_a_failed_task_and_limits_stop_what_runs(service: Service) -> None:
    service.configure(slots=2)
    service.start()
    service.set_grace(1)
    asked = service.cli(
        *("submit", "-q", "--fail-on-task-failure"), *("--task", "exit 3", "--task", "sleep 600")
    )
    job = int(asked.out)
    ended = service.until_state(job, "Failed", "Finished")
    assert ended["state"] == "Failed"
    assert "task 1 failed, and FailOnTaskFailure" in ended["error_message"]
    assert ended["failing"]["cause"] == "task_failure"
    until(lambda: not service.members(job), "an end of all its processes")

    trace = service.trace("slow")
    slow = int(service.cli("submit", "-q", "--task-runtime", "1", "--task", polite(trace)).out)
    until(lambda: "term" in lines(trace), "the stop signal, when its time is over")
    ended = service.until_state(slow, "Failed", "Finished")
    assert (ended["state"], ended["tasks"][0]["code"]) == ("Failed", "run_limit")

    whole = int(service.cli("submit", "-q", "--runtime", "1", "--", "sleep", "600").out)
    ended = service.until_state(whole, "Failed", "Finished")
    assert (ended["state"], ended["error_code"]) == ("Failed", "0x800409D5")
    causes = {e.data["cause"] for e in service.events(whole) if e.type == "TaskStopped"}
    assert causes == {"run_limit"}
    told = service.cli("explain", str(whole)).out
    assert "its run-time limit" in told
    check_history(service.stream())


def test_a_job_that_runs_until_it_is_canceled_takes_tasks_meanwhile(service: Service) -> None:
    service.start()
    ran = service.trace("ran")
    job = int(service.cli("submit", "-q", "--run-until-canceled").out)
    service.until_state(job, "Running")
    assert service.cli("add", str(job), "--task", f"echo one >>{ran}").status == 0
    until(lambda: service.job(job)["tasks"][0]["state"] == "Finished", "the task")
    assert service.job(job)["state"] == "Running"
    assert service.cli("cancel", str(job), "-m", "done").status == 0
    service.until_state(job, "Canceled")
    assert lines(ran) == ["one"]
