"""``DIR/mend.json``: what is being done to the stream, so that it can be finished after a crash.

While it is there no service starts.
"""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.durable_file import sync_directory, write_durably
from application.ports import Mark
from domain.errors import Misconfigured

FILE: Final = "mend.json"


class Work(StrEnum):
    """What is being done. ``switch``: the new stream is whole, and takes the old one's place.

    ``restore``: the same with one from a backup. Until then a mend or a restore has changed
    nothing, and begins anew when it is run again.
    """

    SWITCH = "switch"
    LOSS = "loss"
    RESTORE = "restore"


VERBS: Final = {
    Work.SWITCH: "countermand mend",
    Work.LOSS: "countermand accept-loss",
    Work.RESTORE: "countermand restore",
}
"""What goes on with each."""


class Plan(Struct, frozen=True):
    """What is being done, and what must be known to finish it.

    ``aside``: where the damaged parts go, within the data directory. ``event_id``: of the event
    that tells of it. ``damage``, ``known_stream``, ``last``, ``known_last``, ``reason``: as that
    event has them. ``added``: events that only the damaged stream had. ``missing``: events that are
    nowhere. ``log_id``, ``mark``: the stream and the mark afterwards. ``journal_kept``: whether the
    journal goes on. ``taken_at``: when the backup was taken that is restored.
    ``lost``: what the loss is that is accepted, in sentences.
    """

    work: Work
    aside: str
    event_id: str
    damage: str
    known_stream: str
    last: int
    reason: str = ""
    known_last: int = 0
    added: int = 0
    missing: int = 0
    log_id: str = ""
    mark: Mark | None = None
    journal_kept: bool = True
    taken_at: str = ""
    lost: str = ""


def stamp() -> str:
    """A name for what is put aside now."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def read_plan(directory: Path) -> Plan | None:
    """The plan, or None where nothing is under way."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured(f"{path} cannot be read ({error})") from error


def write_plan(directory: Path, plan: Plan) -> Plan:
    """The plan itself, durable."""
    write_durably(directory / FILE, msgspec.json.encode(plan) + b"\n")
    return plan


def remove_plan(directory: Path) -> None:
    """Everything is done. Durable."""
    (directory / FILE).unlink(missing_ok=True)
    sync_directory(directory)


def refuse_unfinished(directory: Path) -> None:
    """Raise ``Misconfigured`` while something is under way."""
    plan = read_plan(directory)
    if plan is not None:
        raise Misconfigured(
            f"'{VERBS[plan.work]}' was interrupted on this data directory: run it again, it goes on"
            " where it was"
        )


def refuse_other(plan: Plan | None, work: Work) -> None:
    """Raise ``Misconfigured`` while something else than ``work`` is under way."""
    if plan is not None and plan.work is not work:
        raise Misconfigured(f"'{VERBS[plan.work]}' was interrupted here: run it again first")
