"""The JSON that the server answers about the policy, as types."""

from typing import TypedDict


class Policy(TypedDict):
    """Rules, and where they came from."""

    digest: str
    schema_digest: str
    rule_count: int
    in_force: bool
    broken: str
    position: int
    at: str
    author: str
    approver: str
    previous: str
    backtest: str
    note: str
    rules: str
    schema: str


class Shadow(TypedDict):
    """Rules that run in shadow, or did."""

    digest: str
    schema_digest: str
    rule_count: int
    position: int
    at: str
    started_by: str
    note: str
    rules: str


class PolicyStep(TypedDict):
    """A fact about the policy."""

    position: int
    version: int
    at: str
    type: str
    actor: str
    on_behalf_of: str
    digest: str
    schema_digest: str
    rule_count: int
    author: str
    approver: str
    previous: str
    backtest: str
    note: str
    code: str
    explanation: str


class PolicyHistory(TypedDict):
    """Every fact about the policy, in order."""

    steps: list[PolicyStep]


Known = dict[str, str | int | bool | list[str]]
"""What the policy was told, by name."""


class Entity(TypedDict):
    """Somebody or something, as the policy was told of it."""

    type: str
    id: str
    attributes: Known
    roles: list[str]


class Request(TypedDict):
    """What the engine was asked."""

    principal: Entity
    action: str
    resource: Entity
    context: Known


class Answer(TypedDict):
    """What the rules in force say."""

    effect: str
    hold_seconds: int
    approvals: int
    rules: list[str]
    explanation: str
    errors: list[str]
    digest: str
    schema_digest: str
    engine: str
    requests: list[Request]
