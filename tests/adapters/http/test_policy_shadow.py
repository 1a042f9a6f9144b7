"""Rules in shadow over HTTP: started and stopped by one person, told, and binding nobody."""

from pathlib import Path

import httpx

from adapters.policy import default_text
from domain.events import JobCancelRequested, Recorded, job_aggregate
from domain.identity import Role
from domain.policy_life import digest_of
from domain.states import Effect
from tests.adapters.http.stack import submit
from tests.adapters.http.test_policy import OTHER, asked, force, governed

SHADOW = "/api/v1/policy/shadow"


async def stopped(client: httpx.AsyncClient) -> httpx.Response:
    """Asked to stop what runs."""
    return await client.post(f"{SHADOW}/stop", json={"note": "enough"})


async def test_a_shadow_answers_beside_the_rules_in_force_until_it_is_stopped(
    tmp_path: Path,
) -> None:
    async with governed(tmp_path) as made:
        ada = await made.person("ada", Role.ADMINISTRATOR)
        assert (await ada.get(SHADOW)).json()["code"] == "unknown_policy"
        job = await submit(ada)
        status, said = await asked(ada, "shadow", note="what if?")
        assert (status, said["event_type"]) == (200, "PolicyShadowStarted")
        shown = (await ada.get(SHADOW)).json()
        assert (shown["digest"], shown["rules"]) == (digest_of(OTHER), OTHER)
        assert (shown["started_by"], shown["note"]) == ("ada", "what if?")
        then = {"position": int(str(said["position"])) - 1}
        assert (await ada.get(SHADOW, params=then)).status_code == 404
        assert (await force(ada, job))[0] == 200
        events = [x async for page in made.ledger.histories.pages(job_aggregate(job)) for x in page]
        cancel = next(x for x in events if x.type == "JobCancelRequested")
        assert isinstance(cancel.fact, Recorded)
        assert isinstance(cancel.fact.data, JobCancelRequested)
        answer = cancel.fact.data.decision.shadow
        assert answer is not None
        assert (answer.effect, answer.rules) == (Effect.DENY, ("nobody-forces",))
        assert (await stopped(ada)).json()["event_type"] == "PolicyShadowStopped"
        assert (await ada.get(SHADOW)).status_code == 404
        assert (
            await ada.get(SHADOW, params={"position": str(said["position"])})
        ).status_code == 200
        answer_again = await stopped(ada)
        assert (answer_again.status_code, answer_again.json()["code"]) == (
            409,
            "no_policy_in_shadow",
        )


async def test_who_may_not_activate_may_not_run_a_shadow(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        ada, bob = (
            await made.person("ada", Role.ADMINISTRATOR),
            await made.person("bob", Role.USER),
        )
        assert (await asked(bob, "shadow"))[0] == 403
        assert (await stopped(bob)).status_code == 403
        assert (await bob.get(SHADOW)).status_code == 403
        assert (await asked(ada, "shadow", "permit ("))[1]["code"] == "policy_invalid"
        assert (await asked(ada, "shadow", default_text()))[1]["code"] == "policy_in_force"
        assert (await asked(ada, "shadow"))[0] == 200
        again = await asked(ada, "shadow", OTHER + "// another\n")
        assert (again[0], again[1]["code"]) == (409, "policy_in_shadow")


async def test_the_shadow_ends_when_its_rules_are_in_force(tmp_path: Path) -> None:
    async with governed(tmp_path) as made:
        ada, bob = [await made.person(name, Role.ADMINISTRATOR) for name in ("ada", "bob")]
        await asked(ada, "shadow")
        await asked(ada, "proposals")
        status, said = await asked(bob, "activations")
        assert (status, said["event_type"]) == (200, "PolicyActivated")
        assert "run in shadow no more" in str(said["explanation"])
        assert (await ada.get(SHADOW)).status_code == 404
        types = [x["type"] for x in (await ada.get("/api/v1/policy/history")).json()["steps"]]
        assert types[-3:] == ["PolicyShadowStarted", "PolicyProposed", "PolicyActivated"]
