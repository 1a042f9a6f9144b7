"""Tasks over HPC Pack's REST: added to a job that exists, changed while they wait."""

import pytest

from domain.events import job_aggregate
from tests.adapters.hpcpack.client import HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON
from tests.adapters.http.stack import Stack

ALL = {
    "Name": "second",
    "CommandLine": "./render > log",
    "WorkDirectory": "/tmp",
    "Runtime": "60",
    "DependsOn": "first",
    "ValidExitCodes": "0,3",
    "StdInFilePath": "in put.txt",
    "StdOutFilePath": "out.txt",
    "StdErrFilePath": "err.txt",
}


async def test_a_task_is_added_and_read_back(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    assert (await alice.ask("PUT", f"/jobs/{job}/tasks/1", {"Name": "first"})).status == 204
    added = await alice.ask("POST", f"/jobs/{job}/tasks", ALL | {"Type": "Basic"})
    assert (added.status, added.value) == (200, 2)
    told = await alice.task(job, 2)
    assert {name: told[name] for name in ALL} == ALL
    listed = await alice.ask("GET", f"/jobs/{job}/tasks", properties=",".join(ALL))
    assert listed.value[1] == ALL


async def test_a_task_in_configuring_is_changed(alice: HpcClient) -> None:
    job = await alice.create("sleep 60", "sleep 61")
    assert (await alice.ask("PUT", f"/jobs/{job}/tasks/1", {"Name": "first"})).status == 204
    assert (await alice.ask("PUT", f"/jobs/{job}/tasks/2", ALL)).status == 204
    told = await alice.task(job, 2)
    assert {name: told[name] for name in ALL} == ALL
    assert (await alice.task(job, 1, "CommandLine"))["CommandLine"] == "sleep 60"


async def test_custom_properties_and_variables_of_a_task(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    for name in ("customProperties", "envVariables"):
        place = f"/jobs/{job}/tasks/1/{name}"
        assert (await alice.ask("POST", place, {"A": "1", "B": "2"})).status == 204
        assert (await alice.ask("POST", place, {"A": "", "B": "3"})).status == 204
        assert (await alice.ask("GET", place)).value == {"B": "3"}
        assert (await alice.ask("GET", place, names="b,C")).value == {"b": "3", "C": ""}


@IN_JSON
async def test_a_task_is_changed_while_it_waits_and_not_once_it_runs(
    service: Stack, alice: HpcClient
) -> None:
    job = await alice.submitted("sleep 60", "sleep 61")
    no = await alice.ask("PUT", f"/jobs/{job}/tasks/1", {"CommandLine": "x"})
    assert (no.status, no.code) == (409, 0x80040231), "it is being validated"
    await service.run_job(job)
    no = await alice.ask("PUT", f"/jobs/{job}/tasks/1", {"CommandLine": "x"})
    assert (no.status, no.code) == (409, 0x80040231)
    assert "Running" in no.message
    assert (await alice.ask("PUT", f"/jobs/{job}/tasks/2", {"CommandLine": "x"})).status == 204
    assert (await alice.task(job, 2, "CommandLine", "State")) == {
        "CommandLine": "x",
        "State": "Queued",
    }
    types = [x.type for x in await service.log.load(job_aggregate(job))]
    assert types[-2:] == ["JobCommandRefused", "TaskPropertiesChanged"]


@IN_JSON
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"State": "Finished"}, 422, 0x80040203),
        ({"ExitCode": "0"}, 422, 0x80040203),
        ({"Type": "NodePrep"}, 422, 0x80040203),
        ({"CommandLine": ""}, 422, 0x80040205),
        ({"WorkDirectory": "here"}, 422, 0x80040205),
        ({"IsRerunnable": "False"}, 501, 0x8004020F),
        ({"RequiredNodes": "n1"}, 501, 0x8004020F),
        ({"NoSuch": "x"}, 501, 0x8004020F),
        ({"IsRerunnable": "True"}, 422, 0x80040205),
        ({}, 422, 0x80040205),
    ],
)
async def test_what_a_task_cannot_be_changed_to(
    alice: HpcClient, body: dict[str, str], status: int, code: int
) -> None:
    job = await alice.create("sleep 60")
    before = await alice.task(job, 1)
    answer = await alice.ask("PUT", f"/jobs/{job}/tasks/1", body)
    assert (answer.status, answer.code) == (status, code), answer.raw
    assert await alice.task(job, 1) == before


@IN_JSON
async def test_there_is_no_such_task(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    for method, path in (
        ("PUT", "/tasks/9"),
        ("POST", "/tasks/9/customProperties"),
        ("POST", "/tasks/9/envVariables"),
        ("PUT", "/tasks/x"),
    ):
        answer = await alice.ask(method, f"/jobs/{job}{path}", {"Name": "x"})
        assert (answer.status, answer.code) == (404, 0x80040207), path
    for path in ("/tasks/9/customProperties", "/tasks/9/envVariables"):
        assert (await alice.ask("GET", f"/jobs/{job}{path}")).status == 404


@IN_JSON
async def test_no_task_is_added_to_a_job_that_is_over(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    await service.queue_job(job)
    await alice.ask("POST", f"/jobs/{job}/cancel")
    await service.end_job(job)
    answer = await alice.ask("POST", f"/jobs/{job}/tasks", {"CommandLine": "hostname"})
    assert (answer.status, answer.code) == (409, 0x8004020F)
    none = await alice.ask("POST", f"/jobs/{job}/tasks", {"Name": "x"})
    assert none.status == 422, "a task without a command"


INDEX = {"StartValue": "1", "EndValue": "10", "IncrementValue": "2"}


@IN_JSON
@pytest.mark.parametrize(
    "says", [{"Type": "ParametricSweep"}, {"Type": "1"}, {"IsParametric": "True"}]
)
async def test_a_parametric_sweep_is_added_and_read_back(
    alice: HpcClient, says: dict[str, str]
) -> None:
    job = await alice.create("sleep 60")
    body = {"CommandLine": "run *", **INDEX, **says}
    assert (await alice.ask("POST", f"/jobs/{job}/tasks", body)).value == 2
    told = await alice.task(job, 2, "Type", "IsParametric", "CommandLine", *INDEX)
    assert told == {
        "Type": "ParametricSweep",
        "IsParametric": "True",
        "CommandLine": "run *",
        **INDEX,
    }
    assert "StartValue" not in await alice.task(job, 1)
    stays = await alice.ask("PUT", f"/jobs/{job}/tasks/2", {"EndValue": "20"})
    assert (stays.status, stays.code) == (422, 0x80040203)


@IN_JSON
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Type": "Basic", "IsParametric": "True"}, 400),
        ({"Type": "Basic", **INDEX}, 422),
        ({"Type": "ParametricSweep"}, 422),
        ({"Type": "ParametricSweep", **INDEX, "StartValue": "11"}, 422),
    ],
)
async def test_what_is_no_sweep(alice: HpcClient, body: dict[str, str], status: int) -> None:
    job = await alice.create("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/tasks", {"CommandLine": "run *", **body})
    assert answer.status == status, answer.raw
