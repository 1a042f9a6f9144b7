"""Every act is asked about: a rule that forbids it refuses it, by each face, and nothing else.

One rule an act, for one administrator who is called after it and may do all the rest.
"""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import httpx
import pytest

from adapters.policy import CedarPolicy, default_text, schema_text
from domain.identity import Role
from domain.policy import Action
from tests.adapters.cli.conftest import PROGRAM
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, stack, submit, until
from tests.contract.views import in_memory

A = Action
JOB: Final = "/jobs/{job}"
WAITING: Final = JOB + "/cancellations/c-1"
SAID: Final[dict[str, object]] = {"message": "because"}
TEXT: Final[dict[str, object]] = {"text": default_text() + "// the same\n"}

Act = tuple[Action, str, str, dict[str, object] | None]

NATIVE: Final[tuple[Act, ...]] = (
    (A.CREATE, "POST", "/jobs", {"tasks": [{"command": "true"}]}),
    (A.CREATE_COMMAND_JOB, "POST", "/jobs", {"tasks": [{"command": "x"}], "job_type": "Admin"}),
    (A.SUBMIT, "POST", JOB + "/submit", {}),
    (A.CANCEL, "POST", JOB + "/cancel", {}),
    (A.CANCEL_TASK, "POST", JOB + "/tasks/1/cancel", {}),
    (A.FINISH, "POST", JOB + "/finish", {}),
    (A.FINISH, "POST", JOB + "/tasks/1/finish", {}),
    (A.REQUEUE, "POST", JOB + "/requeue", {}),
    (A.REQUEUE, "POST", JOB + "/tasks/1/requeue", {}),
    (A.CONFIGURE, "POST", JOB + "/configure", {}),
    (A.CHANGE, "PATCH", JOB, {"name": "other"}),
    (A.CHANGE, "POST", JOB + "/tasks", {"tasks": [{"command": "true"}]}),
    (A.PROTECT, "POST", JOB + "/protect", SAID),
    (A.UNPROTECT, "POST", JOB + "/unprotect", SAID),
    (A.LEGAL_HOLD, "POST", JOB + "/legal-hold", SAID),
    (A.LEGAL_HOLD, "POST", JOB + "/legal-hold/release", SAID),
    (A.APPROVE, "POST", WAITING + "/approval", SAID),
    (A.WITHDRAW, "POST", WAITING + "/withdrawal", SAID),
    (A.REVIEW, "POST", JOB + "/reviews/c-1", SAID),
    (A.SET_PARAMETER, "PUT", "/parameters/JobRetryCount", {"value": "4"}),
    (A.ACTIVATE_POLICY, "POST", "/policy/proposals", TEXT),
    (A.ACTIVATE_POLICY, "POST", "/policy/activations", TEXT),
    (A.VIEW_POLICY, "GET", "/policy", None),
    (A.VIEW_POLICY, "GET", "/policy/history", None),
    (A.VIEW_POLICY, "GET", "/policy/answer?job={job}", None),
    (A.VIEW_PRINCIPALS, "GET", "/principals", None),
    (A.REBUILD_VIEWS, "POST", "/projections/rebuild", None),
    (A.VIEW, "GET", JOB, None),
    (A.VIEW, "GET", JOB + "/events", None),
    (A.VIEW, "GET", JOB + "/replay", None),
    (A.VIEW, "GET", JOB + "/explanation", None),
    (A.VIEW, "GET", "/jobs", None),
    (A.VIEW, "GET", JOB + "/tasks", None),
    (A.VIEW, "GET", "/audit", None),
    (A.VIEW, "GET", "/audit/export", None),
    (A.VIEW, "GET", "/cancellations", None),
    (A.VIEW, "GET", "/events/1", None),
    (A.VIEW, "GET", "/events?follow=false", None),
    (A.VIEW, "GET", "/events?follow=false&job={job}", None),
)
HPC: Final[tuple[Act, ...]] = (
    (A.CREATE, "POST", "/jobs", None),
    (A.SUBMIT, "POST", JOB + "/submit", None),
    (A.CANCEL, "POST", JOB + "/cancel", None),
    (A.CANCEL_TASK, "POST", JOB + "/tasks/1/cancel", None),
    (A.FINISH, "POST", JOB + "/finish", None),
    (A.FINISH, "POST", JOB + "/tasks/1/finish", None),
    (A.REQUEUE, "POST", JOB + "/requeue", None),
    (A.REQUEUE, "POST", JOB + "/tasks/1/requeue", None),
    (A.VIEW, "GET", JOB, None),
    (A.VIEW, "GET", JOB + "/tasks", None),
    (A.VIEW, "GET", "/jobs", None),
)
CLI: Final[tuple[tuple[Action, str], ...]] = (
    (A.CREATE, "submit -- true"),
    (A.SUBMIT, "submit --job {job}"),
    (A.CANCEL, "cancel {job}"),
    (A.CANCEL_TASK, "cancel {job}.1"),
    (A.FINISH, "finish {job}"),
    (A.REQUEUE, "requeue {job}"),
    (A.APPROVE, "approve {job} --request c-1"),
    (A.WITHDRAW, "withdraw {job} --request c-1 -m because"),
    (A.SET_PARAMETER, "params JobRetryCount 4"),
    (A.ACTIVATE_POLICY, "policy activate {rules}"),
    (A.ACTIVATE_POLICY, "policy propose {rules}"),
    (A.VIEW, "show {job}"),
    (A.VIEW, "ls"),
    (A.VIEW, "audit"),
    (A.VIEW, "explain {job}"),
)


