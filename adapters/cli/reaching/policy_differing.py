"""How two policies differ, as it is printed."""

from typing import TypedDict


class Differs(TypedDict):
    """A rule that only one of them has, or that both have otherwise. ``change``: added, removed or
    changed; ``lines``: of a unified comparison."""

    rule: str
    change: str
    lines: list[str]
