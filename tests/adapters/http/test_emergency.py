"""An emergency stop is for root and the service's own account, by the word of the kernel."""

import pwd

import httpx
import pytest

from domain.errors import Unavailable
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit, until
from tests.adapters.http.test_identity import as_uid
from tests.support.accounts import needs_root

DOWN = Unavailable("the log is down")


def place(job: int) -> str:
    """Where a job is stopped."""
    return f"/api/v1/jobs/{job}/emergency-stop"


async def known(service: Stack, root: httpx.AsyncClient) -> int:
    """A job that the service has read of."""
    job = await submit(root)
    await until(lambda: job in service.board.jobs)
    return job


async def test_while_the_stream_answers_it_is_refused(
    service: Stack, root: httpx.AsyncClient
) -> None:
    answer = await root.post(place(await submit(root)), json={"message": "fire"})
    found = is_problem(answer, 409, "stream_reachable")
    assert "--force" in found["detail"]


async def test_what_was_done_is_told(service: Stack, root: httpx.AsyncClient) -> None:
    job = await known(service, root)
    service.log.strike(DOWN)
    answer = await root.post(place(job), json={"message": "fire", "reason_code": "smoke"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["job_id"], found["outcome"], found["unreachable"]) == (
        job,
        "stopped",
        "the log is down",
    )
    (file,) = (service.directory / "spool").glob("*.json")
    assert file.stem == found["stop_id"]


@pytest.mark.parametrize("role", Role)
async def test_no_token_does(service: Stack, root: httpx.AsyncClient, role: Role) -> None:
    job = await known(service, root)
    service.log.strike(DOWN)
    async with service.person("ann", role) as ann:
        is_problem(await ann.post(place(job), json={}), 403, "not_permitted")
    assert not (service.directory / "spool").exists()


async def test_nobody_does_it_for_somebody_else(service: Stack, root: httpx.AsyncClient) -> None:
    job = await known(service, root)
    service.log.strike(DOWN)
    headers = {"Countermand-As": "daemon"}
    is_problem(await root.post(place(job), json={}, headers=headers), 403, "not_permitted")


@needs_root
async def test_no_other_login_does_an_administrators_neither(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job, daemon = await known(service, root), pwd.getpwnam("daemon").pw_uid
    service.log.strike(DOWN)
    assert (await as_uid(service, daemon, place(job), "POST"))[0] == 403
    service.file.add("daemon", (Role.ADMINISTRATOR,), unix=True)
    status, body = await as_uid(service, daemon, place(job), "POST")
    assert (status, body["code"]) == (403, "not_permitted")
    assert "only for root and the account of the service" in body["detail"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"message": "x" * 321}, 422, "message_too_long"),
        ({"reason_code": "NO"}, 422, "bad_reason_code"),
        ({"forced": True}, 400, "malformed"),
    ],
)
async def test_bodies_that_are_refused(
    service: Stack, root: httpx.AsyncClient, body: dict[str, object], status: int, code: str
) -> None:
    job = await known(service, root)
    service.log.strike(DOWN)
    is_problem(await root.post(place(job), json=body), status, code)
    is_problem(await root.post(place(4711), json={}), 404, "unknown_job")
