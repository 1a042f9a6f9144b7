"""A job's properties and variables: given, read back, listed, changed, refused."""

from typing import Any

import pytest

from domain.events import job_aggregate
from domain.identity import Role
from tests.adapters.hpcpack.client import HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

ALL = {
    "Name": "winter",
    "Priority": "Highest",
    "Project": "film",
    "RunUntilCanceled": "True",
    "FailOnTaskFailure": "True",
    "Runtime": "3600",
    "ValidExitCodes": "0,10..20",
    "TaskExecutionFailureRetryLimit": "2",
    "ServiceName": "render",
    "ClientSource": "a portal",
    "HoldUntil": "1/2/2126 3:04:05 AM",
    "Progress": "40",
    "ProgressMessage": "40 of 100",
}
FILE = """<Job RunUntilCanceled="true" FailOnTaskFailure="true" RuntimeSeconds="60" Project="film"
    ValidExitCodes="0..3" HasRuntime="true" Progress="0" HoldUntil="">
  <EnvironmentVariables><Variable><Name>A</Name><Value>1</Value></Variable></EnvironmentVariables>
  <CustomProperties><Term><Name>cost centre</Name><Value>42</Value></Term></CustomProperties>
  <Tasks>
    <Task CommandLine="first" Name="one" RuntimeSeconds="5" StdOutFilePath="out.txt" />
    <Task CommandLine="second" DependsOn="one, three" ValidExitCodes="7">
      <CustomProperties><Term><Name>frame</Name><Value>1</Value></Term></CustomProperties>
      <EnvironmentVariables><Variable><Name>B</Name><Value>2</Value></Variable></EnvironmentVariables>
    </Task>
    <Task CommandLine="third" Name="three" />
  </Tasks>
</Job>"""


async def test_what_a_job_is_given_is_read_back_and_listed(alice: HpcClient) -> None:
    made = await alice.ask("POST", "/jobs", ALL)
    assert made.status == 200, made.raw
    told = await alice.job(made.value)
    assert {name: told[name] for name in ALL} == ALL
    assert told["HasRuntime"] == "True"
    listed = await alice.ask("GET", "/jobs", properties=",".join(("Id", *ALL)))
    assert listed.value == [{"Id": str(made.value), **ALL}]


