"""The OpenAPI 3.1 document of the API, made from its operations and from the bodies' Structs.

Complete: every object says which members it must have and that it has no others; every text that
has a form says which.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import FieldInfo
from msgspec.structs import fields as fields_of

from adapters.http.answers import POSITION
from adapters.http.bodies.commands import CONTRADICTIONS, CancelBody
from adapters.http.bodies.shapes import API
from adapters.http.bulk import EITHER, WhichJobsBody
from adapters.http.contract import (
    commands,
    emergency,
    jobs,
    policy,
    service,
    trail,
    waiting,
)
from adapters.http.contract.fields import Field
from adapters.http.contract.operation import JSON, Operation, Parameter, Reply
from adapters.http.contract.parts import (
    ACT_FOR,
    ALLOW,
    CLIENT,
    COMMAND_PROBLEMS,
    HEADERS,
    JOB,
    RETRY_AFTER,
    TASK,
)
from adapters.http.problem import KINDS, MEDIA_TYPE, Problem
from application.views import VALUES_MAX

OPENAPI: Final = "3.1.0"
DESCRIPTION: Final = (
    "A method that a path does not have is answered 405 (the response Problem405). A refusal that "
    "was recorded has the header Countermand-Position: its place in the stream."
)
OPERATIONS: Final = (
    *commands.OPERATIONS,
    *emergency.OPERATIONS,
    *jobs.OPERATIONS,
    *trail.OPERATIONS,
    *policy.OPERATIONS,
    *waiting.OPERATIONS,
    *service.OPERATIONS,
)
TAGS: Final = {
    "commands": "Making jobs, stopping them, running them again. Each answer is a receipt.",
    "jobs": "Jobs now and then, their tasks and events, and why they ended.",
    "audit": "Who asked what, who was refused, and what was done.",
    "events": "The stream of events itself.",
    "policy": "The rules that decide who may do what.",
    "cluster": "Cluster parameters and people.",
    "service": "The service's own health, metrics and views.",
    "contract": "What the service promises: schemas and documents.",
}
ALWAYS: Final = (400, 500, 503)
"""Problems that every operation may answer with."""

WHEN_NAMED: Final = (401, 403, 404, 429)
"""And those that need a known identity: unknown, not permitted to act for somebody, no such person
to act for, or too many."""

WITH_BODY: Final = (413,)
RECORDED: Final = frozenset(COMMAND_PROBLEMS)
"""Statuses of refusals that stand in the stream, and say where."""

HEADERS_OF: Final = {405: (ALLOW,), 429: (RETRY_AFTER,), 503: (RETRY_AFTER,)}
REFS: Final = "#/components/schemas/{name}"
Json = dict[str, Any]


def openapi_bytes(version: str) -> bytes:
    """The document as it is published: the same bytes each time."""
    return msgspec.json.format(msgspec.json.encode(document(version)), indent=2) + b"\n"


def document(version: str) -> Json:
    """The document of a release."""
    return {
        "openapi": OPENAPI,
        "info": {
            "title": "Countermand",
            "version": version,
            "summary": "Stop jobs on a cluster: by a rule, on the record, to the end.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": API}],
        "security": [{"token": []}, {"password": []}],
        "tags": [{"name": name, "description": words} for name, words in TAGS.items()],
        "paths": paths(OPERATIONS),
        "components": {
            "schemas": schemas(bodies(OPERATIONS)),
            "responses": problems(),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "password": {"type": "http", "scheme": "basic"},
            },
        },
    }


# --- paths ----------------------------------------------------------------------------------------


def paths(operations: Iterable[Operation]) -> Json:
    """Every path with its methods."""
    found: Json = {}
    for operation in operations:
        found.setdefault(operation.path, {})[operation.method.lower()] = described(operation)
    return found


def described(operation: Operation) -> Json:
    """One operation."""
    shared = (ACT_FOR, CLIENT) if operation.named else ()
    told: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.description:
        told["description"] = operation.description
    told["parameters"] = [parameter(p) for p in (*operation.parameters, *shared)]
    if operation.body is not None:
        content = {JSON: {"schema": ref(operation.body)}}
        told["requestBody"] = {"required": bool(required(operation.body)), "content": content}
    told["responses"] = responses(operation)
    if not operation.named:
        told["security"] = []
    return told


def parameter(of: Parameter) -> Json:
    """A parameter; one that may be repeated is an array."""
    one = field_schema(of.field)
    many = {"type": "array", "items": one, "maxItems": VALUES_MAX}
    told = {
        "name": of.name,
        "in": of.where,
        "description": of.description,
        "required": of.where == "path",
        "schema": many if of.many else one,
    }
    return told | ({"example": of.example} if of.example else {})


def responses(operation: Operation) -> Json:
    """Every answer by its status."""
    found: Json = {}
    for reply in operation.replies:
        entry = found.setdefault(str(reply.status), {"description": reply.description})
        if reply.headers:
            entry["headers"] = {name: header(name) for name in reply.headers}
        if reply.job:
            entry["links"] = {o.id: link(o) for o in OPERATIONS if JOB in o.parameters}
        if not reply.empty:
            entry.setdefault("content", {})[reply.media_type] = {"schema": content_of(reply)}
    statuses = {
        *ALWAYS,
        *operation.problems,
        *(WHEN_NAMED if operation.named else ()),
        *(WITH_BODY if operation.body is not None else ()),
    }
    for status in map(str, sorted(statuses)):
        if status in found:  # an answer of its own, beside the problem
            found[status]["content"][MEDIA_TYPE] = {"schema": ref(Problem)}
        else:
            found[status] = {"$ref": f"#/components/responses/Problem{status}"}
    return dict(sorted(found.items()))


def link(to: Operation) -> Json:
    """An operation on the job whose number an answer gives; on its first task, if on a task."""
    found = {"job_id": "$response.body#/job_id"} | (
        {"task_id": "1"} if TASK in to.parameters else {}
    )
    return {"operationId": to.id, "parameters": found}


def content_of(reply: Reply) -> Json:
    """The schema of an answer's body; a text of another media type is described by that."""
    if reply.body is not None:
        return ref(reply.body)
    return {} if reply.media_type.endswith("json") else {"type": "string"}


