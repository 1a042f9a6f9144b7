"""No, in HPC Pack's words: every number that is claimed, and that a refusal is a fact here too."""

import pytest

from adapters.hpcpack.error_names import NAMES, name_of, signed
from adapters.hpcpack.faults import KINDS
from adapters.http.problem import KINDS as NATIVE
from domain.errors import StoreFull
from domain.events import Recorded, job_aggregate
from domain.hresult import HResult
from domain.identity import Role
from tests.adapters.hpcpack.client import HpcClient, Reply
from tests.adapters.hpcpack.conftest import People
from tests.adapters.http.stack import Stack

ALIKE = sorted(set(KINDS) & set(NATIVE))


def is_fault(answer: Reply, status: int, name: str, number: int) -> None:
    """A fault with HPC Pack's name and number, in its fields and in its sentence."""
    assert answer.status == status, answer.raw
    assert (answer.value["Name"], answer.code) == (name, number)
    assert int(answer.value["Code"]) < 0, "a signed number, as .NET has it"
    assert f"({name}, 0x{number:08X})" in answer.message


@pytest.mark.parametrize("code", ALIKE)
def test_a_code_has_the_same_status_in_both_faces(code: str) -> None:
    assert KINDS[code].status == NATIVE[code].status


def test_every_number_has_a_name_of_its_own() -> None:
    assert set(NAMES) == set(HResult)
    assert len(set(NAMES.values())) == len(NAMES)
    assert signed(0x80040208) == -2147220984
    assert signed(0) == 0
    assert name_of(1) == "UnknownError"


async def test_no_such_job(alice: HpcClient) -> None:
    for method, path in (
        ("GET", "/jobs/999"),
        ("POST", "/jobs/999/submit"),
        ("POST", "/jobs/999/cancel"),
        ("POST", "/jobs/999/finish"),
        ("POST", "/jobs/999/requeue"),
        ("GET", "/jobs/999/tasks"),
        ("POST", "/jobs/not-a-number/cancel"),
        ("GET", "/jobs/99999999999999999999"),
    ):
        is_fault(await alice.ask(method, path), 404, "Operation_InvalidJobId", 0x80040206)


