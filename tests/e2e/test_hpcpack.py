"""HPC Pack's clients against the whole service, over HTTPS with a certificate that it was given."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import pytest

from adapters.bootstrap.self_signed import self_signed
from adapters.principals import PrincipalsFile
from tests.adapters.hpcpack.client import Form, HpcClient
from tests.e2e.hostile import check_log
from tests.e2e.service import Service, new_service
from tests.support.waiting import until
from tests.support.web import basic

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PASSWORD: Final = "the-password-of-alice-that-is-kept-nowhere"
SUBMITTED: Final = "the-password-in-a-body-that-is-kept-nowhere"
T = TypeVar("T")


@pytest.fixture
def one() -> Iterator[Service]:
    """It tells its log all it can, and serves HTTPS with a certificate that it was given."""
    with new_service(log_level="debug", https_port=0) as service:
        pair = self_signed(service.home / "certificates", "127.0.0.1", datetime.now(UTC))
        service.configure(https_certificate=str(pair.certificate), https_key=str(pair.key))
        service.start()
        people = PrincipalsFile(service.data / "principals.json")
        people.add("alice")
        people.set_password("alice", PASSWORD)
        yield service


def told(service: Service, form: Form, talk: Callable[[HpcClient], Awaitable[T]]) -> T:
    """What alice's client hears."""
    trusted = ssl.create_default_context(cafile=service.endpoint["https_certificate"])

    async def talking() -> T:
        authorization = basic("alice", PASSWORD)
        base = service.endpoint["https"]
        async with HpcClient(base, form, trusted, Authorization=authorization) as client:
            return await talk(client)

    return asyncio.run(talking())


@pytest.mark.parametrize("form", list(Form))
def test_a_job_from_its_file_to_its_end(one: Service, form: Form) -> None:
    async def start(client: HpcClient) -> int:
        job = await client.create("sleep 600", "sleep 601")
        credentials = {"UserName": "", "Password": SUBMITTED}
        submit = await client.ask("POST", f"/jobs/{job}/submit", credentials)
        assert submit.status == 204, submit.raw
        return job

    job = told(one, form, start)
    until(lambda: state(one, form, job) == "Running", "the job runs")

    async def stop(client: HpcClient) -> None:
        answer = await client.ask("POST", f"/jobs/{job}/cancel", "seen enough", forced="True")
        assert answer.status == 204

    told(one, form, stop)
    until(lambda: state(one, form, job) == "Canceled", "the job is canceled")

    async def look(client: HpcClient) -> None:
        found = await client.job(job, "ErrorMessage", "Owner")
        assert found["Owner"] == "alice"
        assert "seen enough" in found["ErrorMessage"]
        tasks = await client.ask("GET", f"/jobs/{job}/tasks", properties="State,ExitCode")
        assert {task["State"] for task in tasks.value} <= {"Failed", "Canceled"}

    told(one, form, look)
    requested = [e for e in one.events(job) if e.type == "JobCancelRequested"]
    assert len(requested) == 1
    assert requested[0].body["origin"] == "hpcpack"
    check_nowhere(one)


@pytest.mark.parametrize("form", list(Form))
def test_what_a_job_and_its_tasks_are_given_is_what_runs(one: Service, form: Form) -> None:
    """Made piece by piece: variables, streams, a task that is changed, passwords in the bodies."""
    secret = {"UserName": "", "Password": SUBMITTED}
    out = one.trace("out.txt")

    async def make(client: HpcClient) -> int:
        made = await client.ask(
            "POST", "/jobs", {"Name": "pieces", "ValidExitCodes": "3", **secret}
        )
        job = int(made.value)
        place = f"/jobs/{job}"
        task = {
            "CommandLine": "not this",
            "WorkDirectory": str(one.home),
            "StdOutFilePath": str(out),
        }
        assert (await client.ask("POST", f"{place}/tasks", task)).value == 1
        later = {"CommandLine": "exit 0", "DependsOn": "first", "ValidExitCodes": "0"}
        assert (await client.ask("POST", f"{place}/tasks", later)).value == 2
        told = 'echo "$A $B $CCP_JOBNAME"; exit 3'
        for method, path, body in (
            ("PUT", "", {"Project": "film", "RunUntilCanceled": "False", **secret}),
            ("POST", "/envVariables", {"A": "of the job", "B": "of the job"}),
            ("POST", "/customProperties", {"cost centre": "42"}),
            ("PUT", "/tasks/1", {"CommandLine": told, "Name": "first"}),
            ("POST", "/tasks/1/envVariables", {"B": "of the task"}),
            ("POST", "/tasks/1/customProperties", {"frame": "1"}),
            ("POST", "/submit", {"Priority": "Highest", **secret}),
        ):
            answer = await client.ask(method, place + path, body)
            assert answer.status == 204, (path, answer.raw)
        return job

    job = told(one, form, make)
    until(lambda: state(one, form, job) in ("Finished", "Failed"), "the job is over")
    assert state(one, form, job) == "Finished"
    assert out.read_text() == "of the job of the task pieces\n"

    async def look(client: HpcClient) -> None:
        assert await client.job(job, "Project", "Priority") == {
            "Project": "film",
            "Priority": "Highest",
        }
        assert (await client.task(job, 1, "ExitCode", "State")) == {
            "ExitCode": "3",
            "State": "Finished",
        }
        late = await client.ask("PUT", f"/jobs/{job}/tasks/1", {"CommandLine": "x"})
        assert (late.status, late.code) == (409, 0x80040231)
        done = {"Progress": "100", "ProgressMessage": "all of it"}
        assert (await client.ask("PUT", f"/jobs/{job}", done)).status == 204
        listed = await client.ask("GET", "/jobs", properties="Progress,ProgressMessage,Project")
        assert listed.value == [{**done, "Project": "film"}]

    told(one, form, look)
    check_nowhere(one)


