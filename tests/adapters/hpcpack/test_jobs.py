"""Jobs over HPC Pack's REST: made, submitted, stopped, run again, looked at, in JSON and XML."""

import json

import pytest

from domain import commands as c
from domain.events import Exit, Recorded, TaskRequeued, job_aggregate
from domain.states import StopStep
from tests.adapters.hpcpack.client import Form, HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

TWO_TASKS = """<?xml version="1.0" encoding="utf-8"?>
<Job xmlns="http://schemas.microsoft.com/HPCS2008R2/scheduler/" Version="3.000" Id="777"
     State="Finished" Name="from a file" Priority="Highest" MinCores="1" MaxCores="8"
     RunUntilCanceled="false" UnitType="Core">
  <Dependencies />
  <CustomProperties>
    <Term><Name>cost centre</Name><Value>42 &amp; more</Value></Term>
  </CustomProperties>
  <Tasks>
    <Task CommandLine="sleep 60" Name="first" WorkDirectory="/tmp">
      <EnvironmentVariables><Variable><Name>A</Name><Value>1</Value></Variable></EnvironmentVariables>
    </Task>
    <Task Commandline="rm -f lock" Type="NodeRelease" />
  </Tasks>
</Job>"""


async def test_a_job_is_made_of_properties_in_configuring(alice: HpcClient) -> None:
    made = await alice.ask("POST", "/jobs", {"Name": "mine", "Priority": "4", "MaxCores": "8"})
    assert made.status == 200
    job = await alice.job(made.value)
    assert job["Id"] == str(made.value)
    assert (job["Name"], job["Owner"], job["State"]) == ("mine", "alice", "Configuring")
    assert (job["Priority"], job["ExpandedPriority"], job["JobType"]) == (
        "Highest",
        "4000",
        "Batch",
    )
    assert (job["RunUntilCanceled"], job["JobTemplate"]) == ("False", "Default")
    assert "StartTime" not in job


async def test_a_job_is_made_of_a_job_file(alice: HpcClient) -> None:
    made = await alice.ask("POST", "/jobs/jobFile", TWO_TASKS)
    assert made.status == 200, made.raw
    job = await alice.job(made.value, "name", "PRIORITY", "id")
    assert job == {"Name": "from a file", "Priority": "Highest", "Id": str(made.value)}
    custom = await alice.ask("GET", f"/jobs/{made.value}/customProperties")
    assert custom.value == {"cost centre": "42 & more"}
    first = await alice.task(made.value, 1)
    assert (first["CommandLine"], first["Name"]) == ("sleep 60", "first")
    assert (first["WorkDirectory"], first["Type"]) == ("/tmp", "Basic")
    release = await alice.task(made.value, 2, "Type", "CommandLine")
    assert release == {"Type": "NodeRelease", "CommandLine": "rm -f lock"}
    environment = await alice.ask("GET", f"/jobs/{made.value}/tasks/1/envVariables")
    assert environment.value == {"A": "1"}
    some = await alice.ask("GET", f"/jobs/{made.value}/tasks/1/envVariables", names="a,B")
    assert some.value == {"a": "1", "B": ""}


async def test_a_job_file_may_come_as_it_stands(people: People, alice: HpcClient) -> None:
    bom = b"\xef\xbb\xbf" + TWO_TASKS.encode()
    made = await alice.send("POST", "/jobs/jobFile", bom, {"Content-Type": "text/xml"})
    assert made.status == 200, made.raw


