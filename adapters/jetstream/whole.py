"""The stream as it is, holes and strange messages included: for who looks for damage in it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from adapters.jetstream.api import STREAM_NOT_FOUND, ApiError, NoAnswer, StreamInfo
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import Raw
from adapters.jetstream.log import identity_of
from adapters.jetstream.reading import End, Reader
from adapters.jetstream.subjects import ROOT, aggregate_filter, place_of
from adapters.wire import decode_closely, sha256, strange_in
from application.checking import Whole
from application.fsck import Copy
from application.ports import Stored
from domain.errors import Corrupt, Misconfigured, Unavailable
from domain.events import Aggregate, Recorded

ANSWER_SECONDS: Final = 10.0


class NoStream(Misconfigured):
    """There is no stream where one is looked for. ``fsck`` then asks who knew of one."""


async def info_of(connection: Connection, spec: StreamSpec) -> StreamInfo:
    """What the server says of the stream. Raises ``NoStream`` when there is none."""
    subject = f"$JS.API.STREAM.INFO.{spec.stream}"
    try:
        return await connection.call(subject, None, StreamInfo, ANSWER_SECONDS)
    except NoAnswer as error:
        raise Unavailable(f"the stream {spec.stream} does not answer: {error}") from error
    except ApiError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise Unavailable(f"the stream {spec.stream} does not answer: {error}") from error
        raise NoStream(f"there is no stream {spec.stream}") from error


async def whole_stream(
    connection: Connection,
    spec: StreamSpec,
    info: StreamInfo,
    after: int = 0,
    of: Aggregate | None = None,
) -> AsyncGenerator[list[Whole], None]:
    """Every message above ``after`` that the stream holds now, in batches. ``info``: which it is;
    ``of``: of this aggregate alone.

    Raises ``Corrupt`` when it is replaced meanwhile, ``Unavailable`` when it cannot be read.
    """
    wanted = identity_of(info)

    def same(now: StreamInfo) -> None:
        if identity_of(now) != wanted:
            raise Corrupt(f"the stream was replaced: it is {identity_of(now)}, and was {wanted}")

    reader = Reader(connection, spec.stream, same)
    filters = [] if of is None else [aggregate_filter(spec.cluster, of)]
    async with aclosing(reader.read(after, filters, False, holes=True)) as items:
        async for item in items:
            if not isinstance(item, End):
                yield [whole(raw, spec.cluster) for raw in item]


def whole(raw: Raw, cluster: str) -> Whole:
    """One message, decoded as far as that goes."""
    digest = sha256(raw.data)
    try:
        aggregate, type_ = place_of(raw.subject)
    except Corrupt:
        return Whole(raw.sequence, raw.subject, raw.data, digest, None)
    decoded, same = decode_closely(raw.data, cluster, aggregate, type_)
    stored = Stored(raw.sequence, aggregate, type_, raw.data, decoded.fact)
    previous, strange = decoded.previous_sha256, ""
    if not same and isinstance(decoded.fact, Recorded):
        strange = strange_in(raw.data, decoded.fact)
    return Whole(raw.sequence, raw.subject, raw.data, digest, stored, previous, strange)


def whole_copy(copy: Copy, cluster: str) -> Whole:
    """An event of the journal as it lies, or lay, in the stream."""
    place = copy.aggregate
    subject = f"{ROOT}.{cluster}.{place.kind}.{place.id}.{copy.type}"
    return whole(Raw(copy.position, subject, copy.raw), cluster)
