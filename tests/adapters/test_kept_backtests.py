"""What a backtest found is looked up by its digest, and nothing else is."""

import os
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from adapters.kept_backtests import KeptBacktests
from application.backtesting import Basis, id_of

BASIS: Final = Basis("c" * 64, "d" * 64, "stream", "", "", 1, 9, 5, 4, 0, 1, *(0,) * 5, "e" * 64)


def test_it_is_found_by_its_digest(tmp_path: Path) -> None:
    kept = KeptBacktests(tmp_path / "backtests")
    assert kept.rules_of(id_of(BASIS)) == ""
    kept.keep(BASIS)
    kept.keep(BASIS)
    assert kept.rules_of(id_of(BASIS)) == "c" * 64
    assert kept.rules_of("0" * 64) == ""


def test_one_that_was_changed_is_none(tmp_path: Path) -> None:
    kept = KeptBacktests(tmp_path / "backtests")
    kept.keep(BASIS)
    path = tmp_path / "backtests" / f"{id_of(BASIS)}.json"
    path.write_bytes(path.read_bytes().replace(b"c" * 64, b"a" * 64))
    assert kept.rules_of(id_of(BASIS)) == ""
    path.write_bytes(b"")
    assert kept.rules_of(id_of(BASIS)) == ""


def test_the_oldest_of_many_are_removed(tmp_path: Path) -> None:
    kept = KeptBacktests(tmp_path / "backtests", kept_max=3)
    several = [replace(BASIS, last=number) for number in range(5)]
    for age, basis in enumerate(several):
        kept.keep(basis)
        os.utime(tmp_path / "backtests" / f"{id_of(basis)}.json", (age, age))
    kept.keep(BASIS)
    found = [x.last for x in (*several, BASIS) if kept.rules_of(id_of(x))]
    assert found == [3, 4, 9]
