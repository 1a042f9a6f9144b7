"""Emergency stops in files, one each, until the log knows them; then put aside as they are.

<data>/spool/emergency/<id>.json            not recorded yet
<data>/spool/emergency/recorded/<id>.json   recorded, with its digest, on the job
<data>/spool/emergency/refused/<id>.json    refused by the rules, and not recorded yet
<data>/spool/emergency/refused/recorded/    refused, and recorded

A file is one or two lines of JSON: the stop, written and synced before the act, and behind it what
came of it. Each line brings the SHA-256 of what it says, so that one that was changed or cut shows.
A refusal is one line. 0600, and no crash leaves one halfway.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from adapters.durable_file import sync_directory, write_durably
from application.emergency_spool import Spooled, SpooledOutcome, SpooledRefusal, SpooledStop

SUFFIX: Final = ".json"
RECORDED: Final = "recorded"
REFUSED: Final = "refused"
REFUSED_MAX: Final = 1000
"""Refusals that wait to be recorded; what is beyond stands in the log of the service only."""

T = TypeVar("T")
FILE_BYTES_MAX: Final = 256 * 1024
"""Far above the 64 KiB that its event may have."""


class Line(Struct, frozen=True):
    """``sha256``: of the bytes of ``said``. ``kind``: stop, outcome, or refusal."""

    kind: str
    sha256: str
    said: Raw


class Damaged(Exception):
    """What is wrong with a file, as words behind its name."""


class FileSpool:
    """``Spool`` in a directory, which is made with the first stop."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._refused = directory / REFUSED

    def put(self, stop: SpooledStop) -> None:
        make(self.directory)
        write_durably(self._path(stop.id), line("stop", stop))

    def complete(self, stop_id: str, outcome: SpooledOutcome) -> Spooled:
        path = self._path(stop_id)
        first = path.read_bytes().splitlines(keepends=True)[0]
        write_durably(path, first + line("outcome", outcome))
        return read(path)

    def pending(self) -> tuple[Spooled, ...]:
        return tuple(readable(self._files(self.directory), read))

    def keep(self, stop_id: str) -> None:
        put_aside(self._path(stop_id))

    def refuse(self, refusal: SpooledRefusal) -> None:
        if len(self._files(self._refused)) >= REFUSED_MAX:
            raise OSError(f"{REFUSED_MAX} refusals wait in {self._refused}")
        make(self._refused)
        write_durably(self._refused / f"{refusal.id}{SUFFIX}", line("refusal", refusal))

    def refused(self) -> tuple[SpooledRefusal, ...]:
        return tuple(readable(self._files(self._refused), read_refusal))

    def keep_refused(self, stop_id: str) -> None:
        put_aside(self._refused / f"{stop_id}{SUFFIX}")

    def recorded(self) -> tuple[str, ...]:
        return tuple(x.stem for x in self._files(self.directory / RECORDED))

    def damaged(self) -> tuple[str, ...]:
        stops = flaws(self._files(self.directory), read, "the emergency stop")
        refusals = flaws(self._files(self._refused), read_refusal, "the refused emergency stop")
        return (*stops, *refusals)

    def _path(self, stop_id: str) -> Path:
        return self.directory / f"{stop_id}{SUFFIX}"

    def _files(self, directory: Path) -> list[Path]:
        return sorted(x for x in directory.glob(f"*{SUFFIX}") if x.is_file())


def make(directory: Path) -> None:
    """The directory, durable, with those above it that were not there."""
    made = [x for x in (directory, *directory.parents) if not x.exists()]
    for one in reversed(made):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_directory(one.parent)


def put_aside(path: Path) -> None:
    """Among those that are recorded; nothing when it is there already."""
    aside = path.parent / RECORDED
    if not path.exists():
        return
    aside.mkdir(mode=0o700, exist_ok=True)
    path.replace(aside / path.name)
    sync_directory(aside)
    sync_directory(path.parent)


def readable(paths: Iterable[Path], read_one: Callable[[Path], T]) -> Iterator[T]:
    """What is in these files; of a damaged one nothing."""
    for path in paths:
        with suppress(Damaged, OSError):
            yield read_one(path)


def flaws(paths: Iterable[Path], read_one: Callable[[Path], object], what: str) -> Iterator[str]:
    """A sentence for each of these files that is damaged."""
    for path in paths:
        try:
            read_one(path)
        except (Damaged, OSError) as error:
            yield f"{what} in {path} cannot be read: {error}"


def line(kind: str, said: SpooledStop | SpooledOutcome | SpooledRefusal) -> bytes:
    """One line of a file."""
    raw = msgspec.json.encode(said)
    return msgspec.json.encode(Line(kind, digest(raw), Raw(raw))) + b"\n"


def read(path: Path) -> Spooled:
    """A file. Raises ``Damaged`` when it is not as it was written."""
    with path.open("rb") as file:
        whole = file.read(FILE_BYTES_MAX)
    lines = whole.splitlines()
    if not 1 <= len(lines) <= 2:
        raise Damaged(f"it has {len(lines)} lines; one or two were written")
    stop = said_in(lines[0], "stop", SpooledStop)
    if path.stem != stop.id:
        raise Damaged(f"it holds the stop {stop.id}")
    outcome = said_in(lines[1], "outcome", SpooledOutcome) if len(lines) > 1 else None
    return Spooled(stop, outcome, digest(whole))


def read_refusal(path: Path) -> SpooledRefusal:
    """A file of a refusal. Raises ``Damaged`` when it is not as it was written."""
    with path.open("rb") as file:
        lines = file.read(FILE_BYTES_MAX).splitlines()
    if len(lines) != 1:
        raise Damaged(f"it has {len(lines)} lines; one was written")
    refusal = said_in(lines[0], "refusal", SpooledRefusal)
    if path.stem != refusal.id:
        raise Damaged(f"it holds the refusal {refusal.id}")
    return refusal


def said_in(raw: bytes, kind: str, type_: type[T]) -> T:
    """What one line says."""
    try:
        found = msgspec.json.decode(raw, type=Line)
        if found.kind != kind:
            raise Damaged(f"a line is of the kind {found.kind!r}, not {kind!r}")
        if digest(bytes(found.said)) != found.sha256:
            raise Damaged(f"its {kind} is not what was written: the SHA-256 differs")
        return msgspec.json.decode(found.said, type=type_)
    except msgspec.MsgspecError as error:
        raise Damaged(f"its {kind} has another form: {error}") from error


def digest(raw: bytes) -> str:
    """SHA-256 (hex)."""
    return hashlib.sha256(raw).hexdigest()
