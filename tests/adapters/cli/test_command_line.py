"""Help, usage errors, forms, closed and full outputs, and the last resort."""

import json
import subprocess
from pathlib import Path

import pytest

from adapters.cli.verb_group import VERBS
from domain.identity import Role
from domain.states import JobPriority
from tests.adapters.cli.conftest import PROGRAM, Cli
from tests.support.stand_in_jobs import Answer
from tests.support.stand_in_server import StandIn


def test_alone_it_prints_every_verb(cli: Cli) -> None:
    done = cli()
    assert done.returncode == 0
    assert all(f"  {verb} " in done.stdout for verb in VERBS)
    assert cli("--help").stdout == done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(cli: Cli, verb: str) -> None:
    done = cli(verb, "--help")
    assert done.returncode == 0
    assert f"Usage: countermand {verb}" in done.stdout
    assert cli(verb, "-h").stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cancle", "17"), "No such command 'cancle'"),
        (("cancel",), "which jobs?"),
        (("cancel", ""), "1 to 64 characters"),
        (("cancel", "17", "--bogus"), "No such option '--bogus'"),
        (("cancel", "17", "--force", "--graceful"), "--force and --graceful exclude each other"),
        (("cancel", "17", "--task", "1", "--graceful"), "no graceful cancel of a single task"),
        (("cancel", "17", "--task", "0"), "0 is not in the range"),
        (("cancel", "17", "--reason", "Not A Code"), "lower-case letters"),
        (("cancel", "17", "--id", "no blanks"), "1 to 64 letters"),
        (("cancel", "17", "--wait=soon"), "such as 500ms, 30s, 5m, 2h"),
        (("cancel", "17", "--as", ""), "visible ASCII"),
        (("cancel", "17", "-o", "xml"), "'table', 'json', 'ndjson'"),
        (("watch", "--until-count", "0"), "not in the range"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, tuple) else "",
)
def test_usage_errors_say_what_is_allowed(
    server: StandIn, cli: Cli, arguments: tuple[str, ...], words: str
) -> None:
    done = cli(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert server.requests == []


def test_version(cli: Cli) -> None:
    found = json.loads(cli("version", "-o", "json").stdout)
    names = ["name", "version", "python", "eventsourcing", "nats_py", "nats_server", "cedarpy"]
    assert list(found) == names
    assert all(found.values())
    assert cli("version", "-q").stdout == f"countermand {found['version']}\n"
    assert cli("--version").stdout == cli("version").stdout


def test_no_colour_and_no_escape_when_piped(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert "\x1b" not in cli("show", "17", TERM="xterm-256color").stdout


def test_output_that_the_locale_cannot_show(server: StandIn, cli: Cli) -> None:
    server.add_job(17, name="Grüße \U0001f600")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = cli("show", "17", "-o", "json", stdin=b"", **plain)
    assert done.stdout.isascii()
    assert json.loads(done.stdout)["name"] == "Grüße \U0001f600"
    done = cli("show", "17", stdin=b"", **plain)
    assert done.returncode == 0
    assert "Gr\\xfc\\xdfe \\U0001f600" in done.stdout


def test_a_full_disk_is_a_failure_in_words(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [PROGRAM, "show", "17"],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"countermand: the output could not be written: No space left on device\n"


def test_closed_outputs_do_not_stop_a_cancel(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    server.add_job(18)
    command = ["sh", "-c", f"exec {PROGRAM} cancel 17.1 18.1 >&- 2>&-"]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == 0
    assert len(server.sent()) == 2


def test_a_reader_that_leaves_does_not_stop_a_cancel(
    server: StandIn, environment: dict[str, str]
) -> None:
    server.add_job(17)
    server.add_job(18)
    command = [PROGRAM, "cancel", "17.1", "18.1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)
    assert len(server.sent()) == 2
    assert err == b""


def test_the_last_resort_is_one_sentence(server: StandIn, cli: Cli) -> None:
    server.plan("GET", "/api/v1/jobs/17", Answer(200, {"unexpected": True}))
    done = cli("show", "17")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "COUNTERMAND_DEBUG=1" in done.stderr


def test_the_debug_variable_shows_where(server: StandIn, environment: dict[str, str]) -> None:
    server.plan("GET", "/api/v1/jobs/17", Answer(200, {"unexpected": True}))
    done = subprocess.run(
        [PROGRAM, "show", "17"],
        env=environment | {"COUNTERMAND_DEBUG": "1"},
        capture_output=True,
        check=False,
    )
    assert b"Traceback" in done.stderr


def test_lists_that_are_copied_to_stay_light_are_the_domains() -> None:
    from adapters.cli.typed.new_tasks import PRIORITIES
    from adapters.cli.verbs.principals import ROLES

    assert tuple(JobPriority) == PRIORITIES
    assert set(Role) == set(ROLES)
