"""The position of the views, kept by eventsourcing's tracking recorder beside their rows."""

from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteTrackingRecorder

from adapters.views.datastore import used
from adapters.views.rows import UPSTREAM
from adapters.views.schema import statements
from domain.errors import Corrupt
from projections.folding import Around
from projections.version import VIEWS_VERSION


class ViewRecorder(SQLiteTrackingRecorder):
    """The library's recorder, whose tracking table is STRICT too, and which makes our tables."""

    def __init__(self, datastore: SQLiteDatastore, log_id: str = "") -> None:
        super().__init__(datastore)
        self._log_id = log_id

    def construct_create_table_statements(self) -> list[str]:
        """The library's table, made STRICT."""
        return [
            statement.replace("WITHOUT ROWID", "WITHOUT ROWID, STRICT")
            for statement in super().construct_create_table_statements()
        ]

    def make(self) -> None:
        """Make every table of an empty file, in one commit with the library's own."""
        self.create_table()
        with used(self.datastore, commit=True) as cursor:
            for statement in statements():
                cursor.execute(statement)
            cursor.execute(
                "INSERT INTO about VALUES (1, ?, ?, ?, NULL)",
                (VIEWS_VERSION, self._log_id, Around().release_seconds),
            )

    def track(self, cursor: SQLiteCursor, position: int) -> None:
        """Note the position in the transaction of its rows. ``Corrupt`` when it does not rise."""
        try:
            self._insert_tracking(cursor, Tracking(UPSTREAM, position))
        except IntegrityError as error:
            raise Corrupt(
                f"the views hold position {position} already: two projectors are at work"
            ) from error
