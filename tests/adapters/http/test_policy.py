"""The policy over HTTP: two persons, what is refused, what was in force when, and what it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from adapters.policy import CedarPolicy, default_policy, default_text, schema_text
from application.ledger import Cause
from domain.events import PolicyActivated, PolicyEvent, PolicySchemaRecorded
from domain.identity import Role
from domain.policy_life import digest_of
from tests.adapters.http.stack import Stack, stack, submit, until

NEW = """
@id("nobody-forces")
@deny_message("nobody forces here")
forbid (principal, action == Action::"cancel", resource)
when { context has mode && context.mode == Mode::"forced" };
"""
OTHER = default_text() + NEW


class Governed:
    """A stack whose policy is on its stream, and clients that are closed with it."""

    def __init__(self, made: Stack, clients: AsyncExitStack) -> None:
        self.ledger = made.ledger
        self.in_force = made.in_force
        self.tried = made.tried
        self._made = made
        self._clients = clients

    async def person(self, name: str, *roles: Role) -> httpx.AsyncClient:
        """A client with a token of a new principal."""
        return await self._clients.enter_async_context(self._made.person(name, *roles))


@asynccontextmanager
async def governed(directory: Path, shipped: CedarPolicy | None = None) -> AsyncIterator[Governed]:
    """Ready for the first command."""
    async with stack(directory, policy=shipped) as made, AsyncExitStack() as clients:
        keeping = asyncio.create_task(made.policy.run())
        await made.policy.begun.wait()
        try:
            yield Governed(made, clients)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)


async def asked(
    client: httpx.AsyncClient, what: str, text: str = OTHER, **body: str
) -> tuple[int, dict[str, object]]:
    """A proposal or an activation: status, and the answer's words."""
    answer = await client.post(f"/api/v1/policy/{what}", json={"text": text, **body})
    found: dict[str, object] = answer.json()
    return answer.status_code, found


async def force(client: httpx.AsyncClient, job: int) -> tuple[int, str]:
    """A forced cancel."""
    answer = await client.post(f"/api/v1/jobs/{job}/cancel", json={"forced": True})
    return answer.status_code, answer.json().get("detail", "")


async def recorded(made: Governed, fact: PolicyEvent) -> None:
    """A fact that no command led to."""
    await made.ledger.change_policy(lambda life, now: [fact], Cause())


async def test_two_persons_put_rules_in_force_and_the_next_decision_is_by_them(
    tmp_path: Path,
) -> None:
    async with governed(tmp_path) as made:
        ada, bob = [await made.person(name, Role.ADMINISTRATOR) for name in ("ada", "bob")]
        job = await submit(ada)
        now = (await ada.get("/api/v1/policy")).json()
        assert (now["rules"], now["schema"], now["author"]) == (default_text(), schema_text(), "")
        status, said = await asked(ada, "activations", note="no force")
        assert (status, said["event_type"]) == (200, "PolicyProposed")
        status, said = await asked(ada, "activations")
        assert (status, said["code"]) == (409, "waiting_for_another_person")
        assert (await ada.get("/api/v1/policy")).json()["digest"] == default_policy().digest
        status, said = await asked(bob, "activations", note="so be it")
        assert (status, said["event_type"]) == (200, "PolicyActivated")
        assert (await force(ada, job)) == (403, "nobody forces here")
        then = (await ada.get("/api/v1/policy")).json()
        assert (then["rules"], then["author"], then["approver"]) == (OTHER, "ada", "bob")
        assert then["previous"] == now["digest"]
        status, said = await asked(ada, "activations")
        assert (status, said["code"]) == (409, "policy_in_force")
        history = (await bob.get("/api/v1/policy/history")).json()["steps"]
        assert [x["type"] for x in history] == [
            *("PolicySchemaRecorded", "PolicyActivated", "PolicyProposed"),
            *("PolicyCommandRefused", "PolicyActivated", "PolicyCommandRefused"),
        ]
        before = (await bob.get("/api/v1/policy", params={"position": then["position"] - 1})).json()
        assert before["rules"] == default_text()
        assert (await bob.get("/api/v1/policy", params={"at": now["at"]})).json() == before
        named = (await bob.get("/api/v1/policy", params={"digest": then["digest"][:8]})).json()
        assert named == then


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("permit (", "policy_invalid"),
        (default_text().replace('Action::"finish"', 'Action::"fly"'), "policy_invalid"),
        ("//" + '"' * 40_000 + "\n" + OTHER, "policy_invalid"),
        (OTHER.replace("@deny_message", "@deny_mesage"), "policy_invalid"),
        (
            '@id("a")\npermit (principal == User::"ada", action, resource);',
            "policy_locks_out",
        ),
        (
            default_text()
            + '@id("office")\nforbid (principal, action == Action::"activate_policy", resource)'
            " when { context has hour && context.hour < 7 };",
            "policy_locks_out",
        ),
    ],
    ids=["no rules", "unknown action", "too long", "misspelt", "one person", "office hours"],
)
async def test_what_cannot_be_in_force_is_refused_and_recorded(
    tmp_path: Path, text: str, code: str
) -> None:
    async with governed(tmp_path) as made:
        ada = await made.person("ada", Role.ADMINISTRATOR)
        await made.person("bob", Role.ADMINISTRATOR)
        status, said = await asked(ada, "proposals", text)
        assert (status, said["code"]) == (422, code)
        (*_, last) = (await ada.get("/api/v1/policy/history")).json()["steps"]
        assert (last["type"], last["code"]) == ("PolicyCommandRefused", code)


