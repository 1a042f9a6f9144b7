"""Subtasks over HPC Pack's REST: made by a job file, listed, looked at, stopped one by one."""

from typing import Any

import pytest

from adapters.hpcpack.task_questions import SORTED_ROWS_MAX
from domain import commands as c
from domain.events import (
    Exit,
    Recorded,
    RunHandle,
    TaskCancelRequested,
    TaskFinishRequested,
    TaskRequeued,
    job_aggregate,
)
from domain.subtasks import target
from tests.adapters.hpcpack.client import Form, HpcClient, Reply
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import CLUSTER, Stack

HANDLE = RunHandle("local", "boot", 4711, 1, "w1")
QUERY_ID = "x-ms-continuation-queryId"
ROW_COUNT = "x-ms-row-count"
SWEEP = """\
<Job Name="a sweep" MaxCores="4"><Tasks>
  <Task CommandLine="first" />
  <Task Type="ParametricSweep" CommandLine="work **" WorkDirectory="/tmp/*"
    StartValue="5" EndValue="500000" IncrementValue="5" />
  <Task CommandLine="last" />
</Tasks></Job>"""
NOT_YET = "the specified subtask has not been expanded yet"


async def from_file(client: HpcClient, text: str) -> int:
    """A job of a job file."""
    made = await client.ask("POST", "/jobs/jobFile", text)
    assert made.status == 200, made.raw
    return int(made.value)


@pytest.fixture
async def sweep(service: Stack, alice: HpcClient) -> str:
    """The path of a job with a sweep of 100,000, of which the first three run."""
    job = await from_file(alice, SWEEP)
    assert (await alice.ask("POST", f"/jobs/{job}/submit")).status == 204
    await service.queue_job(job)
    await runs(service, job, 3)
    return f"/jobs/{job}"


async def runs(service: Stack, job: int, count: int) -> None:
    """The job runs, and so many subtasks of its task 2."""
    await service.instruct(job, c.StartJob(("n1",)))
    for instance in range(1, count + 1):
        await service.instruct(job, c.StartTask(2, 1, "n1", HANDLE, instance))


async def ends(service: Stack, path: str, instance: int, code: int) -> None:
    """A subtask's run ends by itself."""
    end = c.RecordRunEnd(2, 1, Exit(code=code), instance=instance)
    await service.instruct(int(path.split("/")[2]), end)


async def listed(client: HpcClient, path: str, **query: Any) -> Reply:
    """A page of tasks."""
    answer = await client.ask("GET", f"{path}/tasks", **query)
    assert answer.status == 200, answer.raw
    return answer


async def rows(client: HpcClient, path: str, **query: Any) -> list[str]:
    """The tasks and subtasks of a page: ``1``, ``2.3``."""
    answer = await listed(client, path, properties="TaskId", **query)
    return [row["TaskId"].partition(".")[2] for row in answer.value]


# --- one ------------------------------------------------------------------------------------------


async def test_a_subtask_is_told_with_its_index_and_how_it_ended(
    service: Stack, alice: HpcClient, sweep: str
) -> None:
    await ends(service, sweep, 2, 3)
    job = sweep.rpartition("/")[2]
    found = await alice.properties(f"{sweep}/tasks/2/subtasks/2")
    expected = {
        "TaskId": f"{job}.2.2",
        "ParentJobId": job,
        "JobTaskId": "2",
        "InstanceId": "2",
        "InstanceValue": "10",
        "Type": "ParametricSweep",
        "IsParametric": "True",
        "CommandLine": "work 10",
        "WorkDirectory": "/tmp/10",
        "State": "Failed",
        "ExitCode": "3",
        "ErrorCode": str(0x800409DC - 2**32),
        "AllocatedNodes": "n1",
    }
    assert {name: found[name] for name in expected} == expected
    assert {"StartTime", "EndTime", "ErrorMessage"} < set(found)
    one = await alice.properties(f"{sweep}/Tasks/2/SubTasks/1", "State", "InstanceValue")
    assert one == {"State": "Running", "InstanceValue": "5"}
    whole = await alice.task(int(job), 2, "TaskId", "InstanceId", "TotalSubTaskNumber")
    assert whole == {"TaskId": f"{job}.2", "InstanceId": "0", "TotalSubTaskNumber": "100000"}
    counts = ("Queued", "Running", "Failed", "Canceled")
    found = await alice.task(int(job), 2, *(f"Parametric{name}Count" for name in counts))
    assert list(found.values()) == ["99997", "2", "1", "0"]


