"""Files that are whole or not there: written beside, synced, and moved into their place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

from adapters.cli.exits import FAILURE, Failure

MODE: Final = 0o600
NAME_BYTES: Final = 6
"""By chance: in a container a pid comes again, and with it what a killed process left behind."""

NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links answer."""


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


def synced(file: BinaryIO) -> None:
    """Everything written is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def move(name: str, path: str, overwrite: bool) -> None:
    """Put a synced file into its place, durably; never over another unless ``overwrite``."""
    try:
        if overwrite:
            os.replace(name, path)
        else:
            put_new(name, path)
    except FileExistsError:
        raise there_already(path) from None
    sync_folder(os.path.dirname(path) or ".")


def put_new(name: str, path: str) -> None:
    """As a rename that fails when something is there, which Linux has only for links."""
    try:
        os.link(name, path)
    except OSError as e:
        if e.errno not in NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(path) from e
        os.rename(name, path)


def sync_folder(folder: str) -> None:
    """The new name is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
