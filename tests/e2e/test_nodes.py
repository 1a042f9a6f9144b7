"""Several nodes on this machine: named in the settings, in events, in the environment of tasks."""

import pytest

from tests.e2e.scripts import lines
from tests.e2e.service import Service
from tests.e2e.stream import check_history
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

NODES = {"alpha": 1, "beta.example.org": 2}


def node_table(service: Service) -> list[list[str]]:
    """What ``countermand nodes`` prints, without its heading."""
    return [line.split() for line in service.cli("nodes").out.splitlines()[1:]]


def test_runs_are_spread_over_nodes_and_outlive_one_that_is_taken_away(service: Service) -> None:
    service.configure(slots="", nodes=NODES)
    service.start()
    assert node_table(service) == [
        ["alpha", "Online", "1", "0", "0"],
        ["beta.example.org", "Online", "2", "0", "0"],
    ]
    told = service.trace("told")
    jobs = [service.submit(f"echo {n} $CCP_NODES >>{told}; exec sleep 600") for n in range(3)]
    for job in jobs:
        service.until_running(job)
    until(lambda: len(lines(told)) == len(jobs), "each has said where it is")
    where = {job: service.job(job)["tasks"][0]["node"] for job in jobs}
    assert sorted(where.values()) == ["alpha", "beta.example.org", "beta.example.org"]
    assert sorted(lines(told)) == [f"{n} 1 {where[job]} 1" for n, job in enumerate(jobs)]
    assert node_table(service)[1] == ["beta.example.org", "Online", "2", "2", "2"]
    metrics = service.http("GET", "/metrics").text
    assert 'countermand_node_slots{node="beta.example.org"} 2.0' in metrics
    assert 'countermand_node_slots_in_use{node="alpha"} 1.0' in metrics
    service.stop()

    service.configure(nodes={"alpha": 1, "gamma": 1})
    assert "alpha (1), gamma (1)" in service.doctor()
    service.start()
    assert node_table(service)[2] == ["beta.example.org", "Removed", "0", "2", "2"]
    for job in jobs:
        assert service.job(job)["state"] == "Running"
        service.cancel(job, mode="forced")
        service.until_state(job, "Canceled")
        (killed,) = [e for e in service.events(job) if e.type == "TaskForceStopped"]
        assert killed.data["runs"][0]["node"] == where[job]
        assert service.members(job) == []
    assert [row[0] for row in node_table(service)] == ["alpha", "gamma"]
    check_history(service.stream())


PREPARE = 'echo prepare $CCP_NODES >>{told}; case "$CCP_NODES" in *alpha*) exit 3;; esac'
RELEASE = "echo release $CCP_NODES >>{told}"


def test_a_job_is_prepared_and_released_on_each_of_its_nodes(service: Service) -> None:
    """One node cannot be prepared: the work goes to the others, also through a crash."""
    service.configure(slots="", nodes=NODES)
    service.start()
    told = service.trace("told")
    job = service.submit(
        tasks=[
            {"type": "NodePrep", "command": PREPARE.format(told=told)},
            *[{"command": "exec sleep 600"}] * 3,
            {"type": "NodeRelease", "command": RELEASE.format(told=told)},
        ]
    )
    until(lambda: running_nodes(service, job) == ["beta.example.org"] * 2, "two tasks run")
    assert sorted(lines(told)) == ["prepare 1 alpha 1", "prepare 1 beta.example.org 1"]
    service.kill()
    service.start()
    service.cancel(job, message="enough")
    service.until_state(job, "Canceled")
    assert sorted(lines(told))[2:] == ["release 1 alpha 1", "release 1 beta.example.org 1"]
    released = [e.data["node"] for e in service.events(job) if e.type == "NodeReleaseEnded"]
    assert sorted(released) == sorted(NODES)
    assert service.members(job) == []
    check_history(service.stream())


def running_nodes(service: Service, job: int) -> list[str]:
    """Where the job's work runs."""
    tasks = service.job(job)["tasks"]
    return [t["node"] for t in tasks if t["state"] == "Running" and t["type"] == "Basic"]


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[nodes]\nn1.example.org = 4", "a name with a dot stands in quotes"),
        ("nodes = { n1 = 'many' }", "nodes is such as"),
        ("nodes = ['n1']", "nodes is such as"),
        ("nodes = { 'n 1' = 4 }", "'n 1' is no name"),
        ("nodes = { n1 = 4 }\nslots = 2", "take node and slots (--slots) away"),
        ("[nodes]\nn1 = 4\nlog_level = 7", "settings stand before a table"),
    ],
)
def test_a_wrong_table_of_nodes_is_one_sentence(service: Service, toml: str, words: str) -> None:
    file = service.home / "countermand.toml"
    file.write_text(toml)

    done = service.program("serve", "--data", str(service.data), "--config", str(file))

    assert done.status == 1
    assert words in done.refusal(lines_max=2)
    assert not service.data.exists()
