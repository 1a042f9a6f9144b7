"""A snapshot is read as it was written, whatever the job has been through, or not at all."""

import hashlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from adapters.snapshots.packing import MARK, Packed, pack, unpack
from adapters.snapshots.wide import Wide, put_back, taken_out
from application.snapshots import Unfit
from domain.events import job_aggregate
from tests.adapters.snapshots.made import AGGREGATE, FOLD, lived, snapshot
from tests.domain.test_laws import Began, Move, lives, moves

wide_numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(0, 5000).map(lambda bits: (1 << bits) - 1),
    st.integers(0, 5000).map(lambda bits: -(1 << bits)),
    st.sampled_from((0, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1)),
)


class Part(Struct, frozen=True):
    bits: int
    name: str
    many: tuple[int, ...] = ()


class Whole(Struct, frozen=True):
    """As the state of a job may come to be: sets of bits in structs in dicts."""

    parts: dict[int, Part]
    by_part: dict[Part, int]
    bits: int
    at: datetime
    yes: bool = True


parts = st.builds(Part, wide_numbers, st.text(max_size=5), st.tuples(wide_numbers, wide_numbers))
narrow = st.builds(Part, st.integers(0, 9), st.text(max_size=5))
wholes = st.builds(
    Whole,
    st.dictionaries(st.integers(0, 9), parts, max_size=4),
    st.dictionaries(narrow, wide_numbers, max_size=4),
    wide_numbers,
    st.datetimes(timezones=st.just(UTC)),
)


def with_checksum(body: bytes) -> bytes:
    """As somebody would make it who knows how."""
    return MARK + hashlib.sha256(body).digest() + body


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(lives, st.lists(moves, max_size=25))
def test_whatever_a_job_lived_through_is_read_as_it_was(began: Began, happens: list[Move]) -> None:
    made = snapshot(lived(began, happens))
    assert unpack(pack(AGGREGATE, made, FOLD), AGGREGATE, FOLD) == made


@given(wide_numbers, wide_numbers)
def test_numbers_of_any_size_in_a_job_are_too(stopped: int, code: int) -> None:
    made = snapshot(replace(lived(), stopped=stopped, error_code=code))
    assert unpack(pack(AGGREGATE, made, FOLD), AGGREGATE, FOLD) == made


@given(wholes)
def test_wide_numbers_are_taken_out_anywhere_and_put_back(whole: Whole) -> None:
    narrow, wides = taken_out(whole)
    raw = msgspec.msgpack.encode((narrow, wides))
    again, found = msgspec.msgpack.decode(raw, type=tuple[Whole, tuple[Wide, ...]])
    assert put_back(again, found) == whole


def test_a_set_of_a_million_bits_costs_what_it_holds() -> None:
    made = snapshot(replace(lived(), stopped=(1 << 1_000_000) - 1))
    assert len(pack(AGGREGATE, made, FOLD)) < 130_000


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


@pytest.mark.parametrize(
    "path",
    [(), ("no",), ("name",), ("tasks",), ("tasks", 99), ("tasks", 0, "spec"), ("stopped", 1)],
)
def test_numbers_in_places_that_are_none_are_unfit(path: tuple[str | int, ...]) -> None:
    made = snapshot(lived())
    wides = (Wide(path, b"\x01"),)
    whole = Packed(FOLD, AGGREGATE, made.token, made.last_at, made.job, wides)
    with pytest.raises(Unfit):
        unpack(with_checksum(msgspec.msgpack.encode(whole)), AGGREGATE, FOLD)


def test_a_job_at_another_version_than_it_says_is_unfit() -> None:
    made = snapshot(lived())
    job = replace(made.job, version=made.job.version + 1)
    whole = Packed(FOLD, AGGREGATE, made.token, made.last_at, job)
    with pytest.raises(Unfit, match="at version"):
        unpack(with_checksum(msgspec.msgpack.encode(whole)), AGGREGATE, FOLD)
