"""Markdown for the pages that are made from the code."""

import json
import textwrap
from collections.abc import Iterable
from typing import Final

COLUMNS: Final = 100
JSON_COLUMNS: Final = 76


def wrapped(text: str) -> str:
    """Paragraphs and the items of lists in lines that fit the page."""
    return "\n".join(
        textwrap.fill(
            line,
            COLUMNS,
            subsequent_indent="  " if line[:2] in ("- ", "* ") else "",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in text.splitlines()
    )


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell(x) for x in line)} |" for line in lines)


def cell(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def json_block(value: object) -> str:
    """JSON as a block of code."""
    return f"```json\n{shown(value, 0)}\n```"


def shown(value: object, indent: int) -> str:
    """JSON in as few lines as fit the page."""
    flat = json.dumps(value, ensure_ascii=False)
    fits = indent > 0 and indent + len(flat) < JSON_COLUMNS
    if fits or not value or not isinstance(value, dict | list):
        return flat
    within = indent + 2
    if isinstance(value, list):
        lines, (first, last) = [shown(x, within) for x in value], "[]"
    else:
        lines, (first, last) = (
            [f"{json.dumps(k)}: {shown(x, within)}" for k, x in value.items()],
            "{}",
        )
    inner = ",\n".join(" " * within + line for line in lines)
    return f"{first}\n{inner}\n{' ' * indent}{last}"