async def test_no_such_task(alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    for method, path in (
        ("GET", "tasks/2"),
        ("GET", "tasks/2/envVariables"),
        ("POST", "tasks/2/cancel"),
        ("POST", "tasks/2/finish"),
        ("POST", "tasks/2/requeue"),
        ("POST", "tasks/two/cancel"),
        ("POST", "tasks/99999999999/cancel"),
    ):
        answer = await alice.ask(method, f"/jobs/{job}/{path}")
        is_fault(answer, 404, "Operation_InvalidTaskId", 0x80040207)


async def test_a_job_that_is_over_cannot_be_canceled(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    await service.queue_job(job)
    await alice.ask("POST", f"/jobs/{job}/cancel")
    await service.end_job(job)
    answer = await alice.ask("POST", f"/jobs/{job}/cancel", "again")
    is_fault(answer, 409, "Operation_InvalidCancelJobState", 0x80040208)
    assert "already canceled by alice" in answer.message
    types = [s.type for s in await service.log.load(job_aggregate(job))]
    assert "JobCancelRefused" in types, "a refusal is history"


async def test_a_task_that_is_over_cannot_be_canceled(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60", "sleep 61")
    await service.run_job(job)
    assert (await alice.ask("POST", f"/jobs/{job}/tasks/2/cancel")).status == 204
    answer = await alice.ask("POST", f"/jobs/{job}/tasks/2/cancel", forced="true")
    is_fault(answer, 409, "Operation_InvalidCancelTaskState", 0x80040209)


async def test_only_jobs_in_configuring_can_be_submitted(alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/submit")
    is_fault(answer, 409, "Operation_OnlyConfigJobsCanBeSubmitted", 0x80040202)


async def test_only_failed_and_canceled_jobs_can_be_requeued(alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/requeue")
    name = "Operation_OnlyFailedCancelledJobsCanBeConfigured"
    is_fault(answer, 409, name, 0x8004020A)


async def test_a_message_that_is_too_long(alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/cancel", "x" * 321)
    is_fault(answer, 422, "Operation_CancelMessageIsTooLong", 0x800402D3)
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", "x" * 320)).status == 204


async def test_who_has_no_right(people: People, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    bob = await people.person("bob")
    for method, path in (("POST", "cancel"), ("POST", "requeue"), ("GET", "tasks"), ("GET", "")):
        answer = await bob.ask(method, f"/jobs/{job}/{path}".rstrip("/"))
        is_fault(answer, 403, "Operation_PermissionDenied", 0x8004020B)


async def test_who_is_not_known(people: People) -> None:
    nobody = await people.client()
    answer = await nobody.ask("GET", "/jobs")
    is_fault(answer, 401, "Operation_AuthenticationFailure", 0x8004020C)
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_acting_for_nobody_known(people: People) -> None:
    ada = await people.person("ada", Role.ADMINISTRATOR, **{"x-ms-as-user": "nobody-of-this-name"})
    answer = await ada.ask("GET", "/jobs")
    is_fault(answer, 404, "Operation_ServiceAsClientBadUserName", 0x800403C4)


async def test_what_only_the_cluster_says(alice: HpcClient) -> None:
    for name, value in (("State", "Running"), ("Owner", "bob"), ("Id", "7")):
        answer = await alice.ask("POST", "/jobs", {name: value})
        is_fault(answer, 422, "Operation_PropertyIsReadOnly", 0x80040203)


async def test_two_node_release_tasks_or_one_alone(alice: HpcClient) -> None:
    """One alone may be given first, and work later; it cannot be submitted so."""
    release = '<Task CommandLine="true" Type="NodeRelease"/>'
    made = await alice.ask("POST", "/jobs/jobFile", f"<Job><Tasks>{release}</Tasks></Job>")
    assert made.status == 200, "work may be added until it is submitted"
    alone = await alice.ask("POST", f"/jobs/{made.value}/submit")
    is_fault(alone, 422, "Validation_OnlyPrepOrRelease", 0x80040649)
    two = await alice.ask("POST", "/jobs/jobFile", f"<Job><Tasks>{release * 2}</Tasks></Job>")
    is_fault(two, 422, "Validation_MultipleNodeRelease", 0x80040648)


@pytest.mark.parametrize(
    "properties",
    [
        {"IsExclusive": "True"},
        {"UnitType": "2"},
        {"MinNodes": "3"},
        {"NotifyOnCompletion": "True"},
        {"EmailAddress": "alice@example.org"},
        {"ParentJobIds": "1"},
        {"NoSuchProperty": "x"},
        {"JobType": "Broker"},
        {"JobTemplate": "GPU"},
    ],
)
async def test_what_the_job_model_has_no_place_for(
    alice: HpcClient, properties: dict[str, str]
) -> None:
    answer = await alice.ask("POST", "/jobs", properties)
    is_fault(answer, 501, "Operation_InvalidOperation", 0x8004020F)
    assert (await alice.ask("GET", "/jobs")).value == [], "nothing was made"


async def test_the_same_at_submit(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    answer = await alice.ask("POST", f"/jobs/{job}/submit", {"IsExclusive": "true"})
    assert answer.status == 501
    assert (await alice.job(job, "State"))["State"] == "Configuring"
    same = await alice.ask("POST", f"/jobs/{job}/submit", {"IsExclusive": "false"})
    assert same.status == 204


async def test_no_such_place_or_method(alice: HpcClient) -> None:
    is_fault(await alice.ask("GET", "/no/such"), 404, "Operation_InvalidOperation", 0x8004020F)
    wrong = await alice.ask("DELETE", "/jobs")
    assert wrong.status == 405
    assert set(wrong.headers["allow"].split(", ")) >= {"GET", "POST"}


async def test_the_store_is_full(service: Stack, alice: HpcClient) -> None:
    service.full = StoreFull("no room")
    answer = await alice.ask("POST", "/jobs", {"Name": "one more"})
    is_fault(answer, 503, "Operation_ServerIsBusy", 0x8004025F)
    assert answer.headers["retry-after"] == "30"


async def test_what_nobody_expected_tells_nothing(service: Stack, alice: HpcClient) -> None:
    job = await alice.submitted("sleep 60")
    service.log.strike(RuntimeError("secret of the inside"))
    service.full = RuntimeError("secret of the inside")
    answer = await alice.ask("POST", f"/jobs/{job}/cancel")
    is_fault(answer, 500, "UnknownError", 0x80041972)
    assert "secret" not in answer.raw
    assert "incident" in answer.message


async def test_who_asked_stands_in_the_refusal(service: Stack, people: People) -> None:
    alice, bob = await people.person("alice"), await people.person("bob")
    job = await alice.submitted("sleep 60")
    assert (await bob.ask("POST", f"/jobs/{job}/cancel", "mine now")).status == 403
    last = (await service.log.load(job_aggregate(job)))[-1].fact
    assert isinstance(last, Recorded)
    assert type(last.data).__name__ == "JobCancelRefused"
    assert last.event.caller.actor.name == "bob"
