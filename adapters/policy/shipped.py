"""The rules and the schema that come with Countermand, as files beside this one."""

from functools import cache
from importlib.resources import files
from typing import Final

from adapters.policy.cedar import CedarPolicy

HERE: Final = "adapters.policy"
DEFAULT: Final = "default.cedar"
SCHEMA: Final = "countermand.cedarschema"


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
