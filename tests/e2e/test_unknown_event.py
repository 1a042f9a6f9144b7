"""Events that this version cannot read: their job stops being writable, the rest goes on."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable
from hashlib import sha256

import pytest
from msgspec import Struct

from tests.e2e.service import Service, running_service
from tests.e2e.stream import Event, check_aggregate, publish
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

Foreign = Callable[[Event], tuple[str, bytes]]


class Hurt(Struct, frozen=True):
    """A job, and where the event lies that nobody can read."""

    job: int
    position: int
    raw: bytes


def of_the_future(last: Event) -> tuple[str, bytes]:
    """A well-made event of a type that only a later version knows."""
    body = last.body
    body["type"] = "countermand.JobTeleported.v1"
    body["id"] = "01999999-0000-7000-8000-000000000001"
    body["aggregateversion"] += 1
    body["previoushash"] = sha256(last.raw).hexdigest()
    body["data"] = {"destination": "another cluster"}
    return "JobTeleported", json.dumps(body).encode()


def of_another_shape(last: Event) -> tuple[str, bytes]:
    """A known type whose data do not fit."""
    body = last.body
    body["aggregateversion"] += 1
    body["previoushash"] = sha256(last.raw).hexdigest()
    body["data"] = {"nonsense": 1}
    return last.type, json.dumps(body).encode()


def garbage(last: Event) -> tuple[str, bytes]:
    """No JSON, no UTF-8, and a terminal's escape sequence."""
    return "JobCanceled", b"\x00\xff\xfe{\x1b[2J not json"


def nothing(last: Event) -> tuple[str, bytes]:
    """No byte at all."""
    return "JobCanceled", b""


FOREIGN = (of_the_future, of_another_shape, garbage, nothing)


def test_the_jobs_concerned_stop_being_writable_and_the_rest_goes_on() -> None:
    with running_service() as one:
        well, *jobs = [one.submit("sleep 100") for _ in range(len(FOREIGN) + 1)]
        for job in (well, *jobs):
            one.until_running(job)
        hurt = [store(one, job, foreign) for job, foreign in zip(jobs, FOREIGN, strict=True)]

        check_all(one, hurt)
        body = {"message": "still possible"}
        assert one.http("POST", f"/jobs/{well}/cancel", body).status_code == 200
        one.until_state(well, "Canceled")
        one.until_state(one.submit("true"), "Finished")

        one.stop()
        one.start()
        check_all(one, hurt)
        one.until_state(one.submit("true"), "Finished")
        check_aggregate(f"job/{well}", one.events(well))
        for found in hurt:
            check_journal(one, found)
        assert "Traceback" not in one.log


def store(one: Service, job: int, foreign: Foreign) -> Hurt:
    """Give a job an event that cannot be read."""
    type_, raw = foreign(one.events(job)[-1])
    subject = f"countermand.local.job.{job}.{type_}"
    url, login = one.endpoint["nats_url"], one.credentials("service")
    (position,) = asyncio.run(publish(url, login, [(subject, raw)]))
    return Hurt(job, position, raw)


def check_all(one: Service, hurt: list[Hurt]) -> None:
    """Health names each job and position; each job refuses and is shown."""
    until(lambda: all(named(one, h) for h in hurt), f"health is degraded: {one.health()}")
    for found in hurt:
        check_refuses(one, found)
        check_shown(one, found)


def named(one: Service, hurt: Hurt) -> bool:
    health = one.health()
    assert health["status"] in ("ready", "degraded"), health
    words = (f"job/{hurt.job}:", str(hurt.position))
    return health["status"] == "degraded" and any(
        all(w in reason for w in words) for reason in health["reasons"]
    )


def check_refuses(one: Service, hurt: Hurt) -> None:
    """Every command is answered with 500 corrupt, a sentence and no trace; the CLI ends with 1."""
    for verb in ("cancel", "finish", "requeue", "configure", "submit"):
        with one.client() as http:
            answer = http.post(f"/jobs/{hurt.job}/{verb}", json={})
        assert answer.status_code == 500
        problem = answer.json()
        assert problem["code"] == "corrupt"
        assert f"job/{hurt.job}:" in problem["detail"]
        assert "Traceback" not in answer.text
    said = one.cli("cancel", str(hurt.job), "-m", "stop")
    assert (said.status, f"job {hurt.job}:" in said.out + said.err) == (1, True)


def check_shown(one: Service, hurt: Hurt) -> None:
    """The exact bytes, over HTTP and on the stream; nothing of them acts on a terminal."""
    with one.client() as http:
        answer = http.get(f"/jobs/{hurt.job}/events")
    assert answer.status_code == 200, answer.text
    last: Json = answer.json()["events"][-1]
    assert last["position"] == hurt.position
    assert last["unreadable"]
    if "raw_base64" in last:
        assert base64.b64decode(last["raw_base64"]) == hurt.raw
    else:
        assert hurt.raw in answer.content
    assert one.events(hurt.job)[-1].raw == hurt.raw
    job = str(hurt.job)
    for arguments in (["show", job, "--events"], ["show", job], ["replay", job]):
        told = one.cli(*arguments)
        assert "\x1b" not in told.out + told.err
        assert "Traceback" not in told.out + told.err


def check_journal(one: Service, hurt: Hurt) -> None:
    """The second copy holds the very bytes too."""

    def found() -> list[bytes]:
        path = one.data / "journal" / "journal.sqlite"
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            query = "SELECT raw FROM event WHERE position = ?"
            return [bytes(row[0]) for row in database.execute(query, (hurt.position,))]
        finally:
            database.close()

    assert until(found, "the journal holds the event") == [hurt.raw]
