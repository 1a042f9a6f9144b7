"""Views in PostgreSQL: whose they are, what goes wrong, and the library's own suite."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

import pytest
from eventsourcing.persistence import TrackingRecorder
from eventsourcing.postgres import PostgresDatastore
from eventsourcing.tests import persistence as library
from msgspec import Struct

from adapters.views.postgres import store as postgres_store
from adapters.views.postgres.files import PostgresViewFiles
from adapters.views.postgres.schema import columns_in
from adapters.views.postgres.server import ALIVE, HELD, PostgresServer
from adapters.views.postgres.store import PostgresViewStore
from adapters.views.postgres.tracking import SchemaRecorder
from adapters.views.schema import TABLES
from application.view_store import Difference
from application.views import AuditFilter
from domain.errors import Corrupt, CountermandError, Misconfigured, Unavailable
from projections.folding import JobFold
from projections.version import VIEWS_VERSION
from tests.contract.views import (
    ALL,
    LOG,
    audit,
    changes,
    check_told,
    job,
    job_changes,
)
from tests.support.freezing_proxy import freezing
from tests.support.postgres import PORT, Postgres, new_database, run_sql
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("postgres")

TAKEN_OVER_SECONDS: Final = 5.0
LEARNED_SECONDS: Final = 10.0
"""Who reads tries once more, on a new connection."""

NAME: Final = "countermand_v1_0123456789ab"
KILL: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest.fixture
def server(database: str) -> PostgresServer:
    return PostgresServer(database)


@pytest.fixture
def store(server: PostgresServer) -> Iterator[PostgresViewStore]:
    made = PostgresViewStore(server, NAME, LOG)
    yield made
    made.close()


@pytest.fixture
def files(server: PostgresServer) -> Iterator[PostgresViewFiles]:
    made = PostgresViewFiles(server, LOG)
    yield made
    made.close()


@pytest.fixture
def others(server: PostgresServer) -> Iterator[PostgresViewFiles]:
    """Another service's."""
    made = PostgresViewFiles(server, LOG)
    yield made
    made.close()


class TestTracking(library.TrackingRecorderTestCase):
    """The library's own suite for what keeps a position."""

    @pytest.fixture(autouse=True)
    def _place(self, postgres: Postgres) -> Iterator[None]:
        self.postgres = postgres
        self.made = list[PostgresDatastore]()
        yield
        for datastore in self.made:
            datastore.close()

    def create_recorder(self) -> TrackingRecorder:
        database = new_database(self.postgres).split("?")[0].rpartition("/")[2]
        directory, user = str(self.postgres.directory), self.postgres.user
        self.made.append(PostgresDatastore(database, directory, 5432, user, "", pool_size=1))
        recorder = SchemaRecorder(self.made[-1])
        recorder.create_table()
        return recorder


# --- the schema -----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_fields_of_its_struct(
    store: PostgresViewStore, database: str, table: str
) -> None:
    rows = run_sql(
        database,
        "SELECT column_name FROM information_schema.columns "
        f"WHERE table_schema = '{NAME}' AND table_name = '{table}' ORDER BY ordinal_position",
    )
    struct: type[Struct] = TABLES[table]
    assert tuple(str(x) for (x,) in rows) == columns_in(table)
    assert columns_in(table)[: len(struct.__struct_fields__)] == struct.__struct_fields__


TEXTS: Final = ("\0", "\x01", "\x01\0\x02", "a\0b", "\x01\x01", "\x02", "\x00\x01", "\U0010ffff")


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_any_text_comes_back_as_it_was(store: PostgresViewStore, text: str) -> None:
    row = audit(1, message=text, actor=text)
    store.commit(changes(1, trail=[row]))
    assert store.reader().trail(AuditFilter(actors=(text,)), True, ALL).rows == (row,)


def test_a_word_longer_than_postgresql_takes_is_found_by_its_beginning(
    store: PostgresViewStore,
) -> None:
    row = audit(1, explanation="\U00030000" * 9000 + " disk")
    store.commit(changes(1, trail=[row]))
    for words in ("\U00030000" * 600, "\U00030000*", "disk"):
        assert store.reader().trail(AuditFilter(words=words), True, ALL).rows == (row,)


# --- whose they are -------------------------------------------------------------------------------


def test_one_writes_and_another_goes_on_when_it_is_gone(server: PostgresServer) -> None:
    one, other = (PostgresViewStore(server, NAME, LOG) for _ in range(2))
    assert one.may_write()
    assert not other.may_write()
    one.commit(changes(1, trail=[audit(1)]))
    with pytest.raises(Unavailable, match="another service writes"):
        other.commit(changes(2))
    assert other.position() == 1
    one.close()
    assert other.may_write()
    other.commit(changes(2))
    assert other.reader().position() == 2
    other.close()


