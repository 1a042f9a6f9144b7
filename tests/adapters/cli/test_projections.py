"""projections: the views as they are, and a rebuild watched to its end."""

import json
from itertools import count

import pytest

from adapters.cli.doing.progress import Progress
from adapters.cli.doing.rebuilding import AWAY_SECONDS_MAX, watched
from adapters.cli.exits import UNAVAILABLE, Failure
from adapters.cli.printing.output import Output
from adapters.cli.typed.options import Asked
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import rebuild

REBUILD = "/api/v1/projections/rebuild"
DONE = {"running": False, "position": 100, "compared": True, "equal": True}
DIFFERENT = [{"table": "job", "rows": 2, "first": "job_id=17"}]


def test_the_views_and_how_they_are(server: StandIn, cli: Cli) -> None:
    done = cli("projections")
    assert (done.returncode, done.stderr) == (0, "")
    head, first, *_ = done.stdout.splitlines()
    assert head.split() == ["NAME", "VERSION", "POSITION", "BEHIND", "FAILURE", "MEANING"]
    assert first.split() == ["job_view", "1", "99", "0", "what", "job_view", "means"]
    assert cli("projections", "list").stdout == done.stdout
    found = json.loads(cli("projections", "-o", "json").stdout)
    assert [x["name"] for x in found] == ["job_view", "audit_trail", "cancellations", "tally"]
    assert set(found[0]) == {"name", "version", "position", "behind", "failure", "meaning"}
    assert cli("projections", "-o", "csv", "--fields", "name,behind").stdout.splitlines()[1] == (
        "job_view,0"
    )


def test_a_rebuild_under_way_or_gone_wrong_is_said(server: StandIn, cli: Cli) -> None:
    server.rebuilds = [rebuild(position=40)]
    assert cli("projections").stderr == "a rebuild is under way: 40 of 100\n"
    server.rebuilds = [rebuild(**DONE, error="event 7 is damaged")]
    assert "the last rebuild failed: event 7 is damaged" in cli("projections").stderr
    server.rebuilds = [rebuild(position=140)]
    assert cli("projections").stderr == "a rebuild is under way: 100 of 100\n"


@pytest.mark.parametrize("name", [(), ("audit_trail",)])
def test_a_rebuild_is_watched_to_its_end(server: StandIn, cli: Cli, name: tuple[str, ...]) -> None:
    server.rebuilds = [rebuild(), rebuild(position=50), rebuild(**DONE)]
    done = cli("projections", "rebuild", *name)
    assert done.returncode == 0
    assert done.stdout == (
        "the views were built anew up to event 100: equal to the views in use, row for row\n"
    )
    assert done.stderr.splitlines()[0] == "rebuilding the views: 0 of 100"
    assert [x.path for x in server.sent()] == [REBUILD]


def test_differences_are_listed_and_have_a_status(server: StandIn, cli: Cli) -> None:
    end = rebuild(**{**DONE, "equal": False}, differences=DIFFERENT)
    server.rebuilds = [end]
    done = cli("projections", "rebuild")
    assert done.returncode == 10
    assert "they DIFFER from the views that were in use, in 2 rows" in done.stdout
    assert done.stdout.splitlines()[-1].split() == ["job", "2", "job_id=17"]
    server.rebuilds = [end]
    done = cli("projections", "rebuild", "-o", "json")
    assert done.returncode == 10
    assert json.loads(done.stdout) == end


def test_other_ends(server: StandIn, cli: Cli) -> None:
    server.rebuilds = [rebuild(running=False, position=100)]
    done = cli("projections", "rebuild")
    assert done.returncode == 0
    assert "there was nothing at the same position to compare them with" in done.stdout


@pytest.mark.parametrize(
    ("compared", "there"),
    [
        (False, "the views in use stay as they are"),
        (True, "the new ones are in use: like the old ones they end at 60"),
    ],
)
def test_one_that_failed_is_no_success(
    server: StandIn, cli: Cli, compared: bool, there: str
) -> None:
    why = "the process that builds the views was killed by signal 9"
    end = rebuild(running=False, position=60, error=why, compared=compared)
    server.rebuilds = [end]
    done = cli("projections", "rebuild")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == f"countermand: the rebuild failed: {why}; {there}"
    server.rebuilds = [end]
    done = cli("projections", "rebuild", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (1, end)


def test_progress_does_not_run_over(server: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    seconds = count(0, 7)
    words, asked = "rebuilding the views", Asked(Output(), str(server.socket))
    with Progress(asked, words, 100, lines=True, clock=lambda: next(seconds)) as progress:
        progress.reached(90)
        progress.reached(140)
    assert capsys.readouterr().err.splitlines()[-1] == "rebuilding the views: 100 of 100"


def test_one_that_is_under_way_is_gone_along_with(server: StandIn, cli: Cli) -> None:
    server.plan("POST", REBUILD, problem(409, "conflict", "the views are being rebuilt already"))
    server.rebuilds = [rebuild(position=10), rebuild(**DONE)]
    done = cli("projections", "rebuild")
    assert done.returncode == 0
    assert "being rebuilt already, since 2026-11-23 12:00:04\n" in done.stderr


def test_refusals(server: StandIn, cli: Cli) -> None:
    server.plan("POST", REBUILD, problem(403, "not_permitted", "only administrators"))
    assert cli("projections", "rebuild").returncode == 5
    words = "the stream ends at 5, but the journal holds events up to 9"
    server.plan("POST", REBUILD, problem(409, "stream_behind_journal", words))
    done = cli("projections", "rebuild")
    assert done.returncode == 7
    assert words in done.stderr
    done = cli("projections", "rebuild", "everything")
    assert done.returncode == 2
    assert "'job_view', 'audit_trail'" in done.stderr


def test_a_lost_connection_does_not_end_the_watching(server: StandIn) -> None:
    server.rebuilds = [rebuild(position=50), rebuild(**DONE)]
    cut, away = Answer(cut=True), problem(503, "unavailable", "starting")
    server.plan("GET", "/api/v1/projections", None, cut, cut, cut, away, None)
    asked = asked_of(server)
    with Progress(asked, "rebuilding", 100) as progress:
        ended = watched(asked, rebuild(), progress, pause=lambda _: None)  # type: ignore[arg-type]
    assert ended["equal"] is True


def test_a_service_that_stays_away_ends_it(server: StandIn) -> None:
    away = problem(503, "unavailable", "starting")
    server.plan("GET", "/api/v1/projections", *[away] * 100)
    asked, seconds = asked_of(server), count(0, 7)
    with Progress(asked, "rebuilding", 100) as progress, pytest.raises(Failure) as caught:
        watched(asked, rebuild(), progress, lambda: next(seconds), lambda _: None)  # type: ignore[arg-type]
    assert caught.value.status == UNAVAILABLE
    assert next(seconds) > AWAY_SECONDS_MAX


@pytest.mark.parametrize("after", [None, rebuild(began_at="2026-11-24T00:00:00.000000Z")])
def test_a_service_that_was_started_again_knows_no_rebuild(
    server: StandIn, cli: Cli, after: dict[str, object] | None
) -> None:
    server.rebuilds = [rebuild()] + ([after] if after else [])
    done = cli("projections", "rebuild")
    assert done.returncode == 75
    assert "the service was started again, and the rebuild ended with the old one" in done.stderr


def asked_of(server: StandIn) -> Asked:
    return Asked(Output(quiet=True), str(server.socket))
