"""The pure parts of the fault suite: its choices, its looks for what is missing, its table."""

import json
from pathlib import Path

import pytest

from tests.faults.blocks import Damage
from tests.faults.evidence import Memory, copies_differ, missing, unlike
from tests.faults.kills import ROUNDS, Victim, choice_of
from tests.faults.load import Told
from tests.faults.report import Row, counted, table

TOLD = Told("k", 7, "why", "id-1", 3)
RAW = json.dumps({"id": "id-1", "subject": "job/7", "data": {"message": "why"}}).encode()


def test_a_seed_makes_the_same_choices_again_and_all_kinds_of_them_come_up() -> None:
    choices = [choice_of(seed) for seed in range(ROUNDS)]
    assert choices == [choice_of(seed) for seed in range(ROUNDS)]
    assert {one.victim for one in choices} == set(Victim)
    assert any(one.start_seconds for one in choices)
    assert not any(one.start_seconds for one in choices if one.victim is Victim.SERVER)


@pytest.mark.parametrize(
    "held",
    [
        {},
        {4: RAW},
        {3: b""},
        {3: b"[]"},
        {3: RAW.replace(b"id-1", b"id-2")},
        {3: RAW.replace(b"job/7", b"job/8")},
        {3: RAW.replace(b"why", b"Why")},
    ],
)
def test_what_is_not_at_its_place_as_it_was_told_is_missing(held: dict[int, bytes]) -> None:
    assert missing([TOLD], {3: RAW}) == []
    assert missing([TOLD], held) == [TOLD]


def test_bytes_that_change_or_go_are_found() -> None:
    assert unlike({1: b"a", 2: b"b", 3: b"c"}, {1: b"a", 2: b"x"}) == [2, 3]
    assert copies_differ({1: b"a", 2: b"b"}, [(1, b"a"), (3, b"c")]) == [2, 3]
    memory = Memory()
    assert memory.changed({1: b"a"}) == []
    assert memory.changed({1: b"a", 2: b"b"}) == []
    assert memory.changed({1: b"a", 2: b"c"}) == [2]


def test_a_flip_changes_one_bit_and_a_cut_the_length(tmp_path: Path) -> None:
    file = tmp_path / "1.blk"
    file.write_bytes(bytes(10))
    Damage(Path("1.blk"), 4, 3, "").do(tmp_path)
    assert file.read_bytes() == bytes(4) + b"\x08" + bytes(5)
    Damage(Path("1.blk"), 4, None, "").do(tmp_path)
    assert file.read_bytes() == bytes(4)


def test_the_table_names_what_broke_a_promise() -> None:
    good = Row("one", 2, "all", "it went on", 1234, 0)
    told = table([good])
    assert told.splitlines()[-1] == "| one | 2 | all | it went on | 1,234 | 0 | - |"
    bad = Row("two", 1, "a|b", "", 1, 1, "refused", ("event 3 is gone",))
    told = table([good, bad])
    assert "| two | 1 | a\\|b |  | 1 | 1 | refused |" in told
    assert told.endswith("- **two**: event 3 is gone")
    assert counted(["b", "a", "a", ""]) == "2 x a; b"
