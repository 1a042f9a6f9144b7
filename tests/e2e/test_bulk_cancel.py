"""Hundreds of jobs canceled by one request; the service is killed with -9 in the middle of it."""

import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest

from tests.e2e.said import said_by
from tests.e2e.service import Service, new_service
from tests.e2e.stores import copied, grown
from tests.e2e.stream import check_history
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = pytest.mark.e2e

JOBS: Final = 1200
"""Three batches of the log."""

AT_ONCE: Final = 16
BODY: Final[Json] = {"wanted": {"states": ["Configuring"]}, "message": "the power goes"}
KEY: Final = "power-1"


@pytest.fixture
def service() -> Iterator[Service]:
    with new_service() as made:
        yield made


def held_jobs(service: Service, *keys: str) -> list[int]:
    """Jobs in Configuring."""
    body = {"tasks": [{"command": "true"}], "submit": False}

    with service.client() as client, ThreadPoolExecutor(AT_ONCE) as pool:

        def one(key: str) -> int:
            made = client.post("/jobs", json=body, headers={"Idempotency-Key": key})
            assert made.status_code == 201, made.text
            return int(made.json()["job_id"])

        return sorted(pool.map(one, keys))


def hold_many(service: Service) -> None:
    """The work of a service: so many jobs in Configuring."""
    held_jobs(service, *(f"held-{number}" for number in range(JOBS)))


def added(service: Service) -> list[int]:
    """Every job there is."""
    made = [event for event in service.stream() if event.type == "JobAdded"]
    return [int(event.aggregate.removeprefix("job/")) for event in made]


@pytest.mark.parametrize("planned", [False, True])
def test_after_kill_9_half_way_the_same_request_does_the_rest_once(
    service: Service, planned: bool
) -> None:
    copied(grown(service.home / "held", None, hold_many), service.data)
    service.start_crashing(f"after:JobCancelRequested#{JOBS // 2}")
    jobs = sorted(added(service))
    assert len(jobs) == JOBS
    path, body, key = "/cancellations", BODY, KEY
    if planned:
        plan = service.ask("POST", "/cancellations/plans", BODY)
        path, body, key = f"/cancellations/plans/{plan['digest']}", {}, ""
    with pytest.raises(httpx.TransportError):
        service.ask("POST", path, body, key)
    until(lambda: service.ended, "the death of the service")
    assert service.process is not None
    assert service.process.returncode == -signal.SIGKILL
    service.start()
    (later,) = held_jobs(service, "later")
    done = requested(service)
    assert 0 < done < JOBS, "the service died half-way"
    answer = service.ask("POST", path, body, key)
    assert [job["job_id"] for job in answer["jobs"]] == jobs
    assert (answer["total"], answer["done"], answer["failed"]) == (JOBS, JOBS, 0)
    replayed = sum(job["receipt"]["replayed"] for job in answer["jobs"])
    assert replayed == done
    until(lambda: all_canceled(service, jobs), "the end of all jobs")
    assert service.job(later)["state"] == "Configuring"
    check_once(service, jobs)
    said = said_by(service.command("fsck"), service.clean_environment(), service.home)
    assert said.status == 0, said.out + said.err


def requested(service: Service) -> int:
    """How many cancels are recorded."""
    return sum(event.type == "JobCancelRequested" for event in service.stream())


def all_canceled(service: Service, jobs: list[int]) -> bool:
    """Whether none of them goes on."""
    canceled = sum(event.type == "JobCanceled" for event in service.stream())
    return canceled == len(jobs)


def check_once(service: Service, jobs: list[int]) -> None:
    """One request, recorded before all cancels, and one cancel of each job."""
    stream = service.stream()
    check_history(stream)
    cancels = [event for event in stream if event.type == "JobCancelRequested"]
    assert Counter(event.aggregate for event in cancels) == Counter(f"job/{job}" for job in jobs)
    (bulk,) = (event for event in stream if event.type == "BulkCancelRequested")
    assert bulk.data["total"] == len(jobs)
    assert stream.index(bulk) < stream.index(cancels[0])