EDITIONS = {
    "2003": """<?xml version="1.0" encoding="utf-8" ?>
<Job xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xmlns:xsd="http://www.w3.org/2001/XMLSchema"
     xmlns="http://www.microsoft.com/ComputeCluster/" Name="job1">
  <ExtendedTerms><Term><Name>a</Name><Value>1000</Value></Term></ExtendedTerms>
  <Tasks>
    <Task Name="task1" CommandLine="notepad">
      <EnvironmentVariables><Variable><Name>B</Name><Value>x</Value></Variable></EnvironmentVariables>
      <ExtendedTerms><Term><Name>c</Name><Value>y</Value></Term></ExtendedTerms>
    </Task>
  </Tasks>
</Job>""",
    "2008": """<Job xmlns="http://schemas.microsoft.com/HPCS2008/scheduler/" Version="2.000"
    Name="job1" JobType="Batch" MinCores="1" MaxCores="1" UnitType="Core" Owner="HPC\\bob">
  <CustomProperties><Term><Name>a</Name><Value>1000</Value></Term></CustomProperties>
  <Tasks>
    <Task Version="2.000" Name="task1" CommandLine="notepad" IsRerunnable="true">
      <EnvironmentVariables><Variable><Name>B</Name><Value>x</Value></Variable></EnvironmentVariables>
      <CustomProperties><Term><Name>c</Name><Value>y</Value></Term></CustomProperties>
    </Task>
  </Tasks>
</Job>""",
    "2008 R2": """<?xml version="1.0" encoding="utf-8"?>
<h:Job Version="3.000" Name="job1" AutoCalculateMax="false" AutoCalculateMin="false" MinCores="1"
    xmlns:h="http://schemas.microsoft.com/HPCS2008R2/scheduler/">
  <!-- written by a program -->
  <h:Dependencies />
  <h:CustomProperties><h:Term Name="a" Value="1000" /></h:CustomProperties>
  <h:Tasks>
    <h:Task NiceId="1" Name="task1" CommandLine="notepad">
      <h:EnvironmentVariables>
        <h:Variable><h:Name>B</h:Name><h:Value>x</h:Value></h:Variable>
      </h:EnvironmentVariables>
      <h:CustomProperties><h:Term><h:Name>c</h:Name><h:Value>y</h:Value></h:Term></h:CustomProperties>
    </h:Task>
  </h:Tasks>
</h:Job>""",
}
"""As the product and programs for it write them; the first is of the product's pages."""


@pytest.mark.parametrize("edition", EDITIONS)
async def test_a_job_file_of_every_edition_is_taken(alice: HpcClient, edition: str) -> None:
    made = await alice.ask("POST", "/jobs/jobFile", EDITIONS[edition])
    assert made.status == 200, made.raw
    place = f"/jobs/{made.value}"
    assert (await alice.task(made.value, 1, "Name"))["Name"] == "task1"
    for path, values in (
        ("/customProperties", {"a": "1000"}),
        ("/tasks/1/envVariables", {"B": "x"}),
        ("/tasks/1/customProperties", {"c": "y"}),
    ):
        assert (await alice.ask("GET", place + path)).value == values, path


