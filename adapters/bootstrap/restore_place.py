"""A restored stream takes the place of the one there was: journal and mark with it.

Each step can be done again; what was there before is kept. Nothing is deleted but copies.
"""

import shutil
from contextlib import closing
from pathlib import Path
from typing import Final

from adapters.bootstrap.backup_file import events_to
from adapters.bootstrap.done import Switched, and_missing
from adapters.bootstrap.evidence import directory_of, journal_path, mark_file, marked_by
from adapters.bootstrap.loss import files_of, put_in_place
from adapters.bootstrap.marker import Marker, write_marker
from adapters.bootstrap.mend import move_store
from adapters.bootstrap.plan import Plan, remove_plan
from adapters.durable_file import write_durably
from adapters.journal import SqliteJournal
from application.settings import Settings

RESTORING: Final = "restoring"


def new_journal(settings: Settings) -> Path:
    """Where a journal is written that is to take the place of the one there is."""
    path = journal_path(settings)
    return path.with_name(f"{path.name}.new")


def switched(settings: Settings, plan: Plan) -> Switched:
    """The new stream in its place. Each step may have been done before."""
    directory = directory_of(settings)
    keep_mark(settings, plan)
    move_store(directory, plan, RESTORING)
    if plan.journal_kept:
        with closing(SqliteJournal(journal_path(settings), settings.cluster)) as journal:
            journal.succeed(plan.log_id)
    else:
        renew_journal(settings, plan)
    write_marker(directory, Marker(plan.log_id))
    if plan.mark is not None:
        mark_file(settings).begin(plan.mark)
    for made in (RESTORING, "snapshots"):  # folded jobs may be ahead of what was restored
        shutil.rmtree(directory / made, ignore_errors=True)
    remove_plan(directory)
    return Switched(words_of(settings, plan), plan.missing)


def keep_mark(settings: Settings, plan: Plan) -> None:
    """The mark of before, copied aside; once."""
    mark, aside = mark_file(settings).path, directory_of(settings) / plan.aside
    known = marked_by(settings)
    if not mark.exists() or (known is not None and known.log_id == plan.log_id):
        return
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_durably(aside / "mark", mark.read_bytes())
    shutil.copystat(mark, aside / "mark")


def renew_journal(settings: Settings, plan: Plan) -> None:
    """The journal that was written from the restored stream in its place."""
    path, new = journal_path(settings), new_journal(settings)
    if new.exists():
        put_in_place(path, journal_aside(settings, plan), new)


def journal_aside(settings: Settings, plan: Plan) -> Path:
    """Where the journal of before is kept: beside the new one, for it may be on another disk."""
    path = journal_path(settings)
    return path.with_name(f"{path.name}.{Path(plan.aside).name}")


def words_of(settings: Settings, plan: Plan) -> str:
    """What was done."""
    words = (
        f"the stream {settings.stream} was restored from the backup of {plan.taken_at}: "
        f"{events_to(plan.last)}, as they were; event {plan.last + 1} tells of it."
    )
    aside, journal = directory_of(settings) / plan.aside, journal_aside(settings, plan)
    if aside.exists():
        words += f" What was there before is kept at {aside}."
    if any(old.exists() for old in files_of(journal)):
        words += f" The journal of before is kept at {journal}."
    return words + and_missing(plan.missing)
