"""``countermand policy``: what needs no server, and how two policies are compared."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from adapters.cli.doing.policy_difference import differences, told
from adapters.cli.words import POLICY_ACTIONS
from adapters.http.contract.policy import ON_A_JOB
from adapters.policy import default_policy, default_text, schema_text
from tests.adapters.cli.conftest import Cli


def test_show_prints_the_exact_rules_and_says_which_they_are(cli: Cli) -> None:
    done = cli("policy", "show", "--shipped")
    assert (done.returncode, done.stdout) == (0, default_text())
    digest = sha256(done.stdout.encode()).hexdigest()
    assert digest == default_policy().digest
    assert digest in done.stderr
    assert "cedarpy 4." in done.stderr
    assert cli("policy", "show", "--shipped", "--schema", "-q").stdout == schema_text()
    found = json.loads(cli("policy", "show", "--shipped", "-o", "json").stdout)
    assert (found["digest"], found["rules"], found["schema"]) == (
        digest,
        default_text(),
        schema_text(),
    )


def test_check_finds_nothing_wrong_with_the_rules_in_force(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.cedar"
    file.write_text(default_text())
    done = cli("policy", "check", str(file))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: nothing is wrong\n", "")
    assert json.loads(cli("policy", "check", str(file), "-o", "json").stdout) == []


def test_check_names_file_line_and_rule(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.cedar"
    rule = '@id("late")\nforbid (principal, action, resource)\nwhen { context.hours == 3 };\n'
    file.write_text(default_text() + rule)
    done = cli("policy", "check", str(file), "-o", "json")
    flaw = json.loads(done.stdout)[0]
    assert done.returncode == 2
    assert (flaw["file"], flaw["rule"]) == (str(file), "late")
    assert flaw["line"] == default_text().count("\n") + 1
    assert "hours" in flaw["what"]
    assert "late" in cli("policy", "check", str(file)).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"permit (", "cannot be read as Cedar"),
        (b"// nothing", "no rule"),
        (b"permit (principal, action, resource);", "no @id"),
        (b"// " + b"x" * 60_000, "it has 60003 bytes, at most 49152 are allowed"),
        (b"// " + "\u20ac".encode() * 20_000, "it has 60003 bytes, at most 49152"),
        (b"// " + "\u20ac".encode() * 400_000, "at most 49152 are allowed"),
        (
            b'@id("a") @deny_mesage("no") forbid (principal, action, resource);',
            "is @deny_message meant?",
        ),
    ],
)
def test_check_says_what_is_no_policy(cli: Cli, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "rules.cedar"
    file.write_bytes(content)
    done = cli("policy", "check", str(file), "--fields", "what")
    assert done.returncode == 2
    assert said in done.stdout


def test_a_file_that_cannot_be_read(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.cedar"
    file.write_bytes(b"// one\n// \xff")
    done = cli("policy", "check", str(file), "-o", "json")
    (found,) = json.loads(done.stdout)
    assert (done.returncode, found["file"], found["line"]) == (2, str(file), 2)
    assert found["what"] == "byte 10 of the file is not UTF-8"
    assert "is not UTF-8" in cli("policy", "propose", str(file)).stderr
    assert cli("policy", "check", "/nowhere").returncode == 2
    assert cli("policy", "check", "").returncode == 2


def test_hostile_rules_are_harmless_in_the_output(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.cedar"
    file.write_text('@id("\x1b[31m\u202e") permit (principal, action == Action::"fly", resource);')
    done = cli("policy", "check", str(file))
    assert done.returncode == 2
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_recheck_without_a_store_says_so(cli: Cli, tmp_path: Path) -> None:
    done = cli("policy", "recheck", "--data", str(tmp_path / "empty"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no stream" in done.stderr
    file = tmp_path / "rules.cedar"
    file.write_text("permit (")
    assert cli("policy", "recheck", "--policy", str(file)).returncode == 1


# --- two policies ---------------------------------------------------------------------------------

A = '@id("a")\npermit (principal, action, resource);\n'
B = """\
// words; with a semicolon
@id("b")
forbid (principal, action, resource)
when { context.actor == ";//" };
"""


def test_policies_differ_by_the_ids_of_their_rules() -> None:
    other = A.replace("action", 'action in [Action::"cancel"]')
    found = differences(
        A + B,
        B.replace("words", "other words")
        + other
        + '@id("c") permit (principal, action, resource);',
    )
    assert [(x["rule"], x["change"]) for x in found] == [("a", "changed"), ("c", "added")]
    assert found[0]["lines"] == [
        ' @id("a")',
        "-permit (principal, action, resource);",
        '+permit (principal, action in [Action::"cancel"], resource);',
    ]
    assert [(x["rule"], x["change"]) for x in differences(A + B, B)] == [("a", "removed")]


def test_order_and_comments_are_no_difference() -> None:
    assert differences(A + B, B + A) == []
    assert list(told([])) == ["the rules are the same"]


def test_every_act_on_a_job_can_be_explained() -> None:
    assert set(POLICY_ACTIONS) == set(ON_A_JOB)
