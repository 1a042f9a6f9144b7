"""Many at once on one job: exactly one wins, everybody is told, and all of it is on the stream."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
import pytest
from msgspec import Struct

from adapters.principals import PrincipalsFile
from domain.identity import Role
from tests.e2e.service import Service, running_service
from tests.e2e.stream import check_history, ends
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MODES: Final = ("graceful", "normal", "forced", "normal")
CANCELS_EACH: Final = len(MODES)
SUBMITS: Final = 50
STORMS: Final = 4
STRIKES: Final = 24


class Person(Struct, frozen=True):
    """Somebody with a token. ``may``: whether they may cancel other people's jobs."""

    name: str
    token: str
    may: bool


@pytest.fixture(scope="module")
def one() -> Iterator[Service]:
    with running_service() as found:
        found.set_grace(1)
        yield found
        check_history(found.stream())
        assert "Traceback" not in found.log
        assert "unexpected_error" not in found.log


@pytest.fixture(scope="module")
def people(one: Service) -> list[Person]:
    """Two operators, an administrator of jobs, and two who may not."""
    file = PrincipalsFile(one.data / "principals.json")
    roles = [Role.JOB_OPERATOR, Role.JOB_OPERATOR, Role.JOB_ADMINISTRATOR, Role.USER, Role.USER]
    found = []
    for n, role in enumerate(roles):
        token = file.add(f"person{n}", (role,))
        assert token is not None
        found.append(Person(f"person{n}", token, role is not Role.USER))
    return found


def ask(one: Service, person: Person, path: str, body: Json, key: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": key}
    with one.client(**headers) as http:
        return http.post(path, json=body)


def test_many_cancels_of_one_job_accept_one_and_one_for_each_stronger_mode(
    one: Service, people: list[Person]
) -> None:
    job = one.deaf_job()
    asked = [(p, MODES[n], n) for n in range(CANCELS_EACH) for p in people]
    with ThreadPoolExecutor(len(asked)) as pool:
        answers = list(
            pool.map(
                lambda x: ask(
                    one, x[0], f"/jobs/{job}/cancel", {"mode": x[1]}, f"{x[0].name}.{x[2]}"
                ),
                asked,
            )
        )
    check_outcomes(asked, answers)
    one.until_state(job, "Canceled")
    history = one.events(job)
    kept = {(e.body["authid"], e.data["request_id"]): e for e in history if "mode" in e.data}
    for (person, _, n), answer in zip(asked, answers, strict=True):
        event = kept[person.name, f"{person.name}.{n}"]
        receipt = answer.json().get("receipt", answer.json())
        assert (event.body["id"], event.position) == (receipt["event_id"], receipt["position"])
    assert len(ends(history)) == 1
    check_replay(one, job)


def check_outcomes(asked: list[tuple[Person, str, int]], answers: list[httpx.Response]) -> None:
    """Who may not is refused; of the others one is accepted, and escalations rise."""
    for (person, _, _), answer in zip(asked, answers, strict=True):
        assert answer.status_code in ((200, 409) if person.may else (403,)), answer.text
    taken = [a.json()["outcome"] for a in answers if a.status_code == 200]
    counted = Counter(taken)
    assert counted["accepted"] == 1
    assert counted["escalated"] <= 2
    assert set(counted) <= {"accepted", "escalated", "repeated"}


def test_many_submits_with_one_key_make_one_job(one: Service) -> None:
    body = {"name": "only once", "tasks": [{"command": "true"}]}

    def submit(_: int) -> httpx.Response:
        with one.client(**{"Idempotency-Key": "the-only-key"}) as http:
            return http.post("/jobs", json=body)

    with ThreadPoolExecutor(SUBMITS) as pool:
        answers = list(pool.map(submit, range(SUBMITS)))
    assert {a.status_code for a in answers} == {201}
    (job,) = {a.json()["job_id"] for a in answers}
    assert [a.json()["replayed"] for a in answers].count(False) == 1
    made = [e for e in one.stream() if e.type == "JobAdded" and e.data["name"] == "only once"]
    assert [e.aggregate for e in made] == [f"job/{job}"]
    one.until_state(job, "Finished")
    with one.client(**{"Idempotency-Key": "the-only-key"}) as http:
        other = http.post("/jobs", json={**body, "name": "something else"})
    assert (other.status_code, other.json()["code"]) == (422, "request_id_reused")


def test_storms_of_commands_leave_one_history_and_one_end(
    one: Service, people: list[Person]
) -> None:
    """Requeue, cancel, finish and configure, job and task, at the same time, again and again."""
    job = one.submit("sleep 0.2", "sleep 60", "trap '' TERM; sleep 60")
    verbs: list[tuple[str, Json]] = [
        ("cancel", {"message": "storm"}),
        ("cancel", {"mode": "forced"}),
        ("finish", {"message": "storm"}),
        ("requeue", {}),
        ("configure", {}),
        ("tasks/2/cancel", {}),
        ("tasks/2/finish", {"message": "storm"}),
        ("tasks/2/requeue", {}),
    ]

    def strike(n: int) -> int:
        verb, body = verbs[n % len(verbs)]
        return ask(one, people[n % 3], f"/jobs/{job}/{verb}", body, f"storm.{n}").status_code

    for n in range(STORMS):
        with ThreadPoolExecutor(12) as pool:
            statuses = set(pool.map(strike, range(STRIKES * n, STRIKES * (n + 1))))
        assert statuses <= {200, 403, 409, 422}, statuses
        check_replay(one, job)
    until(lambda: calm(one, job), "the job comes to rest")
    check_replay(one, job)
    asked = [e.data.get("request_id") for e in one.events(job)]
    for n in range(STRIKES * STORMS):
        assert asked.count(f"storm.{n}") >= 1, f"storm.{n} left no event"


def calm(one: Service, job: int) -> bool:
    """Cancel by force whatever runs again, until the job has ended for good."""
    state = str(one.job(job)["state"])
    if state in ("Queued", "Running", "Submitted", "Validating", "Configuring"):
        one.http("POST", f"/jobs/{job}/cancel", {"mode": "forced"})
    return state in ("Canceled", "Finished", "Failed")


def check_replay(one: Service, job: int) -> None:
    """The stored bytes tell the very state that the service holds."""

    def looked() -> bool:
        with one.client() as http:
            answer = http.get(f"/jobs/{job}/replay")
        assert answer.status_code == 200, answer.text
        assert answer.json()["matches_live"] is True
        return True

    until(looked, "the replay is told")
