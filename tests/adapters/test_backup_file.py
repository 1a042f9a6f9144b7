"""The file of a backup: whole under its name or not there, and refused when a byte is another."""

import os
from pathlib import Path

import pytest
from msgspec import Raw

from adapters.bootstrap.backup_file import (
    HEADER_BYTES,
    BackupWriter,
    Header,
    data_of,
    read_header,
    verified,
)
from domain.errors import Corrupt, Misconfigured

HEADER = Header(
    cluster="hpc1",
    stream="COUNTERMAND",
    log_id="a/b",
    last=7,
    taken_at="2026-11-23T07:00:00+00:00",
    config=Raw(b'{"name":"COUNTERMAND"}'),
    state=Raw(b'{"last_seq":7}'),
)
DATA = (b"first chunk ", b"and the second")
NOBODY = lambda done, total: None  # noqa: E731


def made(path: Path, *, force: bool = False) -> Header:
    with BackupWriter(path, force=force) as writer:
        for chunk in DATA:
            writer.write(chunk)
        header = writer.seal(HEADER)
        assert not path.exists() or force
        writer.publish()
        return header


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "backup"
    made(path)
    return path


def test_what_was_written_is_read(path: Path) -> None:
    seen: list[tuple[int, int]] = []
    header = verified(path, lambda done, total: seen.append((done, total)))
    assert (header.cluster, header.last, header.data_bytes) == ("hpc1", 7, 26)
    assert bytes(header.config) == b'{"name":"COUNTERMAND"}'
    assert b"".join(data_of(path)) == b"".join(DATA)
    assert seen[-1] == (26, 26)
    assert read_header(path) == header
    assert path.stat().st_mode & 0o777 == 0o600
    assert [x.name for x in path.parent.iterdir()] == ["backup"]


def test_a_file_that_is_there_is_replaced_for_force_alone(path: Path) -> None:
    before = path.read_bytes()
    path.write_bytes(before + b"x")
    with pytest.raises(Misconfigured, match="stays as it is"):
        made(path)
    assert path.read_bytes() == before + b"x"
    made(path, force=True)
    assert path.read_bytes() == before


def test_a_name_taken_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    with BackupWriter(path, force=False) as writer:
        path.write_bytes(b"somebody else's")
        writer.seal(HEADER)
        with pytest.raises(Misconfigured, match="stays as it is"):
            writer.publish()
    assert path.read_bytes() == b"somebody else's"
    assert [x.name for x in tmp_path.iterdir()] == ["backup"]


def test_nothing_is_left_of_one_that_failed(tmp_path: Path) -> None:
    def broken_off() -> None:
        with BackupWriter(tmp_path / "backup", force=False) as writer:
            writer.write(b"half")
            assert (tmp_path / "backup.part").exists()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken_off()
    assert [*tmp_path.iterdir()] == []


def test_what_a_crash_left_is_written_over_and_two_at_a_time_are_not(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    (tmp_path / "backup.part").write_bytes(b"x" * 100_000)
    with BackupWriter(path, force=False):
        with pytest.raises(Misconfigured, match="another backup writes"):
            made(path)
        assert (tmp_path / "backup.part").exists()
    made(path)
    verified(path, NOBODY)


def test_what_a_crash_left_under_both_names_stays_a_backup(path: Path) -> None:
    part = path.with_name("backup.part")
    os.link(path, part)
    with BackupWriter(path, force=True) as writer:
        writer.write(b"half of a new one")
        verified(path, NOBODY)
    assert [*path.parent.iterdir()] == [path]
    verified(path, NOBODY)


def test_a_link_that_somebody_laid_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    (tmp_path / "backup.part").symlink_to(tmp_path / "precious")
    with pytest.raises(Misconfigured, match="cannot be written"):
        made(tmp_path / "backup")
    assert (tmp_path / "precious").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["absent/backup", "."])
def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(Misconfigured):
        made(tmp_path / name)
    with pytest.raises(Misconfigured, match="is a directory"):
        made(Path("."))


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (HEADER_BYTES + 10, "cut short: 10 of 26 bytes"),
        (HEADER_BYTES, "cut short"),
        (900, "header"),
        (30, "header"),
    ],
)
def test_a_truncated_file_is_refused_by_name(path: Path, length: int, words: str) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(Corrupt, match=words) as caught:
        verified(path, NOBODY)
    assert str(path) in caught.value.message


def test_a_longer_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(Corrupt, match="4 bytes stand behind its end"):
        verified(path, NOBODY)


@pytest.mark.parametrize("place", [25, 100, 600, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 25])
def test_one_other_byte_anywhere_is_refused(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)
    with pytest.raises(Corrupt, match="is damaged"):
        verified(path, NOBODY)


def test_something_else_is_no_backup(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(Misconfigured, match="is no backup"):
        verified(path, NOBODY)
    path.write_bytes(b"countermand-backup 2\n{}\n")
    with pytest.raises(Misconfigured, match="has the format '2'; this program reads 1"):
        verified(path, NOBODY)
    with pytest.raises(Misconfigured, match="cannot be read"):
        verified(tmp_path / "absent", NOBODY)
