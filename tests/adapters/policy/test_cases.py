"""Cases beside rules: those that pass, that fail, and that are none."""

import json
from pathlib import Path
from typing import Final

import pytest

from adapters.bootstrap.policy_cases import tested as tried
from domain.errors import Misconfigured

RULES: Final = '@id("all") permit (principal, action, resource);'
CASE: Final = '[[case]]\nname = "a"\nperson = "alice"\naction = "cancel"\nexpect = "allow"\n'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "policy.cedar").write_text(RULES)
    (tmp_path / "tests.toml").write_text(CASE)
    return tmp_path


def refused(directory: Path) -> str:
    """The sentence for what is none."""
    with pytest.raises(Misconfigured) as caught:
        tried(directory)
    return caught.value.message


def wrong(directory: Path) -> str:
    """What is wrong with the only case, "" when it passes."""
    (found,) = tried(directory)
    return found.outcome.wrong


def test_a_case_that_passes(directory: Path) -> None:
    assert wrong(directory) == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('rules = ["other"]', "expected by other, but it is by all"),
        ('sentence = "no"', 'expected to say "no", but it says ""'),
        ('job = { owner = "x", state = "Dead" }', "answered with an error"),
        ('job = { owner = "x", node_count = "3" }', "answered with an error"),
    ],
)
def test_a_case_that_fails(directory: Path, more: str, said: str) -> None:
    (directory / "tests.toml").write_text(CASE + more)
    assert said in wrong(directory)


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("", "there is no case in it"),
        ("case = 3", "tests.toml: Expected `array`"),
        ("[[case]]\n", "case 1: Object missing required field `name`"),
        ("[[case]]\nname = 3\n", "case 1: Expected `str`, got `int` - at `$.name`"),
        (CASE + "colour = 1", 'case 1 "a": Object contains unknown field `colour`'),
        (CASE.replace("cancel", "fly"), "case 1 \"a\": Invalid enum value 'fly' - at `$.action`"),
        (CASE + 'roles = ["boss"]', "Invalid enum value 'boss' - at `$.roles[0]`"),
        (CASE + "job = { colour = 1 }", 'case 1 "a": job.colour: there is no such; allowed are id'),
        (CASE + "context = { hours = 1 }", 'case 1 "a": context.hours: there is no such; allowed'),
        (CASE + "context = { hour = 99 }", "context.hour is 99: it is from 0 to 23 in life"),
        (CASE + "context = { bulk_size = 0 }", "context.bulk_size is 0: it is from 1 to 10000"),
        (CASE + "context = { message_units = 321 }", "it is from 0 to 320"),
        (CASE + "job = { node_count = -1 }", "job.node_count is -1: it is from 0"),
        (CASE + "job = { owner = 1.5 }", "at `$.job[...]`"),
        (CASE + CASE + "x = 1", 'case 2 "a": Object contains unknown field `x`'),
        (
            CASE.replace("cancel", "set_parameter") + "job = { id = 1 }",
            'case 1 "a": job: set_parameter is not about a job',
        ),
        ("[[case]", "tests.toml: "),
        ('with = ["none.cedar"]\n' + CASE, "none.cedar: No such file or directory"),
    ],
)
def test_a_case_that_is_none_is_named(directory: Path, cases: str, said: str) -> None:
    (directory / "tests.toml").write_text(cases)
    sentence = refused(directory)
    assert said in sentence
    assert str(directory / "tests.toml") in sentence or "none.cedar" in said


def test_rules_that_are_none_are_named(directory: Path) -> None:
    (directory / "policy.cedar").write_text(RULES + "\npermit (principal, action, resource);")
    assert f"{directory / 'policy.cedar'}: line 2: it has no @id" in refused(directory)
    (directory / "policy.cedar").write_text(RULES)
    (directory / "more.cedar").write_text(RULES)
    (directory / "tests.toml").write_text('with = ["more.cedar"]\n' + CASE)
    assert "has this @id already" in refused(directory)


def test_files_that_are_missing_or_too_many(directory: Path) -> None:
    (directory / "tests.json").write_text("{}")
    assert "both is there" in refused(directory)
    (directory / "tests.toml").unlink()
    case = {"name": "b", "person": "bob", "action": "view", "expect": "allow"}
    (directory / "tests.json").write_text(json.dumps({"case": [case]}))
    assert wrong(directory) == ""
    (directory / "tests.json").unlink()
    assert "none is there" in refused(directory)
    (directory / "policy.cedar").unlink()
    assert "there is nothing to test" in refused(directory)
