"""Writing to stdout and stderr: what is handed in here is safe already, or made so."""

import json
import os
import sys
from typing import TextIO

from adapters.escape import safe, safe_json


class Unwritten(Exception):
    """The output is not taken. ``reader_left``: a pipe without a reader; else the disk is full."""

    def __init__(self, e: OSError) -> None:
        super().__init__(f"the output could not be written: {e.strerror}")
        self.reader_left = isinstance(e, BrokenPipeError)


def write(stream: TextIO | None, text: str, end: str = "\n") -> None:
    """Print what is already safe, or raise ``Unwritten``; a closed stream takes nothing."""
    try:
        if stream is not None:
            stream.write(text + end)
    except OSError as e:
        raise Unwritten(e) from e


def flush() -> None:
    """Everything printed is handed on, or ``Unwritten``."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as e:
        raise Unwritten(e) from e


def warn(text: str) -> None:
    """Words on stderr, line by line."""
    write(sys.stderr, safe(text))


def on_terminal(stream: TextIO | None) -> bool:
    """Whether a person looks at it."""
    return stream is not None and stream.isatty()


def unicode_out() -> bool:
    """Whether stdout takes every character."""
    return sys.stdout is not None and sys.stdout.encoding.lower().replace("-", "") == "utf8"


def colours_out() -> bool:
    """Whether stdout is a terminal that shows colours, and nobody asked for none."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") in (None, "dumb")
    return not plain and on_terminal(sys.stdout)


def columns_out() -> int | None:
    """How wide the terminal is; None when stdout is none, and nothing is ever shortened."""
    if not on_terminal(sys.stdout):
        return None
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except OSError:
        return None


def dumped(value: object, indent: int | None) -> str:
    """JSON without any character that acts on a terminal, ASCII only where the terminal is."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=not unicode_out(), indent=indent, separators=separators)
    return safe_json(text)


def in_one_line(text: str) -> str:
    """JSON text as it came, unless it would break the line or the encoding of stdout."""
    if "\n" in text or "\r" in text or not unicode_out():
        return dumped(json.loads(text), None)
    return safe_json(text)
