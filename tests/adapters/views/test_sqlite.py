"""Views in SQLite: the file itself, what damages it, and the library's own suite for recorders."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from eventsourcing.persistence import TrackingRecorder
from eventsourcing.tests import persistence as library
from msgspec import Struct

from adapters.views.datastore import in_our_words
from adapters.views.files import POINTER, SqliteViewFiles
from adapters.views.schema import EXTRA, KEYS, TABLES
from adapters.views.store import SqliteViewStore
from adapters.views.tracking import ViewRecorder
from application.view_store import Difference
from application.views import AuditFilter, JobFilter, JobOrder
from domain.errors import Corrupt, StoreFull, Unavailable
from projections.folding import JobFold
from projections.version import VIEWS_VERSION
from tests.contract.views import (
    ALL,
    LOG,
    audit,
    changes,
    check_told,
    differences,
    job,
    job_changes,
)

INDEX = ("audit_index", "audit_index_data", "audit_index_idx", "audit_index_config")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "views ?#%20:memory: mode=memory.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteViewStore]:
    made = SqliteViewStore(path, LOG)
    yield made
    made.close()


class TestTracking(library.TrackingRecorderTestCase):
    """The library's own suite for what keeps a position."""

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> Iterator[None]:
        self.made = list[SqliteViewStore]()
        self.directory = tmp_path
        yield
        for store in self.made:
            store.close()

    def create_recorder(self) -> TrackingRecorder:
        self.made.append(SqliteViewStore(self.directory / f"{len(self.made)}.sqlite", LOG))
        return ViewRecorder(self.made[-1].datastore, LOG)


# --- the file -------------------------------------------------------------------------------------


def test_the_file_is_private_and_in_wal_mode(store: SqliteViewStore, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with store.datastore.transaction(commit=False) as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone()[0] == "wal"
    assert path.parent.joinpath(f"{path.name}-wal").exists()


def test_every_table_but_the_index_is_strict(store: SqliteViewStore) -> None:
    with store.datastore.transaction(commit=False) as cursor:
        cursor.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        strict = {row["name"]: bool(row["strict"]) for row in cursor.fetchall()}
    own = {n: s for n, s in strict.items() if not n.startswith("sqlite_")}
    assert own == {**{n: True for n in own if n not in INDEX}, **dict.fromkeys(INDEX, False)}
    assert {"job", "task", "audit", "cancellation", "state", "tally", "about", "tracking"} < set(
        own
    )


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_the_fields_of_its_struct(store: SqliteViewStore, table: str) -> None:
    with store.datastore.transaction(commit=False) as cursor:
        cursor.execute(f"SELECT name, pk FROM pragma_table_info('{table}') ORDER BY cid")
        rows = [tuple(row) for row in cursor.fetchall()]
    struct: type[Struct] = TABLES[table]
    extra = (EXTRA[table].split()[0],) if table in EXTRA else ()
    assert [name for name, _ in rows] == [*struct.__struct_fields__, *extra]
    assert {name for name, key in rows if key} == set(KEYS[table])


def test_types_are_kept(store: SqliteViewStore) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="release_seconds"):
        edited(store.path, "UPDATE about SET release_seconds = 'much'")


def test_a_job_s_nodes_are_what_they_were(store: SqliteViewStore) -> None:
    nodes = ("n1", 'n"2', "n\u00f63")
    store.commit(job_changes(1, JobFold(job(1, nodes=nodes))))
    (row,) = store.reader().jobs(JobFilter(), JobOrder.ID, True, ALL).rows
    assert row.nodes == nodes


# --- what goes wrong with a file ------------------------------------------------------------------


def test_a_full_disk_is_said_and_is_over_when_there_is_room(store: SqliteViewStore) -> None:
    def room(pages: int) -> None:
        with store.datastore.transaction(commit=False) as cursor:
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    big = changes(1, trail=[audit(n, message="x" * 300) for n in range(1, 500)])
    room(40)
    with pytest.raises(StoreFull, match="full"):
        store.commit(big)
    assert store.position() == 0
    room(2**30)
    store.commit(big)
    assert store.position() == 1