async def test_what_nobody_can_name(alice: HpcClient, sweep: str) -> None:
    """Not yet expanded, beyond the last, no number, no subtasks, no task; whatever is asked."""
    for path, words in (
        ("/tasks/2/subtasks/4", NOT_YET),
        ("/tasks/2/subtasks/100001", "has the subtasks 1 to 100000"),
        ("/tasks/2/subtasks/0", "count from 1"),
        ("/tasks/2/subtasks/x", "count from 1"),
        ("/tasks/2/subtasks/9999999999", "count from 1"),
        ("/tasks/1/subtasks/1", "has no subtasks"),
        ("/tasks/9/subtasks/1", "has no task 9"),
    ):
        for method, verb, body in (
            ("GET", "", None),
            ("PUT", "", {"Name": "x"}),
            ("POST", "/cancel", "why"),
            ("POST", "/finish", "why"),
            ("POST", "/requeue", None),
        ):
            answer = await alice.ask(method, f"{sweep}{path}{verb}", body)
            assert (answer.status, answer.code) == (404, 0x80040207), (path, verb)
            assert words in answer.message, (path, verb)


@IN_JSON
async def test_nothing_of_one_subtask_can_be_changed(alice: HpcClient, sweep: str) -> None:
    before = await alice.properties(f"{sweep}/tasks/2/subtasks/1")
    answer = await alice.ask("PUT", f"{sweep}/tasks/2/subtasks/1", {"CommandLine": "x"})
    assert (answer.status, answer.code) == (422, 0x80040203)
    assert "those of its task" in answer.message
    assert await alice.properties(f"{sweep}/tasks/2/subtasks/1") == before


@IN_JSON
async def test_only_who_may_see_the_job_sees_its_subtasks(people: People, sweep: str) -> None:
    bob = await people.person("bob")
    for method, path in (("GET", ""), ("PUT", ""), ("POST", "/cancel"), ("POST", "/finish")):
        body = {"Name": "x"} if method == "PUT" else None
        answer = await bob.ask(method, f"{sweep}/tasks/2/subtasks/1{path}", body)
        assert (answer.status, answer.code) == (403, 0x8004020B), path
    assert (await bob.ask("GET", f"{sweep}/tasks")).status == 403


# --- stop, run again ------------------------------------------------------------------------------


async def test_one_is_canceled_one_finished_and_one_runs_again(
    service: Stack, alice: HpcClient, sweep: str
) -> None:
    place = f"{sweep}/tasks/2/subtasks"
    stop = await alice.ask("POST", f"{place}/1/cancel", "not this one", forced="True")
    assert stop.status == 204, stop.raw
    assert (await alice.ask("POST", f"{place}/2/finish", "good enough")).status == 204
    await ends(service, sweep, 3, 1)
    assert (await alice.ask("POST", f"{place}/3/requeue")).status == 204
    stored = await service.log.load(job_aggregate(int(sweep.rpartition("/")[2])))
    facts = [x.fact.data for x in stored if isinstance(x.fact, Recorded)]
    (cancel,) = (x for x in facts if isinstance(x, TaskCancelRequested))
    assert (cancel.instance, cancel.message, cancel.mode) == (1, "not this one", "forced")
    (finish,) = (x for x in facts if isinstance(x, TaskFinishRequested))
    assert (finish.instance, finish.message) == (2, "good enough")
    (again,) = (x for x in facts if isinstance(x, TaskRequeued))
    assert again.instance == 3
    assert await alice.properties(f"{place}/3", "State") == {"State": "Queued"}
    no = await alice.ask("POST", f"{place}/2/requeue")
    assert (no.status, no.code) == (409, 0x8004024C)
    long = await alice.ask("POST", f"{place}/1/cancel", "x" * 321)
    assert (long.status, long.code) == (422, 0x800402D3)


@pytest.mark.parametrize("forced", [False, True])
async def test_the_number_of_a_subtask_says_whose_cancel_it_was(
    service: Stack, alice: HpcClient, sweep: str, forced: bool
) -> None:
    job = int(sweep.rpartition("/")[2])
    await alice.ask("POST", f"{sweep}/tasks/2/subtasks/1/cancel", forced=forced)
    await stopped(service, job, 1)
    await alice.ask("POST", f"{sweep}/cancel", forced=forced)
    await stopped(service, job, 2)
    for instance, number in ((1, 0x800409E7), (2, 0x800409D3)):
        one = await alice.properties(f"{sweep}/tasks/2/subtasks/{instance}", "State", "ErrorCode")
        assert one == {"State": "Failed", "ErrorCode": str(number - 2**32)}