def test_who_lost_the_connection_writes_nothing_before_it_has_looked(
    store: PostgresViewStore, server: PostgresServer, database: str
) -> None:
    store.commit(changes(1))
    run_sql(database, KILL)
    with pytest.raises(Unavailable):
        store.check_writing()
    with pytest.raises(Unavailable, match="lost"):
        store.commit(changes(2))
    other = PostgresViewStore(server, NAME, LOG)
    other.commit(changes(3))
    assert not store.may_write()
    other.close()
    assert store.may_write()
    assert store.position() == 3
    store.commit(changes(4))


TRIES: Final[dict[str, Callable[[PostgresViewStore], object]]] = {
    "looks": PostgresViewStore.check_writing,
    "writes": lambda one: one.commit(changes(1)),
    "reads": PostgresViewStore.position,
}


@pytest.mark.parametrize("tries", TRIES)
def test_who_is_silent_is_not_waited_for_and_learns_it(
    postgres: Postgres, server: PostgresServer, database: str, tmp_path: Path, tries: str
) -> None:
    """The network of the one who writes goes silent, and no end of a connection comes."""
    place, behind = f".s.PGSQL.{PORT}", str(postgres.directory)
    with freezing(tmp_path / place, postgres.directory / place) as proxy:
        cut_off = PostgresServer(database.replace(quote_plus(behind), quote_plus(str(tmp_path))))
        one, other = PostgresViewStore(cut_off, NAME, LOG), PostgresViewStore(server, NAME, LOG)
        assert one.may_write()
        assert one.position() == 0
        proxy.freeze()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            TRIES[tries](one)
        learned = time.monotonic() - began
        until(other.may_write, "the other one may write")
        seconds = time.monotonic() - began
        other.commit(changes(1))
        assert seconds < TAKEN_OVER_SECONDS
        proxy.thaw()
        with suppress(Unavailable):  # who only read does not know yet that the lock is gone
            one.check_writing()
        assert not one.may_write()
        assert one.position() == 1
        for store in (one, other):
            store.close()
    assert learned < LEARNED_SECONDS


def test_both_sides_ask_whether_the_other_is_there_and_the_operator_may_say_otherwise() -> None:
    """Of a machine that is gone nothing comes, not even the end of its connections."""
    asked = PostgresServer("postgresql://db.example.org/v?keepalives_idle=9").arguments(HELD)
    assert {key: asked[key] for key in ALIVE} == ALIVE | {"keepalives_idle": "9"}
    assert "-c tcp_keepalives_idle=1" in asked["options"]


def test_views_that_others_read_are_not_dropped(
    files: PostgresViewFiles, others: PostgresViewFiles, database: str
) -> None:
    old = files.open(files.begin())
    old.commit(changes(3, trail=[audit(3)]))
    files.switch(old.name)
    theirs = others.current()
    assert theirs is not None
    new = files.begin()
    files.open(new).close()
    files.switch(new, old.name)
    old.close()
    files.discard(old.name)
    assert theirs.reader().trail_span(AuditFilter()).count == 1
    assert others.in_use() == new
    theirs.close()
    others.discard(old.name)
    assert names(database) == {new}


def test_one_builds_at_a_time(files: PostgresViewFiles, others: PostgresViewFiles) -> None:
    name = files.begin()
    with pytest.raises(Unavailable, match="another service builds") as raised:
        others.begin()
    assert raised.value.code == "views_built_elsewhere"
    others.tidy()
    files.open(name).close()
    files.switch(name)
    others.discard(others.begin())


def test_views_of_an_older_version_go_when_nobody_reads_them(
    files: PostgresViewFiles, database: str
) -> None:
    old = files.open(files.begin())
    files.switch(old.name)
    edited(database, "UPDATE countermand_views.builds SET version = version - 1")
    assert files.current() is None
    new = files.begin()
    files.open(new).close()
    files.switch(new)
    assert names(database) == {old.name, new}, "somebody reads them"
    old.close()
    files.tidy()
    assert names(database) == {new}


def names(database: str) -> set[str]:
    """The schemas of views that are there."""
    found = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'countermand\\_v_\\_%'"
    return {str(row[0]) for row in run_sql(database, found)}


def edited(database: str, *statements: str) -> None:
    """Somebody writes into the database."""
    run_sql(database, *statements)


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql://nobody:s3cret@/views?host={tmp_path}"
    with pytest.raises(Unavailable, match="cannot be reached") as raised:
        PostgresViewFiles(PostgresServer(url), LOG).current()
    assert raised.value.code == "views_unreachable"
    assert "s3cret" not in raised.value.message
    assert str(tmp_path) in raised.value.message
    assert "setting views" in raised.value.message


def test_what_is_no_address_is_said_without_the_password() -> None:
    with pytest.raises(Misconfigured, match="not the address") as raised:
        PostgresServer("postgresql://nobody:s3cret@[half/views")
    assert "s3cret" not in raised.value.message


