"""A snapshot as bytes: a mark, a checksum of the rest, and the rest in msgpack. Never pickled.

The checksum tells what was torn or has rotted. Reading checks every type, so that no bytes at all
give anything but a snapshot or ``Unfit``.
"""

import hashlib
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from adapters.wire.packed import from_ranges, packed
from application.ports import Token
from application.snapshots import JobSnapshot, Unfit
from domain.events import Aggregate
from domain.job import Job

MARK: Final = b"countermand snapshot 1\n"
CHECKSUM_BYTES: Final = 32
WRONG: Final = (
    *(msgspec.MsgspecError, ValueError, TypeError, LookupError, OverflowError),
    *(RecursionError, MemoryError),
)
"""What bytes that nobody should have written can lead to."""


class Packed(Struct, frozen=True):
    """What the bytes hold. ``fold``: the digest of the rules by which the job was folded."""

    fold: str
    aggregate: Aggregate
    token: Token
    last_at: datetime
    job: Job


PACKED: Final = msgspec.msgpack.Decoder(Packed, dec_hook=from_ranges)


def pack(aggregate: Aggregate, snapshot: JobSnapshot, fold: str) -> bytes:
    """The bytes. Raises ``Unfit`` for what would not be read as it is now."""
    whole = Packed(fold, aggregate, snapshot.token, snapshot.last_at, snapshot.job)
    try:
        body = packed(whole)
    except WRONG as error:
        raise Unfit(f"it cannot be packed: {error}") from error
    raw = MARK + hashlib.sha256(body).digest() + body
    if unpack(raw, aggregate, fold) != snapshot:
        raise Unfit("it would not be read as it was written")
    return raw


def unpack(raw: bytes, aggregate: Aggregate, fold: str) -> JobSnapshot:
    """The snapshot. Raises ``Unfit`` for anything but one of this aggregate, under this fold."""
    start = len(MARK) + CHECKSUM_BYTES
    if raw[: len(MARK)] != MARK or len(raw) < start:
        raise Unfit("it is no snapshot of this form")
    body = memoryview(raw)[start:]
    if hashlib.sha256(body).digest() != raw[len(MARK) : start]:
        raise Unfit("its checksum is wrong: it is damaged")
    try:
        found = PACKED.decode(body)
    except WRONG as error:
        raise Unfit(f"it cannot be read: {error}") from error
    if (found.aggregate, found.fold) != (aggregate, fold):
        raise Unfit(f"it is one of {found.aggregate}, or of another fold")
    job = found.job
    if (job.id, job.version) != (int(aggregate.id), found.token.version):
        raise Unfit(f"it holds job {job.id} at version {job.version}")
    return JobSnapshot(job, found.token, found.last_at)
