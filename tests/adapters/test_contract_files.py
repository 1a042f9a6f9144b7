"""What is checked in under docs is what the code says,."""

import pytest

from adapters.wire.schemas import Entry, entries
from ops import event_docs
from ops.write_contracts import EVENTS, ROOT, differing, files

COMMAND = "run `make contracts` (python -m ops.write_contracts) and commit what it writes"


def test_the_files_are_those_of_the_code() -> None:
    assert [str(path.relative_to(ROOT)) for path in differing()] == [], COMMAND


def test_they_are_made_the_same_each_time() -> None:
    assert files() == files()
    assert all(content.endswith(b"\n") for content in files().values())
    assert {x.name for x in EVENTS.iterdir()} == {f"{x.stem}.json" for x in entries()}


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_event_is_told_with_its_fields_and_an_example(entry: Entry) -> None:
    section = (
        event_docs.document().split(f"\n### {entry.name}\n")[1].split("\n### ")[0].split("\n## ")[0]
    )
    fields = entry.fact.__struct_fields__
    assert all(f"\n| `{field}` |" in section for field in fields)
    assert ("```json" in section) == bool(fields)
    assert f"schema/events/{entry.stem}.json" in section
