"""The position of the views, kept by eventsourcing's tracking recorder beside their rows."""

from typing import Any, cast

from eventsourcing.persistence import IntegrityError, Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from psycopg.sql import SQL, Identifier

from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.schema import statements
from adapters.views.rows import UPSTREAM
from domain.errors import Corrupt
from projections.folding import Around
from projections.version import VIEWS_VERSION


class SchemaRecorder(PostgresTrackingRecorder):
    """The library's recorder, which makes our tables, in transactions of the one who writes."""

    def __init__(self, datastore: PostgresDatastore) -> None:
        super().__init__(datastore, tracking_table_name="tracking")

    def make(self, cursor: PostgresCursor, log_id: str) -> None:
        """Make the schema with every table, in the open transaction."""
        schema = Identifier(self.datastore.schema)
        cursor.raw.execute(SQL("CREATE SCHEMA {}").format(schema))
        self._create_table(raw(cursor))
        for statement in statements():
            cursor.raw.execute(statement.encode())
        cursor.execute(
            "INSERT INTO about VALUES (1, ?, ?, ?, NULL)",
            (VIEWS_VERSION, log_id, Around().release_seconds),
        )

    def track(self, cursor: PostgresCursor, position: int) -> None:
        """Note the position in the transaction of its rows. ``Corrupt`` when it does not rise."""
        try:
            self._insert_tracking(raw(cursor), Tracking(UPSTREAM, position))
        except IntegrityError as error:
            raise Corrupt(
                f"the views hold position {position} already: two projectors are at work"
            ) from error


def raw(cursor: PostgresCursor) -> Any:
    """The cursor as the library wants it: it only looks whether there is a row."""
    return cast(Any, cursor.raw)
