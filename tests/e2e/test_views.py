"""The views of the real service: through kill -9 at any moment, and what leaves them on time."""

import asyncio
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from adapters.jetstream.connection import ServerAddress
from application.retention import LOOK_SECONDS_MAX
from application.views import AuditFilter, CancellationFilter, JobFilter, JobOrder
from tests.benchmarks.history import events
from tests.contract.views import ALL, at
from tests.e2e.service import STOP_SECONDS_MAX, Service
from tests.e2e.stream import check_history
from tests.e2e.views import against_rebuild, in_use, last_of, live, until_quiet
from tests.support.filling import publish_all
from tests.support.processes import builders_in
from tests.support.waiting import LOOK_SECONDS, PATIENCE_SECONDS, until
from tests.support.web import NO_TLS, Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEATHS: Final = 20
PEOPLE: Final = 4
EVENTS_BETWEEN: Final = (5, 120)
MODES: Final = ("normal", "forced", "graceful")
LONG: Final = 10_500
"""More events than are followed without a build."""


class Crowd:
    """People who submit, cancel, are refused and ask again, until told; a dead service is waited
    out. ``answers``: how many they were given."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._told = threading.Event()
        self._pool = ThreadPoolExecutor(PEOPLE)
        self.answers = 0
        self._people = [self._pool.submit(self._live, n) for n in range(PEOPLE)]

    def stop(self) -> None:
        """Everybody goes home."""
        self._told.set()
        for person in self._people:
            person.result()
        self._pool.shutdown()

    def _live(self, number: int) -> None:
        chance, turn = random.Random(number), 0
        while not self._told.is_set():
            turn += 1
            try:
                self._turn(chance, f"{number}-{turn}")
            except (httpx.TransportError, OSError, ValueError, KeyError):
                self._told.wait(LOOK_SECONDS)

    def _turn(self, chance: random.Random, key: str) -> None:
        """One job's life, as far as the service lives."""
        command = chance.choice(("true", "false", "exec sleep 60", "exec sleep 60"))
        body = {"name": key, "tasks": [{"command": command}, {"command": "true"}]}
        job = self._ask("/jobs", body, key)["job_id"]
        for n in range(chance.randrange(3)):
            mode = chance.choice(MODES)
            self._ask(f"/jobs/{job}/cancel", {"message": f"disk {n}", "mode": mode}, f"{key}-{n}")
        self._ask(f"/jobs/{job}/tasks/1/cancel", {"mode": "forced"}, f"{key}-t")
        self._ask(f"/jobs/{job}/cancel", {"mode": "forced", "message": "go"}, f"{key}-f")
        self._ask(
            f"/jobs/{chance.randrange(10**6, 10**7)}/cancel", {"message": "none"}, f"{key}-no"
        )

    def _ask(self, path: str, body: Json, key: str) -> Json:
        where = self._service.endpoint
        token = Path(where["token_file"]).read_text().strip()
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        with httpx.Client(
            headers=headers, timeout=PATIENCE_SECONDS, trust_env=False, verify=NO_TLS
        ) as client:
            answer = client.post(f"{where['http']}/api/v1{path}", json=body)
        self.answers += 1
        found: Json = answer.json()
        return found


@pytest.mark.timeout(400)
def test_killed_twenty_times_under_load_the_views_are_those_of_the_stream(
    service: Service, tmp_path: Path
) -> None:
    chance = random.Random(20)
    service.start()
    service.set_grace(1)
    crowd = Crowd(service)
    try:
        for death in range(DEATHS):
            goal = crowd.answers + chance.randint(*EVENTS_BETWEEN)
            until(lambda goal=goal: crowd.answers >= goal, "some work")  # type: ignore[misc]
            service.kill()
            service.start()
            if death == DEATHS // 2:
                service.ask("PUT", "/parameters/TTLCompletedJobs", {"value": "0"})
    finally:
        crowd.stop()
    last = until_quiet(service)
    assert last > DEATHS * EVENTS_BETWEEN[0]
    assert against_rebuild(service, tmp_path) == ()
    check_history(service.stream())
    with live(service) as store:
        reader = store.reader()
        assert reader.trail_span(AuditFilter()).count > 100
        assert reader.trail_span(AuditFilter(kinds=("removal",))).count > 0
        open_ones = reader.cancellations(CancellationFilter(open=True), at(0), ALL)
        assert {x.row.mode for x in open_ones.rows} <= {"graceful"}, "their tasks may still sleep"
    assert "views_stopped" not in service.log
    assert "Traceback" not in service.log
    health = service.health()
    assert not [x for x in health["reasons"] if "view" in x], health