def test_damage_in_the_file_is_said(path: Path) -> None:
    made = SqliteViewStore(path, LOG)
    made.commit(changes(1, trail=[audit(n, message="x" * 300) for n in range(1, 500)]))
    made.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * (path.stat().st_size // 2))
    damaged = SqliteViewStore(path, LOG)
    with pytest.raises(Corrupt, match="damaged"):
        damaged.reader().trail(AuditFilter(), True, ALL)
    damaged.close()


def test_what_is_no_database_is_said(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever its name says" * 200)
    with pytest.raises(Corrupt, match="damaged"):
        SqliteViewStore(path, LOG)


def test_a_fold_that_cannot_be_read_is_damage(store: SqliteViewStore) -> None:
    fold = JobFold(job(1))
    store.commit(job_changes(1, fold))
    with store.datastore.transaction(commit=True) as cursor:
        cursor.execute("UPDATE state SET bytes = x'c1'")
    with pytest.raises(Corrupt, match="job/1"):
        store.states(list(job_changes(1, fold).states))


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    files = SqliteViewFiles(tmp_path / "file" / "views", LOG)
    assert files.current() is None
    with pytest.raises(Unavailable, match="cannot be made"):
        files.begin()
    with pytest.raises(Unavailable, match="cannot be opened"):
        files.open("views-v1-1.sqlite")
    with pytest.raises(Unavailable, match="cannot be put in use"):
        files.switch("views-v1-1.sqlite")
    files.discard("views-v1-1.sqlite")


# --- which file is in use -------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> SqliteViewFiles:
    return SqliteViewFiles(tmp_path / "views", LOG)


def in_use(files: SqliteViewFiles) -> Path:
    """Views that are in use, closed; their file."""
    name = files.begin()
    store = files.open(name)
    store.commit(changes(3, trail=[audit(3)]))
    files.switch(name)
    store.close()
    return files.path(name)


def edited(path: Path, *statements: str) -> None:
    """Somebody writes into the file."""
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_views_in_use_are_found_again(files: SqliteViewFiles) -> None:
    path = in_use(files)
    current = files.current()
    assert current is not None
    assert (current.name, current.position()) == (path.name, 3)
    current.close()


def another_database(path: Path) -> None:
    path.unlink()
    edited(path, "CREATE TABLE other (x)")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no file": lambda p: p.unlink(),
    "an empty file": lambda p: p.write_bytes(b""),
    "no database": lambda p: p.write_bytes(b"x" * 5000),
    "half a file": lambda p: p.write_bytes(p.read_bytes()[:2048]),
    "another database": another_database,
    "an older version": lambda p: edited(p, f"UPDATE about SET version = {VIEWS_VERSION - 1}"),
    "a newer version": lambda p: edited(p, f"UPDATE about SET version = {VIEWS_VERSION + 1}"),
    "another log": lambda p: edited(p, "UPDATE about SET log_id = 'log/2'"),
    "not even a row": lambda p: edited(p, "DELETE FROM about"),
    "other columns": lambda p: edited(p, "DROP TABLE about", "CREATE TABLE about (x)"),
    "a pointer to nowhere": lambda p: (p.parent / POINTER).write_bytes(b'{"file":"no"}'),
    "a pointer outside": lambda p: (p.parent / POINTER).write_bytes(
        msgspec.json.encode({"file": f"../{p.parent.name}/{p.name}"})
    ),
    "half a pointer": lambda p: (p.parent / POINTER).write_bytes(b'{"file":"vie'),
    "no pointer": lambda p: (p.parent / POINTER).unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_cannot_be_used_counts_as_none(files: SqliteViewFiles, damage: str) -> None:
    DAMAGES[damage](in_use(files))
    assert files.current() is None
    again = in_use(files)
    current = files.current()
    assert current is not None
    assert current.name == again.name
    current.close()


def test_what_is_half_removed_goes_too(files: SqliteViewFiles) -> None:
    directory = in_use(files).parent
    (directory / "views-v1-gone.sqlite-wal").touch()
    files.begin()
    assert list(directory.glob("*gone*")) == []


# --- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE audit SET actor = 'x' WHERE position = 2", ("audit", 1, "2")),
        ("DELETE FROM audit WHERE position > 1", ("audit", 2, "2")),
        ("UPDATE job SET owner = 'x'", ("job", 1, "1")),
        ("DELETE FROM cancellation", ("cancellation", 1, "9")),
        ("UPDATE cancellation SET in_view = 0", ("cancellation", 1, "9")),
        ("UPDATE state SET bytes = x''", ("state", 1, "job/1")),
        ("UPDATE about SET release_seconds = 1", ("about", 1, "1")),
        ("UPDATE stretch SET first = 2", ("stretch", 1, "1")),
    ],
)
def test_an_edited_file_differs_where_it_was_edited(
    tmp_path: Path, statement: str, told: tuple[str, int, str]
) -> None:
    one, other = (SqliteViewStore(tmp_path / f"it's {n}", LOG) for n in (1, 2))
    check_told(one, other, lambda: edited(one.path, statement), Difference(*told))


def test_an_edited_index_differs(tmp_path: Path) -> None:
    stores = [SqliteViewStore(tmp_path / f"{n}", LOG) for n in (1, 2)]
    for one in stores:
        one.commit(changes(9, trail=[audit(n, message="disk") for n in (1, 2, 3)]))
    edited(stores[0].path, "INSERT INTO audit_index (rowid, message) VALUES (2, 'smuggled')")
    (found,) = differences(stores[0], stores[1])
    assert found.table == "audit_index"
    assert differences(stores[1], stores[0])
    for one in stores:
        one.close()


def test_a_look_that_is_interrupted_finds_no_damage() -> None:
    """Measured: a table-valued pragma that is interrupted as it begins gives SQLITE_ERROR."""
    error = sqlite3.OperationalError("interrupted")
    error.sqlite_errorcode = sqlite3.SQLITE_ERROR
    assert isinstance(in_our_words(error), Unavailable)
    other = sqlite3.OperationalError("no such table: job")
    other.sqlite_errorcode = sqlite3.SQLITE_ERROR
    assert isinstance(in_our_words(other), Corrupt)