async def test_what_a_job_is_changed_to_is_read_back(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    assert (await alice.ask("PUT", f"/jobs/{job}", ALL)).status == 204
    told = await alice.job(job)
    assert {name: told[name] for name in ALL} == ALL
    again = {"hOlDuNtIl": "", "Runtime": "Infinite", "project": ""}
    assert (await alice.ask("PUT", f"/jobs/{job}", again)).status == 204
    told = await alice.job(job)
    assert (told["Runtime"], told["Project"]) == ("0", "")
    assert "HoldUntil" not in told


async def test_a_job_file_has_them_too(alice: HpcClient) -> None:
    made = await alice.ask("POST", "/jobs/jobFile", FILE)
    assert made.status == 200, made.raw
    place = f"/jobs/{made.value}"
    told = await alice.job(
        made.value, "RunUntilCanceled", "FailOnTaskFailure", "Runtime", "Project", "ValidExitCodes"
    )
    assert list(told.values()) == ["True", "True", "60", "film", "0..3"]
    first = await alice.task(made.value, 1, "Runtime", "StdOutFilePath", "HasRuntime")
    assert list(first.values()) == ["5", "out.txt", "True"]
    second = await alice.task(made.value, 2, "DependsOn", "ValidExitCodes", "HasRuntime")
    assert list(second.values()) == ["one,three", "7", "False"]
    for path, values in (
        ("/envVariables", {"A": "1"}),
        ("/customProperties", {"cost centre": "42"}),
        ("/tasks/2/envVariables", {"B": "2"}),
        ("/tasks/2/customProperties", {"frame": "1"}),
    ):
        assert (await alice.ask("GET", place + path)).value == values, path


async def test_custom_properties_are_set_changed_and_taken_away(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    place = f"/jobs/{job}/customProperties"
    assert (await alice.ask("POST", place, {"Cost": "1 & <2>", "b": "1"})).status == 204
    assert (await alice.ask("POST", place, {"COST": "3", "B": ""})).status == 204
    assert (await alice.ask("GET", place)).value == {"Cost": "3"}
    some = await alice.ask("GET", place, names="cost,b")
    assert some.value == {"cost": "3", "b": ""}


async def test_variables_are_set_changed_and_taken_away(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    place = f"/jobs/{job}/envVariables"
    assert (await alice.ask("POST", place, {"A": "1", "a": "2"})).status == 204
    assert (await alice.ask("POST", place, {"A": "", "B": "3"})).status == 204
    assert (await alice.ask("GET", place)).value == {"a": "2", "B": "3"}
    assert (await alice.ask("GET", place, names="B,c")).value == {"B": "3", "c": ""}


@IN_JSON
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/customProperties", {"n" * 81: "x"}, 422, 0x800402DC),
        ("/customProperties", {"n": "x" * 1025}, 422, 0x800402DD),
        ("/customProperties", {}, 422, 0x80040205),
        ("/envVariables", {"A-B": "x"}, 422, 0x80040205),
        ("/envVariables", {"A": "x" * 32_768}, 422, 0x80040205),
        ("/envVariables", {"CCP_JOBID": "77"}, 422, 0x80040205),
        ("/tasks/1/envVariables", {"COUNTERMAND_RUN": "77"}, 422, 0x80040205),
        ("/tasks/1/customProperties", {"n" * 81: "x"}, 422, 0x800402DC),
        ("/tasks/1/envVariables", {"A-B": "x"}, 422, 0x80040205),
    ],
)
async def test_what_is_beyond_a_limit(
    alice: HpcClient, path: str, body: dict[str, str], status: int, code: int
) -> None:
    job = await alice.create("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}{path}", body)
    assert (answer.status, answer.code) == (status, code), answer.raw
    assert (await alice.ask("GET", f"/jobs/{job}{path}")).value == []


@IN_JSON
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("MaxCores", 2147483647),
        ("MaxNodes", 2147483647),
        ("TaskExecutionFailureRetryLimit", 1000),
        ("Progress", 100),
        ("Runtime", 31622400),
    ],
)
@pytest.mark.parametrize("value", ["99999999999", "2147483648", "-1", "1e3"])
async def test_a_number_that_is_not_read_is_answered_with_its_range(
    alice: HpcClient, name: str, most: int, value: str
) -> None:
    """Never cut to what there can be."""
    no = await alice.ask("POST", "/jobs", {name: value})
    first = 1 if name.startswith("Max") else 0
    assert (no.status, no.code) == (400, 0x80040205), no.raw
    sentence = f"{name} cannot be {value!r}: it is a whole number from {first} to {most}"
    assert sentence in no.message
    assert (await alice.ask("GET", "/jobs")).value == []


@IN_JSON
@pytest.mark.parametrize("name", ["AutoCalculateMax", "AutoCalculateMin"])
async def test_who_works_out_the_cores_makes_no_difference(alice: HpcClient, name: str) -> None:
    """Both values are in files of the product. It is not kept, and nobody is told that it is."""
    for value in ("true", "False"):
        made = await alice.ask("POST", "/jobs", {"MaxCores": "3", name: value})
        assert (await alice.job(made.value, "MaxCores")) == {"MaxCores": "3"}
        told = await alice.ask("GET", f"/jobs/{made.value}", properties=name)
        assert (told.status, f"no property {name!r} here" in told.message) == (400, True)
    no = await alice.ask("POST", "/jobs", {name: "perhaps"})
    assert (no.status, f"{name} cannot be 'perhaps'" in no.message) == (400, True)


