"""``countermand fsck`` and its witnesses: one that is gone, unreadable, ahead or other is named."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from adapters.mark import FileMark
from application.ports import Mark
from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.stores import Stores, copy, rows, run, swap
from tests.e2e.test_fsck import damaged, stores

__all__ = ["copy", "stores"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FINAL: Final = ("event_is_final", "event_stays", "head_stays", "head_rises")
"""What keeps a journal as it is."""


def journal_of(data: Path) -> Path:
    return data / "journal" / "journal.sqlite"


def mark_of(data: Path) -> FileMark:
    return FileMark(data / "journal" / "mark")


def altered(data: Path, *statements: str) -> None:
    """Somebody is at the journal's file."""
    with closing(sqlite3.connect(journal_of(data))) as database:
        for name in FINAL:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
        database.commit()


def marked(data: Path) -> Mark:
    mark = mark_of(data).read()
    assert mark is not None
    return mark


def garbage(path: Path) -> None:
    path.write_bytes(b"no such thing at all, but long enough to be looked at" * 20)


def emptied(data: Path) -> None:
    for path in (data / "jetstream").iterdir():
        shutil.rmtree(path)


GONE: Final[dict[str, Callable[[Path], object]]] = {
    "no store": lambda data: shutil.rmtree(data / "jetstream"),
    "an empty store": emptied,
}
"""What becomes of the store of the stream."""


@pytest.mark.parametrize("how", GONE)
def test_a_stream_that_is_gone_is_damage_and_what_to_do_is_told(copy: Service, how: str) -> None:
    known = marked(copy.data).position
    GONE[how](copy.data)
    report = damaged(copy)
    assert report["counts"] == {"identity": 1, "missing": known}
    assert (report["events"], report["last"], report["stream"]) == (0, 0, "")
    lost = report["damage"][1]
    assert lost["found"].startswith(f"nothing at position 1 to {known}: ")
    assert "which the journal has" in lost["expected"]
    assert "countermand mend" in report["what_to_do"]["missing"]
    assert "countermand restore" in report["what_to_do"]["missing"]
    assert "countermand accept-loss" in report["what_to_do"]["identity"]
    said = said_by(copy.command("fsck"), copy.clean_environment(), copy.home)
    assert said.status == 10
    assert "there is no stream, and there was one: DAMAGED" in said.out


BY_ITSELF: Final[dict[str, tuple[Callable[[Path], object], str, str, str]]] = {
    "no mark": (lambda data: mark_of(data).path.unlink(), "mark", "the mark ", "it is not there"),
    "no mark that can be read": (
        lambda data: garbage(mark_of(data).path),
        "mark",
        "the mark ",
        "mark is damaged: restore it, or move it away",
    ),
    "no journal": (
        lambda data: journal_of(data).unlink(),
        "journal",
        "the journal ",
        "it is not there",
    ),
    "an empty journal": (
        lambda data: journal_of(data).write_bytes(b""),
        "journal",
        "the journal ",
        "it is empty",
    ),
    "no journal that can be read": (
        lambda data: garbage(journal_of(data)),
        "journal",
        "the journal ",
        "cannot be opened: file is not a database",
    ),
    "no stream.json": (
        lambda data: (data / "stream.json").unlink(),
        "identity",
        "stream.json, which names the stream",
        "it is not there, and the journal has ",
    ),
    "no stream.json that can be read": (
        lambda data: garbage(data / "stream.json"),
        "identity",
        "stream.json, which names the stream",
        "stream.json cannot be read (",
    ),
}


@pytest.mark.parametrize("case", BY_ITSELF)
def test_a_witness_that_cannot_be_asked_is_named(copy: Service, case: str) -> None:
    harm, kind, expected, found = BY_ITSELF[case]
    harm(copy.data)
    report = damaged(copy, "--no-views")
    assert report["counts"] == {kind: 1}, report
    first = report["first"]
    assert (first["kind"], first["position"]) == (kind, 0)
    assert expected in first["expected"]
    assert found in first["found"]
    assert not (report["events"] - report["last"]), "all of the stream is looked at all the same"


def test_a_mark_that_is_ahead_is_named(copy: Service) -> None:
    mark, last = marked(copy.data), len(rows(copy.data))
    mark_of(copy.data).begin(Mark(mark.log_id, last + 3, "0" * 64))
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"mark": 1}
    assert report["first"]["position"] == last + 3
    assert report["first"]["expected"] == f"an event at {last + 3}, as marked"
    assert report["first"]["found"] == f"the stream ends at {last}"