async def stopped(service: Stack, job: int, instance: int) -> None:
    """The stop of a subtask is carried out."""
    await service.instruct(job, c.OrderStop(15))
    found = await service.ledger.job(job)
    assert found is not None
    one = target(found, 2, instance)
    assert one is not None
    assert one.order is not None
    stop = c.StopSeen(one.order.request_id, one.order.step, False, 40, 0, 0)
    await service.instruct(job, c.RecordRunEnd(2, 1, Exit(signal=15), stop, instance=instance))


# --- lists ----------------------------------------------------------------------------------------


async def test_a_list_has_subtasks_in_the_place_of_their_task(alice: HpcClient, sweep: str) -> None:
    """As in the product: those that were reached, and the sweep itself only when not expanded."""
    assert await rows(alice, sweep) == ["1", "2.1", "2.2", "2.3", "3"]
    assert await rows(alice, sweep, expandParametric="False") == ["1", "2", "3"]
    assert await rows(alice, sweep, asc="false") == ["3", "2.3", "2.2", "2.1", "1"]
    answer = await listed(alice, sweep, properties="TaskId,InstanceId,CommandLine")
    job = sweep.rpartition("/")[2]
    assert answer.value[2] == {
        "TaskId": f"{job}.2.2",
        "InstanceId": "2",
        "CommandLine": "work 10",
    }


async def test_pages_of_subtasks_both_ways(alice: HpcClient, sweep: str) -> None:
    for ascending in ("true", "false"):
        whole = await rows(alice, sweep, asc=ascending)
        seen, query = [], {"rowsPerRead": "2", "asc": ascending, "properties": "TaskId"}
        while True:
            page = await listed(alice, sweep, **query)
            seen += [row["TaskId"].partition(".")[2] for row in page.value]
            if QUERY_ID not in page.headers:
                break
            query["queryId"] = page.headers[QUERY_ID]
        assert seen == whole
        for start in range(6):
            numbered = await listed(alice, sweep, startRow=start, rowsPerRead=2, asc=ascending)
            got = [row["TaskId"].partition(".")[2] for row in numbered.value]
            assert (got, numbered.headers[ROW_COUNT]) == (whole[start : start + 2], "5")


@IN_JSON
async def test_filters_of_subtasks(service: Stack, alice: HpcClient, sweep: str) -> None:
    await ends(service, sweep, 1, 0)
    for text, found in (
        ("TaskState eq Running", ["2.2", "2.3"]),
        ("TaskState eq Finished", ["2.1"]),
        ("TaskStates eq Finished,Queued", ["1", "2.1", "3"]),
        ("TaskState eq Running and TaskStates eq Finished", []),
        ("TaskIds eq 2 and TaskInstanceIds eq 1,3,4,100000,2000000000", ["2.1", "2.3"]),
        ("TaskInstanceIds eq 0", ["1", "3"]),
        ("TaskIds eq 1,3", ["1", "3"]),
        ("ChangeTimeFrom eq 1/1/2026 and TaskInstanceIds eq 2", ["2.2"]),
        ("ChangeTimeFrom eq 1/1/2999", []),
    ):
        assert await rows(alice, sweep, filter_=text) == found, text
    wrong = await alice.ask("GET", f"{sweep}/tasks", filter_="TaskIds eq 1.2.3")
    assert (wrong.status, "TaskInstanceIds" in wrong.message) == (400, True)


@IN_JSON
async def test_subtasks_are_sorted_by_anything(
    service: Stack, alice: HpcClient, sweep: str
) -> None:
    await ends(service, sweep, 2, 7)
    assert (await rows(alice, sweep, sortTasksBy="ExitCode", asc="false"))[0] == "2.2"
    by_value = await rows(alice, sweep, sortTasksBy="InstanceValue", filter_="TaskIds eq 2")
    assert by_value == ["2.1", "2.2", "2.3"]
    by_state = await rows(alice, sweep, sortTasksBy="State", rowsPerRead="1", startRow="0")
    assert by_state == ["2.2"], "Failed comes first"


