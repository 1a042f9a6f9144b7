"""The stream is away and a job must end: it does, and the record follows as the next events."""

import hashlib
import json
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.policy import default_text
from tests.e2e.away import AwayServer, away_server
from tests.e2e.home import new_home
from tests.e2e.scripts import stubborn
from tests.e2e.service import Service, new_service
from tests.e2e.stream import Event
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WHY = ("-m", "the room is on fire", "--reason", "fire")
ONCE = ("EmergencyStopRecorded", "JobCanceled")
CRASHES = (
    "before:stop-1",
    "after:stop-1",
    "before:EmergencyStopRecorded",
    "after:EmergencyStopRecorded",
    "before:TaskForceStopped",
)


@contextmanager
def paused(one: Service) -> Iterator[None]:
    """The nats-server of the service does nothing, and does not say so."""
    pid = one.nats_pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def burning(one: Service) -> int:
    """A job whose two tasks ignore the stop signal, one with a process in another session."""
    traces = [one.trace("first"), one.trace("second")]
    job = one.submit(*map(stubborn, traces))
    one.until_running(job)
    until(lambda: all("run" in trace.read_text() for trace in traces), "both tasks run")
    return job


def spooled(one: Service) -> list[Path]:
    """The files of stops that are not recorded."""
    return sorted((one.data / "spool" / "emergency").glob("*.json"))


def kept(one: Service) -> list[Path]:
    """The files of stops that are."""
    return sorted((one.data / "spool" / "emergency" / "recorded").glob("*.json"))


def is_canceled(one: Service, job: int) -> bool:
    return bool(one.job(job)["state"] == "Canceled")


def check_recorded(one: Service, job: int, stops: int = 1) -> Json:
    """The job is Canceled, its stop is recorded once, with the digest of its file; that event."""
    until(lambda: is_canceled(one, job), f"job {job} is Canceled")
    until(lambda: not spooled(one) and len(kept(one)) == stops, "the spool is put aside")
    events = one.events(job)
    types = [event.type for event in events]
    assert types.count("EmergencyStopRecorded") == stops
    assert types.count("JobCanceled") == 1
    assert not one.members(job)
    recorded = [x.data for x in events if x.type == "EmergencyStopRecorded"]
    digests = {hashlib.sha256(x.read_bytes()).hexdigest() for x in kept(one)}
    assert {x["stop"]["spool_sha256"] for x in recorded} == digests
    first = recorded[0]
    ends = [x.data for x in events if x.type == "TaskForceStopped"]
    assert {x["request_id"] for x in ends} <= {x["request_id"] for x in recorded}
    assert one.job(job)["error_message"] == "Canceled by user. Message: the room is on fire"
    fsck = one.cli(*one.command("fsck")[1:])
    assert fsck.status == 0, fsck.out + fsck.err
    found: Json = first
    return found


# --- the service lives ----------------------------------------------------------------------------


def test_a_job_is_stopped_while_nats_server_does_not_answer(service: Service) -> None:
    service.start()
    job = burning(service)
    before = len(service.events(job))
    with paused(service):
        told = service.cli("emergency-stop", str(job), *WHY)
        assert told.status == 0, told.err
        assert "2 of 2 runs ended" in told.out
        assert "IS NOT RECORDED YET" in told.err
        assert not service.members(job), "everything has really ended"
        (file,) = spooled(service)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        stop, outcome = map(json.loads, file.read_bytes().splitlines())
        assert stop["said"]["message"] == "the room is on fire"
        assert stop["said"]["uid"] == os.geteuid()
        assert outcome["said"]["outcome"] == "stopped"
        assert service.metric("emergency_stops_unrecorded") == 1
        assert any("not recorded yet" in x for x in service.health()["reasons"])
    fact = check_recorded(service, job)
    assert fact["in_effect"] is True
    assert fact["stop"]["known_version"] == before
    assert fact["stop"]["ended"] == 2
    types = [event.type for event in service.events(job)][before:]
    assert types[0] == "EmergencyStopRecorded"
    assert "TaskStopOrdered" not in types, "nothing is ordered a second time"
    assert service.metric("emergency_stops_unrecorded") == 0
    assert service.metric("reviews_open") == 1
    said = [json.loads(x) for x in service.log.splitlines() if '"emergency_stop_' in x]
    assert {x["level"] for x in said} == {"warning"}
    assert "while the stream could not be reached" in service.cli("explain", str(job)).out
    assert "the room is on fire" in service.cli("audit", "--kind", "emergency_stop").out
    assert "recorded, the latest" in service.doctor()


