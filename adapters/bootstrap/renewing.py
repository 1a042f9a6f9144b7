"""A damaged journal beside a whole stream: how it is written anew, in words."""

from contextlib import closing

from adapters.bootstrap.evidence import journal_path, journal_there
from adapters.journal import SqliteJournal
from application.settings import REBUILD_JOURNAL, Settings
from application.startup_check import journal_flaws


def how_to_renew(settings: Settings) -> str:
    """How a journal is written anew from the stream."""
    return (
        "See with 'countermand fsck' that nothing else is wrong with the stream, move the journal "
        f"away ({journal_path(settings)}, with -wal and -shm) and keep it, and start once with "
        f"rebuild_journal = {REBUILD_JOURNAL!r}: it is written anew from the stream."
    )


def flaws_of(settings: Settings) -> str:
    """What is wrong with the journal's end by itself, on one line; "" for nothing."""
    if not journal_there(settings):
        return ""
    with closing(SqliteJournal(journal_path(settings), settings.cluster)) as journal:
        copied = journal.mark()
        return "" if copied is None else "; ".join(journal_flaws(journal, copied))
