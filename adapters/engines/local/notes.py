"""Reading a warden's notes: from its file or its socket, into what the port calls a status."""

import os
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.engines.local.notebook import Value, json_line
from application.engine import RunKey, RunPhase, RunStatus, StopNote
from domain.events import Exit, RunHandle
from domain.states import StopStep

NOTES_NAME: Final = "notes"
NOTES_BYTES_MAX: Final = 4 * 1024 * 1024
ENGINE_NAME: Final = "local"


class Note(Struct, frozen=True):
    """One line. ``n`` counts from 1; ``note`` says which of the other fields mean anything."""

    n: int
    note: str
    at_ms: int = 0
    boot_id: str = ""
    pid: int = 0
    start_ticks: int = 0
    cgroup: str = ""
    node: str = ""
    leader_pid: int = 0
    leader_ticks: int = 0
    request: str = ""
    step: str = ""
    code: int | None = None
    signal: int | None = None
    killed: int = 0
    survivors: int = 0
    timed_out: bool = False
    grace_expired: bool = False
    after_ms: int = 0
    output_bytes: int = 0
    reason: str = ""


class Reply(Struct, frozen=True):
    """The answer to one command; ``error`` is "" when it was carried out."""

    reply: int
    error: str


class Record(Struct, frozen=True):
    """Everything the notes say. ``went``: the word to go was noted, so something may have run."""

    status: RunStatus
    n: int = 0
    at_ms: int = 0
    cgroup: str = ""
    leader_pid: int = 0
    leader_ticks: int = 0
    went: bool = False

    @property
    def over(self) -> bool:
        """Nothing more will be noted: ended with nothing left behind, or lost."""
        status = self.status
        left = status.survivors > 0 and not status.survivors_gone
        return status.phase is RunPhase.LOST or (status.phase is RunPhase.ENDED and not left)


_note_decoder = msgspec.json.Decoder(Note)
_reply_decoder = msgspec.json.Decoder(Reply)


def decode(line: bytes) -> Note | Reply:
    """One line of the socket. Raises ``msgspec.MsgspecError``."""
    return (_reply_decoder if line.startswith(b'{"reply"') else _note_decoder).decode(line)


def empty(key: RunKey) -> Record:
    """A run of which nothing is noted yet."""
    return Record(RunStatus(key, RunPhase.PREPARED))


def read(directory: Path, key: RunKey) -> Record:
    """What the file says; a torn last line is as if it had not been begun."""
    record = empty(key)
    try:
        data = (directory / NOTES_NAME).read_bytes()[:NOTES_BYTES_MAX]
    except OSError:
        return record
    for line in data.split(b"\n")[:-1]:
        try:
            note = _note_decoder.decode(line)
        except msgspec.MsgspecError:
            break
        record = apply(record, note, directory.name)
    return record


def apply(record: Record, note: Note, warden: str) -> Record:
    """The record after one more note; one that was applied before changes nothing."""
    if note.n <= record.n:
        return record
    record = replace(record, n=note.n)
    match note.note:
        case "prepared":
            handle = RunHandle(ENGINE_NAME, note.boot_id, note.pid, note.start_ticks, warden)
            status = replace(record.status, handle=handle, node=note.node)
            return replace(record, status=status, at_ms=note.at_ms, cgroup=note.cgroup)
        case "go":
            status = replace(record.status, phase=RunPhase.RUNNING)
            return replace(
                record,
                status=status,
                went=True,
                leader_pid=note.leader_pid,
                leader_ticks=note.leader_ticks,
            )
        case _:
            return replace(record, status=_status(record.status, note))


def _status(status: RunStatus, note: Note) -> RunStatus:
    match note.note:
        case "ordered":
            return replace(status, orders=(*status.orders, (note.request, StopStep(note.step))))
        case "exit":
            return replace(status, exit=Exit(note.code, note.signal))
        case "never_ran":
            return replace(
                status,
                phase=RunPhase.ENDED,
                never_ran=True,
                reason=note.reason,
                stop=_stop(note),
            )
        case "ended":
            return replace(
                status,
                phase=RunPhase.ENDED,
                stop=_stop(note),
                timed_out=note.timed_out,
                killed=note.killed,
                survivors=note.survivors,
                output_bytes=note.output_bytes,
                reason=note.reason,
            )
        case "survivors_gone":
            return replace(status, survivors_gone=True)
        case "lost":
            never = status.phase is RunPhase.PREPARED
            return replace(
                status,
                phase=RunPhase.LOST,
                never_ran=never,
                reason=note.reason,
                killed=note.killed,
                survivors=note.survivors,
            )
        case _:
            return status


def _stop(note: Note) -> StopNote | None:
    if not note.request:
        return None
    return StopNote(
        note.request,
        StopStep(note.step),
        note.grace_expired,
        note.after_ms,
        note.killed,
        note.survivors,
    )


def add(directory: Path, record: Record, note: Note) -> Record:
    """Note something in the place of a warden that is dead; durable on return.

    Only where the warden cannot write any more. A torn line is ended first.
    """
    fields: dict[str, Value] = {
        "n": note.n,
        "note": note.note,
        "at_ms": note.at_ms,
        "reason": note.reason,
    }
    line = json_line({**fields, "killed": note.killed, "survivors": note.survivors})
    path = directory / NOTES_NAME
    whole = path.read_bytes()
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, whole.rfind(b"\n") + 1)
        os.lseek(fd, 0, os.SEEK_END)
        os.write(fd, line)
        os.fsync(fd)
    finally:
        os.close(fd)
    return apply(record, note, directory.name)
