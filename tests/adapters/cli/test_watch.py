"""Watch: everything once, in order, through cuts; marks; never a silent end."""

import json
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.adapters.cli.conftest import PROGRAM, Cli
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import HELLO, StandIn, frame_of, mark_of, position_of

EVENTS = "/api/v1/events"


def test_backlog_mark_and_end(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.record(17, "JobCancelRequested", mode="normal", message="why not")
    done = cli("watch", "--from", "1", "--no-follow")
    assert done.returncode == 0
    first, second, mark = done.stdout.splitlines()
    assert first.split() == [
        "1",
        "2026-11-23",
        "12:00:04",
        "job/17",
        "JobAdded",
        "alice",
        'name="job',
        '17"',
    ]
    assert second.endswith(
        'JobCancelRequested        alice           mode=normal message="why not"'
    )
    assert mark == "-- caught up at 2 --"
    assert done.stderr == "-- done; watch --from 3 goes on from here --\n"


def test_ndjson_is_the_event_as_it_came(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.record(17, "JobCancelRequested", message="Grüße")
    done = cli("watch", "--from", "2", "--until-count", "1", "-o", "ndjson")
    assert json.loads(done.stdout) == server.events[1]
    expected = json.dumps(server.events[1], ensure_ascii=False, separators=(",", ":"))
    assert done.stdout == expected + "\n"


def test_json_is_one_array(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.add_job(18)
    done = cli("watch", "--from", "1", "--no-follow", "-o", "json")
    assert json.loads(done.stdout) == server.events
    assert cli("watch", "--from", "3", "--no-follow", "-o", "json").stdout == "[]\n"
    assert cli("watch", "-o", "json").returncode == 2


def test_filters_go_to_the_server(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.add_job(18)
    server.record(18, "JobCancelRequested")
    options = ("--type", "JobCancelRequested", "--type", "JobCanceled", "--job", "18")
    done = cli("watch", "--from", "1", "--no-follow", "-o", "ndjson", *options)
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [3]
    (request,) = server.requests
    assert request.query["type"] == ["JobCancelRequested", "JobCanceled"]


def test_filters_fit_together_and_go_on_from_here_says_them(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.record(17, "JobCanceled")
    server.events[1]["event"]["authid"] = "o'hara\x1b[31m"
    options = ("--actor", "o'hara\x1b[31m", "--actor", "bob", "--type", "JobCanceled")
    done = cli("watch", "--from", "1", "--no-follow", "-o", "ndjson", *options)
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [2]
    (request,) = server.requests
    assert request.query["actor"] == ["o'hara\x1b[31m", "bob"]
    said = done.stderr.splitlines()[-1]
    assert said.startswith("-- done; watch --type JobCanceled --actor ")
    assert said.endswith("--actor bob --from 3 goes on from here --")
    assert "\x1b" not in said


def test_since_begins_with_the_first_event_that_is_not_earlier(server: StandIn, cli: Cli) -> None:
    for number in range(1, 4):
        server.add_job(number)
        server.events[-1]["event"]["time"] = f"2026-11-23T12:00:0{number}.000000Z"
    server.cuts = [len(HELLO) - 1]  # before the server has said where it begins
    at = "2026-11-23T12:00:02Z"
    done = cli("watch", "--since", at, "--until-count", "2", "-o", "ndjson")
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [2, 3]
    began = [x.query for x in server.requests if x.path == EVENTS]
    assert [x["since"] for x in began] == [["2026-11-23T12:00:02.000000Z"]] * 2
    assert all("after" not in x for x in began)


def test_where_the_server_said_it_begins_it_goes_on(server: StandIn, cli: Cli) -> None:
    server.add_job(1)
    server.cuts = [len(HELLO + position_of(1))]
    at = "2026-11-24T00:00:00Z"
    done = cli("watch", "--since", at, "--no-follow", "-o", "ndjson")
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "-- done; watch --from 2 goes on from here --"
    assert [x.query.get("after") for x in server.requests] == [None, ["1"]]


def test_from_and_since_exclude_each_other(server: StandIn, cli: Cli) -> None:
    for start in ("0", "5"):
        done = cli("watch", "--from", start, "--since", "-5m")
        assert done.returncode == 2
        assert "--from and --since exclude each other" in done.stderr
    done = cli("watch", "--since", "yesterday")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--since': 'yesterday' is not a time" in done.stderr


def test_without_from_it_begins_with_what_happens_next(
    server: StandIn, environment: dict[str, str]
) -> None:
    server.add_job(17)
    with watching(environment, "--until-count", "1", "-o", "ndjson") as process:
        server.wait_for(lambda: any(x.path == EVENTS for x in server.requests))
        server.record(17, "JobFinished")
        out, _ = process.communicate(timeout=30)
    assert json.loads(out)["position"] == 2


@pytest.mark.parametrize("seed", range(6))
def test_cuts_anywhere_lose_nothing_and_repeat_nothing(
    server: StandIn, cli: Cli, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(1, 41):
        server.add_job(number)
    server.cuts = [
        chance.choice((0, chance.randrange(60), chance.randrange(3000))) for _ in range(5)
    ]
    done = cli("watch", "--from", "1", "--until-count", "40", "-o", "ndjson")
    assert done.returncode == 0
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [*range(1, 41)]
    assert "-- connection lost at " in done.stderr
    assert "-- connected again at " in done.stderr
    lost = done.stderr.count("connection lost")
    assert lost == done.stderr.count("connected again")


def test_a_server_that_is_down_for_a_while_is_waited_for(server: StandIn, cli: Cli) -> None:
    for number in range(1, 4):
        server.add_job(number)
    server.cuts = [600]
    server.plan("GET", EVENTS, None, *[problem(503, "unavailable", "starting")] * 3)
    done = cli("watch", "--from", "1", "--until-count", "3", "-o", "ndjson")
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [1, 2, 3]


def test_what_trying_again_does_not_mend_ends_it(server: StandIn, cli: Cli) -> None:
    server.plan("GET", EVENTS, problem(403, "not_permitted", "auditors only"))
    done = cli("watch", "--from", "1")
    assert done.returncode == 5
    (words,) = done.stderr.splitlines()
    assert "auditors only" in words, "and nothing of going on, where nothing had begun"
    server.plan("GET", EVENTS, problem(503, "unavailable", "starting"))
    assert cli("watch", "--from", "1").returncode == 75
    server.plan("GET", EVENTS, *[Answer(cut=True)] * 3)
    assert cli("watch", "--from", "1").returncode == 75


def test_ctrl_c_is_130_and_says_where_to_go_on(
    server: StandIn, environment: dict[str, str]
) -> None:
    server.add_job(17)
    with watching(environment, "--from", "1") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(2)
        _, err = process.communicate(timeout=30)
    assert lines[1] == b"-- caught up at 1 --\n"
    assert process.returncode == 130
    assert err == b"-- watch --from 2 goes on from here --\ninterrupted\n"


def test_a_reader_that_leaves_is_no_drama(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    with watching(environment, "--from", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        server.record(17, "JobFinished")
        server.record(17, "JobFinished")
        err = process.stderr.read()
        process.wait(timeout=30)
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert process.returncode == 1


def test_show_follow_ends_with_the_job(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    server.add_job(18)
    command = [PROGRAM, "show", "17", "--follow", "-o", "ndjson"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        server.wait_for(lambda: any(x.path == EVENTS for x in server.requests))
        server.end_job(18)
        server.end_job(17)
        out, _ = process.communicate(timeout=30)
    kinds = [json.loads(x)["event"]["type"] for x in out.splitlines()]
    assert kinds == ["countermand.JobAdded.v1", "countermand.JobCanceled.v1"]
    assert process.returncode == 0


def test_show_follow_waits_for_the_event_that_ended_the_job(
    server: StandIn, environment: dict[str, str]
) -> None:
    found = server.add_job(17)
    found.update(state="Canceled", position=2)
    command = [PROGRAM, "show", "17", "--follow", "-o", "ndjson"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        server.wait_for(lambda: any(x.path.endswith("/jobs/17") for x in server.requests))
        server.record(17, "JobCanceled")
        out, _ = process.communicate(timeout=30)
    assert [json.loads(x)["position"] for x in out.splitlines()] == [1, 2]


def test_show_follow_of_an_ended_job_ends_at_once(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    done = cli("show", "17", "--follow")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "-- caught up at 1 --"
    assert cli("show", "17", "--follow", "-o", "json").returncode == 2


def test_show_follow_of_a_job_that_left_the_view_ends_at_its_last_event(
    server: StandIn, cli: Cli
) -> None:
    server.add_job(17, "Canceled")
    server.record(17, "JobRemoved")
    server.plan("GET", "/api/v1/jobs/17", problem(404, "unknown_job", "job 17 was removed"))
    done = cli("show", "17", "--follow", "-o", "ndjson")
    assert done.returncode == 0, done.stderr
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [1, 2]


@contextmanager
def watching(environment: dict[str, str], *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [PROGRAM, "watch", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_show_follow_goes_on_while_the_server_is_away(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    server.record(17, "JobCancelRequested")
    server.record(17, "JobCanceled")
    frames = HELLO + b"".join(map(frame_of, server.events)) + mark_of(3)
    server.plan("GET", "/api/v1/jobs/17", problem(503, "unavailable", "starting"))
    server.cuts = [len(frames)]
    done = cli("show", "17", "--follow", "-o", "ndjson")
    assert done.returncode == 0
    assert [json.loads(x)["position"] for x in done.stdout.splitlines()] == [1, 2, 3]


def test_what_cannot_be_read_is_said_with_the_reason(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    for event in (None, {"type": 7, "time": [], "data": "x"}):
        position = server.record(17, "JobAdded")
        server.events[position - 1].update(event=event, unreadable="it is not JSON: \x1b[31m")
    for arguments in (("watch", "--from", "2", "--no-follow"), ("show", "17", "--events")):
        done = cli(*arguments)
        assert done.returncode == 0, done.stderr
        told = [x for x in done.stdout.splitlines() if "unreadable" in x]
        assert len(told) == 2
        assert all(x.endswith("it is not JSON: \\x1b[31m") for x in told)
    fields = ("--fields", "position,unreadable", "-o", "csv")
    assert "2,it is not JSON" in cli("show", "17", "--events", *fields).stdout


def test_a_type_that_does_not_exist_asks_nothing(server: StandIn, cli: Cli) -> None:
    done = cli("watch", "--type", "JobCanceld", "--no-follow")
    assert done.returncode == 2
    assert "there is no event type 'JobCanceld'" in done.stderr
    assert server.requests == []
