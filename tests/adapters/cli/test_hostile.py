"""Hostile text on every surface of the command line, the command line itself included."""

import csv

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import problem
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import audit_row, cancellation, node, rebuild

HOSTILE = "\x1b]0;owned\x07\u202e\u2066\u200b\x9b31m\nsecond line"
STUCK_TEXTS = ("owner", "message", "actor", "on_behalf_of", "stage", "trouble", "mode")
SURFACES = (
    ("show", "17"),
    ("show", "17", "--events"),
    ("replay", "17"),
    ("replay", "17", "--step"),
    ("watch", "--from", "1", "--no-follow"),
    ("cancel", "17"),
    ("cancel", "17", "-n", "-m", HOSTILE),
    ("ls",),
    ("ls", "--stuck"),
    ("audit",),
    ("explain", "17"),
    ("replay", "17", "--diff", "1..2"),
    ("replay", "17", "--break-on", "JobAdded"),
    ("projections",),
    ("nodes",),
)
FORMS = ("table", "json", "ndjson", "csv", "tsv")


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    found = server.add_job(17, "Canceling", name=HOSTILE, error_message=HOSTILE)
    found["tasks"][0].update(command=HOSTILE, reason=HOSTILE)
    found["under_way"].update(actor=HOSTILE, message=HOSTILE)
    found["cancel"] = {**found["under_way"], "reason_code": HOSTILE}
    found.update(nodes=[HOSTILE], properties={HOSTILE: HOSTILE})
    server.add_job(18, "Failed", name=HOSTILE, owner=HOSTILE)
    server.record(17, "JobCancelRequested", message=HOSTILE, nested={"x": HOSTILE})
    server.versions = {("17", 2): {**found, "name": f"={HOSTILE}"}}
    texts = {name: HOSTILE for name, value in audit_row(1).items() if isinstance(value, str)}
    server.trail = [audit_row(1) | texts, audit_row(2) | dict.fromkeys(texts, "=1+1")]
    server.cancellations = [cancellation(1, **dict.fromkeys(STUCK_TEXTS, HOSTILE))]
    server.sentences = [{"text": HOSTILE, "events": [1]}]
    server.rebuilds = [rebuild(running=False, error=HOSTILE)]
    server.nodes = [node(HOSTILE, state=HOSTILE)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arguments", SURFACES, ids=" ".join)
def test_nothing_acts_on_the_terminal(cli: Cli, arguments: tuple[str, ...], form: str) -> None:
    done = cli(*arguments, "-o", form)
    assert done.returncode == 0, done.stderr
    shows_others_words = arguments[0] in ("show", "ls", "audit", "explain", "watch")
    assert "\\u202e" in done.stdout or not shows_others_words
    check(done.stdout)
    check(done.stderr)
    if form in ("csv", "tsv"):
        check_cells(done.stdout, {"csv": ",", "tsv": "\t"}[form])


def check_cells(text: str, separator: str) -> None:
    """A row is a line, and no cell is a formula."""
    rows = list(csv.reader(text.splitlines(), delimiter=separator, strict=True))
    if separator == "\t":
        rows = [line.split("\t") for line in text.splitlines()]
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@"))]


def test_what_is_chosen_by_its_field_is_as_harmless(cli: Cli) -> None:
    for form in FORMS:
        done = cli("audit", "--fields", "message,actor", "-o", form)
        assert done.returncode == 0
        check(done.stdout.replace("\t", ""))
        assert ("'=1+1" in done.stdout) is (form in ("csv", "tsv"))


def test_a_hostile_refusal(server: StandIn, cli: Cli) -> None:
    server.plan("POST", "/api/v1/jobs/17/cancel", problem(403, "not_permitted", HOSTILE))
    done = cli("cancel", "17")
    assert done.returncode == 5
    assert len(done.stderr.splitlines()) == 1
    check(done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("cancel", HOSTILE),
        ("cancel", "17", f"--{HOSTILE}"),
        (HOSTILE,),
        ("cancel", "17", "--as", HOSTILE),
        ("cancel", "17", "--id", HOSTILE),
        ("cancel", "17", "--endpoint", HOSTILE),
        ("cancel", "17", "--token", HOSTILE),
        ("cancel", "17", "-m", f"@{HOSTILE}"),
        ("show", "17", "--at", HOSTILE),
        ("ls", "--state", HOSTILE),
        ("ls", "--since", HOSTILE),
        ("ls", "--fields", HOSTILE),
        ("audit", "--kind", HOSTILE),
        ("audit", "--type", HOSTILE),
        ("audit", "export", "-f", HOSTILE),
        ("audit", "export", "-f", f"/nowhere/{HOSTILE}.csv"),
        ("replay", "17", "--diff", HOSTILE),
        ("replay", "17", "--break-on", HOSTILE),
        ("projections", "rebuild", HOSTILE),
        ("completion", HOSTILE),
    ],
    ids=ascii,
)
def test_a_hostile_command_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.returncode != 0
    check(done.stdout)
    check(done.stderr)


def test_a_header_cannot_be_smuggled_in(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "17", "--as", "bob\r\nX-Evil: 1").returncode == 2
    assert server.requests == []


def test_a_job_is_one_segment_of_the_path(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "../../x?y#z").returncode == 3
    (request,) = server.requests
    assert request.path == "/api/v1/jobs/%2E%2E%2F%2E%2E%2Fx%3Fy%23z/cancel"
    assert request.query == {}


FORGED = 'x" (forced) [approved]", mode=forced from_state="Queued \\'
QUOTED = '"x\\" (forced) [approved]\\", mode=forced from_state=\\"Queued \\\\"'


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "17"),
        ("show", "17", "--events"),
        ("watch", "--from", "1", "--no-follow"),
        ("ls",),
        ("audit",),
    ],
    ids=" ".join,
)
def test_a_message_cannot_end_its_quotation(
    server: StandIn, cli: Cli, arguments: tuple[str, ...]
) -> None:
    server.jobs["17"]["cancel"]["message"] = FORGED
    server.record(17, "JobCancelRequested", message=FORGED, mode="normal")
    server.trail = [audit_row(1) | {"message": FORGED}]
    done = cli(*arguments)
    assert QUOTED in done.stdout
    assert FORGED not in done.stdout


def test_a_word_of_an_event_cannot_be_two(server: StandIn, cli: Cli) -> None:
    server.record(17, "JobCancelRequested", message='x"mode="forced', rules=["a,b c", "d"])
    shown = cli("show", "17", "--events").stdout.splitlines()[-1]
    assert 'message="x\\"mode=\\"forced" rules="a,b c",d' in shown


def test_what_was_asked_for_is_not_a_job(server: StandIn, cli: Cli) -> None:
    server.trail = [audit_row(1) | {"job_id": None, "subject": "17.1-3"}]
    assert ' "17.1-3" ' in cli("audit").stdout


def check(text: str) -> None:
    bad = {c for c in text if not c.isprintable() and c not in "\n\t"}
    assert bad == set()
