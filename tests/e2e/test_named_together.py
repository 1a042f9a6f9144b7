"""Several jobs that one command names are one request: a rule that limits how many sees it."""

import json
from typing import Final

import pytest

from adapters.policy import default_text
from tests.e2e.service import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RULES: Final = default_text() + (
    '@id("many-jobs-need-approval") @approvals("1")\n'
    'permit (principal, action == Action::"cancel", resource is Job)\n'
    "when { context has bulk_size && context.bulk_size > 2 };\n"
)
WAITING: Final = 9


def test_a_limit_holds_for_jobs_that_are_named_as_the_dry_run_says(service: Service) -> None:
    service.start_ruled(RULES)
    jobs = [str(service.submit("sleep 600")) for _ in range(5)]
    foreseen = json.loads(service.cli("cancel", *jobs[:3], "-n", "-o", "json").out)
    assert [x["outcome"] for x in foreseen["jobs"]] == ["held"] * 3
    said = service.cli("cancel", *jobs[:3], "-m", "all", "-y", "--id", "all-1", "-o", "json")
    assert said.status == WAITING, said
    told = json.loads(said.out)
    assert [(str(x["job_id"]), x["outcome"]) for x in told] == [(n, "held") for n in jobs[:3]]
    (held,) = [e.data for e in service.events(int(jobs[0])) if e.type == "JobCancelHeld"]
    assert (held["bulk_size"], held["approvals_needed"]) == (3, 1)
    again = service.cli("cancel", *jobs[:3], "-m", "all", "-y", "--id", "all-1", "-o", "json")
    assert (again.status, all(x["replayed"] for x in json.loads(again.out))) == (WAITING, True)
    assert service.cli("cancel", *jobs[3:], "-m", "two", "-y").status == 0
