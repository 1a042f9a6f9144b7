"""config, doctor, principals and the start of a service that cannot start."""

import json
import stat
from pathlib import Path

from tests.adapters.cli.conftest import Cli
from tests.support.accounts import needs_root


def test_config_shows_file_options_and_defaults(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "countermand.toml"
    file.write_text('cluster = "hpc1"\nslots = 3\ndata_directory = "/from/the/file"\n')
    found = json.loads(cli("config", "--config", str(file), "--slots", "5", "-o", "json").stdout)
    assert (found["cluster"], found["slots"], found["task_account"]) == ("hpc1", 5, "nobody")
    assert found["data_directory"] == "/from/the/file"
    assert "stop_signal" in cli("config").stdout


def test_config_and_doctor_show_the_nodes(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "countermand.toml"
    file.write_text('nodes = { n1 = 4, "n2.example.org" = 2 }\n')
    options = ("--config", str(file))
    shown = [line.split(maxsplit=1) for line in cli("config", *options).stdout.splitlines()]
    assert dict(x for x in shown if len(x) == 2)["nodes"] == "n1 = 4, n2.example.org = 2"
    found = json.loads(cli("config", *options, "-o", "json").stdout)
    assert found["nodes"] == {"n1": 4, "n2.example.org": 2}
    findings = json.loads(cli("doctor", *options, "-o", "json").stdout)
    (told,) = [x["text"] for x in findings if x["subject"] == "nodes"]
    assert told.startswith("2 nodes, 6 slots on the ")
    assert told.endswith(" cores of this machine: n1 (4), n2.example.org (2)")
    done = cli("serve", *options, "--slots", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "take node and slots (--slots) away" in done.stderr


def test_config_shows_freeze_windows_as_the_file_has_them(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "countermand.toml"
    file.write_text(
        '[[freeze_windows]]\nname = "nights"\nweekdays = ["Friday", "Saturday"]\n'
        'from = "22:00"\nto = "06:00"\n'
    )
    found = json.loads(cli("config", "--config", str(file), "-o", "json").stdout)
    (window,) = found["freeze_windows"]
    assert (window["name"], window["from"], window["to"]) == ("nights", "22:00", "06:00")
    assert window["weekdays"] == ["Friday", "Saturday"]
    shown = cli("config", "--config", str(file)).stdout
    assert "{name = nights, from = 22:00, to = 06:00, weekdays = Friday, Saturday}" in shown


def test_the_data_directory_is_the_one_clients_look_in(cli: Cli, tmp_path: Path) -> None:
    found = json.loads(cli("config", "-o", "json").stdout)
    assert found["data_directory"] == str(tmp_path / "data")


def test_misconfiguration_is_one_clear_message(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "countermand.toml"
    file.write_text("bogus = 1\n")
    for verb in ("config", "serve", "provision", "doctor"):
        done = cli(verb, "--config", str(file))
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no setting bogus" in done.stderr
    file.write_text("this is not TOML")
    assert cli("config", "--config", str(file)).returncode == 1
    assert cli("config", "--config", "/nowhere").returncode == 2
    assert cli("serve", "--cluster", "no blanks please").returncode == 1
    assert cli("serve", "--port", "70000").returncode == 2


def test_doctor_lists_findings(cli: Cli) -> None:
    found = json.loads(cli("doctor", "-o", "json").stdout)
    assert {"level", "subject", "text", "what_to_do"} == set(found[0])
    assert {x["level"] for x in found} <= {"ok", "warning", "error"}
    assert " ok " not in cli("doctor", "-q").stdout


def examined(cli: Cli, tmp_path: Path, *lines: str) -> list[dict[str, str]]:
    """What ``doctor`` finds with these settings."""
    file = tmp_path / "countermand.toml"
    file.write_text("\n".join(lines))
    found: list[dict[str, str]] = json.loads(
        cli("doctor", "--config", str(file), "-o", "json").stdout
    )
    return found


def about(found: list[dict[str, str]], subject: str) -> list[tuple[str, str, str]]:
    return [(x["level"], x["text"], x["what_to_do"]) for x in found if x["subject"] == subject]


@needs_root
def test_doctor_gives_root_no_advice_that_root_has_followed(cli: Cli, tmp_path: Path) -> None:
    found = examined(cli, tmp_path)
    (shared,) = about(found, "exposure")
    assert shared == (
        "warning",
        "All tasks run as 'nobody': they can read and signal each other.",
        "where they must not, name further accounts in run_as_accounts, and submit with --run-as "
        "(or UserName)",
    )
    assert "run the service as root" not in json.dumps(found)
    found = examined(cli, tmp_path, 'run_as_accounts = ["daemon"]')
    assert about(found, "exposure") == []
    assert about(found, "task account") == [
        ("ok", "tasks run as nobody; a job may name daemon", "")
    ]


@needs_root
def test_doctor_calls_an_account_that_no_task_may_have_an_error(cli: Cli, tmp_path: Path) -> None:
    found = examined(cli, tmp_path, 'task_account = "root"')
    assert about(found, "task account") == [
        (
            "error",
            "the settings do not allow tasks to run as root",
            "name another account in task_account",
        )
    ]
    found = examined(cli, tmp_path, 'run_as_accounts = ["no-such-account"]')
    assert about(found, "task account") == [
        (
            "error",
            "there is no account 'no-such-account'",
            "name another account in run_as_accounts",
        )
    ]


def test_doctor_does_not_look_for_cgroups_that_the_settings_forbid(
    cli: Cli, tmp_path: Path
) -> None:
    ((level, text, what_to_do),) = about(examined(cli, tmp_path, "use_cgroups = false"), "cgroups")
    assert level == "warning"
    assert text.startswith("use_cgroups is false: ")
    assert what_to_do.startswith("take use_cgroups away")


def test_how_long_a_password_is_stands_in_the_help(cli: Cli) -> None:
    told = " ".join(cli("principals", "add", "--help").stdout.split())
    assert "Read a password of 12 to 1024 characters from standard input." in told


def test_principals(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert cli("principals", "list", "-o", "json").stdout == "[]\n"
    made = cli("principals", "add", "ci", "--service-account", "--role", "job-operator")
    assert made.returncode == 0
    assert made.stdout.startswith("cm_")
    (entry,) = json.loads(cli("principals", "list", "-o", "json").stdout)
    assert (entry["name"], entry["roles"], entry["kind"]) == (
        "ci",
        ["job-operator"],
        "service_account",
    )
    assert made.stdout.strip() not in json.dumps(entry)
    more = cli("principals", "token", "ci")
    assert more.stdout.startswith("cm_")
    token_id = entry["tokens"][0]["id"]
    assert cli("principals", "remove", "ci", "--token-id", token_id).returncode == 0
    (entry,) = json.loads(cli("principals", "list", "-o", "json").stdout)
    assert [x["id"] for x in entry["tokens"]] != [token_id]
    assert cli("principals", "add", "ci").returncode == 5
    assert cli("principals", "remove", "ci").returncode == 0
    assert cli("principals", "remove", "ci").returncode == 3
    assert cli("principals").stdout.split() == [
        "NAME",
        "ROLES",
        "KIND",
        "UNIX",
        "PASSWORD",
        "TOKENS",
    ]


def test_a_token_goes_into_a_new_file_of_ones_own(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "ci.token"
    done = cli("principals", "add", "ci", "--token-file", str(file))
    assert (done.returncode, done.stdout) == (0, "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("cm_")
    before = file.read_text()
    assert cli("principals", "add", "ci2", "--token-file", str(file)).returncode == 1
    assert file.read_text() == before
    other = tmp_path / "other.token"
    assert cli("principals", "add", "ci", "--token-file", str(other)).returncode == 5
    assert not other.exists()


def test_a_password_comes_from_standard_input(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    made = cli("principals", "add", "eve", "--password", stdin=b"correct horse battery\n")
    assert (made.returncode, made.stdout) == (0, "")
    (entry,) = json.loads(cli("principals", "list", "-o", "json").stdout)
    assert (entry["password"], entry["tokens"]) == (True, [])
    assert cli("principals", "add", "mallory", "--password", stdin=b"short\n").returncode == 5
    assert cli("principals", "add", "mallory", "--password").returncode == 2
    assert len(json.loads(cli("principals", "list", "-o", "json").stdout)) == 1
