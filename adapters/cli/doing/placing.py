"""Files for people: whole or not there, never over another one by mistake."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from adapters.cli.exits import FAILURE, Failure
from adapters.durable_file import put_new, sync_directory

MODE: Final = 0o600
NAME_BYTES: Final = 6
"""By chance: in a container a pid comes again, and with it what a killed process left behind."""


def check_free(path: str, overwrite: bool) -> None:
    """``Failure`` when a file cannot come to be at ``path``, or must not."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise Failure(FAILURE, f"{path} cannot be written: there is no directory {folder}")
    if os.path.isdir(path):
        raise Failure(FAILURE, f"{path} is a directory; give the name of a file")
    if os.path.exists(path) and not os.path.isfile(path):
        raise Failure(
            FAILURE, f"{path} is no file, and is never replaced", "give the name of a file"
        )
    if os.path.lexists(path) and not overwrite:
        raise there_already(path)


def there_already(path: str) -> Failure:
    """What stands there is kept."""
    return Failure(
        FAILURE, f"{path} is there already", "choose another name, or --force-overwrite replaces it"
    )


@contextmanager
def beside(path: str) -> Iterator[tuple[str, BinaryIO]]:
    """A new file next to ``path``, only its owner's: its name, and the file. Gone if all fails."""
    name = f"{path}.partial-{os.urandom(NAME_BYTES).hex()}"
    try:
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    except OSError as e:
        raise Failure(FAILURE, f"{name} cannot be made: {e.strerror}") from e
    try:
        with open(descriptor, "wb") as file:
            yield name, file
    except OSError as e:
        raise Failure(FAILURE, f"{path} could not be written: {e.strerror}") from e
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def move(name: str, path: str, overwrite: bool) -> None:
    """Put a synced file into its place, durably; never over another unless ``overwrite``."""
    try:
        if overwrite:
            os.replace(name, path)
        else:
            put_new(Path(name), Path(path))
    except FileExistsError:
        raise there_already(path) from None
    sync_directory(Path(path).parent)