@IN_JSON
async def test_an_expanded_priority_that_says_the_priority_in_other_words_is_taken(
    alice: HpcClient,
) -> None:
    both = {"ExpandedPriority": "4000", "Priority": "Highest"}
    made = await alice.ask("POST", "/jobs", both)
    assert await alice.job(made.value, *both) == both
    lower = {"ExpandedPriority": "1000", "Priority": "1"}
    assert (await alice.ask("PUT", f"/jobs/{made.value}", lower)).status == 204
    assert (await alice.job(made.value, "Priority"))["Priority"] == "BelowNormal"
    for file, status in (
        ('<Job Priority="Highest" ExpandedPriority="4000"/>', 200),
        ('<Job ExpandedPriority="2000"/>', 200),
        ('<Job ExpandedPriority="4000"/>', 501),
    ):
        assert (await alice.ask("POST", "/jobs/jobFile", file)).status == status, file


@IN_JSON
async def test_the_largest_number_is_kept_as_it_is(alice: HpcClient) -> None:
    given = {"MaxCores": "0002147483647", "TaskExecutionFailureRetryLimit": "1000.0"}
    job = (await alice.ask("POST", "/jobs", given)).value
    found = {"MaxCores": "2147483647", "TaskExecutionFailureRetryLimit": "1000"}
    assert await alice.job(job, *given) == found


@IN_JSON
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"State": "Running"}, 422, 0x80040203),
        ({"HasRuntime": "True"}, 422, 0x80040203),
        ({"JobType": "Admin"}, 422, 0x80040203),
        ({"JobTemplate": "GPU"}, 501, 0x8004020F),
        ({"ExpandedPriority": "2500"}, 501, 0x8004020F),
        ({"ExpandedPriority": "2000", "Priority": "Highest"}, 501, 0x8004020F),
        ({"ExpandedPriority": "high"}, 501, 0x8004020F),
        ({"NotifyOnStart": "True"}, 501, 0x8004020F),
        ({"MinCores": "2"}, 501, 0x8004020F),
        ({"HoldUntil": "1/1/2020"}, 422, 0x800402CB),
        ({"HoldUntil": "tomorrow"}, 400, 0x80040205),
        ({"Progress": "101"}, 422, 0x80040205),
        ({"ProgressMessage": "x" * 81}, 422, 0x80040205),
        ({"Project": "x" * 129}, 422, 0x80040205),
        ({"ValidExitCodes": "one"}, 422, 0x80040205),
        ({"Runtime": "-1"}, 400, 0x80040205),
        ({"RunUntilCanceled": "perhaps"}, 400, 0x80040205),
        ({"Runtime": "1", "RuntimeSeconds": "2"}, 400, 0x80040205),
        ({"JobTemplate": "Default"}, 422, 0x80040205),
        ({"Password": "of-no-use"}, 422, 0x80040205),
        ({}, 422, 0x80040205),
    ],
)
async def test_what_a_job_cannot_be_changed_to(
    alice: HpcClient, body: dict[str, str], status: int, code: int
) -> None:
    job = await alice.create("sleep 60")
    before = await alice.job(job, "Name", "Project", "Progress", "JobType", "ChangeTime")
    answer = await alice.ask("PUT", f"/jobs/{job}", body)
    assert (answer.status, answer.code) == (status, code), answer.raw
    assert await alice.job(job, *before) | {"ChangeTime": ""} == before | {"ChangeTime": ""}


@IN_JSON
@pytest.mark.parametrize(
    ("verb", "path", "names"),
    [
        ("PUT", "", "Name, Priority, UserName, Project, RunUntilCanceled, FailOnTaskFailure, Run"),
        ("POST", "/customProperties", "the Name and Value of a custom property, or of several"),
        ("POST", "/envVariables", "the Name and Value of an environment variable, or of several"),
        ("PUT", "/tasks/1", "Name, CommandLine, WorkDirectory, Runtime, DependsOn, ValidExitCodes"),
        ("POST", "/tasks/1/customProperties", "the Name and Value of a custom property, or"),
        ("POST", "/tasks/1/envVariables", "the Name and Value of an environment variable, or"),
    ],
)
async def test_a_change_of_nothing_is_answered_with_the_product_s_names(
    alice: HpcClient, verb: str, path: str, names: str
) -> None:
    job = await alice.create("sleep 60")
    no = await alice.ask(verb, f"/jobs/{job}{path}", {})
    assert (no.status, no.code) == (422, 0x80040205)
    assert no.message.startswith(f"there is nothing to change; give {names}")
    assert "_" not in no.message.partition(" (Operation_")[0]


