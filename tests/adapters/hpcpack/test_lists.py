"""Lists over HPC Pack's REST: properties, both ways to page, filters and orders."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.hpcpack.questions import JOB_SORTS, SAME_FOR_ALL_JOBS
from adapters.hpcpack.task_properties import SAME_FOR_ALL, SORTS
from domain.identity import Role
from tests.adapters.hpcpack.client import HpcClient, Reply
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

DEFAULT_JOB = {"Id", "Owner", "Name", "State", "Priority"}
DEFAULT_TASK = {"TaskId", "Name", "State", "CommandLine", "ParentJobId", "JobTaskId", "InstanceId"}
QUERY_ID = "x-ms-continuation-queryId"
ROW_COUNT = "x-ms-row-count"


async def made(client: HpcClient, count: int) -> list[int]:
    """So many jobs."""
    return [await client.create("sleep 60", name=f"job {n % 3}") for n in range(count)]


def ids(answer: Reply) -> list[int]:
    """The numbers in a page."""
    assert answer.status == 200, answer.raw
    return [int(row["Id"]) for row in answer.value]


async def test_ten_jobs_a_page_by_number_with_five_properties(alice: HpcClient) -> None:
    jobs = await made(alice, 12)
    first = await alice.ask("GET", "/jobs")
    assert ids(first) == jobs[:10]
    assert all(set(row) == DEFAULT_JOB for row in first.value)
    rest = await alice.ask("GET", "/jobs", queryId=first.headers[QUERY_ID])
    assert ids(rest) == jobs[10:]
    assert QUERY_ID not in rest.headers
    assert ROW_COUNT not in rest.headers


async def test_pages_go_on_by_query_id(alice: HpcClient) -> None:
    jobs = await made(alice, 7)
    seen: list[int] = []
    query = {"RowsPerRead": "3", "asc": "False", "sortJobsBy": "id"}
    while True:
        page = await alice.ask("GET", "/jobs", **query)
        seen += ids(page)
        if QUERY_ID not in page.headers:
            break
        query["QueryId"] = page.headers[QUERY_ID]
    assert seen == jobs[::-1]


async def test_a_start_row_counts_and_no_query_id_does(alice: HpcClient) -> None:
    jobs = await made(alice, 5)
    page = await alice.ask("GET", "/jobs", startRow="1", rowsPerRead="2", queryId="whatever")
    assert ids(page) == jobs[1:3]
    assert page.headers[ROW_COUNT] == "5"
    assert QUERY_ID not in page.headers
    beyond = await alice.ask("GET", "/jobs", startRow="50.0")
    assert (ids(beyond), beyond.headers[ROW_COUNT]) == ([], "5")


async def test_a_query_id_of_another_question_is_refused(alice: HpcClient) -> None:
    await made(alice, 2)
    page = await alice.ask("GET", "/jobs", rowsPerRead=1)
    other = await alice.ask("GET", "/jobs", asc="false", queryId=page.headers[QUERY_ID])
    assert (other.status, other.code) == (404, 0x80040205)
    assert (await alice.ask("GET", "/jobs", queryId="made up")).status == 404


async def test_jobs_are_filtered_by_state(service: Stack, alice: HpcClient) -> None:
    waiting, running = await made(alice, 1), await alice.submitted("sleep 60")
    await service.run_job(running)
    for text in ("JobState eq Running", "jobstate EQ 'running'", "JobState eq 32"):
        assert ids(await alice.ask("GET", "/jobs", filter_=text)) == [running], text
    for text in ("JobState eq Running,Configuring", "JobState eq 33", "JobState eq All", ""):
        assert ids(await alice.ask("GET", "/jobs", filter_=text)) == [*waiting, running], text


async def test_jobs_are_filtered_by_the_time_of_their_change(alice: HpcClient) -> None:
    jobs = await made(alice, 1)
    now = datetime.now(UTC)
    for form in ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S"):
        before, after = ((now + timedelta(hours=h)).strftime(form) for h in (-1, 1))
        filter_ = f"JobState eq Configuring and ChangeTimeFrom eq {before}"
        assert ids(await alice.ask("GET", "/jobs", filter_=filter_)) == jobs
        filter_ = f"ChangeTimeFrom eq {after} and JobState eq Configuring"
        assert ids(await alice.ask("GET", "/jobs", filter_=filter_)) == []


async def test_the_times_given_can_be_asked_with(alice: HpcClient) -> None:
    (job,) = await made(alice, 1)
    told = await alice.job(job, "ChangeTime")
    found = await alice.ask("GET", "/jobs", filter_=f"ChangeTimeFrom eq {told['ChangeTime']}")
    assert ids(found) == [job]


@IN_JSON
@pytest.mark.parametrize(
    "text",
    [
        "JobState",
        "JobState ne Running",
        "JobState eq Sleeping",
        "JobState eq 4096",
        "Owner eq alice",
        "JobState eq Running and JobState eq Queued",
        "ChangeTimeFrom eq yesterday",
        "JobState eq Running or JobState eq Queued",
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(alice: HpcClient, text: str) -> None:
    answer = await alice.ask("GET", "/jobs", filter_=text)
    assert (answer.status, answer.code) == (400, 0x80040205)


async def test_jobs_are_filtered_by_the_nodes_they_run_on(
    service: Stack, people: People, alice: HpcClient
) -> None:
    """All properties of all of them, whatever else is asked for, as in the product."""
    jobs = [await alice.submitted("sleep 60") for _ in range(12)]
    waiting = await alice.submitted("sleep 60")
    for job in jobs:
        await service.run_job(job)
    nonsense = {"filter_": "what?", "rowsPerRead": "0", "owner": "bob", "sortJobsBy": "x"}
    found = await alice.ask("GET", "/jobs", nodeNames="no-such-node, N1", **nonsense)
    assert ids(found) == jobs
    assert {row["AllocatedNodes"] for row in found.value} == {"n1"}
    assert {"CreateTime", "StartTime", "JobType"} < set(found.value[0])
    assert not {QUERY_ID, ROW_COUNT} & set(found.headers)
    assert ids(await alice.ask("GET", "/jobs", nodeNames="n2")) == []
    await alice.ask("POST", f"/jobs/{jobs[0]}/cancel")
    assert jobs[0] in ids(await alice.ask("GET", "/jobs", nodeNames="n1")), "it holds its node"
    bob = await people.person("bob")
    assert ids(await bob.ask("GET", "/jobs", nodeNames="n1")) == []
    assert waiting not in jobs


@IN_JSON
@pytest.mark.parametrize(
    "query",
    [{"filter_": "NodeGroup eq ComputeNodes"}, {"sortJobsBy": "AllocatedNodes"}],
)
async def test_what_cannot_be_asked_for_is_not_left_out(
    alice: HpcClient, query: dict[str, str]
) -> None:
    assert (await alice.ask("GET", "/jobs", **query)).status == 501


@IN_JSON
async def test_what_jobs_and_tasks_can_be_sorted_by_is_told(alice: HpcClient) -> None:
    (job,) = await made(alice, 1)
    answer = await alice.ask("GET", "/jobs", sortJobsBy="errormessage")
    assert "they can by ChangeTime, CreateTime, EndTime, ErrorCode" in answer.message
    for name in (*JOB_SORTS, *SAME_FOR_ALL_JOBS, "NAME", "NoSuchProperty"):
        assert (await alice.ask("GET", "/jobs", sortJobsBy=name)).status == 200, name
    for name in (*SORTS, *SAME_FOR_ALL, "NoSuchProperty"):
        path = f"/jobs/{job}/tasks"
        assert (await alice.ask("GET", path, sortTasksBy=name)).status == 200, name


@IN_JSON
async def test_every_order_of_jobs_both_ways(service: Stack, alice: HpcClient) -> None:
    """By what the properties say, and by number among equal ones."""
    jobs = [await alice.submitted("sleep 60") for _ in range(3)] + await made(alice, 3)
    await service.run_job(jobs[1])
    await alice.ask("POST", f"/jobs/{jobs[2]}/cancel")
    for name, ascending in (("StartTime", "true"), ("SubmitTime", "true"), ("State", "false")):
        query = {"sortJobsBy": name, "asc": ascending, "properties": f"Id,{name}"}
        whole = ids(await alice.ask("GET", "/jobs", **query))
        assert sorted(whole) == jobs
        pages = [
            ids(await alice.ask("GET", "/jobs", startRow=n, rowsPerRead=1, **query))
            for n in range(len(jobs))
        ]
        assert [job for page in pages for job in page] == whole
    assert ids(await alice.ask("GET", "/jobs", sortJobsBy="StartTime"))[-1] == jobs[1]
    assert ids(await alice.ask("GET", "/jobs", sortJobsBy="ErrorCode"))[0] == jobs[2]


async def test_jobs_are_sorted(alice: HpcClient) -> None:
    jobs = await made(alice, 4)
    by_name = await alice.ask("GET", "/jobs", sortJobsBy="name", properties="Id,Name")
    assert [row["Name"] for row in by_name.value] == ["job 0", "job 0", "job 1", "job 2"]
    nonsense = await alice.ask("GET", "/jobs", sortJobsBy="NoSuchProperty", asc="true")
    assert ids(nonsense) == jobs, "by number, as in the product"


async def test_jobs_of_an_owner(people: People, alice: HpcClient, admin: HpcClient) -> None:
    (hers,) = await made(alice, 1)
    (others,) = await made(admin, 1)
    assert ids(await admin.ask("GET", "/jobs")) == [hers, others]
    assert ids(await admin.ask("GET", "/jobs", owner="alice")) == [hers]
    assert ids(await alice.ask("GET", "/jobs")) == [hers]
    olga = await people.person("olga", Role.JOB_OPERATOR)
    assert ids(await olga.ask("GET", "/jobs")) == [hers, others]


async def test_no_such_property(alice: HpcClient) -> None:
    (job,) = await made(alice, 1)
    for path in (f"/jobs/{job}", "/jobs", f"/jobs/{job}/tasks", f"/jobs/{job}/tasks/1"):
        answer = await alice.ask("GET", path, properties="Name,Colour")
        assert answer.status == 400
        assert "Colour" in answer.message


async def test_tasks_with_eight_properties(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 1", "sleep 2")
    listed = await alice.ask("GET", f"/jobs/{job}/tasks")
    assert [row["TaskId"] for row in listed.value] == [f"{job}.1", f"{job}.2"]
    assert all(set(row) == DEFAULT_TASK for row in listed.value), "no exit code before the end"
    assert listed.value[1]["CommandLine"] == "sleep 2"
    assert (listed.value[1]["JobTaskId"], listed.value[1]["InstanceId"]) == ("2", "0")
    assert listed.value[1]["ParentJobId"] == str(job)


async def test_tasks_by_pages_filters_and_orders(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted(*(f"sleep {n}" for n in range(13)))
    await service.run_job(job)
    path = f"/jobs/{job}/tasks"

    async def numbers(**query: str) -> list[int]:
        answer = await alice.ask("GET", path, properties="JobTaskId", **query)
        assert answer.status == 200, answer.raw
        return [int(row["JobTaskId"]) for row in answer.value]

    first = await alice.ask("GET", path, expandParametric="False")
    assert len(first.value) == 10
    assert await numbers(queryId=first.headers[QUERY_ID]) == [11, 12, 13]
    assert await numbers(asc="false", rowsPerRead="2") == [13, 12]
    assert await numbers(sortTasksBy="CommandLine", asc="false", rowsPerRead="1") == [10]
    assert await numbers(filter_="TaskState eq Running") == [1]
    assert await numbers(filter_="TaskStates eq Running,Queued and TaskIds eq 1,2") == [1, 2]
    assert await numbers(filter_=f"TaskIds eq {job}.3 and TaskInstanceIds eq 0") == [3]
    assert await numbers(filter_="TaskInstanceIds eq 7") == []
    rows = await alice.ask("GET", path, startRow=12)
    assert (len(rows.value), rows.headers[ROW_COUNT]) == (1, "13")
    assert await numbers(filter_="TaskState eq Running and TaskStates eq Queued") == []
    assert await numbers(filter_="TaskState eq Queued and TaskStates eq Queued,Running")


async def test_tasks_are_filtered_by_the_time_of_their_change(
    service: Stack, alice: HpcClient
) -> None:
    job = await alice.submitted("sleep 1", "sleep 2")
    await service.queue_job(job)
    path = f"/jobs/{job}/tasks"
    told = await alice.ask("GET", path, properties="JobTaskId,ChangeTime")
    times = {row["JobTaskId"]: row["ChangeTime"] for row in told.value}
    now = datetime.now(UTC)
    after = f"{now + timedelta(hours=1):%m/%d/%Y %H:%M:%S}"
    for since, found in ((times["1"], 2), (after, 0), ("1/1/2026", 2)):
        filter_ = f"ChangeTimeFrom eq {since} and TaskState eq Queued"
        assert len((await alice.ask("GET", path, filter_=filter_)).value) == found, since
    wrong = await alice.ask("GET", path, filter_="ChangeTimeFrom eq yesterday")
    assert (wrong.status, "11/23/2026 07:00:00" in wrong.message) == (400, True)


async def test_rows_per_read(alice: HpcClient) -> None:
    jobs = await made(alice, 3)
    assert ids(await alice.ask("GET", "/jobs", rowsPerRead="1000000")) == jobs
    for wrong in ("0", "-1", "ten", "1.5"):
        assert (await alice.ask("GET", "/jobs", rowsPerRead=wrong)).status == 400
