"""The parts of an AsyncAPI 3.0 document, as far as we need them, in the order they stand in."""

from msgspec import UNSET, Raw, Struct, UnsetType

from adapters.wire.schemas.json_schema import Schema


class Ref(Struct, frozen=True, rename={"ref": "$ref"}):
    """A reference to another part of the document."""

    ref: str


class License(Struct, frozen=True):
    """The license of the contract."""

    name: str = "Apache-2.0"


class Info(Struct, frozen=True):
    """What this is."""

    title: str
    version: str
    description: str
    license: License = License()


class Variable(Struct, frozen=True):
    """A part of an address that differs from place to place."""

    description: str
    default: str | UnsetType = UNSET
    examples: list[str] | UnsetType = UNSET


class Server(Struct, frozen=True):
    """Where the stream is."""

    host: str
    protocol: str
    title: str
    description: str
    variables: dict[str, Variable]
    security: list[Ref]


class Channel(Struct, frozen=True):
    """A subject with one kind of event."""

    address: str
    title: str
    description: str
    servers: list[Ref]
    parameters: dict[str, Ref]
    messages: dict[str, Ref]


class Operation(Struct, frozen=True):
    """What a reader may do."""

    action: str
    channel: Ref
    title: str
    summary: str
    messages: list[Ref]


class MessageExample(Struct, frozen=True):
    """A message as it may come."""

    name: str
    payload: Raw


class CorrelationId(Struct, frozen=True):
    """Where the id is that all events of one chain have in common."""

    description: str
    location: str


class Message(Struct, frozen=True, rename="camel"):
    """An event as a NATS message; it needs none of the message's headers."""

    name: str
    title: str
    summary: str
    description: str
    content_type: str
    correlation_id: CorrelationId
    payload: Ref
    examples: list[MessageExample]


class SecurityScheme(Struct, frozen=True):
    """How a reader shows who it is."""

    type: str
    description: str


class Components(Struct, frozen=True, rename="camel"):
    """What the rest refers to."""

    messages: dict[str, Message]
    schemas: dict[str, Schema]
    parameters: dict[str, Variable]
    security_schemes: dict[str, SecurityScheme]


class AsyncApi(Struct, frozen=True, rename="camel"):
    """The whole document."""

    asyncapi: str
    id: str
    info: Info
    default_content_type: str
    servers: dict[str, Server]
    channels: dict[str, Channel]
    operations: dict[str, Operation]
    components: Components