@IN_JSON
async def test_more_than_a_page_has_is_in_the_order_of_its_numbers_only(
    service: Stack, alice: HpcClient
) -> None:
    job = await from_file(alice, SWEEP)
    await alice.ask("POST", f"/jobs/{job}/submit")
    await service.queue_job(job)
    await service.instruct(job, c.StartJob(("n1",)))
    await service.instruct(job, c.StartTask(2, 1, "n1", HANDLE, 90_000))
    path = f"/jobs/{job}"
    no = await alice.ask("GET", f"{path}/tasks", sortTasksBy="State")
    assert (no.status, f"at most {SORTED_ROWS_MAX}" in no.message) == (501, True)
    assert await rows(alice, path, sortTasksBy="State", expandParametric="False") == ["1", "3", "2"]
    last = await listed(alice, path, startRow=89_999, rowsPerRead=5)
    found = [row["TaskId"].partition(".")[2] for row in last.value]
    assert (found, last.headers[ROW_COUNT]) == (["2.89999", "2.90000", "3"], "90002")
    down = await rows(alice, path, startRow=1, rowsPerRead=2, asc="false")
    assert down == ["2.90000", "2.89999"]
    running = await rows(alice, path, filter_="TaskState eq Running", sortTasksBy="State")
    assert running == ["2.90000"]


# --- types ----------------------------------------------------------------------------------------


async def test_every_type_of_task_is_made_by_a_job_file_and_read_back(alice: HpcClient) -> None:
    """By name and by number; a service has as many instances as its job may have cores."""
    job = await from_file(
        alice,
        '<Job MaxCores="3"><Tasks><Task Type="NodePrep" CommandLine="a" />'
        '<Task Type="4" CommandLine="b" /><Task Type="3" CommandLine="c" /></Tasks></Job>',
    )
    answer = await listed(
        alice,
        f"/jobs/{job}",
        properties="JobTaskId,Type,IsParametric,TotalSubTaskNumber",
        expandParametric="False",
    )
    assert [(x["Type"], x["IsParametric"]) for x in answer.value] == [
        ("NodePrep", "False"),
        ("Service", "False"),
        ("NodeRelease", "False"),
    ]
    assert [x.get("TotalSubTaskNumber") for x in answer.value] == [None, "3", None]
    assert await rows(alice, f"/jobs/{job}") == ["2.1", "2.2", "2.3"]
    one = await alice.properties(f"/jobs/{job}/tasks/2/subtasks/2", "Type", "State")
    assert one == {"Type": "Service", "State": "Configuring"}
    assert "InstanceValue" not in await alice.properties(f"/jobs/{job}/tasks/2/subtasks/2")


@IN_JSON
async def test_how_many_instances_a_service_has(alice: HpcClient) -> None:
    for attributes, count in (('MaxCores="1000"', "1000"), ("", "1"), ('MaxCores="2"', "2")):
        text = f'<Job {attributes}><Tasks><Task Type="Service" CommandLine="s" /></Tasks></Job>'
        found = await alice.task(await from_file(alice, text), 1, "TotalSubTaskNumber")
        assert found == {"TotalSubTaskNumber": count}


@IN_JSON
async def test_more_instances_than_a_service_can_have_are_refused_and_not_cut(
    alice: HpcClient,
) -> None:
    sentence = "as the job's max_cores (MaxCores) says, 1001; 1 to 1000 are allowed"
    file = '<Job MaxCores="1001"><Tasks><Task Type="Service" CommandLine="s" /></Tasks></Job>'
    at_once = await alice.ask("POST", "/jobs/jobFile", file)
    job = (await alice.ask("POST", "/jobs", {"MaxCores": "1001"})).value
    service = {"CommandLine": "s", "Type": "Service"}
    later = await alice.ask("POST", f"/jobs/{job}/tasks", service)
    for no in (at_once, later):
        assert (no.status, no.code) == (422, 0x80040205), no.raw
        assert sentence in no.message
    assert (await alice.ask("GET", "/jobs", properties="Id")).value == [{"Id": str(job)}]
    assert (await alice.ask("GET", f"/jobs/{job}/tasks")).value == []
    assert (await alice.ask("PUT", f"/jobs/{job}", {"MaxCores": "2"})).status == 204
    assert (await alice.ask("POST", f"/jobs/{job}/tasks", service)).status == 200


@IN_JSON
async def test_a_service_is_alone_in_its_job(alice: HpcClient) -> None:
    job = await from_file(alice, '<Job><Tasks><Task Type="Service" CommandLine="s"/></Tasks></Job>')
    no = await alice.ask("POST", f"/jobs/{job}/tasks", {"CommandLine": "x"})
    assert (no.status, no.code) == (422, 0x80040253)


