"""What else knows the stream: ``stream.json``, the mark and the journal, as they are found.

Nothing is made here. One that is missing where the stream has a history, or that cannot be read,
is damage, and is told; the others are looked at all the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.evidence import directory_of, journal_path, mark_file
from adapters.bootstrap.marker import FILE, read_marker
from adapters.journal import SqliteJournal
from adapters.wire import sha256
from application.checking import Damage
from application.fsck import general
from application.ports import LogIdentity, Mark
from application.settings import REBUILD_JOURNAL, Settings
from domain.errors import CountermandError

NO_JOURNAL: Final = "there is no journal, so no event was compared with its copy"
NO_MARK: Final = "there is no mark to compare"


class Witnesses(Struct):
    """``known``: the stream that the data directory knows, "" for none.

    ``copied``: how far the journal says that it went. ``damage``: what is wrong with them by
    themselves. ``notes``: which of them there are not, where none must be.
    """

    known: str
    mark: Mark | None
    journal: SqliteJournal | None
    copied: Mark | None
    damage: list[Damage]
    notes: list[str]

    def close(self) -> None:
        """Release the journal's file."""
        if self.journal is not None:
            self.journal.close()

    def differ(self, identity: LogIdentity) -> Iterator[Damage]:
        """The stream is another one than is known of it."""
        of_journal = self.copied.log_id if self.copied is not None else ""
        of_mark = self.mark.log_id if self.mark is not None else ""
        known = {FILE: self.known, "the journal": of_journal, "the mark": of_mark}
        for who, log_id in known.items():
            if log_id and log_id != identity.id:
                yield general("identity", f"the stream {log_id}, as {who} has it", identity.id)


def witnesses(settings: Settings) -> Witnesses:
    """All of them. Read before the stream is: the service may go on meanwhile."""
    found = Witnesses("", None, None, None, [], [])
    look_at_marker(settings, found)  # before the others: it is the last that a first start writes
    look_at_mark(settings, found)
    look_at_journal(settings, found)
    if not found.known and found.copied is not None and found.copied.position:
        path = directory_of(settings) / FILE
        if not path.exists():
            missing = f"it is not there, and the journal has {found.copied.position} events"
            found.damage.append(general("identity", f"{path}, which names the stream", missing))
    return found


def look_at_marker(settings: Settings, found: Witnesses) -> None:
    """The identity that the data directory has."""
    try:
        marker = read_marker(directory_of(settings))
    except CountermandError as error:
        path = directory_of(settings) / FILE
        found.damage.append(general("identity", f"{path}, which names the stream", error.message))
        return
    found.known = marker.log_id if marker is not None else ""


def look_at_mark(settings: Settings, found: Witnesses) -> None:
    """The mark."""
    file = mark_file(settings)
    wanted = f"the mark {file.path}, for the stream has a history"
    try:
        found.mark = file.read()
    except CountermandError as error:
        found.damage.append(general("mark", wanted, error.message))
        return
    if found.mark is None and found.known:
        found.damage.append(general("mark", wanted, "it is not there"))
    elif found.mark is None:
        found.notes.append(NO_MARK)


def look_at_journal(settings: Settings, found: Witnesses) -> None:
    """The journal, and whether it holds what it says that it does."""
    path = journal_path(settings)
    wanted = f"the journal {path}, for the stream has a history"
    try:
        trouble = not_opened(path)
        if not trouble:
            found.journal = SqliteJournal(path, settings.cluster)
            found.copied = found.journal.mark()
            found.damage += head_damage(found.journal, found.copied, bool(found.known))
            return
    except CountermandError as error:
        found.damage.append(general("journal", wanted, error.message))
        return
    if trouble == ABSENT and (not found.known or settings.rebuild_journal == REBUILD_JOURNAL):
        found.notes.append(NO_JOURNAL)
    else:
        found.damage.append(general("journal", wanted, trouble))


ABSENT: Final = "it is not there"


def not_opened(path: Path) -> str:
    """Why a journal must not be opened, which would make one there; "" where there is one."""
    try:
        return "" if path.stat().st_size else "it is empty"
    except FileNotFoundError:
        return ABSENT
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


def head_damage(journal: SqliteJournal, copied: Mark | None, known: bool) -> Iterator[Damage]:
    """The journal's last event is not the one that its head names."""
    if copied is None:
        if known:
            yield general("journal", "a journal of this stream", "it belongs to no stream")
        return
    if not copied.position:
        return
    (last,) = journal.copies(copied.position - 1, copied.position, 1) or (None,)
    digest = sha256(last.raw) if last is not None else ""
    if digest != copied.sha256:
        expected = f"an event with SHA-256 {copied.sha256}, as the journal's head has it"
        held = f"SHA-256 {digest} in the journal" if last is not None else "the journal has none"
        yield general("journal", expected, held, copied.position)