async def test_a_job_runs_and_is_canceled(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    await service.run_job(job)
    assert (await alice.job(job, "State", "AllocatedNodes")) == {
        "State": "Running",
        "AllocatedNodes": "n1",
    }
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", "wrong input")).status == 204
    told = await alice.job(job, "State", "ErrorMessage", "ErrorCode")
    assert told["State"] == "Canceling"
    assert "wrong input" in told["ErrorMessage"]
    assert int(told["ErrorCode"]) % 2**32 == 0x80040201


async def test_forced_overtakes_normal(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/cancel")).status == 204
    assert (await alice.ask("POST", f"/jobs/{job}/cancel")).status == 204, "a repeat is no error"
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", forced="True")).status == 204
    found = await service.ledger.job(job)
    assert found is not None
    assert found.cancel is not None
    assert found.cancel.mode == "forced"


async def test_finish_requeue_and_the_error_message(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    await service.queue_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", "stop")).status == 204
    await service.end_job(job)
    assert (await alice.job(job, "State"))["State"] == "Canceled"
    assert (await alice.ask("POST", f"/jobs/{job}/requeue")).status == 204
    assert (await alice.job(job, "State", "RequeueCount")) == {
        "State": "Submitted",
        "RequeueCount": "1",
    }
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/finish", "enough")).status == 204
    assert (await alice.job(job, "State"))["State"] == "Finishing"


async def test_tasks_are_canceled_finished_and_requeued(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60", "sleep 61", "sleep 62")
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/tasks/2/cancel", "not this one")).status == 204
    assert (await alice.ask("POST", f"/jobs/{job}/tasks/3/finish", "done already")).status == 204
    states = [(await alice.task(job, n, "State"))["State"] for n in (1, 2, 3)]
    assert states == ["Running", "Canceled", "Finished"]
    told = [(await alice.task(job, n, "ErrorMessage"))["ErrorMessage"] for n in (2, 3)]
    assert told == ["canceled by alice: not this one", "finished by alice: done already"]
    long = await alice.ask("POST", f"/jobs/{job}/tasks/2/requeue", "x" * 321)
    assert (long.status, long.code) == (422, 0x800402D3)
    assert (await alice.ask("POST", f"/jobs/{job}/tasks/2/requeue", "again")).status == 204
    assert (await alice.task(job, 2, "State", "ErrorMessage")) == {
        "State": "Queued",
        "ErrorMessage": "",
    }
    stored = await service.log.load(job_aggregate(job))
    facts = [x.fact.data for x in stored if isinstance(x.fact, Recorded)]
    assert [x.message for x in facts if isinstance(x, TaskRequeued)] == ["again"]
    assert (await alice.ask("POST", f"/jobs/{job}/tasks/1/cancel", forced="true")).status == 204
    assert (await alice.task(job, 1, "State"))["State"] == "Canceling"


async def test_a_task_says_what_the_cancel_of_its_job_said(
    service: Stack, alice: HpcClient
) -> None:
    job = await alice.submitted("sleep 60", "sleep 61")
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", "JCMSG")).status == 204
    await service.instruct(job, c.OrderStop(15))
    found = await service.ledger.job(job)
    assert found is not None
    assert found.cancel is not None
    stop = c.StopSeen(found.cancel.request_id, StopStep.SIGNAL, False, 40, 0, 0)
    await service.instruct(job, c.RecordRunEnd(1, 1, Exit(signal=15), stop))
    for number in (1, 2):
        told = await alice.task(job, number, "ErrorMessage")
        assert told == {"ErrorMessage": "its job was canceled by alice: JCMSG"}


@IN_JSON
@pytest.mark.parametrize("path", ["requeue", "tasks/1/subtasks/1/requeue"])
@pytest.mark.parametrize(
    "content", [b'"why again"', b"\xff{{{", b'{"a": 1}', b"[]", b"7", b"<string>why</string>"]
)
async def test_a_requeue_that_has_no_message_takes_no_body(
    service: Stack, alice: HpcClient, path: str, content: bytes
) -> None:
    job = await alice.submitted("sleep 60")
    await service.queue_job(job)
    await alice.ask("POST", f"/jobs/{job}/cancel")
    await service.end_job(job)
    answer = await alice.send("POST", f"/jobs/{job}/{path}", content)
    assert answer.status == 400, answer.raw
    assert "the body" in answer.message or "has no body" in answer.message
    assert (await alice.job(job, "State"))["State"] == "Canceled"


@IN_JSON
@pytest.mark.parametrize("content", [None, b"", b"{}", b"null", b'""', b"<string/>"])
async def test_a_requeue_without_anything_to_say(
    service: Stack, alice: HpcClient, content: bytes | None
) -> None:
    job = await alice.submitted("sleep 60")
    await service.queue_job(job)
    await alice.ask("POST", f"/jobs/{job}/cancel")
    await service.end_job(job)
    assert (await alice.send("POST", f"/jobs/{job}/requeue", content)).status == 204
    assert (await alice.job(job, "State"))["State"] == "Submitted"


async def test_paths_are_read_in_any_case(service: Stack, alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    answer = await alice.ask("POST", f"/Jobs/{job}/Submit")
    assert answer.status == 204, answer.raw
    assert (await alice.ask("GET", f"/JOBS/{job}/Tasks")).status == 200


@IN_JSON
@pytest.mark.parametrize("query", ["properties", "Properties", "PROPERTIES"])
async def test_query_names_are_read_in_any_case(alice: HpcClient, query: str) -> None:
    job = await alice.create("sleep 60")
    answer = await alice.ask("GET", f"/jobs/{job}", **{query: "id, state ,id"})
    assert answer.value == {"Id": str(job), "State": "Configuring"}


@IN_JSON
@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{}", {"Content-Type": "application/json"}),
        (b"null", {"Content-Type": "application/json; charset=utf-8"}),
        (b'""', {"Content-Type": "text/json"}),
        (b"", {"Content-Type": "application/json"}),
        (b"", {"Content-Type": "application/xml"}),
        (None, {}),
        (b"{}", {}),
        (b'<string xmlns="http://schemas.microsoft.com/2003/10/Serialization/"/>', {}),
        (b"<string/>", {"Content-Type": "text/xml"}),
    ],
)
async def test_a_cancel_without_a_message(
    service: Stack, alice: HpcClient, content: bytes | None, headers: dict[str, str]
) -> None:
    job = await alice.submitted("sleep 60")
    answer = await alice.send("POST", f"/jobs/{job}/cancel", content, headers)
    assert answer.status == 204, answer.raw
    found = await service.ledger.job(job)
    assert found is not None
    assert found.cancel is not None
    assert found.cancel.message == ""
    assert "None" in (await alice.job(job, "ErrorMessage"))["ErrorMessage"]


@IN_JSON
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"[]", "application/json"),
        (b"", ""),
        (b"<ArrayOfProperty/>", "application/xml"),
        (
            b'<ArrayOfProperty xmlns="http://schemas.microsoft.com/HPCS2008R2/common"/>',
            "application/xml; charset=utf-8",
        ),
    ],
)
async def test_a_submit_without_properties(alice: HpcClient, content: bytes, kind: str) -> None:
    job = await alice.create("sleep 60")
    headers = {"Content-Type": kind} if kind else {}
    assert (await alice.send("POST", f"/jobs/{job}/submit", content, headers)).status == 204
    assert (await alice.job(job, "State"))["State"] == "Submitted"


