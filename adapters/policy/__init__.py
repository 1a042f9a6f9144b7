"""The policy: rules in Cedar, and who may do what by them."""

from adapters.policy.cedar import CedarPolicy, parsed_schema
from adapters.policy.history import FromMemory, OnHistory
from adapters.policy.objections import objection
from adapters.policy.reading import POLICY_BYTES_MAX, Flaw, flaws
from adapters.policy.shipped import (
    default_policy,
    default_text,
    defaults,
    schema_text,
    schemas,
)

__all__ = [
    "POLICY_BYTES_MAX",
    "CedarPolicy",
    "Flaw",
    "FromMemory",
    "OnHistory",
    "default_policy",
    "default_text",
    "defaults",
    "flaws",
    "objection",
    "parsed_schema",
    "schema_text",
    "schemas",
]
