"""A journal that is damaged beside a whole stream: named by the start, doctor and mend alike."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from adapters.bootstrap.plan import read_plan
from tests.application.test_second_copy import OTHER, altered
from tests.e2e.service import Service
from tests.e2e.stores import Stores, copy, rows, run
from tests.e2e.test_fsck import stores, stream_of
from tests.e2e.test_fsck_witnesses import journal_of

__all__ = ["copy", "stores"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_one_altered_row_is_refused_and_the_stream_is_left_alone(
    copy: Service, stores: Stores
) -> None:
    before = stream_of(copy.data)
    altered(journal_of(copy.data), OTHER, 2)
    words = "stream and journal have other bytes of event 2 "
    assert words in copy.doctor()
    assert words in copy.refused()
    said = run(copy, "mend")
    assert said.status == 1
    assert "event 2 (" in said.err
    assert "Nothing was changed" in said.err
    assert "rebuild_journal" in said.err
    assert [x.raw for x in stream_of(copy.data)] == [x.raw for x in before]


def test_a_journal_without_a_trigger_is_refused_before_the_switch(copy: Service) -> None:
    with closing(sqlite3.connect(journal_of(copy.data))) as database:
        database.execute("DROP TRIGGER head_rises")
    shutil.rmtree(copy.data / "jetstream")
    said = run(copy, "mend")
    assert said.status == 1
    assert "it lacks head_rises" in said.err
    assert read_plan(copy.data) is None
    assert not (copy.data / "jetstream").exists()


def test_a_history_without_any_witness_is_refused(copy: Service) -> None:
    shutil.rmtree(copy.data / "journal")
    (copy.data / "stream.json").unlink()
    words = "missing although the stream has a history"
    assert words in copy.doctor()
    assert words in copy.refused()


def test_a_damaged_head_is_no_lost_event(copy: Service) -> None:
    head = len(rows(copy.data)) - 2
    with closing(sqlite3.connect(journal_of(copy.data))) as database:
        database.execute("DROP TRIGGER head_rises")
        database.execute("UPDATE head SET position = ?, sha256 = '1'", (head,))
        database.commit()
    assert "the journal is damaged itself" in copy.refused()
    said = run(copy, "accept-loss", "--reason", "why not")
    assert said.status == 5
    assert "nothing is lost" in said.err
    assert "rebuild_journal" in said.err