async def test_a_backtest_that_is_named_is_one_of_these_rules(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        ada, bob = [await made.person(name, Role.ADMINISTRATOR) for name in ("ada", "bob")]
        await asked(ada, "proposals")
        body = {"text": OTHER, "backtest": "ab" * 32}
        for rules, words in (("", "is not known on this service"), ("f" * 64, "is of the rules")):
            made.tried["ab" * 32] = rules
            refused = await bob.post("/api/v1/policy/activations", json=body)
            assert (refused.status_code, refused.json()["code"]) == (422, "backtest_unknown")
            assert words in refused.json()["detail"]
            assert "policy backtest FILE" in refused.json()["detail"]
        made.tried["ab" * 32] = digest_of(OTHER)
        done = await bob.post("/api/v1/policy/activations", json=body)
        assert (done.status_code, done.json()["event_type"]) == (200, "PolicyActivated")


async def test_who_may_see_and_who_may_change(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        sam, audrey = await made.person("sam"), await made.person("audrey", Role.AUDITOR)
        for client in (sam, audrey):
            status, said = await asked(client, "proposals")
            assert (status, said["code"]) == (403, "not_permitted")
        for path in ("policy", "policy/history", "policy/answer?job=1"):
            assert (await sam.get(f"/api/v1/{path}")).status_code == 403
        assert (await audrey.get("/api/v1/policy")).status_code == 200


async def test_the_same_request_again_is_answered_as_before(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        ada = await made.person("ada", Role.ADMINISTRATOR)
        await made.person("bob", Role.ADMINISTRATOR)
        key = {"Idempotency-Key": "k1"}
        first, again = [
            (await ada.post("/api/v1/policy/proposals", json={"text": OTHER}, headers=key)).json()
            for _ in range(2)
        ]
        assert (again["event_id"], again["replayed"]) == (first["event_id"], True)


async def test_an_answer_names_its_rules_and_what_they_were_told(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        ada, sam = await made.person("ada", Role.ADMINISTRATOR), await made.person("sam")
        job = await submit(sam)
        asked_for: dict[str, str | int] = {
            "job": job,
            "person": "sam",
            "mode": "forced",
            "message_units": 3,
        }
        said = (await ada.get("/api/v1/policy/answer", params=asked_for)).json()
        assert (said["effect"], said["rules"]) == ("allow", ["owner-controls"])
        (request,) = said["requests"]
        assert (request["principal"]["id"], request["context"]["mode"]) == ("sam", "forced")
        asked_for["person"] = "ada"
        said = (await ada.get("/api/v1/policy/answer", params=asked_for)).json()
        assert said["rules"] == ["administrator-everything"]
        asked_for["person"] = "nobody-there"
        nobody = await ada.get("/api/v1/policy/answer", params=asked_for)
        assert (nobody.status_code, nobody.json()["code"]) == (404, "no_such_person")
        assert "nobody called 'nobody-there'" in nobody.json()["detail"]
        nothing = await ada.get("/api/v1/policy/answer", params=asked_for | {"job": 999})
        assert (nothing.status_code, nothing.json()["code"]) == (404, "unknown_job")
        assert "there is no job 999; `countermand ls`" in nothing.json()["detail"]
        assert "`countermand policy test`" in nothing.json()["detail"]
        await made.person("uma")
        asked_for["person"] = "uma"
        said = (await ada.get("/api/v1/policy/answer", params=asked_for)).json()
        assert (said["effect"], said["rules"]) == ("deny", ["no-rule-allows"])
        assert said["explanation"].startswith("uma may not cancel this job")


async def test_an_answer_is_told_what_a_real_request_tells(tmp_path: Path) -> None:
    """Windows and the size of the request too; and says what has to be waited for."""
    rules = OTHER + (
        '@id("owners-wait") @who("owner") @hold("60s") @approvals("2") permit (principal, '
        'action == Action::"cancel", resource is Job) when { principal.name == "sam" };'
    )
    async with governed(tmp_path, CedarPolicy(rules, schema_text())) as made:
        ada, sam = await made.person("ada", Role.ADMINISTRATOR), await made.person("sam")
        job = await submit(sam)
        about: dict[str, str | int] = {"job": job, "person": "sam"}
        said = (await ada.get("/api/v1/policy/answer", params=about)).json()
        assert (said["effect"], said["hold_seconds"], said["approvals"]) == ("hold", 60, 2)
        receipt = (await sam.post(f"/api/v1/jobs/{job}/cancel", json={})).json()
        fact = (await ada.get(f"/api/v1/events/{receipt['position']}")).json()["event"]["data"]
        (real,), (foreseen,) = fact["decision"]["requests"], said["requests"]
        assert foreseen["context"].keys() == real["context"].keys()
        same = ("mode", "bulk_size", "freeze_windows", "reason_code", "message_units")
        assert [foreseen["context"][x] for x in same] == [real["context"][x] for x in same]
        assert foreseen["resource"]["attributes"] == real["resource"]["attributes"]


async def test_rules_that_cannot_be_used_refuse_all_until_two_administrators_replace_them(
    tmp_path: Path,
) -> None:
    async with governed(tmp_path) as made:
        ada, bob = [await made.person(name, Role.ADMINISTRATOR) for name in ("ada", "bob")]
        sam = await made.person("sam")
        job = await submit(sam)
        await recorded(made, PolicySchemaRecorded(digest_of("entity X;"), "entity X;"))
        await until(lambda: made.in_force.broken)
        errors = made.in_force.errors
        for client in (sam, ada):
            answer = await client.post(f"/api/v1/jobs/{job}/cancel", json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "policy_error")
        assert made.in_force.errors == errors + 2
        assert (await sam.get(f"/api/v1/jobs/{job}")).status_code == 403
        assert (await ada.get(f"/api/v1/jobs/{job}")).status_code == 200
        assert (await ada.get("/api/v1/policy")).json()["broken"] == made.in_force.broken
        await recorded(made, PolicySchemaRecorded(digest_of(schema_text()), schema_text()))
        await until(lambda: not made.in_force.broken)
        digest = digest_of("permit (")
        torn = PolicyActivated("", digest, "permit (", "s", 0, "", "", "", 0, "", "", None)
        await recorded(made, torn)
        await until(lambda: made.in_force.broken)
        assert (await asked(sam, "proposals"))[1]["code"] == "policy_error"
        assert (await asked(ada, "proposals"))[0] == 200
        assert (await asked(ada, "activations"))[1]["code"] == "waiting_for_another_person"
        assert (await asked(bob, "activations"))[1]["event_type"] == "PolicyActivated"
        assert made.in_force.broken == ""
        answer = await sam.post(f"/api/v1/jobs/{job}/cancel", json={})
        assert answer.status_code == 200
