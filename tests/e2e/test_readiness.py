"""Node preparation, dependencies and retries on real processes, by the command line."""

import pytest

from tests.e2e.scripts import lines
from tests.e2e.service import Service
from tests.e2e.stream import check_history

pytestmark = [pytest.mark.e2e]


def test_tasks_run_in_order_and_a_failing_one_again(service: Service) -> None:
    service.configure(slots=4)
    service.start()
    ran, tries = service.trace("ran"), service.trace("tries")
    fails_twice = f"echo try >>{tries}; [ $(wc -l <{tries}) -gt 2 ] && echo second >>{ran}"
    made = service.cli("submit", "--hold", "-q", "--prep", f"echo prep >>{ran}")
    assert made.status == 2, "node preparation alone is no work"
    job = int(service.cli("submit", "--hold", "-q", "--task", f"echo third >>{ran}",
                          "--depends-on", "second", "--prep", f"echo prep >>{ran}",
                          "--release", f"echo release >>{ran}").out)  # fmt: skip
    added = service.cli("add", str(job), "--task", fails_twice, "--task-name", "second",
                        "--retries", "2")  # fmt: skip
    assert added.status == 0, added.err
    assert service.cli("submit", "--job", str(job)).status == 0
    ended = service.until_state(job, "Finished", "Failed")
    assert ended["state"] == "Finished", ended
    assert lines(ran) == ["prep", "second", "third", "release"]
    second = next(t for t in ended["tasks"] if t["name"] == "second")
    assert (second["attempt"], second["retries"]) == (3, 2)
    again = [e.data["runs_again"] for e in service.events(job) if e.type == "TaskFailed"]
    assert again == [True, True]

    failed = int(service.cli("submit", "-q", "--prep", "exit 4", "--task", f"echo no >>{ran}").out)
    assert service.until_state(failed, "Failed", "Finished")["error_code"] == "0x800409E8"
    assert "no" not in lines(ran)
    check_history(service.stream())
