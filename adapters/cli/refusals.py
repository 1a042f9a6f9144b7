"""Why nothing was done: words on stderr for usage errors and failures, and their exit status."""

import os
import sys

import click

from adapters.cli.exits import Failure
from adapters.cli.printing.stdout import warn


def check_arguments(arguments: list[str]) -> None:
    """Refuse arguments that are not valid text in the locale's encoding: JSON cannot carry them."""
    for n, argument in enumerate(arguments, start=1):
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            raise click.UsageError(
                f"argument {n} is not valid {sys.getfilesystemencoding().upper()} text: "
                f"{os.fsencode(argument).decode('utf-8', 'backslashreplace')}"
            ) from None


def say_usage(e: click.ClickException) -> int:
    """Say what was wrong with the command line and what is allowed."""
    context = e.ctx if isinstance(e, click.UsageError) else None
    if context is not None:
        warn(context.get_usage().replace("\n", " "))
    warn(f"countermand: {e.format_message()}")
    if context is not None and "--help" in context.help_option_names:
        warn(f"`{context.command_path} --help` says what is allowed")
    return e.exit_code


def say_failure(e: Failure) -> int:
    """Say what went wrong and what helps; a text of several lines stays one."""
    for n, line in enumerate(e.words.split("\n")):
        warn(line if n else f"countermand: {line}")
    return e.status
