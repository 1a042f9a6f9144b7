"""``countermand policy test``: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.adapters.cli.conftest import Cli
from tests.adapters.policy.test_cases import CASE, RULES


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "policy.cedar").write_text(RULES)
    (tmp_path / "tests.toml").write_text(CASE)
    return tmp_path


def test_a_case_that_passes(cli: Cli, directory: Path) -> None:
    done = cli("policy", "test", str(directory))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("1 cases: all pass\n")
    (found,) = json.loads(cli("policy", "test", str(directory), "-o", "json").stdout)
    assert found == {
        "passed": True,
        "directory": directory.name,
        "case": "a",
        "expected": "allow",
        "found": "allow",
        "rules": ["all"],
        "sentence": "",
        "wrong": "",
    }


def test_a_case_that_fails(cli: Cli, directory: Path) -> None:
    (directory / "tests.toml").write_text(CASE.replace('"allow"', '"deny"'))
    done = cli("policy", "test", str(directory))
    assert (done.returncode, done.stderr) == (1, "")
    assert "expected deny, but the answer is allow" in done.stdout
    assert done.stdout.endswith("1 cases: 1 FAIL\n")


def test_a_case_that_is_none(cli: Cli, directory: Path) -> None:
    (directory / "tests.toml").write_text(CASE + "colour = 1")
    done = cli("policy", "test", str(directory))
    assert (done.returncode, done.stdout) == (1, "")
    assert f'{directory / "tests.toml"}: case 1 "a": ' in done.stderr
    assert "unknown field `colour`" in done.stderr
