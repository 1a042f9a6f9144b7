"""Rules and schemas of before are kept, unchanged, and decisions by them come out again."""

from hashlib import sha256
from importlib.resources import files
from typing import Final

import pytest

from adapters.bootstrap.policies import policies_here
from adapters.policy import (
    CedarPolicy,
    default_policy,
    default_text,
    defaults,
    schema_text,
    schemas,
)
from application.rechecking import Recheck
from domain.identity import Caller, Principal, Role
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.states import CancelMode, JobState, JobType
from tests.application.test_rechecking import stored

FIRST_SCHEMA: Final = "362d44003e6752ed"
"""Of the schema before it had bulk sizes and freeze windows."""

OWEN: Final = Caller(Principal("owen", (Role.USER,)))
PAIRS: Final = [(x.digest, x.schema_digest) for x in policies_here([]) if x.schema_digest]
"""Digests of rules and schema that go together; the table before Cedar had none."""

CANCEL: Final = Question(
    OWEN,
    Action.CANCEL,
    "owen",
    JobType.BATCH,
    JobKnown(id=7, state=JobState.RUNNING),
    RequestKnown(CancelMode.FORCED, 0, ""),
)


def test_a_file_of_before_is_named_by_its_digest_and_none_is_in_force() -> None:
    names = [file.name for file in files("adapters.policy").joinpath("earlier").iterdir()]
    kept = {**schemas(), **defaults()}
    del kept[sha256(schema_text().encode()).hexdigest()]
    del kept[sha256(default_text().encode()).hexdigest()]
    assert sorted(digest[:16] for digest in kept) == sorted(x.partition(".")[0] for x in names)
    assert FIRST_SCHEMA in {digest[:16] for digest in kept}


def test_all_of_them_are_here_with_every_schema_that_they_keep_to() -> None:
    assert {rules for rules, _ in PAIRS} == set(defaults())
    assert {schema for _, schema in PAIRS} == set(schemas())
    assert (default_policy().digest, default_policy().schema_digest) in PAIRS


@pytest.mark.parametrize(("rules", "schema"), PAIRS)
def test_a_decision_by_any_of_them_comes_out_again(rules: str, schema: str) -> None:
    policy = CedarPolicy(defaults()[rules], schemas()[schema])
    sam = Question(OWEN, Action.CANCEL, "sam", JobType.ADMIN, CANCEL.job, CANCEL.said)
    recheck = Recheck(policies_here([]))
    for question in (CANCEL, sam):
        recheck.take(stored(policy.decide(question)))
    report = recheck.report("stream", 2)
    assert (report.decisions, report.different, report.unknown) == (2, 0, {})
