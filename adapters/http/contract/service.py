"""The cluster and the service itself: parameters, people, views, health, metrics, contract."""

from typing import Final

from adapters.http.answers import POSITION
from adapters.http.bodies.administration import PrincipalsBody, ProjectionsBody
from adapters.http.bodies.cluster import ParametersBody, WhoAmI
from adapters.http.bodies.commands import NothingBody
from adapters.http.bodies.health import Health, Live
from adapters.http.bodies.nodes import NodesBody
from adapters.http.bodies.schemas import Index
from adapters.http.contract.fields import Text, Word
from adapters.http.contract.operation import Operation, Parameter, Reply
from adapters.http.contract.parts import AT_LEAST, ETAG, IF_NONE_MATCH, held

PARAMETERS: Final = Operation(
    id="listParameters",
    method="GET",
    path="/parameters",
    tag="cluster",
    summary="Every cluster parameter with the value in force",
    parameters=(IF_NONE_MATCH, AT_LEAST),
    replies=(
        Reply(200, "The parameters.", ParametersBody, headers=(POSITION, ETAG)),
        held("The caller holds this version.", (POSITION, ETAG)),
    ),
    problems=(403,),
)
NODES: Final = Operation(
    id="listNodes",
    method="GET",
    path="/nodes",
    tag="cluster",
    summary="Every node with its slots, and what is on it",
    replies=(Reply(200, "The nodes.", NodesBody, headers=(POSITION,)),),
    problems=(403,),
)
WHOAMI: Final = Operation(
    id="whoAmI",
    method="GET",
    path="/whoami",
    tag="cluster",
    summary="Who the service takes the caller for",
    replies=(Reply(200, "The caller.", WhoAmI),),
    problems=(403, 404),
)
PRINCIPALS: Final = Operation(
    id="listPrincipals",
    method="GET",
    path="/principals",
    tag="cluster",
    summary="Who may act, without any secret; for administrators and auditors",
    replies=(Reply(200, "Everybody with an entry.", PrincipalsBody),),
    problems=(403,),
)
PROJECTIONS: Final = Operation(
    id="getProjections",
    method="GET",
    path="/projections",
    tag="service",
    summary="How far the views are, and how the last rebuild went",
    replies=(Reply(200, "The views.", ProjectionsBody, headers=(POSITION,)),),
    problems=(403,),
)
REBUILD: Final = Operation(
    id="rebuildProjections",
    method="POST",
    path="/projections/rebuild",
    tag="service",
    summary="Begin to build the views anew; GET /projections tells how it goes",
    body=NothingBody,
    replies=(Reply(202, "It has begun.", ProjectionsBody),),
    problems=(403, 409),
)
LIVE: Final = Operation(
    id="getLive",
    method="GET",
    path="/health/live",
    tag="service",
    summary="Whether the process answers",
    replies=(Reply(200, "It does.", Live),),
    named=False,
)
READY: Final = Operation(
    id="getReady",
    method="GET",
    path="/health/ready",
    tag="service",
    summary="Whether commands are taken, and what needs a person",
    replies=(
        Reply(200, "They are.", Health, headers=(POSITION,)),
        Reply(503, "They are not now.", Health, headers=(POSITION,)),
    ),
    named=False,
)
METRICS: Final = Operation(
    id="getMetrics",
    method="GET",
    path="/metrics",
    tag="service",
    summary="Metrics in Prometheus' format",
    replies=(Reply(200, "The metrics.", media_type="text/plain"),),
    named=False,
)
SCHEMAS: Final = Operation(
    id="listEventSchemas",
    method="GET",
    path="/schema/events",
    tag="contract",
    summary="Every event, and where its schema is",
    parameters=(IF_NONE_MATCH,),
    replies=(
        Reply(200, "The events.", Index, headers=(ETAG,)),
        held("The caller holds it."),
    ),
    named=False,
)
SCHEMA: Final = Operation(
    id="getEventSchema",
    method="GET",
    path="/schema/events/{name}",
    tag="contract",
    summary="The JSON Schema of an event",
    parameters=(
        Parameter(
            "name",
            Text(1, 100),
            "Its name with .json, as JobAdded.v1.json.",
            "path",
            example="JobAdded.v1.json",
        ),
        IF_NONE_MATCH,
    ),
    replies=(
        Reply(200, "The schema.", media_type="application/schema+json", headers=(ETAG,)),
        held("The caller holds it."),
    ),
    problems=(404,),
    named=False,
)
DOCUMENT: Final = Operation(
    id="getContractDocument",
    method="GET",
    path="/schema/{name}",
    tag="contract",
    summary="The OpenAPI or AsyncAPI document",
    parameters=(
        Parameter("name", Word(("asyncapi.json", "openapi.json")), "Which.", "path"),
        IF_NONE_MATCH,
    ),
    replies=(
        Reply(200, "The document.", media_type="application/json", headers=(ETAG,)),
        held("The caller holds it."),
    ),
    problems=(404,),
    named=False,
)

OPERATIONS: Final = (
    PARAMETERS,
    NODES,
    WHOAMI,
    PRINCIPALS,
    PROJECTIONS,
    REBUILD,
    LIVE,
    READY,
    METRICS,
    SCHEMAS,
    SCHEMA,
    DOCUMENT,
)
