"""Damaged streams made again from the journal, and losses accepted: on the record, repeatably."""

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from adapters.bootstrap.marker import read_marker
from adapters.bootstrap.plan import Plan, Work, read_plan, write_plan
from adapters.mark import FileMark
from application.ports import Mark
from tests.e2e.service import Service
from tests.e2e.stores import Stores, check_goes_on, copy, facts, killed, rows, run, swap
from tests.e2e.stream import Event
from tests.e2e.test_fsck import forged, last_of_job, published, stores, stream_of
from tests.e2e.test_store_faults import update_stream

__all__ = ["copy", "stores"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def check_mended(one: Service, before: list[Event]) -> Event:
    """The service goes on with what was there before, and one event that tells of it."""
    one.start()
    after = one.stream()
    assert facts(after[: len(before)]) == facts(before)
    event = after[len(before)]
    assert event.type == "StreamMended"
    assert event.data["restored"] == len(before)
    assert event.data["stream"] != event.data["damaged_stream"]
    assert event.body["authid"] == "root" if os.geteuid() == 0 else True
    assert check_goes_on(one) == ["mend"]
    return event


def test_a_shorter_stream_is_mended(copy: Service, stores: Stores) -> None:
    before = stream_of(copy.data)
    swap(copy, stores.older, "jetstream")
    assert "countermand mend" in copy.refused()
    said = run(copy, "mend")
    assert said.status == 0, said.err
    assert f"events 1 to {len(before)}, as they were" in said.out
    (aside,) = (copy.data / "damaged").iterdir()
    assert str(aside) in said.out
    assert list((aside / "jetstream").rglob("*.blk"))
    event = check_mended(copy, before)
    lost = len(before) - len(rows(stores.older))
    assert event.data["damage"].startswith(f"it lacks the last {lost} events that were there; ")
    assert event.data["kept_as"] == f"damaged/{aside.name}"
    assert run(copy, "mend").status == 5, "nothing is damaged any more"


def test_a_missing_store_is_mended(copy: Service) -> None:
    before = stream_of(copy.data)
    shutil.rmtree(copy.data / "jetstream")
    said = run(copy, "mend")
    assert said.status == 0, said.err
    event = check_mended(copy, before)
    assert (event.data["damage"], event.data["kept_as"]) == ("its store is not there", "")


def test_another_services_stream_is_put_aside_and_none_of_it_is_taken(
    copy: Service, stores: Stores
) -> None:
    before = stream_of(copy.data)
    swap(copy, stores.stranger, "jetstream")
    assert run(copy, "mend").status == 0
    event = check_mended(copy, before)
    assert event.data["damage"].startswith("it is another log than the one this journal copied")


def test_events_taken_out_of_the_middle_are_mended(copy: Service) -> None:
    before = stream_of(copy.data)
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": 1}))
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": -1}))
    assert "has lost events" in copy.refused()
    assert run(copy, "mend").status == 0
    event = check_mended(copy, before)
    assert "messages were deleted" in event.data["damage"]


def test_what_only_the_damaged_stream_has_is_restored_too(copy: Service, stores: Stores) -> None:
    before = stream_of(copy.data)
    kept = len(rows(stores.older))
    swap(copy, stores.older, "journal")
    marked = copy.data / "journal" / "mark"
    mark = FileMark(stores.now / "journal" / "mark").read()
    assert mark is not None
    FileMark(marked).begin(mark)
    asyncio.run(update_stream(copy.data, {"discard": "old"}))
    assert run(copy, "mend").status == 0
    event = check_mended(copy, before)
    assert event.data["from_stream"] == len(before) - kept


def test_a_forged_end_of_the_stream_stops_the_mend(copy: Service, stores: Stores) -> None:
    published(copy.data, forged(last_of_job(copy.data), "JobFinished", {}, previoushash="0" * 64))
    asyncio.run(update_stream(copy.data, {"discard": "old"}))
    said = run(copy, "mend")
    assert said.status == 1
    assert "what the stream has beyond the journal is damaged itself: event" in said.err
    assert read_plan(copy.data) is None


def test_a_journal_that_is_damaged_itself_is_not_believed(copy: Service, stores: Stores) -> None:
    database = sqlite3.connect(copy.data / "journal" / "journal.sqlite")
    database.execute("DROP TRIGGER event_is_final")
    other = 'CAST(replace(CAST(raw AS TEXT), \'"owner":"\', \'"owner":"m\') AS BLOB)'
    database.execute(f"UPDATE event SET raw = {other} WHERE type = 'JobAdded'")
    database.commit()
    database.close()
    swap(copy, stores.older, "jetstream")
    said = run(copy, "mend")
    assert said.status == 1
    assert "the journal is damaged itself: event" in said.err


def test_a_journal_whose_last_event_was_changed_is_not_believed(
    copy: Service, stores: Stores
) -> None:
    database = sqlite3.connect(copy.data / "journal" / "journal.sqlite")
    database.execute("DROP TRIGGER event_is_final")
    other = 'CAST(replace(CAST(raw AS TEXT), \'"origin":"\', \'"origin":"X\') AS BLOB)'
    last = "(SELECT max(position) FROM event)"
    database.execute(f"UPDATE event SET raw = {other} WHERE position = {last}")
    database.commit()
    database.close()
    swap(copy, stores.older, "jetstream")
    said = run(copy, "mend")
    assert said.status == 1
    assert "is not what was copied" in said.err


def test_a_whole_stream_is_not_mended_and_a_running_service_neither(copy: Service) -> None:
    said = run(copy, "mend")
    assert said.status == 5
    assert "the stream is whole" in said.err
    copy.start()
    for verb in (("mend",), ("accept-loss", "--reason", "why not")):
        said = run(copy, *verb)
        assert said.status == 1
        assert "is in use by process" in said.err
    copy.stop()


STEPS = 12
"""So many moments at which a mend is killed, from its beginning to its end."""


def test_a_mend_killed_at_any_moment_is_finished_by_the_next(copy: Service, stores: Stores) -> None:
    before = stream_of(copy.data)
    swap(copy, stores.older, "jetstream")
    for n in range(STEPS):
        if not killed(copy, 0.2 + 0.25 * n, "mend"):
            break
        if read_plan(copy.data) is not None:
            assert "was interrupted" in copy.refused()
    else:
        assert run(copy, "mend").status in (0, 5)
    assert read_plan(copy.data) is None
    check_mended(copy, before)


@pytest.mark.parametrize("moved", [False, True])
def test_a_switch_that_was_cut_short_is_finished(
    copy: Service, stores: Stores, moved: bool
) -> None:
    """Before the moves, and between them, when there is no store at all."""
    before = stream_of(copy.data)
    swap(copy, stores.older, "jetstream")
    assert run(copy, "mend").status == 0
    (aside,) = (copy.data / "damaged").iterdir()
    put_back(copy, aside, len(before), moved)
    assert "'countermand mend' was interrupted" in copy.refused()
    assert "was interrupted" in copy.doctor()
    assert (copy.data / "jetstream").exists() is not moved, "no empty store was made"
    assert run(copy, "mend").status == 0
    assert list((aside / "jetstream").rglob("*.blk"))
    check_mended(copy, before)


def put_back(one: Service, aside: Path, last: int, moved: bool) -> None:
    """As it was when the new stream was whole; with ``moved`` the damaged one is aside already."""
    marker = read_marker(one.data)
    assert marker is not None
    (one.data / "mending").mkdir()
    (one.data / "jetstream").rename(one.data / "mending" / "jetstream")
    if not moved:
        (aside / "jetstream").rename(one.data / "jetstream")
    mark = FileMark(one.data / "journal" / "mark").read()
    write_plan(
        one.data,
        Plan(
            work=Work.SWITCH,
            aside=f"damaged/{aside.name}",
            event_id="not used any more",
            damage="it was shorter",
            known_stream="",
            last=last,
            log_id=marker.log_id,
            mark=mark,
        ),
    )


# --- losses that are accepted ---------------------------------------------------------------------


def test_a_loss_that_only_the_mark_knows_is_accepted(copy: Service, stores: Stores) -> None:
    last = len(rows(copy.data))
    mark = copy.data / "journal" / "mark"
    known = mark.read_bytes()
    swap(copy, stores.older, "jetstream", "journal")
    mark.write_bytes(known)
    left = len(rows(copy.data))
    assert "by the mark" in copy.refused()
    refused = run(copy, "mend")
    assert refused.status == 5
    assert "only the mark knows of more" in refused.err
    said = run(copy, "accept-loss", "--reason", "the disk \x1b[2J burnt")
    assert said.status == 0, said.err
    copy.start()
    event = copy.stream()[left]
    assert event.type == "LossAccepted"
    assert event.data["reason"] == "the disk \x1b[2J burnt"
    assert (event.data["last"], event.data["known_last"]) == (left, last)
    assert event.data["kept_as"] == ""
    check_goes_on(copy)


def test_what_can_be_mended_is_mended_before_the_rest_is_given_up(
    copy: Service, stores: Stores
) -> None:
    last = len(rows(copy.data))
    file = FileMark(copy.data / "journal" / "mark")
    mark = file.read()
    assert mark is not None
    file.begin(Mark(mark.log_id, last + 3, "0" * 64))
    swap(copy, stores.older, "jetstream")
    said = run(copy, "mend")
    assert said.status == 10
    assert "3 later events that were acknowledged are nowhere" in said.out
    assert "by the mark: it lacks the last 2 events" in copy.refused()
    assert run(copy, "accept-loss", "--reason", "they are nowhere").status == 0
    copy.start()
    mended, lost = copy.stream()[last:][:2]
    assert (mended.type, mended.data["missing"]) == ("StreamMended", 3)
    assert (lost.type, lost.data["known_last"]) == ("LossAccepted", last + 3)
    check_goes_on(copy)


def test_a_shorter_stream_is_accepted_and_the_journal_of_before_is_kept(
    copy: Service, stores: Stores
) -> None:
    all_ = rows(copy.data)
    swap(copy, stores.older, "jetstream")
    left = len(rows(stores.older))
    said = run(copy, "accept-loss", "--reason", "the owner says so")
    assert said.status == 0, said.err
    assert f"{len(all_) - left} events are lost" in said.out
    copy.start()
    event = copy.stream()[left]
    assert event.type == "LossAccepted"
    kept = copy.data / "journal" / event.data["kept_as"]
    assert kept.exists()
    database = sqlite3.connect(kept)
    query = "SELECT position, raw FROM event ORDER BY position"
    assert list(database.execute(query)) == all_
    database.close()
    row = copy.ask("GET", "/audit?kind=evidence")["rows"][0]
    assert (row["operation"], row["message"]) == ("accept_loss", "the owner says so")
    check_goes_on(copy)


def test_a_loss_is_accepted_once_however_often_it_is_interrupted(
    copy: Service, stores: Stores
) -> None:
    swap(copy, stores.older, "jetstream")
    left = len(rows(stores.older))
    command = ("accept-loss", "--reason", "again and again")
    for n in range(STEPS):
        if not killed(copy, 0.5 + 0.1 * n, *command):
            break
    else:
        assert run(copy, *command).status in (0, 5)
    assert read_plan(copy.data) is None
    copy.start()
    assert [e.type for e in copy.stream()].count("LossAccepted") == 1
    assert copy.stream()[left].type == "LossAccepted"
    check_goes_on(copy)


def test_what_is_not_lost_is_not_accepted(copy: Service) -> None:
    said = run(copy, "accept-loss", "--reason", "why not")
    assert said.status == 5
    assert "nothing is lost" in said.err
    assert run(copy, "accept-loss").status == 2, "a reason is needed"
    shutil.rmtree(copy.data / "jetstream")
    said = run(copy, "accept-loss", "--reason", "why not")
    assert said.status == 1
    assert "jetstream is not there" in said.err
