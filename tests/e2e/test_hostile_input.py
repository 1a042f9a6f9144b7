"""Hostile text on every surface: stored as it came or refused, shown escaped, and never a crash."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from adapters.cli.exits import DONE, USAGE
from adapters.cli.exits import REFUSED as REFUSED_BY_RULE
from domain.hresult import HResult
from domain.message import units
from tests.e2e.hostile import BAD, HOSTILE, REFUSED, TAKEN, TOO_LONG, check_log, shows_safely
from tests.e2e.said import Said
from tests.e2e.service import Service, running_service
from tests.e2e.stream import Event, check_history
from tests.support.waiting import until
from tests.support.web import Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HRESULT: Final = {
    TOO_LONG: HResult.CANCEL_MESSAGE_IS_TOO_LONG,
    BAD: HResult.ARGUMENT_OUT_OF_RANGE,
}


@pytest.fixture(scope="module")
def one() -> Iterator[Service]:
    """One service for all; at the end nothing of what was sent has made it stumble."""
    with running_service(log_level="debug", slots=64) as found:
        found.set_grace(600)
        yield found
        check_history(found.stream())
        check_log(found.log)


@pytest.fixture(scope="module")
def canceling(one: Service) -> int:
    """A job in a long grace period: every further cancel of it is a repeat, or refused."""
    job = one.deaf_job()
    assert post(one, f"/jobs/{job}/cancel", {"message": TAKEN["bidi"]}).status_code == 200
    return job


def post(one: Service, path: str, body: Json, key: str = "") -> httpx.Response:
    """A body as any client may write it: lone surrogates stand as escapes."""
    headers = {"Idempotency-Key": key} if key else {}
    with one.client(**headers) as http:
        return http.post(path, content=json.dumps(body).encode("ascii"))


def answered(one: Service, job: int, request_id: str) -> Event:
    """The one event of a request."""
    found = [e for e in one.events(job) if e.data.get("request_id") == request_id]
    assert found, f"{request_id} left no event"
    return found[0]


def check_answer(answer: httpx.Response, name: str) -> None:
    """Taken or refused, with code and HPC Pack's number."""
    code = HOSTILE[name][1]
    if not code:
        assert answer.status_code == 200, (name, answer.text)
        return
    assert answer.status_code == 422, (name, answer.text)
    said = answer.json()
    assert said["code"] == code
    assert int(said["receipt"]["hresult"], 16) == HRESULT[code]


def check_event(event: Event, name: str, taken: str, refused: str) -> None:
    """What is stored: the text itself, or of a refused one what fits, its length and a digest."""
    text, code = HOSTILE[name]
    assert event.type == (refused if code else taken), (name, event)
    if not code:
        assert event.data["message"] == text, name
        return
    assert event.data["code"] == code
    assert event.data["message_units"] == units(text)
    assert units(event.data["message"]) <= 320
    whole = event.data["message"] == text
    assert whole or len(event.data["message_sha256"]) == 64


# --- messages over HTTP ---------------------------------------------------------------------------


def test_messages_of_a_cancel_over_http(one: Service, canceling: int) -> None:
    for name, (text, _) in HOSTILE.items():
        key = f"http.{name.replace(' ', '-')}"
        check_answer(post(one, f"/jobs/{canceling}/cancel", {"message": text}, key), name)
    by_request = {e.data.get("request_id"): e for e in one.events(canceling)}
    for name in HOSTILE:
        event = by_request[f"http.{name.replace(' ', '-')}"]
        check_event(event, name, "JobCancelRepeated", "JobCancelRefused")
    check_bytes_over_http(one, canceling)


def check_bytes_over_http(one: Service, job: int) -> None:
    """The API hands out the very bytes that any consumer of the stream gets."""
    with one.client() as http:
        told = http.get(f"/jobs/{job}/events").content
    for event in one.events(job):
        assert event.raw in told


