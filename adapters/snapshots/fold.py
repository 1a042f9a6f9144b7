"""A digest of the fold: of everything that says what the bytes of events mean for a job.

It is the source of the domain and of the codecs, not a number that somebody must remember to raise.
Any change of any of them makes another fold, under which no older snapshot is read.
"""

import hashlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

import adapters.snapshots
import adapters.wire
import application
import domain
from domain.errors import Misconfigured

FOLDED_BY: Final[tuple[ModuleType, ...]] = (domain, adapters.wire, adapters.snapshots)

BOARD_BY: Final[tuple[ModuleType, ...]] = (*FOLDED_BY, application)
"""What a board keeps of the events goes by the use cases too."""


def fold_digest(packages: tuple[ModuleType, ...] = FOLDED_BY) -> str:
    """SHA-256 (hex) of the sources of the packages, and of the versions of what runs them.

    Raises ``Misconfigured`` when a package has no source here: then nobody can say whether two
    folds are the same.
    """
    whole = hashlib.sha256(f"{sys.version_info[:2]} msgspec {msgspec.__version__}".encode())
    for package in packages:
        sources = sources_of(package)
        if not sources:
            raise Misconfigured(
                f"the sources of {package.__name__} are missing; install countermand anew"
            )
        for name, source in sources:
            whole.update(f"\0{package.__name__}/{name}\0{len(source)}\0".encode() + source)
    return whole.hexdigest()


def sources_of(package: ModuleType) -> list[tuple[str, bytes]]:
    """Every module of a package by its path, in order, with its source."""
    roots = [Path(place) for place in package.__path__]
    return [
        (path.relative_to(root).as_posix(), path.read_bytes())
        for root in roots
        for path in sorted(root.rglob("*.py"))
    ]
