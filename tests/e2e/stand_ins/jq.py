"""Stands in for the ``jq`` command where there is none: jq itself, from its library.

python -m tests.e2e.stand_ins.jq [-r] [-c] [-a] [--unbuffered] FILTER [FILE...]
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from typing import Any, Final

JQ: Final[Any] = importlib.import_module("jq")


def main() -> None:
    """Every output of the filter for every input, a line each."""
    parser = argparse.ArgumentParser("jq", allow_abbrev=False)
    for short, name in ("r", "raw-output"), ("c", "compact-output"), ("a", "ascii-output"):
        parser.add_argument(f"-{short}", f"--{name}", action="store_true")
    parser.add_argument("--unbuffered", action="store_true")
    parser.add_argument("filter")
    parser.add_argument("files", nargs="*")
    asked = parser.parse_args()
    program = JQ.compile(asked.filter)
    for line in lines(asked.files):
        for output in program.input_text(line):
            sys.stdout.write(text(output, asked) + "\n")
            sys.stdout.flush()


def lines(files: list[str]) -> Iterator[str]:
    """Inputs: JSON documents, each on a line of its own, or one a file."""
    for source in files:
        with open(source, encoding="utf-8") as file:
            yield file.read()
    if not files:
        yield from iter(sys.stdin.readline, "")


def text(output: object, asked: argparse.Namespace) -> str:
    """An output as jq prints it."""
    if asked.raw_output and isinstance(output, str):
        return output
    if asked.compact_output:
        return json.dumps(output, ensure_ascii=asked.ascii_output, separators=(",", ":"))
    return json.dumps(output, ensure_ascii=asked.ascii_output, indent=2)


if __name__ == "__main__":
    main()