def test_messages_of_a_task_cancel(one: Service) -> None:
    job = one.submit(*(["sleep 600"] * len(HOSTILE)))
    one.until_running(job)
    for task, (name, (text, _)) in enumerate(HOSTILE.items(), start=1):
        path = f"/jobs/{job}/tasks/{task}/cancel"
        check_answer(post(one, path, {"message": text, "mode": "forced"}, f"task.{task}"), name)
    by_request = {e.data.get("request_id"): e for e in one.events(job) if "mode" in e.data}
    for task, name in enumerate(HOSTILE, start=1):
        check_event(by_request[f"task.{task}"], name, "TaskCancelRequested", "TaskCancelRefused")
    assert post(one, f"/jobs/{job}/cancel", {"mode": "forced"}).status_code == 200


def test_messages_of_a_finish(one: Service) -> None:
    job = one.submit("sleep 600")
    one.until_running(job)
    for n, (name, (text, _)) in enumerate(REFUSED.items()):
        check_answer(post(one, f"/jobs/{job}/finish", {"message": text}, f"finish.{n}"), name)
        check_event(answered(one, job, f"finish.{n}"), name, "", "JobCommandRefused")
    for name in ("bidi", "lines", "quotes", "emoji at", "marks"):
        assert (
            post(one, f"/jobs/{job}/finish", {"message": TAKEN[name]}, name[:2]).status_code == 200
        )
        event = answered(one, job, name[:2])
        check_event(event, name, "JobFinishRequested", "JobCommandRefused")
        one.until_state(job, "Finished")
        job = one.submit("sleep 600")
        one.until_running(job)
    assert post(one, f"/jobs/{job}/cancel", {"mode": "forced"}).status_code == 200


def test_messages_of_a_task_finish(one: Service) -> None:
    """Of tasks that wait: each is finished at once, and keeps its message."""
    job = one.submit(*(["true"] * len(HOSTILE)), submit=False)
    for task, (name, (text, _)) in enumerate(HOSTILE.items(), start=1):
        path = f"/jobs/{job}/tasks/{task}/finish"
        check_answer(post(one, path, {"message": text}, f"over.{task}"), name)
    by_request = {e.data.get("request_id"): e for e in one.events(job)}
    tasks = one.job(job)["tasks"]
    for task, (name, (text, code)) in enumerate(HOSTILE.items(), start=1):
        event = by_request[f"over.{task}"]
        check_event(event, name, "TaskFinishRequested", "JobCommandRefused")
        assert event.data["task"] == task
        assert (tasks[task - 1]["finish"] or {}).get("message") == (None if code else text)
    check_bytes_over_http(one, job)
    for looked in (one.cli("show", str(job)), one.cli("show", str(job), "--events")):
        assert looked.status == 0
        assert shows_safely(looked.out + looked.err)


# --- messages on the command line -----------------------------------------------------------------


def test_messages_on_the_command_line(one: Service, canceling: int) -> None:
    asked = [(name, way) for n, name in enumerate(HOSTILE) for way in ways(name, n)]
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda x: run_with_message(one, canceling, x), asked))
    by_request = {e.data.get("request_id"): e for e in one.events(canceling)}
    for (name, way), found in zip(asked, said, strict=True):
        status = check_said(found, name, way)
        event = by_request.get(key_of(name, way))
        assert (event is None) == (status == USAGE), (name, way, found)
        if event is not None:
            check_event(event, name, "JobCancelRepeated", "JobCancelRefused")


def ways(name: str, n: int) -> tuple[str, ...]:
    """As an argument (which holds no NUL, and has a limit), and from a file or standard input."""
    reading = "@" if n % 2 else "-"
    return (reading,) if name in ("nul", "very long") else ("argument", reading)


def key_of(name: str, way: str) -> str:
    return f"cli.{'file' if way == '@' else way}.{name.replace(' ', '-')}"


