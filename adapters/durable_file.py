"""Files that no crash leaves halfway: written beside, synced, and moved into place.

After a loss of power a name leads to what it led to before, or to what was to take its place, and
that is whole. Linux promises it when the new file is synced before it is moved, and its directory
afterwards.
Everything here raises ``OSError``.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

NEW: Final = ".new"
"""What stands behind a file's name until it is whole."""

NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links answer."""


def write_durably(path: Path, data: bytes) -> None:
    """A file (0600) with these bytes in the place of whatever was there; durable on return."""
    with replacing(path) as file:
        file.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file (0600), which is in the place of ``path``, and durable, when the block is over.

    When the block raises, ``path`` stays as it was. One writer at a time: what an earlier one left
    half-written is removed.
    """
    new = path.with_name(path.name + NEW)
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        yield file
        synced(file)
    new.replace(path)
    sync_directory(path.parent)


def put_new(path: Path, name: Path) -> None:
    """Give a file this name too, or instead. Raises ``FileExistsError`` when something has it.

    That is a rename that replaces nothing, which Linux has only for links; where there are none it
    is looked for before.
    """
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(name):
            raise FileExistsError(name) from error
        path.rename(name)


def synced(file: BinaryIO) -> None:
    """Everything written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_directory(directory: Path) -> None:
    """What was made, moved or removed in it is on the disk."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
