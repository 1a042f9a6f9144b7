"""The reserve on the data directory's disk, on a real directory."""

from pathlib import Path

from adapters.bootstrap.disk import DiskReserve

BYTES = 64 * 1024


def test_a_reserve_is_held_beside_what_is_free(tmp_path: Path) -> None:
    disk = DiskReserve(tmp_path, BYTES, lambda event, **facts: None)
    found = disk.look()
    assert (tmp_path / "reserve").stat().st_size == BYTES
    assert (found.needed_bytes, found.reserve_bytes) == (BYTES, BYTES)
    assert found.free_bytes > 0
    assert found.refusal() == ""


def test_without_a_reserve_nothing_is_held_or_refused(tmp_path: Path) -> None:
    found = DiskReserve(tmp_path, 0, lambda event, **facts: None).look()
    assert (found.needed_bytes, found.reserve_bytes, found.refusal()) == (0, 0, "")
    assert not (tmp_path / "reserve").exists()


def test_a_reserve_that_cannot_be_kept_is_said_once_with_the_reason(tmp_path: Path) -> None:
    heard: list[object] = []
    place = tmp_path / "reserve"
    place.mkdir()
    disk = DiskReserve(tmp_path, BYTES, lambda event, **facts: heard.append(facts["reason"]))
    for _ in range(3):
        assert disk.look().refusal().endswith("Is a directory")
    assert heard == ["Is a directory"]
    place.rmdir()
    assert disk.look().refusal() == ""
