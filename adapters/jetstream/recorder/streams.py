"""The recorder's stream: made if it may be, and refused when it cannot keep what is promised."""

import time
from typing import Any, Final

from adapters.jetstream.api import ApiError, NoAnswer, StreamInfo
from adapters.jetstream.config import FORGETS_NOTHING, NO_LIMIT, SECOND
from adapters.jetstream.connection import Connection, retry_api
from adapters.jetstream.permitted import prove_permissions
from adapters.jetstream.provision import find_stream
from adapters.jetstream.recorder.naming import Naming
from adapters.jetstream.recorder.proof import prove_keeping, prove_synced
from adapters.jetstream.recorder.settings import RecorderSettings
from domain.errors import Misconfigured, Unavailable

ANSWER_SECONDS: Final = 10.0
DUPLICATE_WINDOW_SECONDS: Final = 2
"""Guards keep events from being stored twice, not this; the server holds each id for so long."""

MARK: Final = {"eventsourcing-recorder": "1"}
"""The same for every process: two that make the stream at once ask for the same one."""


def wanted(naming: Naming, settings: RecorderSettings) -> dict[str, Any]:
    """The stream as it is made."""
    return {
        "name": naming.stream,
        "subjects": [naming.all],
        **FORGETS_NOTHING,
        "max_bytes": settings.max_bytes,
        "max_msg_size": NO_LIMIT,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS * SECOND,
        "num_replicas": settings.replicas,
        "metadata": MARK,
    }


async def open_stream(
    connection: Connection, naming: Naming, settings: RecorderSettings, *, may_create: bool
) -> StreamInfo:
    """The stream as the server has it, made now if it was missing and ``may_create``.

    Raises ``Misconfigured`` for a missing or unsuitable one, or without the proof of durability
    that was asked for; ``Unavailable`` when the server does not answer.
    """
    deadline = time.monotonic() + settings.patience.deadline_seconds
    try:
        info = await retry_api(lambda: find_stream(connection, naming.stream), deadline)
        if info is None and may_create:
            await prove_synced(settings.monitor_urls, frozenset())  # nothing is made elsewhere
            info = await _create(connection, wanted(naming, settings))
    except NoAnswer as error:
        said = "; ".join(dict.fromkeys(connection.errors)) or "it said nothing else"
        raise Unavailable(f"JetStream does not answer ({error}; {said})") from error
    except ApiError as error:
        raise Misconfigured(f"the stream {naming.stream} cannot be used: {error}") from error
    if info is None:
        raise Misconfigured(
            f"there is no stream {naming.stream}, and CREATE_TABLE says that it must not be made:"
            " set CREATE_TABLE=yes once, or NATS_STREAM to the stream that there is"
        )
    prove_keeping(naming.stream, wanted(naming, settings), info)
    is_log = naming.stream == settings.stream
    await prove_permissions(connection, naming.stream, [naming.probe], consumes=is_log)
    await prove_synced(settings.monitor_urls, info.cluster.names)
    return info


async def _create(connection: Connection, config: dict[str, Any]) -> StreamInfo:
    subject = f"$JS.API.STREAM.CREATE.{config['name']}"
    return await connection.call(subject, config, StreamInfo, ANSWER_SECONDS)
