"""``DIR/stream.json``: which log this data directory knows. It outlives a lost journal.

Once it is there, nothing here makes a stream again: an empty or missing one is loss, and refused.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.durable_file import write_durably
from application.settings import REBUILD_JOURNAL
from domain.errors import Misconfigured

FILE: Final = "stream.json"


class Marker(Struct, frozen=True):
    """The identity of the log whose history this directory has seen."""

    log_id: str


def read_marker(directory: Path) -> Marker | None:
    """What the directory knows; None for one that never had a log."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Marker)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"{path} cannot be read ({error}); restore it from a backup") from None


def write_marker(directory: Path, marker: Marker) -> None:
    """Durable when this returns."""
    write_durably(directory / FILE, msgspec.json.encode(marker) + b"\n")


def check_marker(marker: Marker | None, log_id: str, journal_known: bool, rebuild: bool) -> None:
    """Pass, or raise ``Misconfigured``: another stream, or a journal that is not there any more."""
    if marker is None:
        return
    if marker.log_id != log_id:
        raise Misconfigured(
            "the stream is not the one this data directory knows:\n"
            f"  known: {marker.log_id}\n  found: {log_id}\n"
            "Nothing was written. Find the stream's store, restore it from a backup, or make it"
            " again from the journal with 'countermand mend'"
        )
    if not journal_known and not rebuild:
        raise Misconfigured(
            "the journal of this data directory is missing although the stream has a history; "
            f"restore it from a backup, or set rebuild_journal to {REBUILD_JOURNAL!r}"
        )
