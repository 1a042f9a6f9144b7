"""Answers to a shell that completes a command line: what may come next, and never an error."""

import os
import sys
from contextlib import suppress
from typing import Final

PROGRAM: Final = "countermand"
COMPLETE: Final = "_COUNTERMAND_COMPLETE"
"""The variable in which a shell asks, as the scripts of ``countermand completion`` do."""


def asked_by_shell() -> str:
    """What a shell asks for, "" when it is a person."""
    return os.environ.get(COMPLETE, "")


def answer(instruction: str) -> int:
    """Print what may come next."""
    from click.shell_completion import shell_complete

    from adapters.cli.verb_group import verbs

    with open(os.devnull, "w") as nowhere, suppress(Exception):
        said, sys.stderr = sys.stderr, nowhere
        try:
            return shell_complete(verbs, {}, PROGRAM, COMPLETE, instruction)
        finally:
            sys.stderr = said
    return 1
