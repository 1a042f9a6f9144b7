"""Snapshots in files: the newest of each job, of this fold, and nothing that others may write."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from msgspec.structs import replace

import domain
from adapters.snapshots.files import SnapshotFiles
from adapters.snapshots.fold import fold_digest
from application.snapshots import JobSnapshot, Unfit
from domain.errors import Misconfigured
from domain.events import Aggregate, job_aggregate
from tests.adapters.snapshots.made import AGGREGATE, FOLD, lived, numbered, snapshot

OTHER_FOLD = "fedcba9876543210" * 4


class Heard(list[str]):
    """``Reporter`` that keeps the names."""

    def __call__(self, event: str, **_: object) -> None:
        self.append(event)


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    return SnapshotFiles(tmp_path / "snapshots", FOLD, Heard())


def path_of(directory: Path, aggregate: Aggregate = AGGREGATE) -> Path:
    return directory / "snapshots" / FOLD[:16] / aggregate.id


def test_the_newest_is_read_also_by_the_next_process(files: SnapshotFiles, tmp_path: Path) -> None:
    assert files.read(AGGREGATE) is None
    first, job = snapshot(lived()), lived()
    files.write(AGGREGATE, first)
    assert files.read(AGGREGATE) == first
    second = snapshot(replace(job, version=job.version + 1))
    files.write(AGGREGATE, second)
    assert SnapshotFiles(tmp_path / "snapshots", FOLD, Heard()).read(AGGREGATE) == second
    assert files.read(job_aggregate(8)) is None


def test_only_the_owner_may_look(files: SnapshotFiles, tmp_path: Path) -> None:
    files.write(AGGREGATE, snapshot(lived()))
    path = path_of(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [x.name for x in path.parent.iterdir()] == [path.name]


def test_what_is_dropped_is_gone_and_may_be_dropped_again(files: SnapshotFiles) -> None:
    files.write(AGGREGATE, snapshot(lived()))
    for _ in range(2):
        files.drop(AGGREGATE)
        assert files.read(AGGREGATE) is None


def test_somebody_may_delete_all_of_it_at_any_time(files: SnapshotFiles, tmp_path: Path) -> None:
    made = snapshot(lived())
    files.write(AGGREGATE, made)
    shutil.rmtree(tmp_path / "snapshots")
    assert files.read(AGGREGATE) is None
    files.drop(AGGREGATE)
    files.write(AGGREGATE, made)
    assert files.read(AGGREGATE) == made


def test_those_of_another_fold_are_removed_and_nothing_else(tmp_path: Path) -> None:
    directory = tmp_path / "snapshots"
    SnapshotFiles(directory, OTHER_FOLD, Heard()).write(AGGREGATE, snapshot(lived()))
    (directory / "notes").mkdir()
    (directory / "notes" / "7").write_text("mine")
    files = SnapshotFiles(directory, FOLD, Heard())
    assert files.read(AGGREGATE) is None
    assert [x.name for x in directory.iterdir()] == ["notes"]
    assert (directory / "notes" / "7").read_text() == "mine"


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    elsewhere, directory = tmp_path / "elsewhere", tmp_path / "snapshots"
    elsewhere.mkdir()
    (elsewhere / "7").write_text("mine")
    directory.mkdir()
    (directory / OTHER_FOLD[:16]).symlink_to(elsewhere)
    files = SnapshotFiles(directory, FOLD, Heard())
    assert (elsewhere / "7").read_text() == "mine"
    files.write(AGGREGATE, snapshot(lived()))
    path_of(tmp_path).unlink()
    path_of(tmp_path).symlink_to(elsewhere / "7")
    with pytest.raises(Unfit):
        files.read(AGGREGATE)
    files.drop(AGGREGATE)
    assert (elsewhere / "7").read_text() == "mine"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_may_write_is_not_read(files: SnapshotFiles, tmp_path: Path, mode: int) -> None:
    files.write(AGGREGATE, snapshot(lived()))
    path_of(tmp_path).chmod(mode)
    with pytest.raises(Unfit, match="others"):
        files.read(AGGREGATE)


def test_a_pipe_or_a_directory_in_its_place_keeps_nobody_waiting(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    path = path_of(tmp_path)
    path.parent.mkdir(parents=True)
    os.mkfifo(path, 0o600)
    with pytest.raises(Unfit, match="no file"):
        files.read(AGGREGATE)
    path.unlink()
    path.mkdir()
    with pytest.raises(Unfit):
        files.read(AGGREGATE)
    with pytest.raises(Unfit, match="written"):
        files.write(AGGREGATE, snapshot(lived()))
    assert [x.name for x in path.parent.iterdir()] == [path.name], "nothing half-written stays"


def test_a_file_in_the_place_of_the_directory_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file")
    files = SnapshotFiles(tmp_path / "snapshots", FOLD, Heard())
    assert files.read(AGGREGATE) is None
    files.drop(AGGREGATE)
    with pytest.raises(Unfit, match="written"):
        files.write(AGGREGATE, snapshot(lived()))


# --- limits ---------------------------------------------------------------------------------------


def sized(tmp_path: Path, **limits: int) -> SnapshotFiles:
    return SnapshotFiles(tmp_path / "snapshots", FOLD, Heard(), **limits)


def test_one_that_is_too_large_is_neither_written_nor_read(
    files: SnapshotFiles, tmp_path: Path
) -> None:
    made = snapshot(lived())
    files.write(AGGREGATE, made)
    small = sized(tmp_path, file_bytes_max=100)
    with pytest.raises(Unfit, match="allowed are 100"):
        small.read(AGGREGATE)
    with pytest.raises(Unfit, match="allowed are 100"):
        small.write(AGGREGATE, made)


def test_the_oldest_go_when_all_are_too_large(files: SnapshotFiles, tmp_path: Path) -> None:
    made = [numbered(lived(), n) for n in range(1, 6)]
    for n, (aggregate, one) in enumerate(made):
        files.write(aggregate, one)
        os.utime(path_of(tmp_path, aggregate), ns=(n, n))
    size = path_of(tmp_path, made[0][0]).stat().st_size
    small = sized(tmp_path, all_bytes_max=3 * size + 10)
    small.write(*made[0])
    assert kept(small, made) == [1, 4, 5], "the first is the newest now"
    tiny = sized(tmp_path, all_bytes_max=1)
    tiny.write(*made[3])
    assert kept(tiny, made) == [4], "the one just written stays"


def kept(files: SnapshotFiles, made: list[tuple[Aggregate, JobSnapshot]]) -> list[int]:
    return [int(aggregate.id) for aggregate, _ in made if files.read(aggregate)]


# --- a crash --------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [1, 2, 3, 5, 8])
def test_killed_while_it_writes_it_leaves_a_whole_one(tmp_path: Path, written: int) -> None:
    command = [sys.executable, "-m", "tests.support.endless_snapshots", str(tmp_path / "snapshots")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(written):
            assert writer.stdout.readline() == b"written\n"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    heard = Heard()
    files = SnapshotFiles(tmp_path / "snapshots", FOLD, heard)
    found = files.read(AGGREGATE)
    assert found is not None
    assert found.token.version == found.job.version >= written
    assert [x.name for x in path_of(tmp_path).parent.iterdir()] == [AGGREGATE.id]
    files.write(AGGREGATE, found)
    assert heard == []


# --- the fold -------------------------------------------------------------------------------------


def package(directory: Path, **modules: str) -> ModuleType:
    """A package of these modules."""
    directory.mkdir(exist_ok=True)
    for name, source in modules.items():
        (directory / f"{name}.py").write_text(source)
    made = ModuleType("made")
    made.__path__ = [str(directory)]
    return made


def test_any_change_of_a_source_is_another_fold(tmp_path: Path) -> None:
    one = package(tmp_path / "one", a="x = 1", b="y = 2")
    same = package(tmp_path / "same", a="x = 1", b="y = 2")
    others = [
        package(tmp_path / "edited", a="x = 1", b="y = 3"),
        package(tmp_path / "renamed", a="x = 1", c="y = 2"),
        package(tmp_path / "more", a="x = 1", b="y = 2", c=""),
        package(tmp_path / "moved", a="x = 1y", b=" = 2"),
    ]
    assert fold_digest((one,)) == fold_digest((same,))
    assert len({fold_digest((x,)) for x in (one, *others)}) == 5
    assert fold_digest() == fold_digest() != fold_digest((domain,))


def test_without_sources_there_is_no_telling(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="sources"):
        fold_digest((package(tmp_path / "empty"),))
