"""Rules that were in force before: handed over, and missed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from adapters.cli.printing.output import Output

former_rules: Final = click.option(
    "--policy",
    "files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Rules that were in force before, for decisions that were made by them; repeatable.",
)
"""Gives the verb ``files``."""


def say_unknown(out: Output, unknown: Mapping[str, int]) -> None:
    """How many decisions were made by which rules that are not here."""
    for digest, count in unknown.items():
        out.note(
            f"{count} decisions were made by rules that are not here (SHA-256 {digest}): hand them "
            "over with --policy"
        )