def test_what_waits_never_begins(service: Service) -> None:
    """One slot is free as soon as the first task is killed; the job's second must not get it."""
    service.configure(slots=1)
    service.start()
    first, second = service.trace("first"), service.trace("second")
    job = service.submit(stubborn(first), stubborn(second))
    until(lambda: "run" in first.read_text(), "the first task runs")
    with paused(service):
        assert service.cli("emergency-stop", str(job), *WHY).status == 0
    check_recorded(service, job)
    assert second.read_text() == ""


def test_a_grace_period_is_cut_short(service: Service) -> None:
    """The emergency stop takes over from the cancel under way, as a forced cancel would."""
    service.start()
    service.set_grace(600)
    job = burning(service)
    assert service.cli("cancel", str(job), "-m", "gently").status == 0
    until(lambda: "term" in service.trace("first").read_text(), "the signal is there")
    with paused(service):
        assert service.cli("emergency-stop", str(job), *WHY).status == 0
    assert check_recorded(service, job)["escalates"]


def test_it_is_refused_where_it_is_not_for(service: Service) -> None:
    """The stream answers; a token; somebody acted for; a message that is too long; no such job."""
    service.start()
    job = burning(service)
    healthy = service.cli("emergency-stop", str(job), *WHY)
    assert healthy.status == 5
    assert f"cancel {job} --force" in healthy.refusal()
    token = (service.data / "run" / "token").read_text().strip()
    path, body = f"/jobs/{job}/emergency-stop", {"message": "x"}
    with paused(service):
        over_tcp = httpx.post(
            f"{service.endpoint['http']}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE_SECONDS,
        )
        assert (over_tcp.status_code, over_tcp.json()["code"]) == (403, "not_permitted")
        with service.client(Authorization=f"Bearer {token}") as client:
            assert client.post(path, json=body).status_code == 403
        assert service.cli("emergency-stop", str(job), "-m", "x" * 321).status == 5
        assert service.cli("emergency-stop", "999", *WHY).status == 3
    assert not spooled(service)
    assert service.members(job)


# --- it dies at a bad moment ----------------------------------------------------------------------


@pytest.mark.parametrize("point", CRASHES)
def test_a_service_that_is_killed_loses_no_stop(service: Service, point: str) -> None:
    service.start_crashing(point)
    job = burning(service)
    nats = service.nats_pid
    os.kill(nats, signal.SIGSTOP)
    service.cli("emergency-stop", str(job), *WHY)
    os.kill(nats, signal.SIGCONT)
    until(lambda: service.ended, f"a crash {point}")
    assert spooled(service) or kept(service)
    service.start()
    check_recorded(service, job)


# --- an outside server, and no service ------------------------------------------------------------


@pytest.fixture
def outside() -> Iterator[tuple[Service, AwayServer]]:
    """A service on a nats-server that the test can take away."""
    with new_home() as home, away_server(home / "nats") as server, new_service(slots=4) as one:
        one.configure(**server.settings)
        one.run(one.command("provision"))
        assert one.process is not None
        assert one.process.wait(PATIENCE_SECONDS) == 0, one.log
        yield one.start(), server


def test_a_server_is_killed_and_comes_back(outside: tuple[Service, AwayServer]) -> None:
    one, server = outside
    job, other = burning(one), one.submit("sleep 600")
    one.until_running(other)
    server.kill()
    assert one.cli("emergency-stop", str(job), *WHY).status == 0
    assert not one.members(job)
    assert one.members(other), "the other job goes on"
    server.start()
    check_recorded(one, job)
    assert one.job(other)["state"] == "Running"