@IN_JSON
@pytest.mark.parametrize(
    ("said", "mode"),
    [
        ({"forced": "True"}, "forced"),
        ({"Forced": "true"}, "forced"),
        ({"FORCED": "TRUE"}, "forced"),
        ({"forced": "False"}, "normal"),
        ({"Forced": "false"}, "normal"),
        ({}, "normal"),
    ],
)
async def test_yes_and_no_in_any_case(
    service: Stack, alice: HpcClient, said: dict[str, str], mode: str
) -> None:
    job = await alice.submitted("sleep 60")
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", **said)).status == 204
    found = await service.ledger.job(job)
    assert found is not None
    assert found.cancel is not None
    assert found.cancel.mode == mode


@pytest.mark.parametrize("said", ["perhaps", "", " "])
async def test_what_is_neither_yes_nor_no_stops_nothing(alice: HpcClient, said: str) -> None:
    job = await alice.submitted("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/cancel", forced=said)
    assert f"forced cannot be {said!r}: it is true or false" in answer.message
    assert (answer.status, answer.code) == (400, 0x80040205)
    assert (await alice.job(job, "State"))["State"] == "Submitted"


@IN_JSON
async def test_json_properties_of_other_kinds(people: People, alice: HpcClient) -> None:
    """Some clients write numbers, booleans, and field names in lower case."""
    rows = [{"name": "Priority", "value": 4}, {"Name": "RunUntilCanceled", "Value": False}]
    rows += [{"Name": "Name", "Value": None}]
    made = await alice.send(
        "POST", "/jobs", json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )
    assert made.status == 200, made.raw
    assert (await alice.job(made.value, "Priority", "Name")) == {"Priority": "Highest", "Name": ""}


@IN_JSON
async def test_xml_is_answered_to_who_accepts_it_and_json_to_others(people: People) -> None:
    alice = await people.person("alice")
    for accept, kind in (
        ("*/*", Form.JSON),
        ("application/json, application/xml", Form.JSON),
        ("application/xml", Form.XML),
        ("text/xml", Form.XML),
        ("application/json;q=0.5, application/xml", Form.XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.XML),
        ("image/png", Form.JSON),
    ):
        answer = await alice.http.get("/cluster/version", headers={"Accept": accept})
        assert answer.headers["content-type"].startswith(kind), accept


async def test_the_account_of_a_submit_is_kept_and_its_password_is_not(
    service: Stack, alice: HpcClient
) -> None:
    job = await alice.create("sleep 60")
    password = "of-no-use-to-anybody"
    body = {"UserName": "HPC\\carol", "Password": password}
    assert (await alice.ask("POST", f"/jobs/{job}/submit", body)).status == 204
    assert await alice.job(job, "UserName") == {"UserName": "carol"}
    stored = await service.log.load(job_aggregate(job))
    assert all(password.encode() not in event.raw for event in stored)
    assert stored[-1].type == "JobSubmitted"


async def test_a_submit_with_an_account_that_is_not_allowed_changes_nothing(
    alice: HpcClient,
) -> None:
    job = await alice.create("sleep 60", name="before")
    body = {"Name": "after", "UserName": "forbidden"}
    no = await alice.ask("POST", f"/jobs/{job}/submit", body)
    assert (no.status, "forbidden" in no.message) == (422, True)
    assert await alice.job(job, "Name,State") == {"Name": "before", "State": "Configuring"}


async def test_the_limits_of_a_user_name_and_a_password(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    for body in (
        {"UserName": "u" * 81},
        {"UserName": "u", "Password": "p" * 128},
        {"UserName": "not a name"},
    ):
        answer = await alice.ask("POST", f"/jobs/{job}/submit", body)
        assert (answer.status, answer.code) == (422, 0x80040205)
        assert "ppp" not in answer.raw
    assert (await alice.job(job, "State"))["State"] == "Configuring"
