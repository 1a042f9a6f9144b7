"""What the notifier keeps in its directory: how far it is, and what a receiver refused.

* ``note.json``: the stream, the position of the last event dealt with, and the ids of the latest
  ones. Written whole and synced, after the receiver said 2xx or the refusal stands in the file
  below.
* ``dead-letters.ndjson``: what was given up, a line each, only ever added to.
"""

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ops.consumers.errors import Refused
from ops.consumers.following import Event
from ops.consumers.keeping import append, cut, write_whole
from ops.consumers.wire import Mark

RECENT_MAX: Final = 512
FORMAT: Final = 1


@dataclass(frozen=True)
class Note:
    """How far the notifier is, and the ids of the latest events, oldest first."""

    mark: Mark
    recent: tuple[str, ...] = ()

    def after(self, mark: Mark, event_id: str) -> "Note":
        """This note, one event later."""
        others = (one for one in self.recent if one != event_id)
        return Note(mark, (*others, event_id)[-RECENT_MAX:])


class Notes:
    """The files in one directory, which the caller holds alone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._note = directory / "note.json"
        self._letters = directory / "dead-letters.ndjson"
        self._mend()

    def load(self) -> Note | None:
        """The note as it was last saved; None before the first. Raises ``Refused``."""
        if not self._note.exists():
            return None
        try:
            found = json.loads(self._note.read_bytes())
            if found["format"] != FORMAT:
                raise Refused(f"{self._note} was written by another version of the notifier")
            return Note(Mark(**found["mark"]), tuple(found["recent"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"{self._note} is damaged; restore it, or begin anew") from error

    def save(self, note: Note) -> None:
        """Keep the note, whatever happens from now on."""
        told = {"format": FORMAT, "mark": asdict(note.mark), "recent": note.recent}
        write_whole(self._note, json.dumps(told).encode() + b"\n")

    def give_up(self, event: Event, event_id: str, reason: str, attempts: int) -> None:
        """Keep an event that was given up, and why. Once, also across a crash."""
        if self._last_letter() == event.position:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        told = {
            "position": event.position,
            "id": event_id,
            "reason": reason,
            "attempts": attempts,
            "given_up": now,
            "subject": event.subject,
            **_text(event.raw),
        }
        append(self._letters, json.dumps(told).encode() + b"\n")

    def _last_letter(self) -> int:
        lines = self._letters.read_bytes().splitlines() if self._letters.exists() else []
        return int(json.loads(lines[-1])["position"]) if lines else 0

    def _mend(self) -> None:
        """Take away a line that a crash left unfinished."""
        if self._letters.exists():
            data = self._letters.read_bytes()
            if data and not data.endswith(b"\n"):
                cut(self._letters, data.rfind(b"\n") + 1)


def _text(raw: bytes) -> dict[str, str]:
    """An event's bytes as a member of a JSON object."""
    try:
        return {"event": raw.decode()}
    except UnicodeDecodeError:
        return {"event_base64": base64.b64encode(raw).decode()}


def id_of(event: Event, stream: str) -> str:
    """The event's id; its place in the stream, when it names none."""
    try:
        found = json.loads(event.raw)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and isinstance(found.get("id"), str) and found["id"]:
        return str(found["id"])
    return f"{stream}:{event.position}"


def subjects(cluster: str, types: Iterable[str]) -> list[str]:
    """The subjects of these types of events, in one cluster or any (``*``)."""
    return [f"countermand.{cluster}.*.*.{one}" for one in sorted(set(types))]
