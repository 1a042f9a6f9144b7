"""The exporter in a process of its own: killed anywhere, the files equal the stream."""

import base64
import json
import random
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from tests.e2e.bare import Bare
from tests.e2e.exported import Stored, check_export, files_in
from tests.e2e.exporting import NOON, check, event, exporter, once, some
from tests.e2e.home import kill
from tests.e2e.hostile import TAKEN, shows_safely
from tests.e2e.service import Service
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e]

KILLS = 25
TOO_LARGE = "a file could not be read or written: [Errno 27] File too large"
KILL_SECONDS_MAX = 0.6
STRACE = ("strace", "-f", "-o", "/dev/null")
STEP = "fsync"
"""Each state that a kill can leave is there before one of these: a file is written, synced and
renamed, and its directory synced. A write that is cut off in the middle: see the full disk."""


def can_trace() -> bool:
    """Whether there is a strace that is allowed to do its work."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run([*STRACE, "true"], capture_output=True, check=False).returncode == 0


# --- killed ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_random_while_a_service_writes(service: Service) -> None:
    """At least ``KILLS`` times, at moments that the seed decides; then it catches up."""
    seed = random.SystemRandom().randrange(10**6)
    chance, kills, job = random.Random(seed), 0, 0
    sys.stderr.write(f"seed {seed}\n")
    service.start()
    directory = service.home / "export"
    program = exporter(service, directory)
    while kills < KILLS:
        job = service.submit("true", "true")
        kills += program.start().kill_after(chance.uniform(0.15, KILL_SECONDS_MAX))
    service.until_state(job, "Finished")
    assert once(service, directory).run() == 0
    check(service, directory)


@pytest.mark.slow
def test_killed_at_random_while_it_catches_up(bare: Bare) -> None:
    """A long backlog: most kills come while lines are written."""
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    sys.stderr.write(f"seed {seed}\n")
    bare.store_all(some(6000))
    directory = bare.home / "export"
    program, kills = once(bare, directory), 0
    for day in count(1):
        if program.start().kill_after(chance.uniform(0.1, KILL_SECONDS_MAX)):
            kills += 1
        else:
            assert program.running.returncode == 0
            bare.store_all(some(1500, NOON + timedelta(days=day)))
        if kills == KILLS:
            break
    assert program.run() == 0
    check(bare, directory)


@pytest.mark.slow
@pytest.mark.skipif(not can_trace(), reason="this machine has no strace that may trace")
def test_killed_at_every_durable_step(bare: Bare) -> None:
    """At its first sync, at its second, ...; each time the next run completes the files."""
    late = some(30, NOON - timedelta(days=1), timedelta(minutes=100))
    bare.store_all([*some(290, step=timedelta(minutes=5)), *late, *some(3)])
    events, kills = bare.events(), 0
    with ThreadPoolExecutor(2) as pool:
        for n in count(1, 2):
            killed = [*pool.map(lambda n: killed_at(bare, n, events), (n, n + 1))]
            kills += sum(killed)
            if not all(killed):
                break
    assert kills > 25


def killed_at(bare: Bare, n: int, events: list[Stored]) -> bool:
    """Kill one at its ``n``th sync, and let the next one catch up; whether it came so far."""
    directory = bare.home / f"export-{n}"
    inject = ("-e", f"trace={STEP}", "-e", f"inject={STEP}:signal=KILL:when={n}")
    status = once(bare, directory, before=(*STRACE, *inject)).run()
    assert status in (0, -signal.SIGKILL)
    killed = status != 0
    assert not killed or once(bare, directory).run() == 0, n
    check_export(directory, events)
    return killed


@pytest.mark.slow
def test_a_disk_that_runs_full_in_the_middle_of_a_line(bare: Bare) -> None:
    """A limit on the size of files cuts a write off anywhere; with more room it goes on."""
    bare.store_all(some(600, step=timedelta(seconds=1)))
    directory = bare.home / "export"
    for blocks in range(2, 600, 29):
        limited = ("sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh")
        program = once(bare, directory, before=limited)
        program.environment["PYTHONDONTWRITEBYTECODE"] = "1"  # the limit holds for caches too
        status = program.run()
        if status == 0:
            break
        assert status == 1
        assert program.last_word == TOO_LARGE
        assert "Traceback" not in program.log
    assert once(bare, directory).run() == 0
    check(bare, directory)


# --- following ------------------------------------------------------------------------------------


def test_it_follows_through_restarts_of_server_and_service(service: Service) -> None:
    """The service's next nats-server listens elsewhere; the endpoint file says where."""
    service.start()
    directory = service.home / "export"
    program = exporter(service, directory).start()
    program.until_heard("caught_up")
    service.submit("true")
    kill(service.nats_pid)
    service.submit("true")
    until(lambda: reached(directory, service), "what came after a kill of nats-server")
    old = service.endpoint["nats_url"]
    service.stop()
    program.until_heard("stream_lost")
    assert service.start().endpoint["nats_url"] != old
    service.until_state(service.submit("true"), "Finished")
    until(lambda: reached(directory, service), "what came after a restart of the service")
    assert program.stop() == 0
    assert program.last_word == "SIGTERM"
    check(service, directory)


