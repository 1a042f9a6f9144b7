"""What is checked in under docs is what the code says, and links on the page lead somewhere."""

import re

import pytest

from adapters.wire.schemas import Entry, entries
from ops.event_docs import document
from ops.write_contracts import DOCS, EVENTS, ROOT, differing, files

COMMAND = "run `make contracts` (python -m ops.write_contracts) and commit what it writes"


def test_the_files_are_those_of_the_code() -> None:
    assert [str(path.relative_to(ROOT)) for path in differing()] == [], COMMAND


def test_they_are_made_the_same_each_time() -> None:
    assert files() == files()
    assert all(content.endswith(b"\n") for content in files().values())
    assert {x.name for x in EVENTS.iterdir()} == {f"{x.stem}.json" for x in entries()}


def test_every_link_on_the_page_leads_somewhere() -> None:
    page = document()
    headings = {x.lower().replace(" ", "-") for x in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) > 150
    for target in links:
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (DOCS / target).exists(), target


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_every_event_is_told_with_its_fields_and_an_example(entry: Entry) -> None:
    section = document().split(f"\n### {entry.name}\n")[1].split("\n### ")[0].split("\n## ")[0]
    fields = entry.fact.__struct_fields__
    assert all(f"\n| `{field}` |" in section for field in fields)
    assert ("```json" in section) == bool(fields)
    assert f"schema/events/{entry.stem}.json" in section
