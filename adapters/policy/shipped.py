"""The rules and the schema that come with Countermand, as files beside this one."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from adapters.policy.cedar import CedarPolicy
from adapters.policy.reading import sha256

HERE: Final = "adapters.policy"
DEFAULT: Final = "default.cedar"
SCHEMA: Final = "countermand.cedarschema"
EARLIER: Final = "earlier"
"""Rules and schemas of before, each named by the first 16 digits of its digest: decisions that were
made by them are in streams, and are computed again by them. None is ever changed or taken away."""


@cache
def default_text() -> str:
    """The rules that are in force."""
    return files(HERE).joinpath(DEFAULT).read_text(encoding="utf-8")


@cache
def schema_text() -> str:
    """What rules may ask about."""
    return files(HERE).joinpath(SCHEMA).read_text(encoding="utf-8")


def default_policy() -> CedarPolicy:
    """The policy of these rules."""
    return CedarPolicy(default_text(), schema_text())


@cache
def schemas() -> Mapping[str, str]:
    """Every schema that shipped rules were ever asked with, by its digest; that in force first."""
    return by_digest(schema_text(), ".cedarschema")


@cache
def defaults() -> Mapping[str, str]:
    """Every text of the shipped rules, by its digest; the one in force first."""
    return by_digest(default_text(), ".cedar")


def by_digest(in_force: str, ending: str) -> dict[str, str]:
    """This text, and those of before whose files end so."""
    earlier = sorted(files(HERE).joinpath(EARLIER).iterdir(), key=lambda file: file.name)
    texts = [x.read_text(encoding="utf-8") for x in earlier if x.name.endswith(ending)]
    return {sha256(text): text for text in (in_force, *texts)}
