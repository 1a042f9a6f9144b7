"""Many jobs: one request and one line a job, named or found, planned first or not."""

import json

import pytest

from adapters.cli.doing.bulk import JOBS_AT_ONCE
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import problem
from tests.support.stand_in_server import StandIn

CANCEL = "/api/v1/cancellations"
PLANS = "/api/v1/cancellations/plans"

# --- named ----------------------------------------------------------------------------------------


def test_many_go_together_with_one_line_each(server: StandIn, cli: Cli) -> None:
    jobs = [str(number) for number in range(1, 21)]
    for job in jobs[:-1]:
        server.add_job(int(job))
    done = cli("cancel", *jobs, "-m", "the power goes", "--id", "k-1", "-y")
    assert done.returncode == 8
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"job {job}" for job in jobs[:-1]]
    assert done.stderr == "job 20: unknown: there is no job 20\n"
    (request,) = server.sent()
    assert request.path == "/api/v1/cancellations"
    assert request.body["jobs"] == [int(job) for job in jobs]
    assert request.body["message"] == "the power goes"
    assert request.headers["idempotency-key"] == "k-1"


def test_receipts_of_many_are_an_array(server: StandIn, cli: Cli) -> None:
    jobs = [str(number) for number in range(1, 18)]
    for job in jobs:
        server.add_job(int(job))
    done = cli("cancel", *jobs, "-o", "json")
    assert done.returncode == 0
    receipts = json.loads(done.stdout)
    assert [receipt["job_id"] for receipt in receipts] == [int(job) for job in jobs]
    assert len({receipt["request_id"] for receipt in receipts}) == 1


def test_what_is_said_of_all_of_many_is_said_of_each(server: StandIn, cli: Cli) -> None:
    answer = problem(401, "not_authenticated", "nobody knows you")
    server.plan("POST", "/api/v1/cancellations", answer)
    jobs = [str(number) for number in range(1, 18)]
    done = cli("cancel", *jobs)
    assert done.returncode == 4
    assert done.stderr.count("nobody knows you") == len(jobs)


def test_what_is_no_number_goes_by_itself(server: StandIn, cli: Cli) -> None:
    jobs = [str(number) for number in range(1, 18)]
    for job in jobs:
        server.add_job(int(job))
    assert cli("cancel", "none", *jobs).returncode == 8
    assert [x.path for x in server.sent()] == [CANCEL, "/api/v1/jobs/none/cancel"]


def test_a_task_goes_by_itself_and_is_answered_behind_the_jobs(server: StandIn, cli: Cli) -> None:
    server.add_job(1)
    server.add_job(2)
    cli("cancel", "2.1", "2", "01", "1")
    first, second = server.sent()
    assert (first.path, first.body["jobs"]) == (CANCEL, [2, 1])
    assert second.path == "/api/v1/jobs/2/tasks/1/cancel"


def test_one_job_is_a_request_of_its_own(server: StandIn, cli: Cli) -> None:
    server.add_job(1)
    assert cli("cancel", "1", "1").returncode == 0
    assert [x.path for x in server.sent()] == ["/api/v1/jobs/1/cancel"]


def test_a_part_that_is_not_answered_is_the_outcome_of_each_in_it(
    server: StandIn, cli: Cli
) -> None:
    jobs = [str(number) for number in range(1, JOBS_AT_ONCE + 3)]
    for job in jobs:
        server.add_job(int(job))
    server.plan("POST", CANCEL, None, problem(503, "unavailable", "not now"))
    done = cli("cancel", *jobs, "--id", "k-1")
    assert done.returncode == 8
    assert len(done.stdout.splitlines()) == JOBS_AT_ONCE
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        f"job {job}" for job in jobs[JOBS_AT_ONCE:]
    ]
    assert done.stderr.count("ask again with --id k-1") == 2


# --- found ----------------------------------------------------------------------------------------


def some_jobs(server: StandIn) -> None:
    for number, name in ((1, "day"), (2, "night"), (3, "nightly")):
        server.add_job(number, name=name)


