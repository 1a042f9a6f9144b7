"""Reading single messages from the stream's leader: never behind what was acknowledged.

A direct get may be answered by any replica, and a replica may lag behind by what was stored just
now. The leader's answer costs more (it is JSON, the bytes in base64), so it is asked only for what
the replicas may not have yet.
"""

from collections.abc import Mapping

from msgspec import Struct

from adapters.jetstream.api import NO_MESSAGE_FOUND, ApiError
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import Raw


class _Stored(Struct, frozen=True):
    """A message as STREAM.MSG.GET tells it."""

    subject: str
    seq: int
    data: bytes = b""


class _Answer(Struct, frozen=True):
    message: _Stored


async def leaders_next(
    connection: Connection, stream: str, subjects: str, sequence: int, seconds: float
) -> Raw | None:
    """The first message on ``subjects`` at ``sequence`` or after it; None when there is none.

    It comes without its Nats-Msg-Id. Raises ``NoAnswer``, ``ApiError``.
    """
    query = {"seq": max(sequence, 1), "next_by_subj": subjects}
    return await _get(connection, stream, query, seconds)


async def leaders_last(
    connection: Connection, stream: str, subjects: str, seconds: float
) -> Raw | None:
    """The last message on ``subjects``; None when there is none. As ``leaders_next``."""
    return await _get(connection, stream, {"last_by_subj": subjects}, seconds)


async def _get(
    connection: Connection, stream: str, query: Mapping[str, object], seconds: float
) -> Raw | None:
    subject = f"$JS.API.STREAM.MSG.GET.{stream}"
    try:
        found = (await connection.call(subject, query, _Answer, seconds)).message
    except ApiError as error:
        if error.err_code == NO_MESSAGE_FOUND:
            return None
        raise
    return Raw(found.seq, found.subject, found.data)
