"""A stop is on the disk before anything is done, whole or not at all; a change shows."""

import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from adapters.spool import REFUSED_MAX, FileSpool
from application.emergency_spool import SpooledOutcome, SpooledRefusal, SpooledStop
from domain.events import RunRange, RunSet
from domain.identity import Caller, Origin, Principal, Role
from domain.states import EmergencyOutcome, JobState
from tests.domain.builders import ALLOWED, DENIED

NOW: Final = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
ROOT: Final = Caller(Principal("root", (Role.ADMINISTRATOR,), method="unix"), origin=Origin.CLI)
STOP: Final = SpooledStop(
    *("0193571e-9a40-7000-8000-000000000001", 17, ROOT, NOW, 0, "fire \u2713", "fire", "no answer"),
    *(41, 8, JobState.RUNNING, RunSet(2, (RunRange(1, 1, "n1"), RunRange(2, 3, "n1"))), ALLOWED),
)
REFUSAL: Final = SpooledRefusal(
    *("0193571e-9a40-7000-8000-000000000002", 17, ROOT, NOW, 0, "fire \u2713", "fire", "no answer"),
    *(41, 8, JobState.RUNNING, DENIED),
)
SEEN: Final = SpooledOutcome(NOW, EmergencyOutcome.STOPPED, 2, 5, 0)


@pytest.fixture
def spool(tmp_path: Path) -> FileSpool:
    return FileSpool(tmp_path / "spool" / "emergency")


def file_of(spool: FileSpool, stop: SpooledStop = STOP) -> Path:
    return spool.directory / f"{stop.id}.json"


def test_a_stop_comes_back_as_it_was_written(spool: FileSpool) -> None:
    assert not spool.pending()
    assert not (*spool.recorded(), *spool.damaged())
    spool.put(STOP)
    (found,) = spool.pending()
    assert (found.stop, found.outcome) == (STOP, None)
    assert stat.S_IMODE(file_of(spool).stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.directory.stat().st_mode) == 0o700


def test_the_outcome_stands_behind_what_was_written_before(spool: FileSpool) -> None:
    spool.put(STOP)
    before = file_of(spool).read_bytes()
    done = spool.complete(STOP.id, SEEN)
    raw = file_of(spool).read_bytes()
    assert raw.startswith(before)
    assert (done.stop, done.outcome) == (STOP, SEEN)
    assert done.sha256 == hashlib.sha256(raw).hexdigest()
    assert spool.pending() == (done,)


def test_people_can_read_it(spool: FileSpool) -> None:
    spool.put(STOP)
    said = json.loads(file_of(spool).read_text())["said"]
    assert (said["message"], said["uid"], said["job"]) == ("fire \u2713", 0, 17)


def test_what_is_recorded_is_kept_as_it_is(spool: FileSpool) -> None:
    later = replace(STOP, id="0193571e-9a40-7000-8000-000000000002")
    for stop in (later, STOP):
        spool.put(stop)
    assert [x.stop.id for x in spool.pending()] == [STOP.id, later.id]
    raw = file_of(spool).read_bytes()
    spool.keep(STOP.id)
    spool.keep(STOP.id)
    assert [x.stop.id for x in spool.pending()] == [later.id]
    assert spool.recorded() == (STOP.id,)
    assert (spool.directory / "recorded" / f"{STOP.id}.json").read_bytes() == raw


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"uid":0', b'"uid":1', "the SHA-256 differs"),
        (b'"kind":"stop"', b'"kind":"outcome"', "not 'stop'"),
        (b'{"kind"', b'{"kin', "has another form"),
        (b"\n", b"\n\n\n", "it has 3 lines"),
    ],
)
def test_a_file_that_was_changed_is_named_and_never_recorded(
    spool: FileSpool, before: bytes, after: bytes, words: str
) -> None:
    spool.put(STOP)
    path = file_of(spool)
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    assert spool.pending() == ()
    (flaw,) = spool.damaged()
    assert str(path) in flaw
    assert words in flaw


def test_a_file_under_another_name_is_damaged(spool: FileSpool) -> None:
    spool.put(STOP)
    file_of(spool).rename(spool.directory / "other.json")
    (flaw,) = spool.damaged()
    assert f"it holds the stop {STOP.id}" in flaw


def test_what_a_crash_left_beside_is_not_looked_at(spool: FileSpool) -> None:
    spool.put(STOP)
    (spool.directory / f"{STOP.id}.json.new").write_bytes(b"half")
    assert len(spool.pending()) == 1
    assert spool.damaged() == ()


def test_a_refusal_is_kept_apart_and_put_aside(spool: FileSpool) -> None:
    for _ in range(2):
        spool.refuse(REFUSAL)
        assert spool.refused() == (REFUSAL,)
        assert (spool.pending(), spool.damaged()) == ((), ())
        spool.keep_refused(REFUSAL.id)
        spool.keep_refused(REFUSAL.id)
        assert spool.refused() == ()
    assert (spool.directory / "refused" / "recorded" / f"{REFUSAL.id}.json").exists()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (b'"uid":0', b'"uid":1', "the SHA-256 differs"),
        (b"\n", b"\n\n", "it has 2 lines"),
        (b'"kind":"refusal"', b'"kind":"stop"', "not 'refusal'"),
    ],
)
def test_a_refusal_that_was_changed_is_named(
    spool: FileSpool, before: bytes, after: bytes, words: str
) -> None:
    spool.refuse(REFUSAL)
    path = spool.directory / "refused" / f"{REFUSAL.id}.json"
    path.write_bytes(path.read_bytes().replace(before, after, 1))
    assert spool.refused() == ()
    (flaw,) = spool.damaged()
    assert str(path) in flaw
    assert words in flaw


def test_only_so_many_refusals_wait(spool: FileSpool) -> None:
    spool.refuse(REFUSAL)
    aside = spool.directory / "refused"
    for number in range(1, REFUSED_MAX):
        (aside / f"{number}.json").touch()
    with pytest.raises(OSError, match="wait in"):
        spool.refuse(replace(REFUSAL, id="one-more"))
