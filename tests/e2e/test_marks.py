"""Protected jobs, legal hold, labels and freeze windows through service and command line."""

import json

import pytest

from tests.e2e.service import Service
from tests.e2e.test_policy import recheck
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]


def marked(service: Service, *words: str) -> int:
    """The exit status of a verb that marks."""
    done = service.cli(*words)
    assert "Traceback" not in done.err
    return done.status


def test_marks_and_labels_survive_a_restart_and_all_of_it_verifies(service: Service) -> None:
    service.start()
    job = str(service.submit("sleep 600", labels={"env": "prod"}))
    assert marked(service, "protect", job, "-m", "the last run") == 0
    assert marked(service, "protect", job, "-m", "again") == 6
    assert marked(service, "unprotect", job) == 5, "without a message"
    assert marked(service, "legal-hold", job, "-m", "case 117") == 0
    assert marked(service, "modify", job, "--label", "env-", "--label", "team=film") == 0
    assert marked(service, "protect", "4711", "-m", "x") == 3
    service.restart()

    shown = service.cli("show", job).out
    assert '"the last run"' in shown
    assert '"case 117"' in shown
    assert "team=film" in shown
    detail = json.loads(service.cli("show", job, as_json=True).out)
    assert (detail["labels"], detail["protection"]["message"]) == (
        {"team": "film"},
        "the last run",
    )
    service.cancel(int(job), message="enough")
    service.until_state(int(job), "Canceled")
    service.ask("PUT", "/parameters/TTLCompletedJobs", {"value": "0"})
    other = service.submit("true")
    until(lambda: "JobRemoved" in [x.type for x in service.events(other)], "the other one leaves")
    (listed,) = [x for x in service.ask("GET", "/jobs")["jobs"] if x["job_id"] == int(job)]
    assert (listed["is_protected"], listed["on_legal_hold"]) == (True, True)
    assert "JobRemoved" not in [event.type for event in service.events(int(job))]
    cancels = [x for x in service.events(int(job)) if x.type == "JobCancelRequested"]
    (asked,) = cancels[0].data["decision"]["requests"]
    assert asked["resource"]["attributes"]["labels"] == ["team", "team=film"]
    assert asked["resource"]["attributes"]["protected"] is True
    assert asked["context"]["freeze_windows"] == []

    assert marked(service, "legal-hold", job, "--release", "-m", "closed") == 0
    service.stop()
    status, report = recheck(service)
    assert (status, report["different"], report["unknown"]) == (0, 0, {})
    checked = service.program("fsck", "--data", str(service.data))
    assert checked.status == 0, checked.out + checked.err