AGENT: Final = "frames-console/1.0"
SWEEP: Final = """\
<Job Name="frames" UnitType="Core" MinCores="1" MaxCores="4"><Tasks>
  <Task Name="frame" Type="ParametricSweep" CommandLine="exec sleep 60*"
    StartValue="10" EndValue="1000" IncrementValue="10" />
</Tasks></Job>"""


@pytest.mark.parametrize("form", list(Form))
def test_a_sweep_from_its_file_to_its_end(one: Service, form: Form) -> None:
    """A hundred steps on a few slots: one is canceled, one cannot be named yet, then all the rest
    by force; who did it from where stands in the trail."""
    slots = int(str(one.settings["slots"]))
    job = told(one, form, started_sweep)
    until(lambda: told(one, form, partial(running, job)) == slots or None, "every slot has a step")
    told(one, form, partial(stop_one, job, slots))
    step = f"/jobs/{job}/tasks/1/subtasks/2"
    ended = {"State": "Failed", "ErrorCode": str(0x800409E7 - 2**32)}
    until(lambda: told(one, form, partial(seen, step, ended)) == ended, "the step is stopped")
    told(one, form, partial(stop_all, job))
    until(lambda: state(one, form, job) in ("Failed", "Canceled") or None, "the job is over")
    counts = {"State": "Canceled", "TotalSubTaskNumber": "100", "ParametricRunningCount": "0"}
    assert told(one, form, partial(seen, f"/jobs/{job}/tasks/1", counts)) == counts
    assert told(one, form, partial(seen, step, ended)) == ended
    assert told(one, form, partial(running, job)) == 0
    check_trail(one, job)
    check_nowhere(one)


async def started_sweep(client: HpcClient) -> int:
    """A sweep from its file, submitted."""
    made = await client.ask("POST", "/jobs/jobFile", SWEEP)
    assert made.status == 200, made.raw
    submit = await client.ask("POST", f"/jobs/{made.value}/submit", {})
    assert submit.status == 204, submit.raw
    return int(made.value)


async def running(job: int, client: HpcClient) -> int:
    """How many steps run."""
    query = {"filter_": "TaskState eq Running", "properties": "TaskId", "startRow": 0}
    answer = await client.ask("GET", f"/jobs/{job}/tasks", **query)
    assert answer.status == 200, answer.raw
    return int(answer.headers["x-ms-row-count"])


async def seen(path: str, names: Iterable[str], client: HpcClient) -> dict[str, str]:
    """Some properties."""
    return await client.properties(path, *names)


async def stop_one(job: int, slots: int, client: HpcClient) -> None:
    """The step 2 is stopped, and the step 100 cannot be: it was not reached."""
    client.http.headers["user-agent"] = AGENT
    last = await client.ask("GET", f"/jobs/{job}/tasks", asc="false", rowsPerRead=1)
    assert last.value[0]["TaskId"] == f"{job}.1.{slots}"
    place = f"/jobs/{job}/tasks/1/subtasks"
    step = {"CommandLine": "exec sleep 6020", "InstanceValue": "20", "State": "Running"}
    assert await client.properties(f"{place}/2", *step) == step
    stop = await client.ask("POST", f"{place}/2/cancel", "a bad frame", forced="True")
    assert stop.status == 204, stop.raw
    early = await client.ask("POST", f"{place}/100/cancel", "nor this", forced="True")
    assert (early.status, early.code) == (404, 0x80040207)
    assert "the specified subtask has not been expanded yet" in early.message


async def stop_all(job: int, client: HpcClient) -> None:
    """All that is left of the sweep is stopped."""
    client.http.headers["user-agent"] = AGENT
    stop = await client.ask("POST", f"/jobs/{job}/tasks/1/cancel", "no more", forced="True")
    assert stop.status == 204, stop.raw


def check_trail(service: Service, job: int) -> None:
    """What was asked stands there, done or not, and who asked from where with what."""
    rows = service.ask("GET", f"/audit?job={job}&limit=1000&sort=position")["rows"]
    asked = [x for x in rows if x["operation"] == "cancel_task" and x["message"]]
    assert [(x["tasks"], x["outcome"], x["mode"], x["message"]) for x in asked] == [
        ("1.2", "accepted", "forced", "a bad frame"),
        ("1.100", "unknown", "forced", "nor this"),
        ("1", "accepted", "forced", "no more"),
    ]
    where = {(x["actor"], x["origin"], x["address"].partition(":")[0], x["program"]) for x in asked}
    assert where == {("alice", "hpcpack", "127.0.0.1", AGENT)}


def state(service: Service, form: Form, job: int) -> str:
    """The job's state now."""

    async def ask(client: HpcClient) -> str:
        return (await client.job(job, "State"))["State"]

    return told(service, form, ask)


def check_nowhere(service: Service) -> None:
    """No password stands in the stream, the log, or any file of the data directory."""
    secrets = [PASSWORD, SUBMITTED, basic("alice", PASSWORD).split()[1]]
    service.stop()
    places = {"log": service.log.encode()}
    places |= {str(p): p.read_bytes() for p in files(service.data)}
    assert any("views" in place for place in places), "the views are among them"
    assert any("journal" in place for place in places)
    for secret in secrets:
        assert [p for p, content in places.items() if secret.encode() in content] == []
    check_log(service.log)


def files(directory: Path) -> list[Path]:
    """Every file there is."""
    return [path for path in directory.rglob("*") if path.is_file()]
