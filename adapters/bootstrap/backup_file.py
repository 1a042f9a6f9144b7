"""A backup is one file: a header of fixed size in readable JSON, then the stream's snapshot.

The header says which stream it is of and how far it went, and has the SHA-256 of the data; its own
stands below it. So a file that is cut short, altered, or something else is refused before anything
is done with it, and what it is of can be read with ``head -2``.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw, Struct

from adapters.durable_file import put_new, sync_directory, synced
from domain.errors import Corrupt, Misconfigured, StoreFull

MAGIC: Final = b"countermand-backup "
FORMAT: Final = 1
HEADER_BYTES: Final = 16 * 1024
PIECE_BYTES: Final = 128 * 1024


class Header(Struct, frozen=True):
    """What a backup is of. ``config``, ``state``: the stream's own, as its server said them.

    ``log_id``: the stream's identity. ``last``: the position of its last event when the backup was
    begun; what came meanwhile may be in it too. ``taken_at``: when that was, in UTC.
    """

    cluster: str
    stream: str
    log_id: str
    last: int
    taken_at: str
    config: Raw
    state: Raw
    data_bytes: int = 0
    data_sha256: str = ""

    @property
    def room_bytes(self) -> int:
        """What the stream may take. Raises ``MsgspecError``; not of a header that was read."""
        return msgspec.json.decode(self.config, type=_Room).max_bytes


class _Room(Struct, frozen=True):
    """Of a stream's configuration."""

    max_bytes: int = 0


# --- writing --------------------------------------------------------------------------------------


class BackupWriter:
    """Writes FILE.part; ``seal`` ends it, ``publish`` makes it FILE. Use it as a context: else
    nothing is left.

    Raises ``Misconfigured`` for a name that is taken or cannot be written, ``StoreFull``.
    """

    def __init__(self, path: Path, *, force: bool) -> None:
        self._path = path
        self.part = self._part = path.parent / f"{path.name}.part"
        self._force = force
        self._digest = sha256()
        self.data_bytes = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> "BackupWriter":
        self._refuse_taken()
        try:
            self._file = opened_alone(self._part)
            self._file.truncate(0)
            self._file.seek(HEADER_BYTES)
        except OSError as error:
            raise Misconfigured(f"{self._part} cannot be written: {error.strerror}") from None
        return self

    def __exit__(self, *exc: object) -> None:
        file = self._open()
        if not file.closed:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)
            with suppress(OSError):
                file.close()

    def write(self, data: bytes) -> None:
        """The next bytes of the snapshot."""
        try:
            self._open().write(data)
        except OSError as error:
            raise StoreFull(f"{self._part} cannot be written: {error.strerror}") from error
        self._digest.update(data)
        self.data_bytes += len(data)

    def seal(self, header: Header) -> Header:
        """All of it is in FILE.part, durably; the header as it stands in the file."""
        file = self._open()
        header = msgspec.structs.replace(
            header, data_bytes=self.data_bytes, data_sha256=self._digest.hexdigest()
        )
        try:
            file.seek(0)
            file.write(block_of(header))
            synced(file)
        except OSError as error:
            raise StoreFull(f"{self._path} cannot be written: {error.strerror}") from error
        return header

    def publish(self) -> None:
        """Durable under its name when this returns."""
        try:
            self._name()
            sync_directory(self._path.parent)
        except OSError as error:
            raise StoreFull(f"{self._path} cannot be written: {error.strerror}") from error
        self._open().close()

    def _name(self) -> None:
        """The name it is to have. Without ``force`` a file that is there by now stays."""
        if self._force:
            self._part.replace(self._path)
            return
        try:
            put_new(self._part, self._path)
        except FileExistsError:
            self._refuse_taken()
            raise
        self._part.unlink(missing_ok=True)

    def _refuse_taken(self) -> None:
        if self._path.is_dir():
            raise Misconfigured(f"{self._path} is a directory; name a file in it")
        if not self._force and os.path.lexists(self._path):
            raise Misconfigured(
                f"{self._path} is there already and stays as it is: choose another name, or "
                "replace it with --force"
            )

    def _open(self) -> BinaryIO:
        assert self._file is not None, "it is used as a context"
        return self._file