def reached(directory: Path, service: Service) -> bool:
    """Whether the export is where the stream ends now."""
    checkpoint = json.loads((directory / "checkpoint.json").read_bytes())
    return bool(checkpoint["mark"]["position"] == service.stream()[-1].position)


def test_from_elsewhere_with_explicit_options(bare: Bare) -> None:
    bare.store_all(some(3))
    directory = bare.home / "export"
    told = ["--server", bare.url, "--credentials", str(bare.credentials("reader"))]
    told += ["--stream", "COUNTERMAND", "--cluster", "local", "--until-caught-up"]
    program = exporter(bare, directory, *told)
    program.environment.pop("COUNTERMAND_ENDPOINT")
    assert program.run() == 0
    check(bare, directory)


# --- days and lines -------------------------------------------------------------------------------


def test_days_are_those_of_the_events_own_time(bare: Bare) -> None:
    """In the order of the stream; a day that was over is opened again, and its manifest is new."""
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    second = timedelta(seconds=1)
    bare.store_all([event(midnight - second), event(midnight), event(midnight - 2 * second)])
    bare.store_all([event("2026-11-24T01:30:00+02:00"), event(midnight + second)])
    directory = bare.home / "export"
    assert once(bare, directory).run() == 0
    check(bare, directory)
    manifest = json.loads((directory / "events-2026-11-23.manifest.json").read_bytes())
    assert (manifest["events"], manifest["first_position"], manifest["last_position"]) == (3, 1, 4)
    bare.store_all([event(midnight - second)])
    assert once(bare, directory).run() == 0
    assert "events-2026-11-23.manifest.json" not in files_in(directory)
    bare.store_all([event(datetime(2199, 1, 1, tzinfo=UTC)), *some(2, midnight + 2 * second)])
    assert once(bare, directory).run() == 0
    check(bare, directory)


ODD = {
    # Across accounts the server takes an empty message for the end of its answer, and goes silent.
    "nothing": b"",
    "not JSON": b"\x1b[2Jnot json",
    "not UTF-8": b'{"time":"2026-11-23T12:00:00Z","x":"\xff"}',
    "two lines": b'{"time":"2026-11-23T12:00:00Z",\n"x":1}',
    "a return": b'{"time":"2026-11-23T12:00:00Z",\r"x":1}',
    "not a number": b'{"time":"2026-11-23T12:00:00Z","x":NaN}',
    "deep": b"[" * 60_000,
    "deep but whole": b'{"time":"2026-11-23T12:00:00Z","x":' + b"[" * 500 + b"]" * 500 + b"}",
    "an array": b'["2026-11-23T12:00:00Z"]',
    "no time": b'{"x":1}',
    "another time": b'{"time":17}',
    "a local time": b'{"time":"2026-11-23T12:00:00"}',
    "a time no clock shows": b'{"time":"0001-01-01T00:00:00+23:00"}',
    "a path": b'{"time":"../../../etc/passwd"}',
    "like a line of ours": b'{"time":"2026-11-23T12:00:00Z","x":",\\"event\\":{}}"}',
    "separators": '{"time":"2026-11-23T12:00:00Z","x":"\u2028\u2029\x85\u202e"}'.encode(),
    "twice": b'{"time":"2026-11-23T12:00:00Z","time":"2026-11-24T12:00:00Z"}',
    "spaces": b' {"time" : "2026-11-23T12:00:00Z"} ',
}


def test_odd_bytes_are_kept_as_they_are(bare: Bare) -> None:
    """Whatever is stored: one line of JSON each, from which the bytes can be had again."""
    hostile = [event(NOON, data={"message": text}) for text in TAKEN.values()]
    bare.store_all([*ODD.values(), *hostile])
    directory = bare.home / "export"
    program = once(bare, directory)
    assert program.run() == 0
    check(bare, directory)
    assert shows_safely(program.log)
    lines = [x for f in directory.glob("*.ndjson") for x in f.read_bytes().split(b"\n") if x]
    assert len(lines) == len(ODD) + len(hostile)
    found = {json.loads(line)["position"]: bytes_in(line) for line in lines}
    assert [found[n] for n in sorted(found)] == [*ODD.values(), *hostile]


def bytes_in(line: bytes) -> bytes:
    """The stored bytes, as ``docs/consumers.md`` says."""
    if b',"event_base64":' in line:
        return base64.b64decode(json.loads(line)["event_base64"])
    return line.split(b',"event":', 1)[1].removesuffix(b"}")
