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


class Known(Struct, frozen=True):
    """What is known of a stream's history beside it. ``journal``: whether it knows the stream.

    ``mark``: whether there is one. ``own``: the stream's store is in this data directory.
    ``rebuild``: the settings say that the journal is to be written anew.
    """

    marker: Marker | None
    journal: bool
    mark: bool
    own: bool
    rebuild: bool


def check_known(known: Known, log_id: str, last: int) -> None:
    """Pass, or raise ``Misconfigured``: another stream, or one whose journal is not there any more.

    A data directory that never knew a stream may join one of an outside server; its own has events
    only if it knew it.
    """
    check_marker(known.marker, log_id)
    history = known.marker is not None or (last and (known.mark or known.own))
    if history and not known.journal and not known.rebuild:
        raise Misconfigured(
            f"the journal of this data directory is missing although the stream has a history "
            f"({last} events); restore it from a backup, or set rebuild_journal to "
            f"{REBUILD_JOURNAL!r}"
        )


def check_marker(marker: Marker | None, log_id: str) -> None:
    """Pass, or raise ``Misconfigured``: another stream."""
    if marker is not None and marker.log_id != log_id:
        raise Misconfigured(
            "the stream is not the one this data directory knows:\n"
            f"  known: {marker.log_id}\n  found: {log_id}\n"
            "Nothing was written. Find the stream's store, restore it from a backup, or make it"
            " again from the journal with 'countermand mend'"
        )