def opened_alone(part: Path) -> BinaryIO:
    """The file, to be written by us alone; what a crash left in it is still there.

    Raises ``Misconfigured`` while another backup writes it, ``OSError``.
    """
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    file = os.fdopen(handle, "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own = os.fstat(file.fileno())
        if not os.path.samestat(own, os.lstat(part)):
            raise BlockingIOError  # whoever wrote it gave it its name meanwhile
    except (BlockingIOError, FileNotFoundError):
        file.close()
        raise Misconfigured(f"another backup writes {part}") from None
    if own.st_nlink == 1:
        return file
    part.unlink()  # of a crash between the two names; under the other one it is a backup
    file.close()
    return opened_alone(part)


def block_of(header: Header) -> bytes:
    """The header as it stands in the file: two lines, their SHA-256, and room."""
    text = MAGIC + str(FORMAT).encode() + b"\n" + msgspec.json.encode(header) + b"\n"
    block = text + sha256(text).hexdigest().encode() + b"\n"
    if len(block) > HEADER_BYTES:
        raise Misconfigured(f"the stream's configuration takes {len(block)} bytes in a header")
    return block.ljust(HEADER_BYTES, b"\n")


# --- reading --------------------------------------------------------------------------------------


def read_header(path: Path) -> Header:
    """What a file is a backup of. Raises ``Misconfigured`` for none, ``Corrupt`` for a damaged."""
    with opened(path) as file:
        return header_in(file, path)


def verified(path: Path, told: Callable[[int, int], None]) -> Header:
    """The header of a file whose every byte is what was written. ``told``: bytes read, of how many.

    Raises ``Misconfigured``, ``Corrupt`` with what is wrong.
    """
    with opened(path) as file:
        header = header_in(file, path)
        digest, size = sha256(), 0
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
            told(min(size, header.data_bytes), header.data_bytes)
    if size < header.data_bytes:
        raise damaged(path, f"it is cut short: {size} of {header.data_bytes} bytes of data")
    if size > header.data_bytes:
        raise damaged(path, f"{size - header.data_bytes} bytes stand behind its end")
    if digest.hexdigest() != header.data_sha256:
        raise damaged(path, f"its data have the SHA-256 {digest.hexdigest()}")
    return header


def data_of(path: Path) -> Iterator[bytes]:
    """The snapshot, a piece at a time."""
    with opened(path) as file:
        file.seek(HEADER_BYTES)
        while piece := file.read(PIECE_BYTES):
            yield piece


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, to be read. Raises ``Misconfigured`` when it cannot be."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}") from None


def header_in(file: BinaryIO, path: Path) -> Header:
    """The header at the beginning of it; it is whole."""
    block = file.read(HEADER_BYTES)
    first, _, rest = block.partition(b"\n")
    if not first.startswith(MAGIC):
        raise Misconfigured(f"{path} is no backup made by 'countermand backup'")
    if first != MAGIC + str(FORMAT).encode():
        words = first[len(MAGIC) :][:20].decode(errors="replace")
        raise Misconfigured(f"{path} has the format {words!r}; this program reads {FORMAT}")
    text, _, rest = rest.partition(b"\n")
    check = sha256(first + b"\n" + text + b"\n").hexdigest().encode()
    if len(block) < HEADER_BYTES or rest.strip(b"\n") != check:
        raise damaged(path, "its header is not what was written")
    try:
        header = msgspec.json.decode(text, type=Header)
        msgspec.json.decode(header.config, type=_Room)
        return header
    except msgspec.MsgspecError as error:
        raise damaged(path, f"its header cannot be read: {error}") from None


def damaged(path: Path, how: str) -> Corrupt:
    """A backup that must not be used."""
    return Corrupt(f"the backup {path} is damaged: {how}. Nothing was done; use another one")


def events_to(last: int) -> str:
    """All events up to a position, in words."""
    return f"events 1 to {last}" if last else "no events"
