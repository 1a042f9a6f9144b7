"""Two services with one read model: both answer, and one goes on when the other is killed."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote_plus

import httpx
import pytest

from tests.e2e.home import new_home
from tests.e2e.outside import outside_server
from tests.e2e.service import Service
from tests.e2e.stores import fsck
from tests.support.freezing_proxy import freezing
from tests.support.postgres import PORT, Postgres, run_sql
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

TAKEN_OVER_SECONDS: Final = 5.0
WRITERS: Final = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND application_name LIKE 'countermand %'
"""


@pytest.fixture
def services(database: str) -> Iterator[tuple[Service, Service]]:
    """Two on one stream and one database, each with a data directory of its own."""
    with new_home() as made, ExitStack() as stack:
        outside = stack.enter_context(outside_server(made / "nats", sync="always"))
        both = []
        for name in ("a", "b"):
            one = Service(new_place(made, name), views=database, **outside.settings)
            both.append(stack.enter_context(one))
        yield both[0].start(), both[1].start()


class Readers:
    """Somebody who lists jobs at each service, again and again. ``refused``: what was not 200."""

    def __init__(self, services: tuple[Service, ...]) -> None:
        self._told = threading.Event()
        self.answers: dict[Service, int] = dict.fromkeys(services, 0)
        self.refused: dict[Service, list[str]] = {one: [] for one in services}
        self._threads = [threading.Thread(target=self._read, args=[one]) for one in services]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._told.set()
        for thread in self._threads:
            thread.join()

    def _read(self, one: Service) -> None:
        with suppress(httpx.TransportError), one.client() as client:  # it was killed
            while not self._told.is_set():
                answer = client.get("/jobs")
                self.answers[one] += 1
                if answer.status_code != 200:
                    self.refused[one].append(answer.text)


def writer(services: tuple[Service, ...], database: str) -> Service:
    """Who writes the views."""

    def alone() -> Service | None:
        held = run_sql(database, WRITERS)  # a build, or its end, takes a lock for a moment too
        writing = [x for x in services if len(held) == 1 and str(held[0][0]).endswith(f":{x.pid}")]
        return writing[0] if writing else None

    return until(alone, "one of them writes")


def position(one: Service) -> int:
    """What its views are true for."""
    return int(one.ask("GET", "/projections")["position"])


def held_job(one: Service, name: str) -> int:
    """A job that nothing is done with; the position of its last event."""
    body: Json = {"name": name, "tasks": [{"command": "true"}], "submit": False}
    answer = one.http("POST", "/jobs", body)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["position"])


def names(one: Service) -> set[str]:
    """The names of all jobs that it lists."""
    return {row["name"] for row in one.ask("GET", "/jobs")["jobs"]}


def test_the_other_goes_on_within_five_seconds_and_both_answer_all_along(
    services: tuple[Service, Service], database: str
) -> None:
    one = writer(services, database)
    (other,) = [x for x in services if x is not one]
    readers = Readers(services)
    try:
        last = held_job(one, "before")
        until(lambda: position(other) >= last, "the other reads what the one wrote")
        one.kill()
        began = time.monotonic()
        last = held_job(other, "after")
        until(lambda: position(other) >= last, "the other goes on")
        seconds = time.monotonic() - began
        assert writer((other,), database) is other
        assert names(other) >= {"before", "after"}
        one.start()
        assert names(one) >= {"before", "after"}
        last = held_job(one, "again")
        until(lambda: position(one) >= last, "the first one reads")
    finally:
        readers.stop()
    assert seconds < TAKEN_OVER_SECONDS
    assert readers.refused == {one: [], other: []}
    assert min(readers.answers.values()) > 0
    for service in services:
        assert "views_stopped" not in service.log
        assert "Traceback" not in service.log


def test_the_other_goes_on_when_the_network_of_the_one_is_silent(
    postgres: Postgres, database: str
) -> None:
    """No end of a connection comes, and whatever is between answers for it."""
    with new_home() as made, ExitStack() as stack:
        outside = stack.enter_context(outside_server(made / "nats", sync="always"))
        (made / "between").mkdir(mode=0o700)
        between, behind = (x / f".s.PGSQL.{PORT}" for x in (made / "between", postgres.directory))
        proxy = stack.enter_context(freezing(between, behind))
        address = database.replace(quote_plus(str(behind.parent)), quote_plus(str(between.parent)))
        one, other = (
            stack.enter_context(Service(new_place(made, name), views=views, **outside.settings))
            for name, views in (("a", address), ("b", database))
        )
        one.start()
        assert writer((one,), database) is one
        other.start()
        last = held_job(one, "before")
        until(lambda: min(position(one), position(other)) >= last, "both are in step")
        proxy.freeze()
        began = time.monotonic()
        last = held_job(other, "after")
        until(lambda: position(other) >= last, "the other goes on")
        seconds = time.monotonic() - began
        assert writer((one, other), database) is other
        until(lambda: one.health()["status"] == "degraded", "the one says that it is cut off")
        proxy.thaw()
        last = held_job(one, "again")
        until(lambda: min(position(one), position(other)) >= last, "both go on")
        until(lambda: one.health()["status"] == "ready", "a ready service")
        assert names(one) == names(other) == {"before", "after", "again"}
        assert "views_stopped" not in one.log + other.log
        assert "Traceback" not in one.log + other.log
    assert seconds < TAKEN_OVER_SECONDS


