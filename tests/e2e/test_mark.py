"""The mark of the real service: what only it knows is refused at start, and told by doctor."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.mark import FileMark
from application.ports import Mark
from tests.e2e.home import new_home
from tests.e2e.said import said_by
from tests.e2e.service import Service
from tests.e2e.stores import fsck, grown, on_copy, rows
from tests.e2e.test_fsck import damaged
from tests.e2e.test_store_faults import one_job
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def older() -> Iterator[Path]:
    """The data directory of a stopped service."""
    with new_home() as made:
        yield grown(made / "older", None, one_job("older"))


@pytest.fixture
def one(older: Path) -> Iterator[Service]:
    """A service whose mark is on a path of its own, not started, on a copy of ``older``."""
    with on_copy(older) as made:
        made.configure(mark_file=str(made.home / "other-disk" / "mark"))
        yield made


def mark_of(one: Service) -> Mark:
    """The mark now."""
    found = FileMark(Path(str(one.settings["mark_file"]))).read()
    assert found is not None
    return found


def gone_on(one: Service) -> int:
    """The service goes on by a job and is stopped; the position of the last event."""
    one.start()
    one.until_state(one.submit("true"), "Finished")
    last = one.stream()[-1].position
    one.stop()
    return last


def test_the_mark_is_made_and_kept_up(one: Service) -> None:
    assert mark_of_none(one)
    one.start()
    assert mark_of(one).position == len(rows(one.data))
    job = one.submit("sleep 60")
    receipt = one.cancel(job)
    until(lambda: mark_of(one).position >= receipt["position"], "the mark")
    one.until_state(job, "Canceled")
    one.stop()
    assert mark_of(one).position == len(rows(one.data))
    assert fsck(one)[0] == 0


def mark_of_none(one: Service) -> bool:
    """Whether there is no mark yet."""
    return FileMark(Path(str(one.settings["mark_file"]))).read() is None


def test_a_killed_service_leaves_a_mark_within_the_stream(one: Service) -> None:
    one.start()
    job = one.submit("sleep 60")
    receipt = one.cancel(job)
    until(lambda: mark_of(one).position >= receipt["position"], "the mark")
    one.kill()
    marked = mark_of(one).position
    one.start()
    assert marked <= len(one.stream())


def test_stream_and_journal_of_an_old_disk_are_refused_by_the_mark(
    one: Service, older: Path
) -> None:
    last = gone_on(one)
    for part in ("jetstream", "journal"):
        shutil.rmtree(one.data / part)
        shutil.copytree(older / part, one.data / part)
    lost = last - len(rows(older))
    words = f"by the mark: it lacks the last {lost} events that were there"
    said = one.refused()
    assert words in said
    assert f"mark:    {mark_of(one).log_id}, up to position {last}" in said
    command = one.command("doctor", "-o", "json")
    doctor = said_by(command, one.clean_environment(), one.home)
    assert doctor.status == 1
    (error,) = [x for x in json.loads(doctor.out) if x["level"] == "error"]
    assert words in error["text"]
    assert "countermand accept-loss" in error["what_to_do"]
    assert one.refused().splitlines()[1] == said.splitlines()[1], "doctor changed nothing"
    report = damaged(one, "--no-views")
    assert report["counts"] == {"mark": 1}
    assert report["first"]["expected"] == f"an event at {last}, as marked"


def test_another_head_than_the_marked_one_is_refused(one: Service) -> None:
    last = gone_on(one)
    path = Path(str(one.settings["mark_file"]))
    FileMark(path).begin(Mark(mark_of(one).log_id, last, "0" * 64))
    assert f"by the mark: its event at position {last}" in one.refused()
    first = damaged(one, "--no-views")["first"]
    assert (first["kind"], first["position"]) == ("mark", last)


def test_a_damaged_mark_is_refused_and_a_missing_one_is_made_anew(one: Service) -> None:
    gone_on(one)
    path = Path(str(one.settings["mark_file"]))
    path.write_bytes(b"\0" * 1024)
    assert f"the mark {path} is damaged" in one.refused()
    path.unlink()
    assert "mark" in one.doctor()
    one.start()
    assert mark_of(one).position == one.stream()[-1].position


def test_a_mark_that_cannot_be_written_stops_commands(one: Service) -> None:
    one.start()
    path = Path(str(one.settings["mark_file"]))
    path.unlink()
    one.http("POST", "/jobs", {"tasks": [{"command": "true"}]})
    until(lambda: one.health()["status"] == "not_ready", "not ready")
    assert any("the mark has stopped" in x for x in one.health()["reasons"])
    assert one.http("POST", "/jobs", {"tasks": [{"command": "true"}]}).status_code == 503