def problems() -> Json:
    """The answer of each status that a problem may have."""
    statuses = sorted({kind.status for kind in KINDS.values()})
    return {f"Problem{status}": problem(status) for status in statuses}


def problem(status: int) -> Json:
    """Problem details with a status."""
    found = (f"{code}: {kind.title}" for code, kind in KINDS.items() if kind.status == status)
    told: Json = {"description": "; ".join(sorted(found))}
    names = HEADERS_OF.get(status, (POSITION,) if status in RECORDED else ())
    if names:
        told["headers"] = {name: header(name) for name in names}
    told["content"] = {MEDIA_TYPE: {"schema": ref(Problem)}}
    return told


def header(name: str) -> Json:
    """A header of an answer."""
    field, words = HEADERS[name]
    return {"description": words, "schema": field_schema(field)}


def field_schema(field: Field) -> Json:
    """A parameter's schema as JSON."""
    return msgspec.json.decode(msgspec.json.encode(field.schema()), type=Json)


# --- bodies ---------------------------------------------------------------------------------------


def ref(body: type[Struct]) -> Json:
    """Where a body's schema is."""
    return {"$ref": REFS.format(name=body.__name__)}


def bodies(operations: Iterable[Operation]) -> list[type[Struct]]:
    """Every Struct that is a body, each once."""
    found: dict[type[Struct], None] = {Problem: None}
    for operation in operations:
        if operation.body is not None:
            found[operation.body] = None
        for reply in operation.replies:
            if reply.body is not None:
                found[reply.body] = None
    return list(found)


def schemas(roots: list[type[Struct]]) -> Json:
    """The schemas of bodies and of everything they are made of, by name."""
    _, found = msgspec.json.schema_components(roots, ref_template=REFS)
    structs = {struct.__name__: struct for root in roots for struct in within(root)}
    return {
        name: completed(schema, structs[name]) if name in structs else schema
        for name, schema in sorted(found.items())
    }


def completed(schema: Json, struct: type[Struct]) -> Json:
    """A schema that says everything: what must be there, and that nothing else is.

    What we answer holds every member, unless it is one that is left out; what we are asked may
    leave out what has a default.
    """
    told = dict(schema)
    told["description"] = " ".join((struct.__doc__ or "").split())
    told["additionalProperties"] = False
    told["required"] = required(struct)
    told |= CONTRADICTIONS if issubclass(struct, CancelBody) else {}
    return told | (EITHER if issubclass(struct, WhichJobsBody) else {})


def required(struct: type[Struct]) -> list[str]:
    """The members that must be there."""
    asked = struct.__struct_config__.forbid_unknown_fields
    return [f.encode_name for f in fields_of(struct) if must_be_there(f, bool(asked))]


def must_be_there(field: FieldInfo, asked: bool) -> bool:
    """Whether a member must be there."""
    return field.required if asked else not optional(field.type)


def optional(kind: object) -> bool:
    """Whether a member may be left out of what we answer."""
    return UnsetType in getattr(kind, "__args__", ()) or kind is UNSET


def within(struct: type[Struct]) -> set[type[Struct]]:
    """A Struct and all Structs in it."""
    found: set[type[Struct]] = set()
    waiting: list[object] = [struct]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, type) and issubclass(kind, Struct) and kind not in found:
            found.add(kind)
            waiting += [f.type for f in fields_of(kind)]
        else:
            waiting += getattr(kind, "__args__", ())
    return found
