"""No document shows a command that no test runs."""

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "ops").glob("*.md")),
]
RUNNERS: Final = "".join(x.read_text() for x in (ROOT / "tests" / "e2e").glob("test_*.py"))
FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INDENTED: Final = re.compile(r"^(?:- .*|\s*|)\n((?:    .*\n)+)", re.MULTILINE)
PROGRAMS: Final = "countermand|curl|nats|make|python3?|tar|jq|export|schemathesis|pip"
COMMAND: Final = re.compile(rf"^\s*(?:[$>] |(?:{PROGRAMS}) )", re.MULTILINE)
NO_COMMANDS: Final = {"console", "ini", "json", "python", "sh", "toml", "text"}
"""Languages of blocks: what stands in the first is run, in the others there are no commands.

A block of ``sh`` is a whole program, which a test saves where its second line says, and runs.
"""

PROGRAM: Final = re.compile(r"#!/bin/sh\n# /\S+\n")


def name_of(page: Path) -> str:
    """Its path in the repository."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_stand_in_blocks_that_are_run(page: Path) -> None:
    text = page.read_text()
    assert {language for language, _ in FENCE.findall(text)} <= NO_COMMANDS
    for language, block in FENCE.findall(text):
        assert language != "sh" or PROGRAM.match(block), block
    for block in INDENTED.findall(FENCE.sub("", text)):
        assert not COMMAND.search(block), block


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_with_commands_is_run(page: Path) -> None:
    shows = any(language == "console" for language, _ in FENCE.findall(page.read_text()))
    assert not shows or f'document("{name_of(page)}")' in RUNNERS


@pytest.mark.parametrize(
    "text",
    [
        "One\n\n    countermand cancel 17\n",
        "- a point\n\n      curl http://x\n",
        "One\n\n    $ ls\n",
        "- a point\n    make test\n",
    ],
)
def test_a_command_in_another_block_is_seen(text: str) -> None:
    assert any(COMMAND.search(block) for block in INDENTED.findall(text))