def check_said(said: Said, name: str, way: str) -> int:
    """The exit status, which must be the right one, and words that are safe to show."""
    text, code = HOSTILE[name]
    assert shows_safely(said.out + said.err), (name, way, said)
    assert "Traceback" not in said.err
    unreadable = "surrogate" in name
    no_file = way == "argument" and text.startswith("@")
    expected = USAGE if unreadable or no_file else REFUSED_BY_RULE if code else DONE
    assert said.status == expected, (name, way, said)
    if expected != USAGE:
        assert json.loads(said.out)[0]["code"] == code
    return expected


def run_with_message(one: Service, job: int, asked: tuple[str, str]) -> Said:
    name, way = asked
    raw, key = HOSTILE[name][0].encode("utf-8", "surrogatepass"), key_of(name, way)
    common = ("cancel", str(job), "--id", key)
    if way == "-":
        return one.cli(*common, "-m", "-", stdin=raw, as_json=True)
    if way == "argument":
        return one.cli(*common, "-m", raw, as_json=True)
    file = one.home / key
    file.write_bytes(raw)
    return one.cli(*common, "-m", f"@{file}", as_json=True)


def test_nothing_hostile_reaches_a_terminal(one: Service, canceling: int) -> None:
    """Not in any table, line or sentence."""
    for text, _ in HOSTILE.values():
        post(one, f"/jobs/{canceling}/cancel", {"message": text})
    job = str(canceling)
    looks: list[list[str]] = [
        ["show", job],
        ["show", job, "--events"],
        ["replay", job],
        ["cancel", job, "-m", TAKEN["invisible"]],
        ["cancel", job, "-m", "x" * 400],
        ["cancel", f"{job}\x1b[31m\u202e"],
        ["show", "\x1b]0;owned\x07"],
        ["watch", "--from", "1", "--no-follow", "--job", job],
        ["params"],
    ]
    for look in looks:
        said = one.cli(*look)
        assert shows_safely(said.out + said.err), (look, said)
        assert "Traceback" not in said.err
    shown = one.cli("show", job, "--events").out
    for escaped in ("\\u202e", "\\u200b", "\\u2028", "\\r\\n"):
        assert escaped in shown


def test_json_on_the_command_line_means_what_is_stored(one: Service, canceling: int) -> None:
    job = str(canceling)
    stored = [e.body for e in one.events(canceling)]
    said = one.cli("show", job, "--events", as_json=True)
    assert shows_safely(said.out)
    assert [x["event"] for x in json.loads(said.out)["events"]][: len(stored)] == stored
    lines = one.cli("watch", "--from", "1", "--no-follow", "--job", job, "-o", "ndjson").out
    assert shows_safely(lines)
    found = [json.loads(line) for line in lines.splitlines()]
    assert [x["event"] for x in found if x.get("event")][: len(stored)] == stored
    for verb in ("show", "replay"):
        again = one.cli(verb, job, as_json=True)
        assert shows_safely(again.out)
        json.loads(again.out)


# --- names, ids, codes, headers -------------------------------------------------------------------


@pytest.mark.parametrize("field", ["job", "task"])
def test_names_are_kept_as_they_are_or_refused(one: Service, field: str) -> None:
    for text, _ in HOSTILE.values():
        task = {"command": "true", "name": text if field == "task" else ""}
        body = {"name": text if field == "job" else "", "tasks": [task], "submit": False}
        answer = post(one, "/jobs", body)
        if not text.isprintable() or len(text) > 80:
            assert (answer.status_code, answer.json()["code"]) == (422, "bad_request"), text
            continue
        assert answer.status_code == 201, (text, answer.text)
        job = answer.json()["job_id"]
        data = one.events(job)[0].data
        assert (data["name"] if field == "job" else data["tasks"][0]["name"]) == text
        said = one.cli("show", str(job), as_json=True)
        shown = json.loads(said.out)
        assert (shown["name"] if field == "job" else shown["tasks"][0]["name"]) == text


