"""Rights by role, acting for somebody, and that each request leaves the same facts as elsewhere."""

import re
from typing import Any

import httpx
import msgspec
import pytest

from adapters.hpcpack.operations import OPERATIONS
from domain.events import Recorded, job_aggregate
from domain.identity import Origin, Role
from tests.adapters.hpcpack.client import HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

DONE, DENIED = 204, 403
OTHERS_JOB = {
    Role.USER: {"cancel": DENIED, "finish": DENIED, "requeue": DENIED, "submit": DENIED},
    Role.JOB_OPERATOR: {"cancel": DONE, "finish": DONE, "requeue": DONE, "submit": DENIED},
    Role.JOB_ADMINISTRATOR: {"cancel": DONE, "finish": DONE, "requeue": DONE, "submit": DONE},
    Role.ADMINISTRATOR: {"cancel": DONE, "finish": DONE, "requeue": DONE, "submit": DONE},
    Role.AUDITOR: {"cancel": DENIED, "finish": DENIED, "requeue": DENIED, "submit": DENIED},
}
CREATES = {Role.JOB_OPERATOR: 403, Role.AUDITOR: 403}
SEES = {Role.USER: 403}

pytestmark = IN_JSON


async def job_for(service: Stack, alice: HpcClient, act: str) -> int:
    """A job of alice's, in a state that the act is for."""
    job = await alice.create("sleep 60")
    if act == "submit":
        return job
    await alice.ask("POST", f"/jobs/{job}/submit")
    await service.run_job(job) if act != "requeue" else await service.queue_job(job)
    if act == "requeue":
        await alice.ask("POST", f"/jobs/{job}/cancel")
        await service.end_job(job)
    return job


@pytest.mark.parametrize("role", list(Role))
async def test_what_a_role_may_do_to_a_job_of_somebody_else(
    service: Stack, people: People, alice: HpcClient, role: Role
) -> None:
    somebody = await people.person("somebody", role)
    found = {}
    for act in OTHERS_JOB[role]:
        job = await job_for(service, alice, act)
        found[act] = (await somebody.ask("POST", f"/jobs/{job}/{act}")).status
    assert found == OTHERS_JOB[role]


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_create_and_who_may_see(people: People, alice: HpcClient, role: Role) -> None:
    somebody = await people.person("somebody", role)
    made = await somebody.ask("POST", "/jobs", {"Name": "mine"})
    assert made.status == CREATES.get(role, 200)
    job = await alice.create("sleep 60")
    for path in (f"/jobs/{job}", f"/jobs/{job}/tasks", f"/jobs/{job}/tasks/1"):
        assert (await somebody.ask("GET", path)).status == SEES.get(role, 200)


@pytest.mark.parametrize("role", list(Role))
async def test_a_command_job_is_for_administrators(people: People, role: Role) -> None:
    ada = await people.person("ada", Role.ADMINISTRATOR)
    made = await ada.ask("POST", "/jobs", {"JobType": "Admin"})
    assert (await ada.job(made.value, "JobType")) == {"JobType": "Admin"}
    somebody = await people.person("somebody", role)
    may = role is Role.ADMINISTRATOR
    again = await somebody.ask("POST", "/jobs", {"JobType": "2"})
    assert again.status == (200 if may else 403)
    cancel = await somebody.ask("POST", f"/jobs/{made.value}/cancel")
    assert cancel.status == (204 if may else 403)


async def test_acting_for_somebody_has_their_rights(
    service: Stack, people: People, alice: HpcClient, admin: HpcClient
) -> None:
    await people.person("bob")
    job = await alice.submitted("sleep 60")
    as_bob = await people.person("ada", **{"x-ms-as-user": "bob"})
    assert (await as_bob.ask("POST", f"/jobs/{job}/cancel")).status == 403, "bob may not"
    as_alice = await people.person("ada", **{"X-MS-AS-USER": "HPC\\alice"})
    assert (await as_alice.ask("POST", f"/jobs/{job}/cancel", "for her")).status == 204
    last = (await service.log.load(job_aggregate(job)))[-1].fact
    assert isinstance(last, Recorded)
    caller = last.event.caller
    assert caller.actor.name == "ada"
    assert caller.on_behalf_of is not None
    assert caller.on_behalf_of.name == "alice"


@pytest.mark.parametrize("role", [Role.USER, Role.JOB_OPERATOR, Role.AUDITOR])
async def test_who_may_not_act_for_others(people: People, alice: HpcClient, role: Role) -> None:
    job = await alice.submitted("sleep 60")
    acting = await people.person("somebody", role, **{"x-ms-as-user": "alice"})
    assert (await acting.ask("POST", f"/jobs/{job}/cancel")).status == 403
    assert (await acting.ask("GET", f"/jobs/{job}")).status == 403


