"""Every name that was ever released is read for ever."""

from pathlib import Path

import msgspec
import pytest

from adapters.wire import WIRE_NAMES, decode, token_of
from domain.events import Recorded
from tests.golden.write import AGGREGATE, CALLER, CLUSTER, DIRECTORY, TIME, VERSION, missing

FILES = sorted(DIRECTORY.glob("*.json"))


def test_every_registered_name_has_its_file() -> None:
    assert [WIRE_NAMES[fact] for fact in missing()] == [], "run: python -m tests.golden.write"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_file_is_read(path: Path) -> None:
    raw = path.read_bytes()
    fact = decode(raw, CLUSTER, AGGREGATE, token_of(path.stem)).fact
    assert isinstance(fact, Recorded), fact
    assert (fact.aggregate, fact.version, fact.time) == (AGGREGATE, VERSION, TIME)
    assert fact.event.caller == CALLER
    stored = msgspec.json.decode(raw)["data"]
    assert_kept(stored, msgspec.to_builtins(fact.data))


def assert_kept(stored: object, decoded: object) -> None:
    """All that is stored is decoded. What is decoded may have more: fields with defaults."""
    if isinstance(stored, dict):
        assert isinstance(decoded, dict)
        for key, value in stored.items():
            assert_kept(value, decoded[key])
    elif isinstance(stored, list):
        assert isinstance(decoded, list | tuple)
        for one, other in zip(stored, decoded, strict=True):
            assert_kept(one, other)
    else:
        assert stored == decoded
