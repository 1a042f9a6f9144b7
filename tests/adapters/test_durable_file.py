"""Files that are there whole or as they were before."""

from pathlib import Path

import pytest

from adapters.durable_file import put_new, replacing, write_durably


def write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise ZeroDivisionError


def names_in(directory: Path) -> list[str]:
    return sorted(x.name for x in directory.iterdir())


def test_a_file_is_replaced_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a longer one that stood here before")
    path.chmod(0o644)
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["a"]


def test_a_block_that_fails_leaves_what_was_there_and_the_next_one_replaces_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    write_durably(path, b"old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_bytes() == b"old"
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a"]


def test_a_link_that_stands_where_it_is_written_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / "a.new").symlink_to(tmp_path / "victim")
    write_durably(tmp_path / "a", b"new")
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    assert (tmp_path / "a").read_bytes() == b"new"
    assert not (tmp_path / "a").is_symlink()


def test_a_name_that_is_taken_is_not_given_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    put_new(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"a"
    (tmp_path / "c").write_bytes(b"c")
    with pytest.raises(FileExistsError):
        put_new(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_bytes() == b"c"