def test_without_server_and_service_too(outside: tuple[Service, AwayServer]) -> None:
    """Both are gone; the next service records it before it takes commands."""
    one, server = outside
    job = burning(one)
    server.kill()
    one.kill()
    told = one.cli("emergency-stop", str(job), *WHY, "--config", str(one.home / "config.toml"))
    assert told.status == 0, told.err
    assert not one.members(job)
    assert "not recorded yet" in one.doctor()
    server.start()
    one.start()
    fact = check_recorded(one, job)
    assert fact["stop"]["unreachable"] == "no service runs on this data directory"


def test_twice_without_a_service(outside: tuple[Service, AwayServer]) -> None:
    """Each stop is recorded; the second changes nothing any more."""
    one, server = outside
    job = burning(one)
    server.kill()
    one.kill()
    for _ in range(2):
        again = one.cli("emergency-stop", str(job), *WHY, "--config", str(one.home / "config.toml"))
        assert again.status == 0, again.err
    server.start()
    one.start()
    check_recorded(one, job, stops=2)
    stops = [x.data for x in one.events(job) if x.type == "EmergencyStopRecorded"]
    assert [x["in_effect"] for x in stops] == [True, False]


# --- what the rules say ---------------------------------------------------------------------------

HELD = (
    '@id("slowly") @hold("60s") @approvals("1")\n'
    'permit (principal, action == Action::"cancel", resource is Job);\n'
)
FROZEN = (
    '@id("frozen") @deny_message("nothing is stopped now")\n'
    'forbid (principal, action == Action::"cancel", resource);\n'
)


def test_a_demand_is_overridden_and_a_no_is_recorded(service: Service) -> None:
    service.start_ruled(default_text() + HELD)
    job = burning(service)
    with paused(service):
        told = service.cli("emergency-stop", str(job), *WHY)
        assert told.status == 0, told.err
        assert "OVERRODE THE RULES: a hold of 60 s and 1 approval, demanded by" in told.err
        assert not service.members(job)
    fact = check_recorded(service, job)
    assert (fact["decision"]["effect"], fact["decision"]["hold_seconds"]) == ("hold", 60)
    assert "it overrode a hold of 60 s and 1 approval" in service.cli("explain", str(job)).out
    assert service.metric("reviews_open") == 1


def test_a_refused_stop_is_recorded_when_the_stream_is_back(service: Service) -> None:
    service.start_ruled(default_text() + FROZEN)
    job = burning(service)
    with paused(service):
        told = service.cli("emergency-stop", str(job), *WHY)
        assert told.status == 5, told
        assert "nothing is stopped now (frozen); nothing was stopped" in told.err
        (file,) = (service.data / "spool" / "emergency" / "refused").glob("*.json")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert service.metric("emergency_stops_unrecorded") == 1
    until(lambda: refusals(service, job), "the refusal is recorded")
    (refusal,) = refusals(service, job)
    assert (refusal.data["command"], refusal.data["rule"]) == ("emergency_stop", "frozen")
    assert refusal.data["message"] == "the room is on fire"
    assert "while the stream could not be reached" in service.cli("explain", str(job)).out
    until(lambda: not file.exists(), "the file is put aside")
    fsck = service.cli(*service.command("fsck")[1:])
    assert fsck.status == 0, fsck.out + fsck.err


def refusals(one: Service, job: int) -> list[Event]:
    """Of other commands than cancels."""
    return [x for x in one.events(job) if x.type == "JobCommandRefused"]


def test_a_changed_file_of_the_spool_shows_in_health_and_metrics(service: Service) -> None:
    service.start()
    spool = service.data / "spool" / "emergency"
    spool.mkdir(parents=True)
    (spool / "changed.json").write_text("{}\n")
    assert service.metric("emergency_stops_damaged") == 1
    health = service.health()
    assert health["status"] == "degraded"
    assert any("changed.json cannot be read" in x for x in health["reasons"])