def new_place(made: Path, name: str) -> Path:
    """A directory for a service."""
    (made / name).mkdir(mode=0o711)
    return made / name


def test_a_rebuild_at_one_is_put_in_place_at_both(
    services: tuple[Service, Service], database: str
) -> None:
    one = writer(services, database)
    (other,) = [x for x in services if x is not one]
    last = held_job(one, "kept")
    for service in (one, other):
        said = service.cli("projections", "rebuild")
        assert said.status == 0, said.err
    until(lambda: len(schemas(database)) == 1, "the old ones are gone")
    last = held_job(other, "later")
    until(lambda: min(position(one), position(other)) >= last, "both go on")
    assert names(one) == names(other) >= {"kept", "later"}
    before = schemas(database)
    status, report = fsck(one)
    assert (status, report["counts"], report["notes"]) == (0, {}, []), report
    assert schemas(database) == before, "nothing was made for the look"


def test_a_row_in_the_database_that_somebody_changed_is_named(
    services: tuple[Service, Service], database: str
) -> None:
    one = writer(services, database)
    last = held_job(one, "honest")
    until(lambda: position(one) >= last, "the views know of it")
    ((schema,),) = schemas(database)
    run_sql(database, f"UPDATE {schema}.job SET owner = 'mallory' WHERE job_id = 1")
    status, report = fsck(one)
    assert (status, report["counts"]) == (10, {"views": 1}), report
    assert report["first"]["found"] == "job differs in 1 rows, the first is 1"
    assert report["what_to_do"] == {"views": "`countermand projections rebuild`"}
    run_sql(database, f"DELETE FROM {schema}.task WHERE job_id = 1")
    found = [x["found"] for x in fsck(one)[1]["damage"]]
    assert "task differs in 1 rows, the first is 1/1" in found
    assert fsck(one, "--no-views")[0] == 0


def schemas(database: str) -> list[tuple[object, ...]]:
    """All views that are there."""
    return run_sql(database, "SELECT name FROM countermand_views.builds")


def test_doctor_says_where_the_views_are_and_what_to_do_when_they_are_not_there(
    postgres: object, database: str, service: Service, tmp_path: Path
) -> None:
    assert "in SQLite, below" in service.doctor()
    service.configure(views=database)
    assert "views" in service.doctor()
    assert "in PostgreSQL " in service.doctor()
    service.configure(views=f"postgresql://nobody@/views?host={tmp_path}")
    said = service.doctor()
    assert "cannot be reached" in said
    assert "lists and searches answer 503" in said


def test_without_the_database_lists_answer_503_and_commands_go_on(
    service: Service, database: str, tmp_path: Path
) -> None:
    service.configure(views=f"postgresql://nobody@/views?host={tmp_path}")
    service.start()
    assert held_job(service, "made all the same") > 0

    def told() -> bool:
        answer = service.http("GET", "/jobs")
        assert answer.status_code == 503, answer.text
        return "cannot be reached" in answer.text

    until(told, "it says why")
    assert service.health()["status"] == "degraded"
    service.stop()
    service.configure(views=database)
    service.start()
    until(lambda: service.http("GET", "/jobs").status_code == 200, "there are views")
    assert names(service) == {"made all the same"}


def test_a_database_that_goes_away_is_waited_for(
    service: Service, postgres: Postgres, database: str
) -> None:
    """Lists say so meanwhile, commands go on, and nothing is missing afterwards."""
    name = database.partition("?")[0].rpartition("/")[2]
    service.configure(views=database)
    service.start()
    held_job(service, "before")
    until(lambda: names(service) == {"before"}, "there are views")
    run_sql(
        postgres.url(),
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    answer = until(lambda: unavailable(service), "it is said")
    assert answer["code"] == "views_unreachable", answer
    held_job(service, "meanwhile")
    until(lambda: service.health()["status"] == "degraded", "health says it too")
    run_sql(postgres.url(), f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    until(lambda: unavailable(service) is None, "they are there again")
    until(lambda: names(service) == {"before", "meanwhile"}, "nothing is missing")
    until(lambda: service.health()["status"] == "ready", "a ready service")
    assert "views_stopped" not in service.log
    assert "Traceback" not in service.log


def unavailable(service: Service) -> Json | None:
    """What a list is refused with, when it is."""
    answer = service.http("GET", "/jobs")
    assert answer.status_code in (200, 503), answer.text
    found: Json = answer.json()
    return None if answer.status_code == 200 else found


def test_a_password_in_the_address_is_refused_and_never_told(service: Service) -> None:
    service.configure(views="postgresql://views:s3cret@127.0.0.1/views")
    said = service.refused()
    assert "passfile" in said
    assert "s3cret" not in said