def name(action: Action) -> str:
    """Who may not do it."""
    return f"not-{str(action).replace('_', '-')}"


def rule(action: Action) -> str:
    """Forbids it to that person."""
    who = name(action)
    return (
        f'@id("{who}") @deny_message("no {action} here") '
        f'forbid (principal == User::"{who}", action == Action::"{action}", resource);\n'
    )


RULES: Final = (
    default_text()
    + "".join(map(rule, Action))
    + f'@id("no-cancel-either") forbid (principal == User::"{name(A.BREAK_GLASS)}", '
    'action == Action::"cancel", resource);\n'
)


class People:
    """A service with these rules, and somebody for each."""

    def __init__(self, made: Stack, job: int, opened: AsyncExitStack) -> None:
        self.made = made
        self.job = job
        self._opened = opened
        self.tokens = {
            action: made.file.add(name(action), (Role.ADMINISTRATOR,)) or "" for action in Action
        }

    async def client(self, action: Action, base: str = "/api/v1") -> httpx.AsyncClient:
        """Their client."""
        client = await self._opened.enter_async_context(self.made.tcp(self.tokens[action]))
        client.base_url = client.base_url.join(base)
        return client


@pytest.fixture
async def people() -> AsyncIterator[People]:
    with in_memory() as directory:
        async with (
            stack(directory, policy=CedarPolicy(RULES, schema_text())) as made,
            AsyncExitStack() as opened,
        ):
            keeping = asyncio.create_task(made.policy.run())
            root = await opened.enter_async_context(made.unix())
            job = await submit(root, submit=False)
            await until(lambda: made.views.projector.position >= made.ledger.position)
            try:
                yield People(made, job, opened)
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)


async def test_the_native_api_asks_about_each(people: People) -> None:
    assert {action for action, *_ in NATIVE} == set(Action) - {A.ACT_FOR_OTHERS, A.BREAK_GLASS}
    for action, method, path, body in NATIVE:
        where = path.format(job=people.job)
        client = await people.client(action)
        errors = people.made.in_force.errors
        answer = await client.request(method, where.lstrip("/"), json=body)
        told = is_problem(answer, 403, "not_permitted")
        assert f"no {action} here" in told["detail"], (where, told)
        assert people.made.in_force.errors == errors, "a no is no error"
        if told.get("receipt"):
            assert told["receipt"]["rule"] == name(action)
        other = await people.client(A.ACT_FOR_OTHERS)
        allowed = await other.request(method, where.lstrip("/"), json=body)
        assert allowed.status_code != 403, (where, allowed.text)


async def test_acting_for_others_and_breaking_glass_are_asked_about_too(people: People) -> None:
    acting = await people.client(A.ACT_FOR_OTHERS)
    answer = await acting.post(
        f"jobs/{people.job}/cancel", json={}, headers={"Countermand-As": name(A.CANCEL)}
    )
    assert "no act_for_others here" in is_problem(answer, 403, "not_permitted")["detail"]
    breaking = await people.client(A.BREAK_GLASS)
    body = {"break_glass": True, "message": "it burns"}
    answer = await breaking.post(f"jobs/{people.job}/cancel", json=body)
    assert "no break_glass here" in is_problem(answer, 403, "not_permitted")["detail"]


async def test_hpc_packs_rest_asks_about_each(people: People) -> None:
    base = f"https://127.0.0.1:{people.made.secure.getsockname()[1]}/hpc"
    trusted = ssl.create_default_context(cafile=people.made.pair.certificate)
    for action, method, path, _ in HPC:
        headers = {"Authorization": f"Bearer {people.tokens[action]}", "Accept": "application/json"}
        body: object = [{"Name": "Name", "Value": "x"}] if action is A.CREATE else None
        async with httpx.AsyncClient(verify=trusted, trust_env=False) as client:
            where = base + path.format(job=people.job)
            answer = await client.request(method, where, json=body, headers=headers)
        assert answer.status_code == 403, (path, answer.text)
        assert f"no {action} here" in answer.text, (path, answer.text)


async def test_the_command_line_is_refused_with_the_sentence(
    people: People, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.cedar"
    rules.write_text(str(TEXT["text"]))
    where = f"http://127.0.0.1:{people.made.web.tcp_port}"
    for action, line in CLI:
        token = tmp_path / f"{action}.token"
        token.write_text(people.tokens[action])
        token.chmod(0o600)
        words = line.format(job=people.job, rules=rules).split()
        at = ("--endpoint", where, "--token", str(token))
        verb = words.index("--") if "--" in words else len(words)
        done = await asyncio.create_subprocess_exec(
            PROGRAM,
            *(*words[:verb], *at, *words[verb:]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        )
        out, err = await done.communicate()
        assert done.returncode == 5, (line, out, err)
        assert f"no {action} here" in (out + err).decode(), (line, out, err)
