"""The exporter's files: one a day, and a checkpoint that says what of them counts.

``events-2026-11-23.ndjson`` holds the events of that UTC day by their own time, in the stream's
order. ``checkpoint.json`` names the position that was reached and, for each file that is still
open, its size at that moment. It is written whole and synced *after* the lines it speaks of, and
names a file *before* that file is touched. So after a crash at any moment, cutting the open files
to the sizes in the checkpoint gives exactly the lines up to its position, and going on from there
gives the same bytes again.

A file is open while its day is that of the last event; then it is closed, with a manifest. An event
whose clock says an earlier day opens that file again; its manifest goes first and is made anew.
"""

import base64
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from ops.consumers.errors import Refused
from ops.consumers.following import Event
from ops.consumers.keeping import NEW, cut, sync_directory, write_whole
from ops.consumers.log import log
from ops.consumers.wire import Mark

FORMAT: Final = 1
FILE_MODE: Final = 0o640
UNDATED: Final = "undated"
"""The day of an event that tells no time."""


@dataclass(frozen=True)
class Checkpoint:
    """The position that was reached; the day of the event there; the open files' sizes."""

    mark: Mark
    current: str = ""
    open: dict[str, int] = field(default_factory=dict)


class Days:
    """The files in one directory, which the caller holds alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._checkpoint = directory / "checkpoint.json"
        self._now = self._load()
        if self._now is not None:
            self._recover(self._now)

    @property
    def mark(self) -> Mark | None:
        """How far the files go; None before the first start."""
        return None if self._now is None else self._now.mark

    def begin(self, mark: Mark) -> None:
        """The first start, on this stream."""
        self._save(Checkpoint(mark))

    def add(self, events: list[Event]) -> None:
        """Write events, the next ones in the stream's order. Raises ``Refused``, ``OSError``."""
        assert self._now is not None
        lines: dict[str, list[bytes]] = {}
        for event in events:
            lines.setdefault(day_of(event.raw), []).append(line_of(event))
        self._open(lines.keys())
        sizes = {day: self._write(day, b"".join(lines[day])) for day in lines}
        last = events[-1]
        digest = sha256(last.raw).hexdigest()
        mark = replace(self._now.mark, position=last.position, sha256=digest)
        self._save(Checkpoint(mark, day_of(last.raw), {**self._now.open, **sizes}))
        self._close_past()

    def _path(self, day: str) -> Path:
        return self.directory / f"events-{day}.ndjson"

    def _manifest(self, day: str) -> Path:
        return self.directory / f"events-{day}.manifest.json"

    # --- what counts ------------------------------------------------------------------------------

    def _load(self) -> Checkpoint | None:
        if not self._checkpoint.exists():
            if any(self.directory.glob("events-*")):
                raise Refused(
                    f"{self.directory} holds events but no checkpoint.json, so nobody knows how "
                    "far they go; restore it, or export into an empty directory"
                )
            return None
        try:
            found = json.loads(self._checkpoint.read_bytes())
            if found["format"] != FORMAT:
                raise Refused(f"{self._checkpoint} was written by another version of the exporter")
            return Checkpoint(Mark(**found["mark"]), found["current"], found["open"])
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{self._checkpoint} is damaged; restore it from a backup") from error

    def _save(self, checkpoint: Checkpoint) -> None:
        told = {"format": FORMAT, **asdict(checkpoint)}
        write_whole(self._checkpoint, json.dumps(told).encode() + b"\n", FILE_MODE)
        self._now = checkpoint

    def _recover(self, checkpoint: Checkpoint) -> None:
        """Take away what a crash left beyond the checkpoint."""
        for left in self.directory.glob(f"*{NEW}"):
            left.unlink()
        for day, size in checkpoint.open.items():
            there = self._size(day)
            if there < size:
                raise Refused(
                    f"{self._path(day)} has {there} bytes, but {size} were written: somebody "
                    "shortened it; restore it, or export into an empty directory"
                )
            if there > size:
                log("unfinished_lines_removed", "warning", day=day, bytes=there - size)
                cut(self._path(day), size)
            if size == 0:
                self._path(day).unlink(missing_ok=True)
        sync_directory(self.directory)
        self._close_past()

    def _size(self, day: str) -> int:
        path = self._path(day)
        return path.stat().st_size if path.exists() else 0

    # --- open, write, close -----------------------------------------------------------------------

    def _open(self, days: Iterable[str]) -> None:
        """Name the files in the checkpoint before they are touched; their manifests go."""
        assert self._now is not None
        fresh = {day: self._size(day) for day in days if day not in self._now.open}
        if fresh:
            for day in fresh:
                self._manifest(day).unlink(missing_ok=True)
            sync_directory(self.directory)
            self._save(replace(self._now, open={**self._now.open, **fresh}))

    def _write(self, day: str, data: bytes) -> int:
        """Put lines at the end of a day's file; its size then."""
        assert self._now is not None
        size, path = self._now.open[day], self._path(day)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, FILE_MODE)
        with os.fdopen(handle, "ab") as file:
            if os.fstat(handle).st_size != size:
                raise Refused(f"somebody else writes to {path}: it does not have {size} bytes")
            file.write(data)
            file.flush()
            os.fsync(handle)
        if size == 0:
            sync_directory(self.directory)
        return size + len(data)

    def _close_past(self) -> None:
        """Close every file but that of the last event's day."""
        assert self._now is not None
        past = [day for day in self._now.open if day != self._now.current]
        for day in past:
            if self._now.open[day]:
                self._write_manifest(day)
                log("day_closed", day=day, bytes=self._now.open[day])
        if past:
            left = {day: size for day, size in self._now.open.items() if day not in past}
            self._save(replace(self._now, open=left))

    def _write_manifest(self, day: str) -> None:
        path, digest, events, first, line = self._path(day), sha256(), 0, b"", b""
        with path.open("rb") as file:
            for line in file:
                digest.update(line)
                first = first or line
                events += 1
        told = {
            "file": path.name,
            "events": events,
            "first_position": position_in(first),
            "last_position": position_in(line),
            "bytes": path.stat().st_size,
            "sha256": digest.hexdigest(),
        }
        write_whole(self._manifest(day), json.dumps(told, indent=1).encode() + b"\n", FILE_MODE)


# --- lines ----------------------------------------------------------------------------------------


def line_of(event: Event) -> bytes:
    """A line of ndjson: position, subject, and the stored bytes as they are.

    ``event`` is always the last member. Bytes that are no JSON in one line stand in Base64.
    """
    head = f'{{"position":{event.position},"subject":{json.dumps(event.subject)},'.encode()
    if fits_a_line(event.raw):
        return head + b'"event":' + event.raw + b"}\n"
    return head + b'"event_base64":"' + base64.b64encode(event.raw) + b'"}\n'


def position_in(line: bytes) -> int:
    """The position that a line of ours begins with."""
    return int(line.partition(b":")[2].partition(b",")[0])


def fits_a_line(raw: bytes) -> bool:
    """Whether bytes are JSON without a line end."""
    if b"\n" in raw or b"\r" in raw:
        return False
    try:
        json.loads(raw.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def day_of(raw: bytes) -> str:
    """The UTC day of an event by its own time, as 2026-11-23; ``undated`` when it tells none."""
    try:
        moment = datetime.fromisoformat(json.loads(raw)["time"])
        if moment.tzinfo is None:
            return UNDATED
        return moment.astimezone(UTC).date().isoformat()
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return UNDATED
