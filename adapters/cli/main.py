"""The console script ``countermand``: runs a verb, and turns whatever happens into an exit status.

No stack trace reaches a person, unless they ask for it with COUNTERMAND_DEBUG=1.
"""

import os
import sys
from typing import Final

DEBUG: Final = "COUNTERMAND_DEBUG"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, return its exit status."""
    try:
        return run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return interrupted()
    except Exception as e:
        return unforeseen(e)


def run(arguments: list[str]) -> int:
    """Run the verb; usage errors and failures are said here."""
    import gc

    gc.disable()  # a verb is over before it would pay; verbs that stay turn it on again
    from adapters.cli.shell import answer, asked_by_shell

    if asked_by_shell():
        return answer(asked_by_shell())

    import click

    from adapters.cli.exits import Failure
    from adapters.cli.printing.stdout import Unwritten, flush
    from adapters.cli.refusals import check_arguments, say_failure, say_usage
    from adapters.cli.verb_group import verbs

    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            check_arguments(arguments)
            with verbs.make_context("countermand", list(arguments)) as context:
                return int(verbs.invoke(context) or 0)
        finally:
            flush()
    except click.exceptions.Exit as e:
        return e.exit_code
    except Unwritten as e:
        return unheard(e.reader_left, str(e))
    except click.Abort:
        return interrupted()
    except click.ClickException as e:
        return say_usage(e)
    except Failure as e:
        return say_failure(e)


def interrupted() -> int:
    """Ctrl-C."""
    print("interrupted", file=sys.stderr)
    return 130


def unheard(reader_left: bool, sentence: str) -> int:
    """stdout takes nothing more: no words if its reader left; none at the interpreter's end."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    if not reader_left:
        print(f"countermand: {sentence}", file=sys.stderr)
    return 1


def unforeseen(e: Exception) -> int:
    """The last resort: one sentence."""
    if os.environ.get(DEBUG):
        import traceback

        traceback.print_exc()
        return 1
    from adapters.escape import safe

    what = safe(f"{type(e).__name__}: {e}")
    print(
        f"countermand: this went wrong and should not have: {what}; {DEBUG}=1 shows where",
        file=sys.stderr,
    )
    return 1