@pytest.mark.parametrize(
    ("role", "person"), [(Role.USER, "alice"), (Role.JOB_ADMINISTRATOR, "ada")]
)
async def test_who_may_not_act_for_others_is_told_nothing_of_the_cluster(
    people: People, role: Role, person: str
) -> None:
    """Nor which roles that person has."""
    await people.person("ada", Role.ADMINISTRATOR)
    await people.person("alice")
    acting = await people.person("somebody", role, **{"x-ms-as-user": person})
    questions = [o for o in OPERATIONS if o.works and o.method == "GET" and "job_id" not in o.path]
    assert len(questions) > 10
    paths = ["/" + re.sub(r"\{\w+\}", "node-1", o.path) for o in questions]
    told = {path: (await acting.ask("GET", path)).status for path in paths}
    assert set(told.values()) == {403}, told


async def test_a_token_and_a_domain_are_taken_too(service: Stack, people: People) -> None:
    token = service.file.add("carol", (Role.JOB_OPERATOR,))
    by_token = await people.client(Authorization=f"Bearer {token}")
    assert (await by_token.ask("GET", "/cluster/userRoles")).value == ["JobOperator"]
    service.file.set_password("carol", "secret of carol")
    auth = httpx.BasicAuth("HPC\\carol", "secret of carol")._auth_header
    by_name = await people.client(Authorization=auth)
    assert (await by_name.ask("GET", "/cluster/userRoles")).value == ["JobOperator"]


async def test_a_job_has_the_same_facts_as_over_the_native_api(
    service: Stack, people: People, alice: HpcClient
) -> None:
    """Only what says through which face it came is different."""
    over_there = await alice.submitted("sleep 60")
    token = service.file.add("alice-native", (Role.USER,))
    async with service.tcp(token) as native:
        new = {"name": "a job", "tasks": [{"command": "sleep 60"}], "submit": False}
        here = (await native.post("/api/v1/jobs", json=new)).json()["job_id"]
        await native.post(f"/api/v1/jobs/{here}/submit")
        for job in (over_there, here):
            await service.run_job(job)
        for forced in ("false", "true"):
            body = {"message": "why", "forced": forced == "true"}
            await native.post(f"/api/v1/jobs/{here}/cancel", json=body)
            await alice.ask("POST", f"/jobs/{over_there}/cancel", "why", forced=forced)
    mine, theirs = await facts(service, over_there), await facts(service, here)
    assert mine == theirs
    events = [s.fact for s in await service.log.load(job_aggregate(over_there))]
    asked = [e.event.caller for e in events if isinstance(e, Recorded)]
    callers = [c for c in asked if c.actor.name == "alice"]
    assert len(callers) == 4
    assert {c.origin for c in callers} == {Origin.HPCPACK}
    assert all(c.address.startswith("127.0.0.1:") and "httpx" in c.program for c in callers)


async def facts(service: Stack, job: int) -> list[tuple[str, dict[str, Any]]]:
    """A job's facts, without what names the job, its owner, and the request."""
    told = []
    for stored in await service.log.load(job_aggregate(job)):
        assert isinstance(stored.fact, Recorded)
        data = msgspec.to_builtins(stored.fact.data)
        for name in ("job_id", "owner", "request_id", "key", "content_sha256", "escalates"):
            data.pop(name, None)
        for told_of in ("facts", "requests"):
            data.get("decision", {}).pop(told_of, None)
        told.append((stored.type, data))
    return told


@pytest.mark.parametrize("root", ["/hpc", "/WindowsHPC"])
async def test_two_people_to_act_for_are_refused(people: People, root: str) -> None:
    """Which was meant nobody can tell; a proxy on the way may have read the other one."""
    ada = await people.person("ada", Role.ADMINISTRATOR)
    for name in ("alice", "bob"):
        await people.person(name)
    job = await ada.submitted("sleep 60")
    path = {"/hpc": f"jobs/{job}/cancel", "/WindowsHPC": f"Job/{job}/Cancel"}[root]
    for second in ("bob", "alice"):
        answer = await ada.http.post(
            f"{people.base}{root}/{path}",
            headers=[("x-ms-as-user", "alice"), ("X-MS-As-User", second)],
        )
        assert answer.status_code == 400
        assert "there are 2 x-ms-as-user headers; send one" in answer.text
    assert (await ada.job(job, "State"))["State"] == "Submitted"


@pytest.mark.parametrize("root", ["/hpc", "/WindowsHPC"])
async def test_the_native_header_to_act_for_somebody_is_refused(people: People, root: str) -> None:
    """Passed over, it would have canceled with the administrator's own rights."""
    ada = await people.person("ada", Role.ADMINISTRATOR)
    await people.person("bob")
    job = await ada.submitted("sleep 60")
    path = {"/hpc": f"jobs/{job}/cancel", "/WindowsHPC": f"Job/{job}/Cancel"}[root]
    for headers in ({"countermand-as": "bob"}, {"Countermand-As": "", "x-ms-as-user": "ada"}):
        answer = await ada.http.post(f"{people.base}{root}/{path}", headers=headers)
        assert answer.status_code == 400
        assert "Countermand-As does not count here; send x-ms-as-user instead" in answer.text
    assert (await ada.job(job, "State"))["State"] == "Submitted"


async def test_two_authorizations_are_refused(people: People) -> None:
    alice = await people.person("alice")
    mine = alice.http.headers["Authorization"]
    answer = await alice.http.get("/jobs", headers=[("Authorization", mine)] * 2)
    assert answer.status_code == 401
    assert "there are several Authorization headers; send one" in answer.text