def test_jobs_are_found_on_the_server(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    done = cli("cancel", "--name", "night", "--state", "Running", "-m", "bye", "--id", "k-1")
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["job 2", "job 3"]
    (request,) = server.sent()
    assert request.path == CANCEL
    assert request.body["wanted"] == {"states": ["Running"], "name": "night"}
    assert (request.body["message"], request.headers["idempotency-key"]) == ("bye", "k-1")


def test_labels_are_sent_as_they_are(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    assert cli("cancel", "--label", "env=prod", "--label", "team").returncode == 0
    (request,) = server.sent()
    assert request.body["wanted"] == {"labels": ["env=prod", "team"]}


def test_none_found_is_done_and_said(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    done = cli("cancel", "--name", "noon")
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing was canceled" in done.stderr
    assert cli("cancel", "--name", "noon", "-o", "json").stdout == "[]\n"


def test_waiting_is_for_all_that_were_found(server: StandIn, cli: Cli) -> None:
    server.add_job(4, "Canceled", name="noon", ended_at="2026-11-23T12:00:04.000000Z")
    done = cli("cancel", "--name", "noon", "--wait=1s")
    assert done.returncode == 0
    assert "job 4: Canceled" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "which jobs?"),
        (("1", "--owner", "bob"), "exclude each other"),
        (("1", "--apply", "0" * 64), "exclude each other"),
        (("--owner", "bob", "--apply", "0" * 64), "exclude each other"),
        (("--owner", "bob", "--task", "1"), "named"),
        (("--owner", "bob", "--if-version", "1"), "named"),
        (("--state", "Canceled"), "Canceled"),
        (("--owner", ""), "empty"),
        (("--apply", "abc"), "64 of 0-9 and a-f"),
        (("--apply", "0" * 64, "-m", "why"), "takes nothing else"),
        (("--apply", "0" * 64, "--force"), "takes nothing else"),
        (("--apply", "0" * 64, "-n"), "takes nothing else"),
    ],
)
def test_what_is_no_such_request_is_a_usage_error(
    server: StandIn, cli: Cli, args: tuple[str, ...], words: str
) -> None:
    done = cli("cancel", *args)
    assert done.returncode == 2
    assert words in done.stderr
    assert server.sent() == []


def test_who_is_not_answered_is_told_how_it_goes_on(server: StandIn, cli: Cli) -> None:
    for number in range(1, JOBS_AT_ONCE + 3):
        server.add_job(number)
    server.plan("POST", CANCEL, None, problem(503, "unavailable", "not now"))
    done = cli("cancel", "--name", "job", "--id", "k-1")
    assert done.returncode == 75
    assert len(done.stdout.splitlines()) == JOBS_AT_ONCE
    assert "the same command again with --id k-1 goes on with the same jobs" in done.stderr
    again = cli("cancel", "--name", "job", "--id", "k-1")
    assert again.returncode == 0
    assert len(again.stdout.splitlines()) == JOBS_AT_ONCE + 2


# --- planned --------------------------------------------------------------------------------------


def test_a_plan_gives_a_digest_and_applying_it_cancels_those(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    done = cli("cancel", "--name", "night", "--dry-run")
    assert done.returncode == 0
    *jobs, plan = done.stdout.splitlines()
    assert [line.split(":")[0] for line in jobs] == ["job 2", "job 3"]
    assert "would be accepted: cancel accepted; it is Running, owned by alice" in jobs[0]
    digest = plan.split()[1].rstrip(":")
    assert plan.endswith("2 jobs at 7; nothing was changed")
    assert f"countermand cancel --apply {digest}" in done.stderr
    server.add_job(9, name="night 2")
    applied = cli("cancel", "--apply", digest)
    assert applied.returncode == 0
    assert [line.split(":")[0] for line in applied.stdout.splitlines()] == ["job 2", "job 3"]
    sent = server.sent()[-1]
    assert sent.path == f"{PLANS}/{digest}"
    assert "idempotency-key" not in sent.headers


def test_jobs_that_are_named_are_planned_too(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    plan = json.loads(cli("cancel", "1", "3", "-n", "-m", "why", "-o", "json").stdout)
    assert [job["job_id"] for job in plan["jobs"]] == [1, 3]
    (request,) = server.sent()
    assert (request.body["jobs"], request.body["message"]) == ([1, 3], "why")
    assert cli("cancel", "1", "3", "-n", "--fields", "digest", "-o", "csv").returncode == 0


def test_drift_is_said(server: StandIn, cli: Cli) -> None:
    some_jobs(server)
    server.plans["0" * 64] = [1, 2]
    server.drifted = {"count": 1, "jobs": "2"}
    done = cli("cancel", "--apply", "0" * 64)
    assert done.returncode == 0
    assert "changed since the plan: 1 job (2)" in done.stderr


def test_a_plan_that_is_not_known_is_said(server: StandIn, cli: Cli) -> None:
    done = cli("cancel", "--apply", "1" * 64)
    assert done.returncode != 0
    assert "you have no such plan" in done.stderr
