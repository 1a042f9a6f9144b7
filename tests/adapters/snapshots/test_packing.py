"""A snapshot is read as it was written, whatever the job has been through, or not at all."""

import hashlib

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.snapshots.packing import MARK, Packed, as_bytes, pack, unpack
from application.snapshots import Unfit
from domain.events import job_aggregate
from domain.job import Subtasks
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


sets = st.one_of(
    st.frozensets(st.integers(0, 200)).map(lambda some: Numbers(sum(1 << n for n in some))),
    st.integers(0, 5000).map(lambda last: Numbers.between(1, last)),
    st.integers(0, 5000).map(Numbers.one),
)


@given(sets, sets, st.dictionaries(st.integers(1, 9), sets, max_size=3))
def test_sets_of_numbers_of_any_size_are_too(
    waiting: Numbers, failed: Numbers, attempts: dict[int, Numbers]
) -> None:
    job = lived()
    subtasks = Subtasks(5000, waiting, failed=failed, attempts=attempts)
    sweep = replace(job.tasks[1], subtasks=subtasks)
    made = snapshot(replace(job, tasks=job.tasks | {1: sweep}))
    assert unpack(pack(AGGREGATE, made, FOLD), AGGREGATE, FOLD) == made


def test_a_set_of_a_million_costs_its_bits() -> None:
    job = lived()
    sweep = replace(job.tasks[1], subtasks=Subtasks(1_000_000, Numbers.between(1, 1_000_000)))
    made = snapshot(replace(job, tasks=job.tasks | {1: sweep}))
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
    for stopped in ("three", 2**64, object()):
        with pytest.raises(Unfit):
            pack(AGGREGATE, snapshot(replace(lived(), stopped=stopped)), FOLD)


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


def test_a_job_at_another_version_than_it_says_is_unfit() -> None:
    made = snapshot(lived())
    job = replace(made.job, version=made.job.version + 1)
    whole = Packed(FOLD, AGGREGATE, made.token, made.last_at, job)
    with pytest.raises(Unfit, match="at version"):
        unpack(with_checksum(msgspec.msgpack.encode(whole, enc_hook=as_bytes)), AGGREGATE, FOLD)
