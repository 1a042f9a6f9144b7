"""Every error number that is claimed is provoked: through ``/hpc``, and where the older edition has
the operation, as the signed ``Code`` of its fault. Every number stands in exactly one table below.

Numbers and names are written here, not imported: they are the contract.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest
from msgspec import Struct

from domain import commands as c
from domain.errors import StoreFull
from domain.events import Exit, RunHandle
from domain.hresult import HResult
from domain.identity import Role
from domain.states import FilterHow, StopStep
from tests.adapters.hpcpack.client import Form, HpcClient, Reply
from tests.adapters.hpcpack.conftest import People
from tests.adapters.http.stack import Stack
from tests.support.web import Json

VERSION: Final = "2016-11-01.5.0"
SWEEPS_MAX: Final = 100
TWO_TASKS: Final = [{"command": "sleep 60"}, {"command": "sleep 61"}]
PREP: Final = '<Task CommandLine="a" Type="NodePrep"/>'
RELEASE: Final = '<Task CommandLine="a" Type="NodeRelease"/>'
WORK: Final = '<Task CommandLine="a"/>'
# What grows beyond one event when it is stored: each quotation mark takes two bytes.
HUGE: Final = "&quot;" * 32_000


class Place(Struct, frozen=True):
    """A face, and where it has its operations; "" for one that it has not."""

    root: str
    form: Form
    job: str
    cancel: str
    submit: str
    task: str
    tasks: str
    cancel_task: str
    jobs: str = "/jobs"
    job_file: str = "/jobs/jobFile"


HPC: Final = Place(
    root="/hpc",
    form=Form.JSON,
    job="/jobs/{job}",
    cancel="/jobs/{job}/cancel",
    submit="/jobs/{job}/submit",
    task="/jobs/{job}/tasks/{task}",
    tasks="/jobs/{job}/tasks",
    cancel_task="/jobs/{job}/tasks/{task}/cancel",
)
WINDOWS: Final = Place(
    root="/WindowsHPC",
    form=Form.XML,
    job="/Job/{job}",
    cancel="/Job/{job}/Cancel",
    submit="/Job/{job}/Submit",
    task="/Job/{job}/Task/{task}",
    tasks="/Job/{job}/Tasks",
    cancel_task="/Job/{job}/Task/{task}/Cancel",
    jobs="/Jobs",
    job_file="/Jobs/JobFile",
)
FACES: Final = {"hpc": HPC, "windows": WINDOWS}


class World:
    """A service, and alice at one of its faces; what comes before is done over the native API."""

    def __init__(self, service: Stack, place: Place, opened: AsyncExitStack) -> None:
        self.service = service
        self.place = place
        self._people = People(service, place.form, opened)
        token = service.file.add("native", (Role.ADMINISTRATOR,))
        self.native = service.tcp(token)

    async def alice(self, **headers: str) -> HpcClient:
        """Her client."""
        return await self.person("alice", Role.USER, **headers)

    async def person(self, name: str, role: Role, **headers: str) -> HpcClient:
        """Somebody's client."""
        told = {"api-version": VERSION, **headers}
        return await self._people.person(name, role, root=self.place.root, **told)

    async def somebody(self, **headers: str) -> HpcClient:
        """A client that says nothing else of who it is."""
        told = {"api-version": VERSION, **headers}
        return await self._people.client(self.place.root, **told)

    async def ask(self, method: str, path: str, body: object = None, **names: int) -> Reply:
        """What alice hears."""
        return await (await self.alice()).ask(method, path.format(**names), body)

    async def send_file(self, tasks: str, more: str = "") -> Reply:
        """A job file of hers with these tasks. ``more``: what else stands in it."""
        file, client = f"<Job>{more}<Tasks>{tasks}</Tasks></Job>", await self.alice()
        if self.place.form is Form.JSON:
            return await client.ask("POST", self.place.job_file, file)
        headers = {"Content-Type": "text/xml"}
        return await client.send("POST", self.place.job_file, file.encode(), headers)

    # --- before -----------------------------------------------------------------------------------

    async def post(self, path: str, body: Json | None = None) -> httpx.Response:
        """A command on the native API, for alice."""
        await self.alice()
        headers = {"Countermand-As": "alice"}
        return await self.native.post(f"/api/v1{path}", json=body or {}, headers=headers)

    async def held(self, *tasks: Json, **fields: object) -> int:
        """A job in Configuring."""
        body = {"tasks": list(tasks) or TWO_TASKS, "submit": False, **fields}
        answer = await self.post("/jobs", body)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["job_id"])

    async def running(self, *tasks: Json, **fields: object) -> int:
        """A job that runs, with task 1 started unless there is node preparation."""
        job = await self.held(*tasks, **fields)
        assert (await self.post(f"/jobs/{job}/submit")).is_success
        await self.service.run_job(job)
        return job

    async def canceled(self) -> int:
        """A job that is Canceled."""
        job = await self.held()
        assert (await self.post(f"/jobs/{job}/cancel")).is_success
        await self.service.end_job(job)
        return job

    async def ends(self, job: int, task: int, code: int = 0) -> None:
        """A run ends by itself."""
        await self.service.instruct(job, c.RecordRunEnd(task, 1, Exit(code=code)))


