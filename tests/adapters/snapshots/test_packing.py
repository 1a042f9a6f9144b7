"""A snapshot is read as it was written, whatever the job has been through, or not at all."""

import hashlib

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.snapshots.packing import CHECKSUM_BYTES, MARK, Packed, pack, unpack
from adapters.wire.packed import packed
from application.snapshots import Unfit
from domain.events import job_aggregate
from domain.job import Job, Subtasks
from domain.numbers import Numbers
from tests.adapters.snapshots.made import AGGREGATE, FOLD, lived, snapshot
from tests.domain.test_laws import Began, Move, lives, moves


def with_checksum(body: bytes) -> bytes:
    """As somebody would make it who knows how."""
    return MARK + hashlib.sha256(body).digest() + body


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(lives, st.lists(moves, max_size=25))
def test_whatever_a_job_lived_through_is_read_as_it_was(began: Began, happens: list[Move]) -> None:
    made = snapshot(lived(began, happens))
    assert unpack(pack(AGGREGATE, made, FOLD), AGGREGATE, FOLD) == made


def test_a_sweep_of_a_million_subtasks_costs_a_few_bytes() -> None:
    made = snapshot(swept("1-3,5-1000000"))
    raw = pack(AGGREGATE, made, FOLD)
    assert len(raw) < 4000
    assert unpack(raw, AGGREGATE, FOLD) == made


def swept(waiting: str) -> Job:
    """A job with a sweep, of which these wait."""
    job = lived()
    subtasks = Subtasks(1_000_000, Numbers.read(waiting), canceled=Numbers.one(4))
    return replace(job, tasks={1: replace(job.tasks[1], subtasks=subtasks)})


# --- what does not fit ----------------------------------------------------------------------------


def test_another_job_and_another_fold_are_told_apart() -> None:
    raw = pack(AGGREGATE, snapshot(lived()), FOLD)
    with pytest.raises(Unfit, match="another fold"):
        unpack(raw, AGGREGATE, "e" * 64)
    with pytest.raises(Unfit, match="job/7"):
        unpack(raw, job_aggregate(8), FOLD)


def test_what_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(Unfit, match="packed"):
        pack(AGGREGATE, snapshot(replace(lived(), name="\ud800")), FOLD)
    with pytest.raises(Unfit):
        pack(AGGREGATE, snapshot(replace(lived(), stopped="three")), FOLD)


def test_one_changed_byte_anywhere_is_noticed() -> None:
    raw = pack(AGGREGATE, snapshot(lived()), FOLD)
    for n in range(len(raw)):
        changed = raw[:n] + bytes([raw[n] ^ 1]) + raw[n + 1 :]
        with pytest.raises(Unfit):
            unpack(changed, AGGREGATE, FOLD)
        with pytest.raises(Unfit):
            unpack(raw[:n], AGGREGATE, FOLD)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_do_harm(body: bytes) -> None:
    for raw in (body, with_checksum(body)):
        with pytest.raises(Unfit):
            unpack(raw, AGGREGATE, FOLD)


@pytest.mark.parametrize(
    "body",
    [b"\x91" * 100_000 + b"\x00", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xd6\xff"],
    ids=["deep", "a huge list", "huge bytes", "half a time"],
)
def test_nor_do_those_of_somebody_who_means_it(body: bytes) -> None:
    with pytest.raises(Unfit):
        unpack(with_checksum(body), AGGREGATE, FOLD)


@pytest.mark.parametrize("ranges", ["1-", "a", "3-1", "-1", "1-99999999999999", "1,,2"])
def test_ranges_that_are_none_are_unfit(ranges: str) -> None:
    raw = pack(AGGREGATE, snapshot(swept("77777-88888")), FOLD)
    body = raw[len(MARK) + CHECKSUM_BYTES :]
    text = b"77777-88888"
    assert body.count(text) == 1
    forged = body.replace(bytes([0xA0 + len(text)]) + text, msgspec.msgpack.encode(ranges))
    with pytest.raises(Unfit):
        unpack(with_checksum(forged), AGGREGATE, FOLD)


def test_a_job_at_another_version_than_it_says_is_unfit() -> None:
    made = snapshot(lived())
    job = replace(made.job, version=made.job.version + 1)
    whole = Packed(FOLD, AGGREGATE, made.token, made.last_at, job)
    with pytest.raises(Unfit, match="at version"):
        unpack(with_checksum(packed(whole)), AGGREGATE, FOLD)
