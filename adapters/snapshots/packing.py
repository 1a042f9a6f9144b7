"""A snapshot as bytes: a mark, a checksum of the rest, and the rest in msgpack. Never pickled.

The checksum tells what was torn or has rotted. Reading checks every type, so that no bytes at all
give anything but a snapshot or ``Unfit``.
"""

import hashlib
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from application.ports import Token
from application.snapshots import JobSnapshot, Unfit
from domain.events import Aggregate
from domain.job import Job
from domain.numbers import Numbers

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


def pack(aggregate: Aggregate, snapshot: JobSnapshot, fold: str) -> bytes:
    """The bytes. Raises ``Unfit`` for what would not be read as it is now."""
    whole = Packed(fold, aggregate, snapshot.token, snapshot.last_at, snapshot.job)
    try:
        body = msgspec.msgpack.encode(whole, enc_hook=as_bytes)
    except WRONG as error:
        raise Unfit(f"it cannot be packed: {error}") from error
    raw = sealed(MARK, body)
    if unpack(raw, aggregate, fold) != snapshot:
        raise Unfit("it would not be read as it was written")
    return raw


def sealed(mark: bytes, body: bytes) -> bytes:
    """The bytes of a file: what it is, a checksum, and the rest."""
    return mark + hashlib.sha256(body).digest() + body


def unsealed(mark: bytes, raw: bytes) -> memoryview:
    """The rest. Raises ``Unfit`` for a file of another form, and for one that is damaged."""
    start = len(mark) + CHECKSUM_BYTES
    if raw[: len(mark)] != mark or len(raw) < start:
        raise Unfit("it is no snapshot of this form")
    body = memoryview(raw)[start:]
    if hashlib.sha256(body).digest() != raw[len(mark) : start]:
        raise Unfit("its checksum is wrong: it is damaged")
    return body


def as_bytes(value: object) -> bytes:
    """A set of numbers as its bits, the lowest first. msgspec asks for what it cannot encode.

    Not as ranges, as the views have them: a third of 100,000, here and there, takes 50 ms to read.
    """
    if not isinstance(value, Numbers):
        raise TypeError(f"a {type(value).__name__} has no place in a snapshot")
    return value.bits.to_bytes((value.bits.bit_length() + 7) // 8, "little")


def of_bytes(kind: type, value: object) -> Numbers:
    """The set of numbers again. msgspec asks for what it cannot decode."""
    if kind is not Numbers or not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} is no {kind.__name__}")
    return Numbers(int.from_bytes(value, "little"))


def unpack(raw: bytes, aggregate: Aggregate, fold: str) -> JobSnapshot:
    """The snapshot. Raises ``Unfit`` for anything but one of this aggregate, under this fold."""
    body = unsealed(MARK, raw)
    try:
        found = msgspec.msgpack.decode(body, type=Packed, dec_hook=of_bytes)
    except WRONG as error:
        raise Unfit(f"it cannot be read: {error}") from error
    if (found.aggregate, found.fold) != (aggregate, fold):
        raise Unfit(f"it is one of {found.aggregate}, or of another fold")
    job = found.job
    if (job.id, job.version) != (int(aggregate.id), found.token.version):
        raise Unfit(f"it holds job {job.id} at version {job.version}")
    return JobSnapshot(job, found.token, found.last_at)