def ended_with(service: Service, job: int, end: str) -> bool:
    """Whether the job was removed, and that is what came after its end."""
    return [one.type for one in service.events(job)][-2:] == [end, "JobRemoved"]


def test_an_ended_job_leaves_the_job_view_at_once_and_its_trail_stays(service: Service) -> None:
    service.start()
    service.ask("PUT", "/parameters/TTLCompletedJobs", {"value": "0"})
    kept, gone = service.submit("exec sleep 600"), service.submit("true")
    service.until_running(kept)

    def jobs() -> list[int]:
        with live(service) as store:
            rows = store.reader().jobs(JobFilter(), JobOrder.ID, False, ALL).rows
            return [row.job_id for row in rows]

    until(
        lambda: ended_with(service, gone, "JobFinished"),
        "it leaves, though nothing more happens, and not only when it is looked for anyway",
        seconds=LOOK_SECONDS_MAX / 2,
    )
    until(lambda: jobs() == [kept], "it is not in the view any more")
    canceled = service.submit("exec sleep 600")
    service.until_running(canceled)
    service.cancel(canceled, message="enough of it")
    until(lambda: jobs() == [kept], "only the running job is in the view")
    assert ended_with(service, canceled, "JobCanceled")
    until_quiet(service)
    with live(service) as store:
        reader = store.reader()

        def trail(job: int) -> list[tuple[str, str]]:
            rows = reader.trail(AuditFilter(job=str(job)), False, ALL).rows
            return [(row.kind, row.outcome) for row in rows]

        assert trail(gone) == [("end", "Finished"), ("removal", "removed")]
        assert trail(canceled) == [
            ("request", "accepted"),
            ("order", "signal"),
            ("stop", "Failed"),
            ("end", "Canceled"),
            ("removal", "removed"),
        ]
        (cancel,) = reader.cancellations(CancellationFilter(job_id=canceled), at(0), ALL).rows
        assert (cancel.row.stage, cancel.row.stopped, cancel.row.open) == ("canceled", 1, 0)
        assert reader.tasks(canceled, (), ALL).rows == ()


@pytest.mark.timeout(300)
def test_views_of_a_long_stream_are_built_beside_the_service(
    service: Service, tmp_path: Path
) -> None:
    """At the start, by a process of its own; also when it is killed meanwhile."""
    service.start()
    where = service.endpoint
    made = list(events(LONG, cluster=where["cluster"]))

    address = ServerAddress((where["nats_url"],), service.credentials("service"))
    asyncio.run(publish_all(address, where["cluster"], made))
    assert last_of(service) >= LONG  # ended long ago, its jobs leave the view at once
    service.stop()
    for path in (service.data / "views").iterdir():
        path.unlink()

    service.start()
    assert service.stop() < STOP_SECONDS_MAX, "whatever it is building"
    assert builders_in(service.data) == []
    service.start()
    service.kill()  # in the middle of it, or not: the next one builds them
    service.start()
    until(lambda: "views_rebuilt" in service.log, "a build")
    assert until_quiet(service) >= LONG
    assert against_rebuild(service, tmp_path) == ()
    assert [x.name for x in in_use(service).parent.glob("views-v*.sqlite")] == [
        in_use(service).name
    ]
    until(lambda: service.health()["status"] == "ready", "a ready service")
