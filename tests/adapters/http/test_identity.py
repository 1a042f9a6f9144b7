"""Who is asking: by socket, token and password, and who is turned away."""

import asyncio
import base64
import json
import os
import pwd
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import SLEEP, Stack, stack, submit
from tests.support.accounts import needs_root
from tests.support.web import basic

WHOAMI = "/api/v1/whoami"


async def as_uid(
    service: Stack, uid: int, path: str = WHOAMI, method: str = "GET"
) -> tuple[int, Any]:
    """Status and body of a request on the Unix socket by a child with another uid."""
    os.chmod(service.directory, 0o755)
    for parent in service.directory.parents:
        if parent.stat().st_uid == os.geteuid() and parent.is_relative_to("/tmp/pytest-of-root"):
            parent.chmod(0o755)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(service.socket))
                sock.sendall(
                    f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
                )
                while chunk := sock.recv(65536):
                    os.write(write, chunk)
        finally:
            os._exit(0)
    os.close(write)
    raw = await asyncio.to_thread(read_all, read)
    await asyncio.to_thread(os.waitpid, pid, 0)
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def read_all(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


async def test_the_account_of_the_service_is_an_administrator(root: httpx.AsyncClient) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert (await root.get(WHOAMI)).json() == {
        "name": me,
        "roles": ["administrator"],
        "method": "unix",
        "acting_for": None,
    }


@needs_root
async def test_a_login_is_a_user_of_its_name(service: Stack) -> None:
    uid = pwd.getpwnam("daemon").pw_uid
    status, body = await as_uid(service, uid)
    assert (status, body["name"], body["roles"]) == (200, "daemon", ["user"])


@needs_root
async def test_who_may_not_act_on_the_socket(service: Stack) -> None:
    task = await as_uid(service, pwd.getpwnam("nobody").pw_uid)
    assert (task[0], task[1]["code"]) == (401, "not_authenticated")
    assert "may not act" in task[1]["detail"]
    stranger = await as_uid(service, 54_321)
    assert stranger[0] == 401
    assert "no login name" in stranger[1]["detail"]


@needs_root
async def test_a_name_in_the_file_is_the_login_only_when_it_says_so(service: Stack) -> None:
    uid = pwd.getpwnam("daemon").pw_uid
    service.file.add("daemon", (Role.ADMINISTRATOR,), unix=True)
    status, body = await as_uid(service, uid)
    assert (status, body["roles"]) == (200, ["administrator"])
    path = service.directory / "principals.json"
    path.write_text(path.read_text().replace('"unix": true', '"unix": false'))
    status, body = await as_uid(service, uid)
    assert status == 401
    assert "--unix" in body["detail"]


@needs_root
async def test_several_accounts_may_be_those_of_tasks(tmp_path: Path) -> None:
    async with stack(tmp_path, task_accounts=("nobody", "daemon")) as service:
        assert (await as_uid(service, pwd.getpwnam("daemon").pw_uid))[0] == 401


async def test_token_and_password_on_tcp(service: Stack) -> None:
    token = service.file.add("alice", (Role.JOB_OPERATOR, Role.USER))
    service.file.set_password("alice", "correct horse battery")
    async with service.tcp(token) as client:
        for _ in range(2):
            who = (await client.get(WHOAMI)).json()
            assert who["roles"] == ["job-operator", "user"]
            assert who["method"] == "token"
    async with service.tcp() as client:
        who = (
            await client.get(
                WHOAMI, headers={"Authorization": basic("alice", "correct horse battery")}
            )
        ).json()
        assert (who["name"], who["method"]) == ("alice", "basic")


async def test_the_longest_password_of_the_widest_characters_comes_in(service: Stack) -> None:
    password = "\U0001f6d1" * 1024
    service.file.add("alice")
    service.file.set_password("alice", password)
    async with service.tcp() as client:
        who = await client.get(WHOAMI, headers={"Authorization": basic("alice", password)})
    assert who.json()["name"] == "alice"


@pytest.mark.parametrize("name", ["Countermand-As", "Countermand-Client", "Countermand-At-Least"])
async def test_a_header_that_is_there_twice_is_refused(
    service: Stack, root: httpx.AsyncClient, name: str
) -> None:
    service.file.add("alice")
    value = {"Countermand-As": "alice", "Countermand-Client": "cli"}.get(name, "0")
    once = await root.get("/api/v1/jobs", headers=[(name, value)])
    assert once.status_code == 200
    twice = await root.get("/api/v1/jobs", headers=[(name, value), (name.lower(), value)])
    detail = is_problem(twice, 400, "malformed")["detail"]
    assert detail == f"there are 2 {name} headers; send one"


async def test_the_header_of_hpc_pack_to_act_for_somebody_is_refused(
    service: Stack, root: httpx.AsyncClient
) -> None:
    """Passed over, it would have canceled with the rights of root."""
    service.file.add("alice")
    job = (await root.post("/api/v1/jobs", json=SLEEP)).json()["job_id"]
    answer = await root.post(f"/api/v1/jobs/{job}/cancel", headers={"X-MS-AS-USER": "alice"})
    detail = is_problem(answer, 400, "malformed")["detail"]
    assert detail == "the header x-ms-as-user does not count here; send Countermand-As instead"
    told = (await root.get(f"/api/v1/jobs/{job}")).json()
    assert told["cancel"] is None


async def test_a_request_id_that_is_there_twice_is_refused(root: httpx.AsyncClient) -> None:
    key = "Idempotency-Key"
    headers = [(key, "one-request"), (key, "another-one")]
    answer = await root.post("/api/v1/jobs", json=SLEEP, headers=headers)
    is_problem(answer, 400, "malformed")
    assert (await root.get("/api/v1/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer cm_000000000000_" + "x" * 43},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + base64.b64encode(b"nocolon").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe:x").decode()},
        {"Authorization": "Negotiate abc"},
        {"Authorization": basic("alice", "wrong")},
        {"Authorization": basic("nobody-at-all", "wrong")},
        {"Authorization": basic("alice", "")},
        {"Authorization": basic("root", "")},
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    ],
)
async def test_who_cannot_be_identified_is_turned_away(
    service: Stack, headers: Sequence[tuple[str, str]] | dict[str, str]
) -> None:
    service.file.add("alice", with_token=False)
    async with service.tcp() as client:
        answer = await client.get(WHOAMI, headers=headers)
    is_problem(answer, 401, "not_authenticated")
    challenge = answer.headers["www-authenticate"]
    assert "Bearer" in challenge
    assert "Basic" in challenge


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "jobs"),
        ("GET", "jobs/1"),
        ("POST", "jobs/1/cancel"),
        ("POST", "jobs/1/submit"),
        ("POST", "jobs/1/finish"),
        ("POST", "jobs/1/configure"),
        ("POST", "jobs/1/requeue"),
        ("POST", "jobs/1/tasks/1/cancel"),
        ("GET", "jobs/1/events"),
        ("GET", "jobs/1/replay"),
        ("GET", "events"),
        ("GET", "parameters"),
        ("PUT", "parameters/x"),
        ("GET", "whoami"),
    ],
)
async def test_nothing_is_told_or_done_without_a_name(
    service: Stack, method: str, path: str
) -> None:
    async with service.tcp() as client:
        answer = await client.request(method, f"/api/v1/{path}", content=b"not even json")
    is_problem(answer, 401, "not_authenticated")
    assert (await service.log.identity()).last == 0


