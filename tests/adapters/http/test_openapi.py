"""The OpenAPI document: valid, complete, and of exactly the routes that the service has."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from adapters.http.bodies.shapes import API
from adapters.http.contract.document import OPERATIONS, openapi_bytes
from adapters.http.problem import KINDS, MEDIA_TYPE
from application.views import JobOrder
from tests.adapters.http.stack import Stack

DOCS = Path(__file__).parents[3] / "docs" / "schema"
FOUND = json.loads(openapi_bytes("0"))


def every_schema(within: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema in a document, with where it stands."""
    if isinstance(within, dict):
        if "type" in within or "$ref" in within:
            yield path, within
        for name, part in within.items():
            yield from every_schema(part, f"{path}/{name}")
    elif isinstance(within, list):
        for number, part in enumerate(within):
            yield from every_schema(part, f"{path}/{number}")


def test_it_is_an_openapi_document() -> None:
    OpenAPIV31SpecValidator(FOUND).validate()


async def test_the_service_serves_the_one_in_docs(service: Stack) -> None:
    async with service.tcp() as client:
        answer = await client.get(f"{API}/schema/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == (DOCS / "openapi.json").read_bytes()


async def test_it_has_exactly_the_routes_that_there_are(service: Stack) -> None:
    there = {
        (method, re.sub(r"\{(\w+):str\}", r"{\1}", route.path))
        for route in service.native.app.app.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods
        if method != "OPTIONS"
    }
    assert there == {(o.method, API + o.path) for o in OPERATIONS}


@pytest.mark.parametrize("path", sorted({o.path for o in OPERATIONS}))
async def test_options_tells_every_method_of_a_path(service: Stack, path: str) -> None:
    async with service.unix() as root:
        answer = await root.options(API + re.sub(r"\{\w+\}", "1", path))
    assert answer.status_code == 204
    told = set(answer.headers["allow"].split(", "))
    assert told == {"OPTIONS", *(o.method for o in OPERATIONS if o.path == path)}


def test_operations_have_names_of_their_own() -> None:
    ids = [o.id for o in OPERATIONS]
    assert len(set(ids)) == len(ids)


def test_every_part_of_a_path_is_described() -> None:
    for operation in OPERATIONS:
        parts = re.findall(r"\{(\w+)\}", operation.path)
        assert [p.name for p in operation.of("path")] == parts, operation.id


def test_objects_say_what_must_be_there_and_that_there_is_no_more() -> None:
    found = FOUND["components"]["schemas"]
    assert len(found) > 40
    for name, schema in found.items():
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False, name
            assert set(schema["required"]) <= set(schema["properties"]), name
            assert schema["description"], name


def test_every_time_and_id_has_a_format() -> None:
    for path, schema in every_schema(FOUND["components"]["schemas"]):
        name = path.rpartition("/")[2]
        kinds = [schema, *schema.get("anyOf", [])]
        if name.endswith("_at") or name == "at":
            assert any(kind.get("format") == "date-time" for kind in kinds), path
        if name in ("event_id", "policy_id"):
            assert any("format" in kind or "enum" in kind for kind in kinds), path


def test_every_number_has_a_least_value() -> None:
    for path, schema in every_schema(FOUND["components"]["schemas"]):
        if schema.get("type") == "integer":
            assert "minimum" in schema, path


def test_every_problem_has_a_status_that_its_operations_may_answer() -> None:
    there = {int(name.removeprefix("Problem")) for name in FOUND["components"]["responses"]}
    assert there == {kind.status for kind in KINDS.values()}
    for path, methods in FOUND["paths"].items():
        for method, told in methods.items():
            for status in ("400", "500", "503"):
                assert status in told["responses"], (method, path)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.id)
def test_who_needs_a_name_says_so(operation: Any) -> None:
    told = FOUND["paths"][operation.path][operation.method.lower()]
    assert ("401" in told["responses"]) == operation.named
    assert (told.get("security") == []) == (not operation.named)
    assert MEDIA_TYPE in str(FOUND["components"]["responses"]["Problem401"])


def test_it_is_made_the_same_each_time() -> None:
    assert openapi_bytes("1") == openapi_bytes("1")


def responses(name: str) -> Any:
    """What an operation may answer, by its id."""
    (found,) = (
        told["responses"]
        for methods in FOUND["paths"].values()
        for told in methods.values()
        if told["operationId"] == name
    )
    return found


def test_what_every_body_and_method_may_be_answered_with_is_told() -> None:
    for operation in OPERATIONS:
        assert ("413" in responses(operation.id)) == (operation.body is not None), operation.id
    problems = FOUND["components"]["responses"]
    assert set(problems["Problem405"]["headers"]) == {"Allow"}
    for status in (403, 404, 409, 412, 422):
        assert set(problems[f"Problem{status}"]["headers"]) == {"Countermand-Position"}


async def test_headers_of_answers_are_told(service: Stack) -> None:
    async with service.unix() as root:
        index = await root.get(f"{API}/schema/events")
        other = await root.delete(f"{API}/jobs")
        refused = await root.post(f"{API}/jobs/4711/cancel")
    assert "etag" in index.headers
    assert set(responses("listEventSchemas")["200"]["headers"]) == {"ETag"}
    assert "304" in responses("listEventSchemas")
    assert (other.status_code, "allow" in other.headers) == (405, True)
    assert int(refused.headers["countermand-position"]) > 0
    told = responses("exportAudit")["200"]["headers"]
    assert {"Countermand-Behind", "Countermand-Stopped"} <= set(told)


def test_defaults_are_told() -> None:
    (after,) = (p for p in FOUND["paths"]["/events"]["get"]["parameters"] if p["name"] == "after")
    assert after["schema"]["default"] == 0


def test_the_page_for_readers_lists_what_sort_takes() -> None:
    lines = (DOCS.parent / "http.md").read_text().splitlines()
    (line, *_) = (x for x in lines if x.startswith("| `sort` |"))
    assert all(f"`{sign}{order}`" in line for order in JobOrder for sign in ("", "-"))
