"""Filter programs as files, such as an administrator would put there."""

from pathlib import Path


def script(directory: Path, name: str, lines: str, mode: int = 0o755) -> str:
    """A shell program in a directory that only we can change; its path."""
    directory = directory.resolve()
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(mode)
    return str(path)