@pytest.fixture
async def opened() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as found:
        yield found


# --- refusals -------------------------------------------------------------------------------------


async def submitted_twice(world: World) -> Reply:
    job = await world.held()
    await world.post(f"/jobs/{job}/submit")
    return await world.ask("POST", world.place.submit, job=job)


async def read_only(world: World) -> Reply:
    return await world.ask("POST", world.place.jobs, {"State": "Running"})


async def no_such_priority(world: World) -> Reply:
    return await world.ask("POST", world.place.jobs, {"Priority": "urgent"})


async def no_such_job(world: World) -> Reply:
    return await world.ask("POST", world.place.cancel, job=999)


async def no_such_task(world: World) -> Reply:
    return await world.ask("GET", world.place.task, job=await world.held(), task=9)


async def canceled_twice(world: World) -> Reply:
    return await world.ask("POST", world.place.cancel, job=await world.canceled())


async def task_canceled_twice(world: World) -> Reply:
    job = await world.held()
    await world.post(f"/jobs/{job}/tasks/2/cancel")
    return await world.ask("POST", world.place.cancel_task, job=job, task=2)


async def without_the_right(world: World) -> Reply:
    path = world.place.cancel.format(job=await world.held())
    return await (await world.person("bob", Role.USER)).ask("POST", path)


async def with_a_wrong_password(world: World) -> Reply:
    return await (await world.somebody(Authorization="Basic x")).ask("GET", world.place.jobs)


async def for_nobody(world: World) -> Reply:
    ada = await world.person("ada", Role.ADMINISTRATOR, **{"x-ms-as-user": "nobody-so-called"})
    return await ada.ask("GET", world.place.jobs)


async def of_a_type_that_is_not(world: World) -> Reply:
    return await world.ask("POST", world.place.jobs, {"JobType": "Broker"})


async def too_long(world: World) -> Reply:
    job = await world.held()
    return await world.ask("POST", world.place.cancel, "x" * 321, job=job)


async def too_large(world: World) -> Reply:
    variable = f"<Variable><Name>A</Name><Value>{HUGE}</Value></Variable>"
    return await world.send_file(
        f'<Task CommandLine="a"><EnvironmentVariables>{variable}</EnvironmentVariables></Task>'
    )


async def two_preparations(world: World) -> Reply:
    return await world.send_file(WORK + PREP * 2)


async def two_releases(world: World) -> Reply:
    return await world.send_file(WORK + RELEASE * 2)


async def nothing_but_release(world: World) -> Reply:
    job = await world.held({"command": "a", "type": "NodeRelease"})
    return await world.ask("POST", world.place.submit, job=job)


