"""Nodes over HTTP: those of the settings, and one that has runs although it is no more."""

import httpx

from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit, until

PATH = "/api/v1/nodes"
FREE = {"state": "Online", "slots_in_use": 0, "runs": 0}


async def test_every_node_with_its_slots(service: Stack) -> None:
    async with service.person("bob", Role.USER) as bob:
        answer = await bob.get(PATH)
        assert answer.status_code == 200
        found = answer.json()
        assert found["nodes"] == [
            {"name": "node-1", "slots": 4, **FREE},
            {"name": "node-2", "slots": 2, **FREE},
        ]
        assert str(found["position"]) == answer.headers["countermand-position"]


async def test_a_removed_node_shows_while_runs_of_it_go_on(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = await submit(root)
    await service.run_job(job)
    removed = {"name": "n1", "state": "Removed", "slots": 0, "slots_in_use": 1, "runs": 1}

    await until(lambda: len(service.nodes.now()) == 3)

    assert (await root.get(PATH)).json()["nodes"][2:] == [removed]


async def test_a_query_that_is_not_known_is_refused(root: httpx.AsyncClient) -> None:
    is_problem(await root.get(f"{PATH}?state=Online"), 400, "malformed")


async def test_who_may_not_act_for_somebody_may_not_look_for_them(service: Stack) -> None:
    service.file.add("alice", (Role.USER,))
    async with service.person("bob", Role.USER) as bob:
        answer = await bob.get(PATH, headers={"Countermand-As": "alice"})
        is_problem(answer, 403, "not_permitted")
