"""Nodes as the settings say them: names with slots, every one of them on this machine."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from application.engine import Node
from domain.errors import Refused

SLOTS_MAX: Final = 256
"""Of all nodes together, so that a fact about all runs at once fits an event. No node has none, so
there are never more nodes than that."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
NAME_WORDS: Final = "1 to 64 letters, digits, dots, _ and -, the first a letter or a digit"
"""Names stand in events, in lists with commas, in addresses of the web, and in CCP_NODES between
spaces."""

WRONG_SHOWN_MAX: Final = 5
NAMES_SHOWN_MAX: Final = 8
SHOWN_MAX: Final = 80


def wrong_nodes(nodes: Mapping[str, int], settings: Sequence[str]) -> list[str]:
    """What is wrong with a table of nodes, in sentences; ``settings``: names of all settings."""
    found = [
        *(sentence for name in nodes if (sentence := wrong_name(name, settings))),
        *(
            f"nodes: {shown(name)} has {slots} slots; allowed is 1 to {SLOTS_MAX}"
            for name, slots in nodes.items()
            if not 1 <= slots <= SLOTS_MAX
        ),
        *twins(nodes),
    ]
    total = sum(nodes.values())
    if not found and total > SLOTS_MAX:
        found.append(f"nodes have {total} slots together; allowed are {SLOTS_MAX}")
    return at_most(found)


def wrong_name(name: str, settings: Sequence[str]) -> str:
    """A name that no node can have, or "". A setting below a table in TOML is taken for a node."""
    if name in settings:
        return f"nodes: {name} is a setting; in TOML settings stand before a table [nodes]"
    return "" if NAME.fullmatch(name) else f"nodes: {shown(name)} is no name; {NAME_WORDS}"


def twins(names: Iterable[str]) -> list[str]:
    """Names that differ in case only: HPC Pack's clients could not tell them apart."""
    first: dict[str, str] = {}
    return [
        f"nodes: {shown(known)} and {shown(name)} differ in case only"
        for name in names
        if (known := first.setdefault(name.lower(), name)) != name
    ]


def at_most(sentences: list[str]) -> list[str]:
    """The first few, and how many more there are."""
    more = len(sentences) - WRONG_SHOWN_MAX
    if more <= 0:
        return sentences
    return [*sentences[:WRONG_SHOWN_MAX], f"nodes: {more} more are wrong"]


def shown(name: str) -> str:
    """A name that may be anything, in a sentence."""
    return repr(name[:SHOWN_MAX])


def check_node(nodes: Sequence[Node], name: str) -> None:
    """Pass, or raise ``Refused``: nothing is started on a node that is not there."""
    names = [node.name for node in nodes]
    if name in names:
        return
    more = len(names) - NAMES_SHOWN_MAX
    there = ", ".join(names[:NAMES_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
    raise Refused(f"there is no node {shown(name)}; there is {there}", code="no_such_node")