@IN_JSON
async def test_a_property_that_stands_still_in_a_state(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    for body in ({"Name": "x"}, {"RunUntilCanceled": "True"}, {"UserName": "carol"}):
        no = await alice.ask("PUT", f"/jobs/{job}", body)
        assert (no.status, no.code) == (409, 0x80040231), no.raw
        assert "Operation_SetInvalidPropUnderCertainState" in no.message
    await service.run_job(job)
    assert (await alice.ask("PUT", f"/jobs/{job}", {"Name": "x", "Project": "y"})).status == 204
    late = await alice.ask("PUT", f"/jobs/{job}", {"HoldUntil": "1/1/2126"})
    assert (late.status, late.code) == (409, 0x80040231)
    recorded = (await service.log.load(job_aggregate(job)))[-1]
    assert recorded.type == "JobCommandRefused"


@IN_JSON
async def test_further_properties_of_a_submit_are_changed_first(
    service: Stack, alice: HpcClient
) -> None:
    job = await alice.create("sleep 60")
    body = {"UserName": "carol", "Password": "kept-nowhere", "Priority": "Lowest", "Project": "p"}
    assert (await alice.ask("POST", f"/jobs/{job}/submit", body)).status == 204
    told = await alice.job(job, "State", "UserName", "Priority", "Project")
    assert list(told.values()) == ["Submitted", "carol", "Lowest", "p"]
    stored = await service.log.load(job_aggregate(job))
    assert [x.type for x in stored][-2:] == ["JobPropertiesChanged", "JobSubmitted"]


ACTS: dict[str, tuple[str, str, Any]] = {
    "job": ("PUT", "", {"Project": "x"}),
    "custom": ("POST", "/customProperties", {"a": "b"}),
    "variables": ("POST", "/envVariables", {"A": "b"}),
    "add": ("POST", "/tasks", {"CommandLine": "hostname"}),
    "task": ("PUT", "/tasks/1", {"Name": "x"}),
    "task custom": ("POST", "/tasks/1/customProperties", {"a": "b"}),
    "task variables": ("POST", "/tasks/1/envVariables", {"A": "b"}),
}


@IN_JSON
@pytest.mark.parametrize("role", list(Role))
async def test_who_may_change_a_job_of_somebody_else(
    service: Stack, people: People, alice: HpcClient, role: Role
) -> None:
    """Source: not a user, not an operator; job administrators and administrators may."""
    somebody = await people.person("somebody", role)
    job = await alice.create("sleep 60")
    may = role in (Role.JOB_ADMINISTRATOR, Role.ADMINISTRATOR)
    for what, (method, path, body) in ACTS.items():
        answer = await somebody.ask(method, f"/jobs/{job}{path}", body)
        assert (answer.status < 300) == may, (what, answer.raw)
        if not may:
            assert answer.code == 0x8004020B
    refused = [x.type for x in await service.log.load(job_aggregate(job))].count(
        "JobCommandRefused"
    )
    assert refused == (0 if may else len(ACTS)), "each refusal is recorded"


@IN_JSON
@pytest.mark.parametrize("what", ACTS)
async def test_there_is_no_such_job(alice: HpcClient, what: str) -> None:
    method, path, body = ACTS[what]
    answer = await alice.ask(method, f"/jobs/4711{path}", body)
    assert (answer.status, answer.code) == (404, 0x80040206)


@IN_JSON
async def test_a_password_in_a_change_is_kept_nowhere(service: Stack, alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    password = "of-no-use-to-anybody"
    body = {"UserName": "carol", "Password": password}
    assert (await alice.ask("PUT", f"/jobs/{job}", body)).status == 204
    assert await alice.job(job, "UserName") == {"UserName": "carol"}
    made = await alice.ask("POST", "/jobs", {**body, "Name": "x"})
    for number in (job, made.value):
        stored = await service.log.load(job_aggregate(number))
        assert all(password.encode() not in event.raw for event in stored)
