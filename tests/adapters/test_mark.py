"""The mark's file: whole or as it was before, whatever becomes of a writing."""

from pathlib import Path

import pytest

from adapters.mark import SLOT_BYTES, FileMark
from application.ports import Mark
from domain.errors import Misconfigured, Unavailable


def mark(position: int) -> Mark:
    return Mark("COUNTERMAND/2026", position, f"{position:064x}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "disk" / "mark"


def test_none_where_there_never_was_one(path: Path) -> None:
    assert FileMark(path).read() is None


def test_what_is_written_is_read(path: Path) -> None:
    file = FileMark(path)
    file.begin(mark(0))
    assert path.stat().st_mode & 0o777 == 0o600
    for n in range(1, 6):
        file.write(mark(n))
        assert FileMark(path).read() == mark(n)
    assert path.stat().st_size == 2 * SLOT_BYTES


def test_whoever_opens_it_next_goes_on(path: Path) -> None:
    FileMark(path).begin(mark(1))
    for n in range(2, 8):
        file = FileMark(path)
        assert file.read() == mark(n - 1)
        file.write(mark(n))
    assert FileMark(path).read() == mark(7)


@pytest.mark.parametrize("torn", [1, 100, SLOT_BYTES - 1])
def test_a_torn_writing_leaves_the_one_before(path: Path, torn: int) -> None:
    file = FileMark(path)
    file.begin(mark(1))
    file.write(mark(2))
    raw = bytearray(path.read_bytes())
    raw[SLOT_BYTES : SLOT_BYTES + torn] = b"\0" * torn
    path.write_bytes(raw)
    assert FileMark(path).read() == mark(2)
    raw[:torn] = b"\0" * torn
    path.write_bytes(raw)
    with pytest.raises(Misconfigured, match="is damaged"):
        FileMark(path).read()


def test_a_changed_number_is_not_believed(path: Path) -> None:
    FileMark(path).begin(mark(41))
    path.write_bytes(path.read_bytes().replace(b'"position":41', b'"position":14'))
    with pytest.raises(Misconfigured, match="is damaged"):
        FileMark(path).read()


def test_a_file_that_is_gone_is_told(path: Path) -> None:
    file = FileMark(path)
    with pytest.raises(Unavailable, match="cannot be written"):
        file.write(mark(1))
