"""The AsyncAPI 3.0 document: which subjects there are, what lies on them, and how to read it.

Written from the reader's side: its operations receive. Schemas are in AsyncAPI's own dialect, which
every tool knows and which is that of JSON Schema draft 7; the files of single events say the same.
"""

from typing import Final

from msgspec import UNSET, Raw
from msgspec.structs import replace

from adapters.wire.schemas import rules
from adapters.wire.schemas.asyncapi_shapes import (
    AsyncApi,
    Channel,
    Components,
    CorrelationId,
    Info,
    Message,
    MessageExample,
    Operation,
    Ref,
    SecurityScheme,
    Server,
    Variable,
)
from adapters.wire.schemas.entries import ID_PARAMETER, Entry, entries
from adapters.wire.schemas.events import event_schema
from adapters.wire.schemas.examples import example
from adapters.wire.schemas.json_schema import Schema, mapped
from adapters.wire.schemas.parts import ENVELOPE, parts
from domain.events import BULK, CLUSTER, JOB, POLICY, REQUEST

CONTENT_TYPE: Final = "application/cloudevents+json"
READER: Final = "reader"
SERVER: Final = "nats"


CORRELATION: Final = CorrelationId(
    "The request that began the chain of events.", "$message.payload#/correlationid"
)
PARAMETERS: Final = {
    "cluster": Variable("The name of the cluster.", examples=["hpc1"]),
    ID_PARAMETER[JOB]: Variable("The number of the job, from 1.", examples=["42"]),
    ID_PARAMETER[REQUEST]: Variable("The day in UTC.", examples=["20261123"]),
    ID_PARAMETER[BULK]: Variable(
        "A digest of who asked and of the request id.",
        examples=["9f2c7d7d6b0c4f1e8a3b5c6d7e8f9a0b"],
    ),
}
NATS: Final = Server(
    host="{host}:{port}",
    protocol="nats",
    title="NATS with JetStream",
    description=(
        "The nats-server of the cluster, embedded in the service or outside of it. `nats_url` in "
        "the service's `run/endpoint.json` says where it is."
    ),
    variables={
        "host": Variable("Its address.", default="127.0.0.1"),
        "port": Variable("Its port; that of an embedded server differs.", default="4222"),
    },
    security=[Ref(f"#/components/securitySchemes/{READER}")],
)
SECURITY: Final = SecurityScheme(
    type="userPassword",
    description=(
        "User and password of the readers, who may create consumers on the stream and read it, and "
        "publish nothing. `nats_credentials_file` in `run/endpoint.json` names the file with both."
    ),
)


def asyncapi(version: str) -> AsyncApi:
    """The document; ``version``: the release whose contract it is."""
    return AsyncApi(
        asyncapi="3.0.0",
        id="urn:countermand:events",
        info=Info("Countermand events", version, _description()),
        default_content_type=CONTENT_TYPE,
        servers={SERVER: NATS},
        channels={x.name: _channel(x) for x in entries()},
        operations={f"receive{x.name}": _operation(x) for x in entries()},
        components=Components(
            messages={x.name: _message(x) for x in entries()},
            schemas=_schemas(),
            parameters=PARAMETERS,
            security_schemes={READER: SECURITY},
        ),
    )


def _description() -> str:
    return rules.described(
        "Every request to stop a job on a cluster, and all that became of it, as immutable events "
        "on a NATS JetStream stream: CloudEvents 1.0 in JSON (structured mode).",
        rules.SUBJECTS,
        rules.CONSUMING,
        rules.CHAIN,
        rules.VERSIONS,
    )


def _channel(entry: Entry) -> Channel:
    names = (
        ["cluster"]
        if entry.aggregate in (CLUSTER, POLICY)
        else ["cluster", ID_PARAMETER[entry.aggregate]]
    )
    return Channel(
        address=entry.subject,
        title=entry.name,
        description=entry.summary,
        servers=[Ref(f"#/servers/{SERVER}")],
        parameters={name: Ref(f"#/components/parameters/{name}") for name in names},
        messages={entry.name: Ref(f"#/components/messages/{entry.name}")},
    )


def _operation(entry: Entry) -> Operation:
    return Operation(
        action="receive",
        channel=Ref(f"#/channels/{entry.name}"),
        title=f"Receive {entry.name}",
        summary="Through a JetStream consumer with this subject as its filter.",
        messages=[Ref(f"#/channels/{entry.name}/messages/{entry.name}")],
    )


def _message(entry: Entry) -> Message:
    return Message(
        name=entry.type,
        title=entry.name,
        summary=entry.summary,
        description=entry.text,
        content_type=CONTENT_TYPE,
        correlation_id=CORRELATION,
        payload=Ref(f"#/components/schemas/{entry.type}"),
        examples=[MessageExample(entry.name, Raw(example(entry.fact, entry.aggregate)))],
    )


def _schemas() -> dict[str, Schema]:
    shared = {name: x for name, x in parts().items() if name != ENVELOPE}
    events = {x.type: event_schema(x) for x in entries()}
    return {name: mapped(x, _in_dialect) for name, x in (shared | events).items()}


def _in_dialect(schema: Schema) -> Schema:
    """A schema in the terms of draft 7, in which a reference stands alone."""
    plain = replace(
        schema,
        dialect=UNSET,
        id=UNSET,
        defs=UNSET,
        examples=UNSET,
        dependencies=schema.dependent_required,
        dependent_required=UNSET,
    )
    if not isinstance(plain.ref, str):
        return plain
    ref = Schema(ref=plain.ref.replace("#/$defs/", "#/components/schemas/"))
    alone = replace(plain, ref=UNSET)
    return ref if alone == Schema() else replace(alone, all_of=[ref])