async def held_until_it_was_over(world: World) -> Reply:
    job = await world.held()
    return await world.ask("PUT", world.place.job, {"HoldUntil": "1/1/2020"}, job=job)


async def custom(world: World, name: str, value: str) -> Reply:
    term = f"<Term><Name>{name}</Name><Value>{value}</Value></Term>"
    return await world.send_file(WORK, f"<CustomProperties>{term}</CustomProperties>")


async def long_name(world: World) -> Reply:
    return await custom(world, "n" * 81, "x")


async def long_value(world: World) -> Reply:
    return await custom(world, "n", "x" * 1025)


async def changed_after_its_end(world: World) -> Reply:
    return await world.ask("PUT", world.place.job, {"Name": "x"}, job=await world.canceled())


async def release_added_late(world: World) -> Reply:
    task = {"CommandLine": "a", "Type": "NodeRelease"}
    return await world.ask("POST", world.place.tasks, task, job=await world.running())


async def busy(world: World) -> Reply:
    world.service.full = StoreFull("no room")
    return await world.ask("POST", world.place.jobs, {"Name": "one more"})


async def unexpected(world: World) -> Reply:
    world.service.full = RuntimeError("of the inside")
    return await world.ask("POST", world.place.jobs, {"Name": "one more"})


Provoke = Callable[[World], Awaitable[Reply]]

