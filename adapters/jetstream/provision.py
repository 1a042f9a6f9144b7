"""Making the stream, and giving it more room. Nothing else ever creates or alters one."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from adapters.jetstream.api import (
    STREAM_NOT_FOUND,
    SUBJECTS_OVERLAP,
    ApiError,
    NoAnswer,
    StreamInfo,
)
from adapters.jetstream.config import LOG_ID, StreamSpec, check_spec, differences, wanted
from adapters.jetstream.connection import Connection, ServerAddress
from domain.errors import Misconfigured, Unavailable

ANSWER_SECONDS: Final = 10.0


async def provision(address: ServerAddress, spec: StreamSpec, *, may_create: bool = True) -> bool:
    """Make the stream of ``spec``, as the provisioner; whether it was made now.

    An identical one is left alone. Without ``may_create`` a missing one is loss. Raises
    ``Misconfigured`` for that and with every difference of another one, and ``Unavailable`` when
    the server does not answer.
    """
    check_spec(spec)
    async with _asking(address, spec) as connection:
        existing = await find_stream(connection, spec.stream)
        if existing is not None:
            refuse_different(spec, existing)
            return False
        if not may_create:
            raise Misconfigured(
                f"the stream {spec.stream} is missing, although this data directory has known it:"
                " nothing was made. Find its store (was another disk mounted?), or restore it from"
                " a backup"
            )
        await _create(connection, spec)
        return True


async def grow(operator: ServerAddress, spec: StreamSpec) -> int | None:
    """Give a stream that is as it must be, but smaller, the room of ``spec``, as the operator.

    Returns the bytes it had; None when it is missing, or has that room already. Nothing else is
    changed, and never to less room. Raises as ``provision`` does.
    """
    async with _asking(operator, spec) as connection:
        info = await find_stream(connection, spec.stream)
        had = info.config.get("max_bytes", 0) if info is not None else spec.max_bytes
        if info is None or not 0 < had < spec.max_bytes:
            return None
        config = info.config | {"max_bytes": spec.max_bytes}
        refuse_different(spec, StreamInfo(config=config))
        subject = f"$JS.API.STREAM.UPDATE.{spec.stream}"
        await connection.call(subject, config, StreamInfo, ANSWER_SECONDS)
        return int(had)


@asynccontextmanager
async def _asking(address: ServerAddress, spec: StreamSpec) -> AsyncIterator[Connection]:
    """A connection; what the server answers no with becomes a sentence."""
    connection = await Connection.open(address)
    try:
        yield connection
    except NoAnswer as error:
        raise Unavailable(f"JetStream does not answer ({error}; {connection.errors})") from error
    except ApiError as error:
        raise Misconfigured(_explain(spec, error)) from error
    finally:
        await connection.close()


def refuse_different(spec: StreamSpec, info: StreamInfo) -> None:
    """Raise ``Misconfigured`` with every difference between the stream and ``spec``."""
    found = differences(spec, info.config)
    if found:
        lines = "\n".join(f"  - {difference}" for difference in found)
        raise Misconfigured(
            f"the stream {spec.stream} is not as it must be:\n{lines}\n"
            "Nothing was changed. An operator can mend it, or choose another stream name"
        )


async def find_stream(connection: Connection, stream: str) -> StreamInfo | None:
    """What the server says of it; None when it has none. Raises ``NoAnswer``, ``ApiError``."""
    subject = f"$JS.API.STREAM.INFO.{stream}"
    try:
        return await connection.call(subject, None, StreamInfo, ANSWER_SECONDS)
    except ApiError as error:
        if error.err_code == STREAM_NOT_FOUND:
            return None
        raise


async def _create(connection: Connection, spec: StreamSpec) -> None:
    config = wanted(spec) | {"metadata": {LOG_ID: str(uuid.uuid4())}}
    subject = f"$JS.API.STREAM.CREATE.{spec.stream}"
    made = await connection.call(subject, config, StreamInfo, ANSWER_SECONDS)
    refuse_different(spec, made)


def _explain(spec: StreamSpec, error: ApiError) -> str:
    if error.err_code == SUBJECTS_OVERLAP:
        return (
            f"another stream already keeps the events of cluster {spec.cluster} ({error});"
            " an operator must move its subjects away first"
        )
    return f"the stream {spec.stream} cannot be made or changed: {error}"
