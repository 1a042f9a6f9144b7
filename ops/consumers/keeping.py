"""Files that survive a crash at any moment, and one program a directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ops.consumers.errors import Misuse, Refused

NEW: Final = ".new"
"""What a file is called until it is whole."""


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file, whole or not at all, and see it to the disk."""
    new = path.with_name(path.name + NEW)
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)


def append(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` at the end of a file, and see it to the disk."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode), "ab") as file:
        is_new = file.tell() == 0
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_directory(path.parent)


def cut(path: Path, size: int) -> None:
    """Shorten a file to ``size`` bytes, and see that to the disk."""
    with path.open("r+b") as file:
        file.truncate(size)
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """See the names in a directory to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(directory: Path, mode: int) -> Iterator[None]:
    """Make the directory if need be, and keep every other program out of it meanwhile.

    Raises ``Refused`` when one is in it, ``Misuse`` when the directory cannot be used.
    """
    try:
        directory.mkdir(mode=mode, parents=True, exist_ok=True)
        handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Misuse(f"the directory {directory} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise Refused(f"another program works in {directory}: one a directory") from error
    finally:
        os.close(handle)
