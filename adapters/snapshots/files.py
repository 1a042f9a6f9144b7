"""Where snapshots lie: ``DIRECTORY/<fold>/<job>``, one file each, moved into place as a whole.

Nothing is synced: what a crash tears fails its checksum. Anybody may delete any of it, at any time.
"""

import os
import re
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.snapshots.packing import pack, unpack
from application.ports import Reporter
from application.snapshots import JobSnapshot, Unfit
from domain.events import Aggregate

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
ALL_BYTES_MAX: Final = 1024 * 1024 * 1024
FOLD_CHARACTERS: Final = 16
FOLD_NAME: Final = re.compile(rf"[0-9a-f]{{{FOLD_CHARACTERS}}}", re.ASCII)
JOB_NAME: Final = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
NEW: Final = ".new"
WRITABLE_BY_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class SnapshotFiles:
    """``SnapshotStore`` in files (0600). One writer; the latest written stay when room is short.

    Snapshots of other folds, and what a crash has left half-written, are removed when it is made.
    """

    def __init__(
        self,
        directory: Path,
        fold: str,
        reporter: Reporter,
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        all_bytes_max: int = ALL_BYTES_MAX,
    ) -> None:
        self._directory = directory
        self._own = directory / fold[:FOLD_CHARACTERS]
        self._fold = fold
        self._file_bytes_max = file_bytes_max
        self._all_bytes_max = all_bytes_max
        self._sizes: dict[str, int] = {}
        try:
            self._remove_others()
            self._sizes = self._found()
        except OSError as error:
            reporter("snapshots_not_tidied", directory=str(directory), reason=str(error))

    def read(self, aggregate: Aggregate) -> JobSnapshot | None:
        try:
            raw = read_own(self._path(aggregate), self._file_bytes_max)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unfit(f"its file cannot be read: {error.strerror or error}") from error
        return unpack(raw, aggregate, self._fold)

    def write(self, aggregate: Aggregate, snapshot: JobSnapshot) -> None:
        raw = pack(aggregate, snapshot, self._fold)
        if len(raw) > self._file_bytes_max:
            raise Unfit(f"it has {len(raw)} bytes; allowed are {self._file_bytes_max}")
        try:
            self._put(self._path(aggregate), raw)
        except OSError as error:
            raise Unfit(f"its file cannot be written: {error.strerror or error}") from error
        self._sizes.pop(aggregate.id, None)
        self._sizes[aggregate.id] = len(raw)
        self._make_room()

    def drop(self, aggregate: Aggregate) -> None:
        self._sizes.pop(aggregate.id, None)
        try:
            self._path(aggregate).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise Unfit(f"its file cannot be removed: {error.strerror or error}") from error

    def _path(self, aggregate: Aggregate) -> Path:
        if not JOB_NAME.fullmatch(aggregate.id):
            raise Unfit(f"{aggregate} has no number that could name a file")
        return self._own / aggregate.id

    def _put(self, path: Path, raw: bytes) -> None:
        self._own.mkdir(mode=0o700, parents=True, exist_ok=True)
        put(path, raw)

    def _make_room(self) -> None:
        """The oldest go while all together are too large; the newest stays."""
        while sum(self._sizes.values()) > self._all_bytes_max and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            with suppress(OSError):
                (self._own / oldest).unlink(missing_ok=True)

    def _remove_others(self) -> None:
        if not self._directory.is_dir():
            return
        for place in self._directory.iterdir():
            if FOLD_NAME.fullmatch(place.name) and place != self._own:
                shutil.rmtree(place, ignore_errors=True)
        for left in self._own.glob(f"*{NEW}"):
            left.unlink(missing_ok=True)

    def _found(self) -> dict[str, int]:
        """Sizes by job, the oldest first."""
        if not self._own.is_dir():
            return {}
        found = [x for x in os.scandir(self._own) if JOB_NAME.fullmatch(x.name)]
        seen = sorted((x.stat(follow_symlinks=False).st_mtime_ns, x.name) for x in found)
        sizes = {x.name: x.stat(follow_symlinks=False).st_size for x in found}
        return {name: sizes[name] for _, name in seen}


def put(path: Path, raw: bytes) -> None:
    """Written beside and moved into place, so nobody reads half of it. Raises ``OSError``."""
    descriptor, new = tempfile.mkstemp(NEW, dir=path.parent)  # 0600, and nobody else's
    try:
        with open(descriptor, "wb") as file:
            file.write(raw)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def read_own(path: Path, bytes_max: int) -> bytes:
    """A file of our own that nobody else may write. ``OSError``; ``Unfit`` for any other file."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(path, flags), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise Unfit("it is no file of the service's own account")
        if found.st_mode & WRITABLE_BY_OTHERS:
            raise Unfit("others than the service's own account may write it")
        if found.st_size > bytes_max:
            raise Unfit(f"it has {found.st_size} bytes; allowed are {bytes_max}")
        return file.read(bytes_max)