@IN_JSON
@pytest.mark.parametrize(
    ("made_with", "changed_to", "count"),
    [({}, {}, "1"), ({"MaxCores": "3"}, {}, "3"), ({"MaxCores": "3"}, {"MaxCores": "5"}, "5")],
)
async def test_one_that_is_added_has_as_many_too(
    alice: HpcClient, made_with: dict[str, str], changed_to: dict[str, str], count: str
) -> None:
    job = (await alice.ask("POST", "/jobs", {"Name": "s", **made_with})).value
    if changed_to:
        assert (await alice.ask("PUT", f"/jobs/{job}", changed_to)).status == 204
    assert await alice.job(job, "MaxCores") == {"MaxCores": count}
    body = {"CommandLine": "s", "Type": "Service"}
    added = await alice.ask("POST", f"/jobs/{job}/tasks", body)
    assert (added.status, added.value) == (200, 1)
    assert await alice.task(job, 1, "TotalSubTaskNumber") == {"TotalSubTaskNumber": count}
    no = await alice.ask("PUT", f"/jobs/{job}", {"MaxCores": "0"})
    assert (no.status, no.code) == (400, 0x80040205)
    assert "MaxCores cannot be '0': it is a whole number from 1 to 2147483647" in no.message


@IN_JSON
async def test_types_are_added_one_by_one(alice: HpcClient) -> None:
    job = await alice.create("work")
    for kind in ("NodePrep", "3", "ParametricSweep"):
        body = {"CommandLine": "x *", "Type": kind}
        body |= {"EndValue": "7"} if kind == "ParametricSweep" else {}
        assert (await alice.ask("POST", f"/jobs/{job}/tasks", body)).status == 200, kind
    found = await alice.task(job, 4, "StartValue", "EndValue", "IncrementValue")
    assert found == {"StartValue": "1", "EndValue": "7", "IncrementValue": "1"}
    twice = await alice.ask("POST", f"/jobs/{job}/tasks", {"CommandLine": "x", "Type": "2"})
    assert (twice.status, twice.code) == (422, 0x80040647)


@IN_JSON
async def test_a_task_of_an_exported_file_is_taken_without_what_became_of_it(
    alice: HpcClient,
) -> None:
    """The attributes are those of the published schema."""
    text = """\
<Job xmlns="http://schemas.microsoft.com/HPCS2008R2/scheduler/"><Tasks>
  <Task Version="3.0" Id="174" ParentJobId="88" State="Failed" PreviousState="Running"
    ParentJobState="Failed" UnitType="Core" NiceId="1" InstanceId="0" InstanceValue="0"
    CommandLine="echo *" IsParametric="true" StartValue="1" EndValue="3" IncrementValue="1"
    MinCores="1" MaxCores="1" RuntimeSeconds="60" ExitCode="1" ErrorCode="0" ErrorParams=""
    Closed="false" GroupId="3" RecordId="9" Output="" RequestCancel="" RequeueCount="0"
    AutoRequeueCount="0" FailureReason="None" PendingReason="" SubmitTime="x" CreateTime="x"
    StartTime="x" EndTime="x" ChangeTime="x" TaskOwner="" ProcessIds="" HasCustomProps="false"
    ParametricRunningCount="0" ParametricCanceledCount="0" ParametricFailedCount="0"
    ParametricQueuedCount="0" />
</Tasks></Job>"""
    made = await from_file(alice, text)
    assert await alice.task(made, 1, "Type", "State", "EndValue", "UnitType") == {
        "Type": "ParametricSweep",
        "State": "Configuring",
        "EndValue": "3",
        "UnitType": "Core",
    }


# --- the older edition ----------------------------------------------------------------------------


@pytest.mark.parametrize("cluster", ["", f"/{CLUSTER}"])
@IN_JSON
async def test_the_older_edition(people: People, sweep: str, cluster: str) -> None:
    job = sweep.rpartition("/")[2]
    people.form = Form.XML
    old = await people.person("alice", root="/WindowsHPC", **{"api-version": "2011-11-01"})
    base = f"{cluster}/Job/{job}"
    shown = await old.ask("GET", f"{base}/Tasks", Properties="TaskId", ExpandParametric="True")
    assert [row["TaskId"] for row in shown.value] == [
        f"{job}.{x}" for x in ("1", "2.1", "2.2", "2.3", "3")
    ]
    one = await old.ask("GET", f"{base}/Task/2/SubTask/3", Properties="CommandLine")
    assert one.value == {"CommandLine": "work 15"}
    stop = await old.http.post(f"{base}/Task/2/SubTask/3/Cancel", params={"Forced": "True"})
    assert (stop.status_code, stop.content) == (200, b""), stop.text
    no = await old.ask("PUT", f"{base}/Task/2/SubTask/2", {"Name": "x"})
    assert (no.status, no.code) == (422, 0x80040203)
    no = await old.ask("POST", f"{base}/Task/2/SubTask/4/Cancel", "why")
    assert (no.status, no.code, NOT_YET in no.message) == (404, 0x80040207, True)
