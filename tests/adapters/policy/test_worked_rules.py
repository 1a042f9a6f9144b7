"""The rules in ``ops/policies``: each by itself, all together, and every case beside them."""

from pathlib import Path
from typing import Final

import pytest

from adapters.bootstrap.policy_cases import tested as tried
from adapters.policy import CedarPolicy, default_text, flaws, parsed_schema, schema_text
from domain.states import Effect

ROOT: Final = Path(__file__).resolve().parents[3]
DIRECTORIES: Final = sorted(x for x in (ROOT / "ops" / "policies").iterdir() if x.is_dir())


@pytest.mark.parametrize("directory", DIRECTORIES, ids=lambda x: x.name)
def test_the_rules_are_some_and_every_case_passes(directory: Path) -> None:
    text = (directory / "policy.cedar").read_text()
    assert flaws(text, parsed_schema(schema_text())) == []
    found = tried(directory)
    assert [x.outcome for x in found if x.outcome.wrong] == []
    effects = {x.outcome.found for x in found}
    assert effects >= {Effect.ALLOW, Effect.DENY}, "cases on both sides of the rule"
    own = {rule.id for rule in CedarPolicy(text, schema_text()).parsed.rules.values()}
    determined = {rule for x in found for rule in x.outcome.rules}
    assert own & determined, "a case that the rule determines"


def test_the_first_are_the_rules_in_force() -> None:
    default = ROOT / "ops" / "policies" / "default" / "policy.cedar"
    assert default.read_text() == default_text()


def test_all_together_are_one_policy() -> None:
    assert len(DIRECTORIES) >= 10
    texts = [(x / "policy.cedar").read_text() for x in DIRECTORIES]
    assert flaws("\n".join(texts), parsed_schema(schema_text())) == []


def test_each_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "policy-guide.md").read_text()
    for directory in DIRECTORIES:
        assert f"(../ops/policies/{directory.name}/policy.cedar)" in guide