async def test_an_authorization_header_counts_on_the_socket_too(
    service: Stack, root: httpx.AsyncClient
) -> None:
    token = service.file.add("alice")
    who = await root.get(WHOAMI, headers={"Authorization": f"Bearer {token}"})
    assert who.json()["name"] == "alice"
    wrong = await root.get(WHOAMI, headers={"Authorization": "Bearer wrong"})
    is_problem(wrong, 401, "not_authenticated")


async def test_headers_that_pretend_are_ignored(service: Stack, root: httpx.AsyncClient) -> None:
    pretend = {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-User": "root", "X-Remote-User": "root"}
    async with service.person("alice") as alice:
        made = await alice.post("/api/v1/jobs", json=SLEEP, headers=pretend)
    events = await root.get(made.json()["trail"])
    event = events.json()["events"][0]["event"]
    assert event["authid"] == "alice"
    assert event["clientaddress"].startswith("127.0.0.1:")


async def test_a_removed_token_counts_no_more(service: Stack) -> None:
    async with service.person("alice") as client:
        assert (await client.get(WHOAMI)).status_code == 200
        (alice,) = service.file.list()
        service.file.remove_token("alice", alice.tokens[0].id)
        is_problem(await client.get(WHOAMI), 401, "not_authenticated")


async def test_guessing_is_slowed_down_but_the_right_token_passes(service: Stack) -> None:
    token = service.file.add("alice")
    assert token is not None
    guesses = [{"Authorization": f"Bearer {token[:-4]}AA{n:02}"} for n in range(31)]
    async with service.tcp(token) as client, service.tcp() as guesser:
        assert (await client.get(WHOAMI)).status_code == 200
        answers = await asyncio.gather(*(guesser.get(WHOAMI, headers=g) for g in guesses[:30]))
        later = await guesser.get(WHOAMI, headers=guesses[30])
        assert {a.status_code for a in answers} <= {401, 429}
        body = is_problem(later, 429, "throttled")
        assert later.headers["retry-after"] == str(body["retry_after_seconds"])
        assert (await client.get(WHOAMI)).status_code == 200


async def test_a_broken_principals_file_stops_all_but_the_administrator_on_the_socket(
    service: Stack, root: httpx.AsyncClient
) -> None:
    async with service.person("alice") as client:
        path = service.directory / "principals.json"
        path.write_bytes(b'{"version":1,"principals":[{')
        is_problem(await client.get(WHOAMI), 503, "unavailable")
        path.chmod(0o644)
        is_problem(await client.get(WHOAMI), 503, "unavailable")
    assert (await root.get(WHOAMI)).status_code == 200


async def test_secrets_are_never_logged(
    service: Stack, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    token = service.file.add("alice")
    assert token is not None
    service.file.set_password("alice", "correct horse battery")
    async with service.tcp(token) as client:
        await submit(client)
        wrong = token[:-3] + "AAA"
        await client.get(WHOAMI, headers={"Authorization": f"Bearer {wrong}"})
    async with service.tcp() as client:
        await client.get(WHOAMI, headers={"Authorization": basic("alice", "correct horse batterx")})
        await client.get(WHOAMI, headers={"Authorization": basic("alice", "correct horse battery")})
    logged = "".join(capsys.readouterr()) + caplog.text
    assert "not_authenticated" in logged
    for secret in (token[20:-3], "correct horse", base64.b64encode(b"alice:corr").decode()[:12]):
        assert secret not in logged
        assert secret not in (service.directory / "principals.json").read_text()