def test_a_mark_of_another_event_is_named(copy: Service) -> None:
    mark = marked(copy.data)
    mark_of(copy.data).begin(Mark(mark.log_id, mark.position, "0" * 64))
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"mark": 1}
    assert report["first"]["position"] == mark.position
    assert report["first"]["expected"] == f"SHA-256 {'0' * 64}, as marked"
    assert report["first"]["found"] == f"SHA-256 {mark.sha256} in the stream"


def test_a_mark_of_another_stream_is_named(copy: Service) -> None:
    mark = marked(copy.data)
    mark_of(copy.data).begin(Mark("another/1", mark.position, mark.sha256))
    first = damaged(copy, "--no-views")["first"]
    assert (first["kind"], first["expected"]) == (
        "identity",
        "the stream another/1, as the mark has it",
    )


def test_a_journal_that_is_ahead_is_named(copy: Service, stores: Stores) -> None:
    last = len(rows(copy.data))
    altered(
        copy.data,
        f"INSERT INTO event SELECT {last + 1}, kind, id, version, type, time, raw FROM event"
        f" WHERE position = {last}",
        f"UPDATE head SET position = {last + 1}",
    )
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"missing": 1}
    assert report["first"]["position"] == last + 1
    assert report["first"]["found"] == (
        f"nothing at position {last + 1}: the stream ends at {last}"
    )


def test_a_journal_without_its_last_events_is_named(copy: Service) -> None:
    last = len(rows(copy.data))
    altered(copy.data, f"DELETE FROM event WHERE position > {last - 2}")
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"journal": 3}
    assert [x["position"] for x in report["damage"]] == [last, last - 1, last]
    assert [x["found"] for x in report["damage"]] == ["the journal has none"] * 3


def test_a_journal_without_an_event_in_the_middle_is_named(copy: Service) -> None:
    place = len(rows(copy.data)) // 2
    altered(copy.data, f"DELETE FROM event WHERE position = {place}")
    report = damaged(copy, "--no-views")
    assert report["counts"] == {"journal": 1}
    assert (report["first"]["position"], report["first"]["found"]) == (
        place,
        "the journal has none",
    )


def test_a_journal_of_no_stream_is_named(copy: Service) -> None:
    altered(copy.data, "DELETE FROM head")
    first = damaged(copy, "--no-views")["first"]
    assert (first["kind"], first["found"]) == ("journal", "it belongs to no stream")


def test_a_journal_with_a_damaged_page_is_named(copy: Service) -> None:
    path = journal_of(copy.data)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = database.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'event'"
        ).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    raw = bytearray(path.read_bytes())
    raw[(root - 1) * size : root * size] = b"\xff" * size
    path.write_bytes(raw)
    report = damaged(copy, "--no-views")
    assert set(report["counts"]) == {"journal"}
    assert "the journal's file is damaged: " in report["first"]["found"]
    assert report["events"] == report["last"]


def test_doctor_shows_the_report_of_a_refused_start_and_what_to_do(
    copy: Service, stores: Stores
) -> None:
    swap(copy, stores.older, "jetstream")
    refused = copy.refused()
    begin = refused.index("the log does not match the journal:")
    report = refused[begin:].split("Nothing was written.")[0].splitlines()
    assert len(report) >= 4
    said = run(copy, "doctor")
    assert said.status == 1
    shown = said.out.splitlines()
    first = shown.index(report[0])
    assert shown[first : first + len(report)] == report
    assert "'countermand mend' makes the stream again from the journal" in said.out
    (error,) = [
        x for x in json.loads(run(copy, "doctor", "-o", "json").out) if x["level"] == "error"
    ]
    assert error["text"].splitlines()[: len(report)] == report
    assert "countermand accept-loss" in error["what_to_do"]


def test_doctor_says_what_to_do_about_a_witness(copy: Service) -> None:
    garbage(mark_of(copy.data).path)
    found = json.loads(run(copy, "doctor", "-o", "json").out)
    about = {x["subject"]: x["what_to_do"] for x in found if x["level"] == "error"}
    assert "is moved away: the next start makes it anew" in about["mark"]
    assert "is moved away: the next start makes it anew" in about["stream"]