# Number: HPC Pack's name, the status, and how it comes about at both faces.
AT_BOTH: Final[dict[int, tuple[str, int, Provoke]]] = {
    0x80040202: ("Operation_OnlyConfigJobsCanBeSubmitted", 409, submitted_twice),
    0x80040203: ("Operation_PropertyIsReadOnly", 422, read_only),
    0x80040205: ("Operation_ArgumentOutOfRange", 400, no_such_priority),
    0x80040206: ("Operation_InvalidJobId", 404, no_such_job),
    0x80040207: ("Operation_InvalidTaskId", 404, no_such_task),
    0x80040208: ("Operation_InvalidCancelJobState", 409, canceled_twice),
    0x80040209: ("Operation_InvalidCancelTaskState", 409, task_canceled_twice),
    0x8004020B: ("Operation_PermissionDenied", 403, without_the_right),
    0x8004020C: ("Operation_AuthenticationFailure", 401, with_a_wrong_password),
    0x8004020F: ("Operation_InvalidOperation", 501, of_a_type_that_is_not),
    0x80040231: ("Operation_SetInvalidPropUnderCertainState", 409, changed_after_its_end),
    0x80040235: ("Operation_PropertyValueTooLargeForDatabase", 422, too_large),
    0x80040252: ("Operation_TaskTypeAddedInWrongJobState", 409, release_added_late),
    0x8004025F: ("Operation_ServerIsBusy", 503, busy),
    0x800402CB: ("Operation_InvalidHoldUntil", 422, held_until_it_was_over),
    0x800402D3: ("Operation_CancelMessageIsTooLong", 422, too_long),
    0x800402DC: ("Operation_CustomPropertyNameTooLong", 422, long_name),
    0x800402DD: ("Operation_CustomPropertyValueTooLong", 422, long_value),
    0x800403C4: ("Operation_ServiceAsClientBadUserName", 404, for_nobody),
    0x80040647: ("Validation_MultipleNodePrep", 422, two_preparations),
    0x80040648: ("Validation_MultipleNodeRelease", 422, two_releases),
    0x80040649: ("Validation_OnlyPrepOrRelease", 422, nothing_but_release),
    0x80041972: ("UnknownError", 500, unexpected),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", AT_BOTH, ids=lambda n: AT_BOTH[n][0])
async def test_a_number_at_both_faces(
    service: Stack, opened: AsyncExitStack, number: int, face: str
) -> None:
    name, status, provoke = AT_BOTH[number]
    world = World(service, FACES[face], opened)
    async with world.native:
        answer = await provoke(world)
    assert answer.status == status, answer.raw
    assert int(answer.value["Code"]) == number - 2**32
    assert f"({name}, 0x{number:08X})" in answer.message
    if face == "windows":
        assert answer.raw.partition("?>")[2].startswith("<HpcWebServiceFault xmlns=")
    else:
        assert answer.value["Name"] == name


# --- refusals of what the older edition has no operation for --------------------------------------


async def requeued_while_it_runs(world: World) -> Reply:
    return await world.ask("POST", f"/jobs/{await world.running()}/requeue")


async def task_requeued_while_it_runs(world: World) -> Reply:
    return await world.ask("POST", f"/jobs/{await world.running()}/tasks/1/requeue")


async def release_requeued(world: World) -> Reply:
    job = await world.running({"command": "a"}, {"command": "b", "type": "NodeRelease"})
    return await world.ask("POST", f"/jobs/{job}/tasks/2/requeue")


AT_HPC: Final[dict[int, tuple[str, int, Provoke]]] = {
    0x8004020A: (
        "Operation_OnlyFailedCancelledJobsCanBeConfigured",
        409,
        requeued_while_it_runs,
    ),
    0x8004024C: (
        "Operation_OnlyFailedCancelledTasksCanBeConfigured",
        409,
        task_requeued_while_it_runs,
    ),
    0x8004024D: ("Operation_TaskOfTypeCannotBeReconfigured", 422, release_requeued),
}


@pytest.mark.parametrize("number", AT_HPC, ids=lambda n: AT_HPC[n][0])
async def test_a_number_at_the_newer_face(
    service: Stack, opened: AsyncExitStack, number: int
) -> None:
    name, status, provoke = AT_HPC[number]
    world = World(service, HPC, opened)
    async with world.native:
        answer = await provoke(world)
    assert (answer.status, answer.value["Name"]) == (status, name), answer.raw
    assert int(answer.value["Code"]) == number - 2**32


# --- refusals of what only the native API can ask -------------------------------------------------


async def service_among_others(world: World) -> httpx.Response:
    service = {"command": "a", "type": "Service", "instances": 1}
    return await world.post(f"/jobs/{await world.held()}/tasks", {"tasks": [service]})


async def one_sweep_too_many(world: World) -> httpx.Response:
    sweep = {"command": "a *", "type": "ParametricSweep", "start": 1, "end": 2, "increment": 1}
    job = await world.held(*[sweep] * SWEEPS_MAX)
    return await world.post(f"/jobs/{job}/tasks", {"tasks": [sweep]})


AT_NATIVE: Final[dict[int, tuple[str, int, Callable[[World], Awaitable[httpx.Response]]]]] = {
    0x80040253: ("Operation_IllegalTaskAddedToServiceJob", 422, service_among_others),
    0x80040256: ("Operation_TooManyParametricSweepTasksPerJob", 422, one_sweep_too_many),
}


@pytest.mark.parametrize("number", AT_NATIVE, ids=lambda n: AT_NATIVE[n][0])
async def test_a_number_at_the_native_face(
    service: Stack, opened: AsyncExitStack, number: int
) -> None:
    name, status, provoke = AT_NATIVE[number]
    world = World(service, HPC, opened)
    async with world.native:
        answer = await provoke(world)
    receipt = answer.json()["receipt"]
    assert answer.status_code == status, answer.text
    assert (receipt["hresult"], receipt["hresult_name"]) == (f"0x{number:08X}", name)


# --- numbers that a job is left with --------------------------------------------------------------


async def canceled_by_user(world: World) -> int:
    return await world.canceled()


async def finished_by_user(world: World) -> int:
    job = await world.held()
    await world.post(f"/jobs/{job}/submit")
    await world.service.queue_job(job)
    await world.post(f"/jobs/{job}/finish", {"message": "enough"})
    await world.service.end_job(job)
    return job


async def failed_by_a_task(world: World) -> int:
    job = await world.running({"command": "false", "retry_count": 0})
    await world.ends(job, 1, code=3)
    await world.service.end_job(job)
    return job


async def late(world: World) -> int:
    job = await world.running({"command": "sleep 60", "retry_count": 0}, runtime_seconds=60)
    later = datetime.now(UTC) + timedelta(minutes=2)
    await world.service.instruct(job, c.ExpireRuntime(later, 15))
    await world.service.instruct(job, c.OrderStop(15))
    await world.ends(job, 1)
    await world.service.end_job(job)
    return job


async def unprepared(world: World) -> int:
    work, prep = {"command": "work"}, {"command": "prep", "type": "NodePrep", "retry_count": 0}
    job = await world.held(work, prep)
    await world.post(f"/jobs/{job}/submit")
    await world.service.queue_job(job)
    await world.service.instruct(job, c.StartJob(("n1",)))
    handle = RunHandle("local", "boot", 4711, 1, "w1")
    await world.service.instruct(job, c.StartTask(2, 1, "n1", handle))
    await world.ends(job, 2, code=1)
    await world.service.end_job(job)
    return job


FILTER: Final = "/opt/site/filter"


def refused_by_a_filter(end: c.FilterEnd, terms: c.JobTerms) -> Callable[[World], Awaitable[int]]:
    """A job that the submission filter refused by this end."""

    async def provoke(world: World) -> int:
        job = await world.held()
        assert (await world.post(f"/jobs/{job}/submit")).is_success
        await world.service.instruct(job, c.StartValidation())
        await world.service.instruct(job, c.StartExternalValidation(FILTER))
        await world.service.instruct(job, c.EndExternalValidation(FILTER, end, terms))
        return job

    return provoke


async def failed_by_the_activation_filter(world: World) -> int:
    job = await world.held()
    assert (await world.post(f"/jobs/{job}/submit")).is_success
    await world.service.queue_job(job)
    end = c.FilterEnd(FilterHow.RAN, exit_code=4)
    await world.service.instruct(job, c.EndActivation(FILTER, end, datetime.now(UTC), 60))
    return job


NOTHING: Final = c.JobTerms()
NOT_TAKEN: Final = c.JobTerms(not_taken="the filter changed the owner")
NO: Final = refused_by_a_filter(c.FilterEnd(FilterHow.RAN, exit_code=7), NOTHING)
MISSING: Final = refused_by_a_filter(c.FilterEnd(FilterHow.MISSING), NOTHING)
INVALID: Final = refused_by_a_filter(c.FilterEnd(FilterHow.INVALID), NOTHING)
LATE: Final = refused_by_a_filter(c.FilterEnd(FilterHow.TIMED_OUT), NOTHING)
BAD_TERM: Final = refused_by_a_filter(c.FilterEnd(FilterHow.RAN, exit_code=1), NOT_TAKEN)

STORED: Final[dict[int, tuple[str, str, Callable[[World], Awaitable[int]]]]] = {
    0x80040201: ("Operation_CanceledByUser", "Canceled", canceled_by_user),
    0x80040370: ("Operation_FinishedByUser", "Finished", finished_by_user),
    0x80040642: ("Validation_SubmissionFilterFailed", "Failed", NO),
    0x80040643: ("Validation_SubmissionFilterDoesNotExist", "Failed", MISSING),
    0x80040644: ("Validation_SubmissionFilterInvalid", "Failed", INVALID),
    0x80040654: ("Validation_SubmissionFilterTimeout", "Failed", LATE),
    0x80040655: ("Validation_SubmissionFilterInvalidJobTerm", "Failed", BAD_TERM),
    0x800409D5: ("Execution_JobRuntimeExpired", "Failed", late),
    0x800409DC: ("Execution_TaskFailure", "Failed", failed_by_a_task),
    0x800409E8: ("Execution_NodePrepTaskFailure", "Failed", unprepared),
    0x800409EA: (
        "Execution_FailedByActivationFilter",
        "Failed",
        failed_by_the_activation_filter,
    ),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", STORED, ids=lambda n: STORED[n][0])
async def test_a_number_that_a_job_is_left_with(
    service: Stack, opened: AsyncExitStack, number: int, face: str
) -> None:
    name, state, provoke = STORED[number]
    world = World(service, FACES[face], opened)
    async with world.native:
        job = await provoke(world)
        told = (await world.ask("GET", world.place.job, job=job)).value
        native = (await world.native.get(f"/api/v1/jobs/{job}")).json()
    assert (told["State"], int(told["ErrorCode"])) == (state, number - 2**32), name
    assert native["error_code"] == f"0x{number:08X}"


# --- numbers that a task is left with -------------------------------------------------------------


async def stopped_with(world: World, path: str) -> int:
    """A job whose task 1 ran, and was stopped by this command; task 2 waited."""
    job = await world.running()
    answer = await world.post(f"/jobs/{job}{path}")
    await stop_ends(world, job, answer.json()["request_id"])
    return job


async def stop_ends(world: World, job: int, request_id: str) -> None:
    """What was ordered is carried out: task 1 heeds the signal."""
    await world.service.instruct(job, c.OrderStop(15))
    stop = c.StopSeen(request_id, StopStep.SIGNAL, False, 40, 0, 0)
    await world.service.instruct(job, c.RecordRunEnd(1, 1, Exit(signal=15), stop))


async def task_of_a_canceled_job(world: World) -> int:
    return await stopped_with(world, "/cancel")


async def task_canceled(world: World) -> int:
    return await stopped_with(world, "/tasks/1/cancel")


async def task_finished(world: World) -> int:
    return await stopped_with(world, "/tasks/1/finish")


async def task_that_was_late(world: World) -> int:
    job = await world.running({"command": "sleep 60", "runtime_seconds": 60})
    later = datetime.now(UTC) + timedelta(minutes=2)
    await world.service.instruct(job, c.ExpireRuntime(later, 15))
    await world.service.instruct(job, c.OrderStop(15))
    found = await world.service.ledger.job(job)
    assert found is not None
    order = found.tasks[1].order
    assert order is not None
    await stop_ends(world, job, order.request_id)
    return job


async def task_that_was_lost(world: World) -> int:
    job = await world.running()
    await world.service.instruct(job, c.RecordRunEnd(1, 1, Exit(), lost="the warden died"))
    return job


async def task_that_never_ran(world: World) -> int:
    job = await world.held()
    assert (await world.post(f"/jobs/{job}/tasks/1/cancel")).is_success
    return job


ON_TASKS: Final[dict[int, tuple[str, str, Callable[[World], Awaitable[int]]]]] = {
    0x800409D3: ("Execution_TasksJobCanceled", "Failed", task_of_a_canceled_job),
    0x800409D7: ("Execution_TaskRuntimeExpired", "Failed", task_that_was_late),
    0x800409D9: ("Execution_ProcessDead", "Failed", task_that_was_lost),
    0x800409E5: ("Execution_TaskCanceledBeforeAssignment", "Canceled", task_that_never_ran),
    0x800409E7: ("Execution_TaskCanceledDuringExecution", "Failed", task_canceled),
    0x800409EC: ("Execution_TaskFinishedDuringExecution", "Finished", task_finished),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", ON_TASKS, ids=lambda n: ON_TASKS[n][0])
async def test_a_number_that_a_task_is_left_with(
    service: Stack, opened: AsyncExitStack, number: int, face: str
) -> None:
    name, state, provoke = ON_TASKS[number]
    world = World(service, FACES[face], opened)
    async with world.native:
        job = await provoke(world)
        told = (await world.ask("GET", world.place.task, job=job, task=1)).value
    assert (told["State"], int(told["ErrorCode"])) == (state, number - 2**32), name


# --- all of them ----------------------------------------------------------------------------------


def test_every_number_stands_in_one_table() -> None:
    tables = (AT_BOTH, AT_HPC, AT_NATIVE, STORED, ON_TASKS)
    numbers = [number for table in tables for number in table]
    assert sorted(numbers) == sorted(HResult)
