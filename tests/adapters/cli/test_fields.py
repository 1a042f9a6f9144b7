"""Fields by their paths: what there is, what is meant, and what is left of a row."""

from typing import Any, TypedDict

import pytest

from adapters.cli.exits import USAGE, Failure
from adapters.cli.printing.fields import (
    Known,
    chosen,
    found_in,
    known_of,
    leaves,
    trimmed,
    value_at,
)


class Inner(TypedDict):
    """Within a row."""

    actor: str
    at: str


class Shape(TypedDict):
    """A row."""

    name: str
    cancel: Inner | None
    steps: Inner
    nodes: list[str]
    data: dict[str, Any]


ROW = {"name": "x", "cancel": None, "steps": {"actor": "a", "at": "b"}, "data": {"deep": {"er": 1}}}
PATHS = ("name", "cancel.actor", "cancel.at", "steps.actor", "steps.at", "nodes", "data")


def test_the_paths_of_a_shape() -> None:
    assert known_of(Shape) == Known(PATHS, ("data.",))


def test_the_paths_of_rows() -> None:
    assert found_in([{"a": 1}, {"b": {"c": 2, "d": {}}}, {"a": 3}]).paths == ("a", "b.c", "b.d")
    assert dict(leaves(ROW))["data.deep.er"] == 1


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ((), PATHS),
        (("name",), ("name",)),
        (("steps", "name", "steps.at"), ("steps.actor", "steps.at", "name")),
        (("data.anything.below",), ("data.anything.below",)),
        (("data",), ("data",)),
    ],
)
def test_what_is_meant(asked: tuple[str, ...], meant: tuple[str, ...]) -> None:
    assert chosen(asked, known_of(Shape)) == meant


@pytest.mark.parametrize("name", ["nam", "cancel.act", "steps.", "data.", "name.x", ""])
def test_what_nobody_knows_says_what_there_is(name: str) -> None:
    with pytest.raises(Failure) as caught:
        chosen((name,), known_of(Shape))
    assert caught.value.status == USAGE
    assert ", ".join(PATHS) in caught.value.sentence
    assert caught.value.sentence.endswith("data.NAME")


def test_what_is_left_stays_where_it_was() -> None:
    assert trimmed(ROW, ["steps.at", "cancel.actor", "data.deep.er", "name"]) == {
        "steps": {"at": "b"},
        "cancel": None,
        "data": {"deep": {"er": 1}},
        "name": "x",
    }
    assert trimmed(ROW, ["nodes", "steps.nowhere"]) == {"nodes": None, "steps": {"nowhere": None}}
    assert ROW["data"] == {"deep": {"er": 1}}


def test_the_value_at_a_path() -> None:
    assert value_at(ROW, "data.deep.er") == 1
    assert value_at(ROW, "cancel.actor") is None
    assert value_at(ROW, "name.x") is None
