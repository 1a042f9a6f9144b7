"""What a schema lets a policy be told, read from its text."""

from typing import Final

from hypothesis import given, settings

from adapters.policy import schema_text
from adapters.policy.declared import CONTEXT, Declared, declared
from domain.policy import Question
from domain.policy_requests import requests_of
from tests.adapters.policy.questions import QUESTIONS

SCHEMA: Final = """
entity Role enum ["user"];
entity Group, Team in [Group, Role];  // entity Fake { no: Long };
entity User in [Role, Group] = { name: String, "odd name"?: Set<{ inner: Long }>, };
entity Job in Team { owner?: String };
entity Cluster;
type Request = { origin: String, mode?: String };
action "a" appliesTo { principal: [User], resource: [Job], context: Request };
action "b" appliesTo { principal: [User], resource: [Cluster], context: { more?: Long } };
"""
IN_FORCE: Final = declared(schema_text())


def test_attributes_and_groups_are_found() -> None:
    assert declared(SCHEMA) == Declared(
        attributes=frozenset(
            {
                *(("User", "name"), ("User", "odd name"), ("User", "inner"), ("Job", "owner")),
                *((CONTEXT, "origin"), (CONTEXT, "mode"), (CONTEXT, "more")),
            }
        ),
        groups=frozenset(
            {
                *(("User", "Role"), ("User", "Group"), ("Job", "Team")),
                *((x, y) for x in ("Group", "Team") for y in ("Group", "Role")),
            }
        ),
    )


def test_the_schema_in_force_declares_what_its_text_says() -> None:
    assert {("Job", "owner"), ("User", "roles"), (CONTEXT, "mode")} <= IN_FORCE.attributes
    assert {("User", "Role"), ("Person", "Role")} <= IN_FORCE.groups
    assert ("Job", "mode") not in IN_FORCE.attributes


@settings(max_examples=300, deadline=None)
@given(QUESTIONS)
def test_whatever_is_told_is_declared(question: Question) -> None:
    for request in requests_of(question):
        assert {(CONTEXT, name) for name in request.context} <= IN_FORCE.attributes
        for one in (request.principal, request.resource):
            assert {(one.type, name) for name in one.attributes} <= IN_FORCE.attributes