def test_hostile_reason_codes_are_refused_and_recorded(one: Service, canceling: int) -> None:
    for name, text in reasons():
        answer = post(one, f"/jobs/{canceling}/cancel", {"reason_code": text}, f"reason.{name}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_reason_code"), text
    by_request = {e.data.get("request_id"): e for e in one.events(canceling)}
    for name, _ in reasons():
        event = by_request[f"reason.{name}"]
        assert event.type == "JobCancelRefused"
        assert units(event.data["reason_code"]) <= 32


def reasons() -> list[tuple[str, str]]:
    """All but the one that happens to have the form of a reason code."""
    return [(n.replace(" ", "-"), text) for n, (text, _) in HOSTILE.items() if n != "dash"]


def test_hostile_headers_are_refused(one: Service, canceling: int) -> None:
    """A request id or a person's name that is none never reaches the stream."""
    before = len(one.events(canceling))
    for header, allowed in (("Idempotency-Key", {400}), ("Countermand-As", {400, 403, 404})):
        for name, (text, _) in HOSTILE.items():
            raw = text.encode("utf-8", "surrogatepass")
            status = raw_request(one, f"/jobs/{canceling}/cancel", header.encode(), raw)
            assert status in {*allowed, 431} or name == "dash", (header, name, status)
            assert status != 500, (header, name)
    late = one.events(canceling)[before:]
    assert {e.data["message"] for e in late} <= {""}


def raw_request(one: Service, path: str, header: bytes, value: bytes) -> int:
    """A request that no client library would send; the status of its answer, 400 for none."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(one.endpoint["socket"])
        lines = [b"POST /api/v1%s HTTP/1.1" % path.encode(), b"Host: x", b"Connection: close"]
        lines += [b"Content-Length: 0", header + b": " + value, b"", b""]
        connection.sendall(b"\r\n".join(lines))
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1]) if answer else 400


def test_hostile_ids_in_paths_name_no_job_and_are_recorded(one: Service) -> None:
    before = len(one.stream())
    for name, (text, _) in HOSTILE.items():
        if name == "very long":
            continue
        coded = quote(text.encode("utf-8", "surrogatepass"), safe="")
        answer = post(one, f"/jobs/{coded}/cancel", {"message": "which one?"})
        assert answer.status_code == 404, (name, answer.text)
        assert answer.json()["code"] in ("unknown_job", "not_found"), name
        for path in (f"/jobs/{coded}", f"/jobs/{coded}/events", f"/jobs/{coded}/replay"):
            with one.client() as http:
                assert http.get(path).status_code == 404, name
        for path in (f"/jobs/1/tasks/{coded}/cancel", f"/parameters/{coded}", f"/{coded}"):
            assert post(one, path, {}).status_code in (400, 404, 405), (name, path)
    late = one.stream()[before:]
    assert {e.type for e in late} == {"CancelRefused"}
    assert all(units(e.data["job"]) <= 64 for e in late)


def test_bodies_that_are_no_json_are_refused_and_leave_nothing(
    one: Service, canceling: int
) -> None:
    before = len(one.stream())
    for body in (
        b'{"message":"\xff\xfe"}',
        b'{"message":"\xed\xa0\x80"}',
        b'{"message":"a\x00b"}',
        b'{"message":"a\nb"}',
        b'{"message":NaN}',
        b'{"message":"x","message2":"y"}',
        b'{"message":["a"]}',
        b'"message"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"message":"' + b"x" * 100,
        b"\x1f\x8b\x08\x00",
    ):
        with one.client() as http:
            answer = http.post(f"/jobs/{canceling}/cancel", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), body[:40]
        assert shows_safely(answer.text)
    with one.client() as http:
        answer = http.post(f"/jobs/{canceling}/cancel", content=b" " * (9 * 1024**2))
    assert answer.status_code == 413
    assert len(one.stream()) == before


def test_the_service_is_well_after_all_that(one: Service) -> None:
    until(lambda: one.health()["status"] == "ready", "ready")
    one.until_state(one.submit("true"), "Finished")