def test_a_database_of_another_encoding_is_refused(postgres: Postgres) -> None:
    run_sql(
        postgres.url(),
        "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0",
    )
    with pytest.raises(Unavailable, match="UTF8"):
        PostgresViewFiles(PostgresServer(postgres.url("latin")), LOG).current()


def test_an_account_that_may_not_make_schemas_is_told_what_it_needs(postgres: Postgres) -> None:
    database = new_database(postgres)
    run_sql(postgres.url(), "DROP ROLE IF EXISTS reader", "CREATE ROLE reader LOGIN")
    url = database.replace(f"//{postgres.user}@", "//reader@")
    with pytest.raises(Unavailable, match="needs CREATE"):
        PostgresViewFiles(PostgresServer(url), LOG).begin()


def test_readers_go_on_when_their_connections_were_cut(
    store: PostgresViewStore, database: str
) -> None:
    store.commit(changes(1, trail=[audit(1)]))
    reader = store.reader()
    for _ in range(3):
        assert reader.position() == 1
        run_sql(database, KILL)


def test_who_takes_long_is_interrupted_when_the_views_are_closed(store: PostgresViewStore) -> None:
    outcomes, asleep = list[CountermandError](), threading.Event()

    def read() -> None:
        try:
            with store.datastore.reading() as cursor:
                asleep.set()
                cursor.execute("SELECT pg_sleep(100)")
        except CountermandError as error:
            outcomes.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    asleep.wait()
    store.close()
    thread.join()
    assert [type(x) for x in outcomes] == [Unavailable]


def test_a_fold_that_cannot_be_read_is_damage(store: PostgresViewStore, database: str) -> None:
    store.commit(job_changes(1, JobFold(job(1))))
    edited(database, f"UPDATE {NAME}.state SET bytes = '\\xc1'")
    with pytest.raises(Corrupt, match="job/1"):
        store.states(list(job_changes(1, JobFold(job(1))).states))


DAMAGES: Final = {
    "no schema": "DROP SCHEMA {} CASCADE",
    "no index any more": "DROP INDEX {}.job_by_state",
    "no table any more": "DROP TABLE {}.tally",
    "an older version": f"UPDATE {{}}.about SET version = {VIEWS_VERSION - 1}",
    "another log": "UPDATE {}.about SET log_id = 'log/2'",
    "not even a row": "DELETE FROM {}.about",
    "other columns": "ALTER TABLE {}.about DROP COLUMN log_id",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_views_that_cannot_be_used_count_as_none(
    files: PostgresViewFiles, database: str, damage: str
) -> None:
    name = files.begin()
    files.open(name).close()
    files.switch(name)
    edited(database, DAMAGES[damage].format(name))
    assert files.current() is None
    again = files.begin()
    files.open(again).close()
    files.switch(again)
    current = files.current()
    assert current is not None
    assert current.name == again
    current.close()


def test_only_names_that_were_given_are_taken(files: PostgresViewFiles) -> None:
    for name in ("public", 'x"; DROP SCHEMA public; --', "countermand_v1_xyz", ""):
        with pytest.raises(Corrupt, match="not the name of views"):
            files.open(name)


def test_the_lock_of_a_schema_is_its_own() -> None:
    assert postgres_store.in_use("a") != postgres_store.in_use("b")


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE {}.audit SET actor = 'x' WHERE position = 2", ("audit", 1, "2")),
        ("UPDATE {}.audit SET words = 'smuggled' WHERE position = 2", ("audit", 1, "2")),
        ("DELETE FROM {}.audit WHERE position > 1", ("audit", 2, "2")),
        ("UPDATE {}.job SET owner = 'x'", ("job", 1, "1")),
        ("DELETE FROM {}.cancellation", ("cancellation", 1, "9")),
        ("UPDATE {}.state SET bytes = ''", ("state", 1, "job/1")),
        ("UPDATE {}.about SET release_seconds = 1", ("about", 1, "1")),
        ("UPDATE {}.stretch SET first = 2", ("stretch", 1, "1")),
    ],
)
def test_edited_views_differ_where_they_were_edited(
    server: PostgresServer, database: str, statement: str, told: tuple[str, int, str]
) -> None:
    one, other = (PostgresViewStore(server, f"{NAME[:-1]}{n}", LOG) for n in (1, 2))
    edit = lambda: edited(database, statement.format(one.name))  # noqa: E731
    check_told(one, other, edit, Difference(*told))


def test_what_a_dead_service_held_is_free(server: PostgresServer, database: str) -> None:
    """The server ends a session whose process is gone; here an administrator ends it."""
    one, other = (PostgresViewStore(server, NAME, LOG) for _ in range(2))
    assert one.may_write()
    held = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
    ((pid,),) = run_sql(database, held)
    run_sql(database, f"SELECT pg_terminate_backend({pid})")
    until(other.may_write, "the other one may write")
    for one_of in (one, other):
        one_of.close()
