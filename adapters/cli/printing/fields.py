"""Which fields of the data are printed: dotted paths such as ``cancel.actor``.

What a list may hold is said by its shape (``shapes``), so that a name nobody knows is refused
before anything is asked for, and an empty list still has its columns.
"""

import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, NamedTuple

from adapters.cli.exits import USAGE, Failure

Row = Mapping[str, Any]


class Known(NamedTuple):
    """The paths there are; ``open``: beginnings of paths below which there may be any other."""

    paths: tuple[str, ...]
    open: tuple[str, ...] = ()


def known_of(shape: type) -> Known:
    """The paths of a TypedDict. What holds a list, or names of its own, is one field."""
    paths: list[str] = []
    open_: list[str] = []
    for name, kind in typing.get_type_hints(shape).items():
        inner, is_mapping = inside(kind)
        if inner is not None:
            below = known_of(inner)
            paths += [f"{name}.{path}" for path in below.paths]
            open_ += [f"{name}.{path}" for path in below.open]
        else:
            paths.append(name)
            open_ += [f"{name}."] if is_mapping else []
    return Known(tuple(paths), tuple(open_))


def inside(kind: object) -> tuple[type | None, bool]:
    """The TypedDict that a type is, also when it may be None; and whether it is another mapping."""
    for one in typing.get_args(kind) if isinstance(kind, UnionType) else (kind,):
        if typing.is_typeddict(one):
            return typing.cast(type, one), False
    return None, typing.get_origin(kind) is dict


def found_in(rows: Iterable[Row]) -> Known:
    """The paths that some rows really have, in the order in which they first occur."""
    return Known(tuple(dict.fromkeys(path for row in rows for path, _ in leaves(row))))


def leaves(row: Row, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every path of a row with its value. Lists, and objects without anything, are values."""
    for name, value in row.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def chosen(asked: Sequence[str], known: Known) -> tuple[str, ...]:
    """The paths that were asked for, or all. A part of a path stands for everything below it."""
    if not asked:
        return known.paths
    return tuple(dict.fromkeys(path for name in asked for path in meant(name, known)))


def meant(name: str, known: Known) -> list[str]:
    """The paths that a name stands for. ``Failure`` with those there are when it is none."""
    if name in known.paths or any(name.startswith(x) and name != x for x in known.open):
        return [name]
    below = [path for path in known.paths if path.startswith(f"{name}.")]
    if below:
        return below
    there = ", ".join([*known.paths, *(f"{x}NAME" for x in known.open)])
    raise Failure(USAGE, f"there is no field {name!r} here; there are: {there}")


def value_at(row: Row, path: str) -> Any:
    """The value at a path, None where there is none."""
    found: Any = row
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def trimmed(row: Row, paths: Sequence[str]) -> dict[str, Any]:
    """The row with only these paths, each where it was."""
    kept: dict[str, Any] = {}
    for path in paths:
        *above, last = path.split(".")
        within, into = row, kept
        for name in above:
            below = within.get(name)
            if not isinstance(below, Mapping):
                into.setdefault(name, None)
                break
            within, into = below, into.setdefault(name, {})
        else:
            into[last] = within.get(last)
    return kept
