"""The published contract over HTTP: for everybody, and only once for who keeps it."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from adapters.http.bodies.shapes import API
from adapters.http.routes.schemas import SCHEMA_PATH, Contract, Schemas, document
from adapters.wire.schemas import entries
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack

DOCS = Path(__file__).parents[3] / "docs" / "schema"


async def test_the_list_leads_to_every_schema_without_a_name(service: Stack) -> None:
    async with service.tcp() as client:
        answer = await client.get(f"{SCHEMA_PATH}/events")
        assert answer.headers["content-type"] == "application/json"
        assert [row["name"] for row in answer.json()["events"]] == [x.name for x in entries()]
        for row in answer.json()["events"]:
            schema = await client.get(row["href"])
            assert schema.headers["content-type"] == "application/schema+json"
            assert schema.content == (DOCS / "events" / row["href"].split("/")[-1]).read_bytes()
            assert schema.json()["title"] == row["type"]
        for path in answer.json()["documents"]:
            assert (await client.get(path)).status_code == 200


async def test_the_asyncapi_document_is_the_one_in_docs(service: Stack) -> None:
    async with service.tcp() as client:
        answer = await client.get(f"{SCHEMA_PATH}/asyncapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == (DOCS / "asyncapi.json").read_bytes()


@pytest.mark.parametrize("name", ["JobQueued", "JobQueued.v1", "countermand.JobQueued.v1"])
async def test_each_name_of_an_event_will_do(service: Stack, name: str) -> None:
    async with service.tcp() as client:
        answer = await client.get(f"{SCHEMA_PATH}/events/{name}.json")
    assert answer.json()["$id"] == "urn:countermand:event:JobQueued.v1"


@pytest.mark.parametrize("name", ["JobDreamt.json", "JobQueued", "JobQueued.v2.json", "%1b%5b31m"])
async def test_what_there_is_not_is_said_with_what_there_is(service: Stack, name: str) -> None:
    async with service.tcp() as client:
        body = is_problem(await client.get(f"{SCHEMA_PATH}/events/{name}"), 404, "unknown_schema")
        assert all(f"{x.name}.json" in body["detail"] for x in entries())
        assert "\x1b" not in body["detail"]
        other = is_problem(await client.get(f"{SCHEMA_PATH}/x.json"), 404, "unknown_schema")
        assert "asyncapi.json" in other["detail"]
        is_problem(await client.get(f"{SCHEMA_PATH}/events?a=1"), 400, "malformed")


@pytest.mark.parametrize("path", ["events", "events/JobQueued.json", "asyncapi.json"])
async def test_who_has_it_is_told_so(service: Stack, path: str) -> None:
    async with service.tcp() as client:
        first = await client.get(f"{SCHEMA_PATH}/{path}")
        tag = first.headers["etag"]
        for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = await client.get(f"{SCHEMA_PATH}/{path}", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        other = await client.get(f"{SCHEMA_PATH}/{path}", headers={"If-None-Match": '"x"'})
        assert (other.status_code, other.content) == (200, first.content)


async def test_other_content_has_another_tag(service: Stack) -> None:
    async with service.tcp() as client:
        paths = [f"{SCHEMA_PATH}/events/{x.name}.json" for x in entries()]
        tags = [(await client.get(path)).headers["etag"] for path in paths]
    assert len(set(tags)) == len(tags)


async def test_a_wrong_token_does_not_matter_here(service: Stack) -> None:
    async with service.tcp("nonsense") as client:
        assert (await client.get(f"{SCHEMA_PATH}/events")).status_code == 200
        assert (await client.get(f"{API}/whoami")).status_code == 401


async def test_it_names_nobody_and_no_place(service: Stack) -> None:
    async with service.tcp() as client:
        text = (await client.get(f"{SCHEMA_PATH}/asyncapi.json")).text
    assert str(service.directory) not in text
    assert json.loads(text)["info"]["title"] == "Countermand events"


async def test_it_is_made_once_however_many_ask() -> None:
    made = 0

    def make() -> Contract:
        nonlocal made
        made += 1
        return Contract((), {}, {"asyncapi.json": document(b"{}")})

    schemas = Schemas(make)
    found = await asyncio.gather(*(schemas.contract() for _ in range(20)))
    assert made == 1
    assert all(x is found[0] for x in found)


async def test_only_get_is_allowed(service: Stack) -> None:
    async with service.tcp() as client:
        answer: httpx.Response = await client.post(f"{SCHEMA_PATH}/events", json={})
    is_problem(answer, 405, "method_not_allowed")
