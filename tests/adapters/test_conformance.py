"""The page about conformance names tests that exist, and leaves no operation out."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from adapters.hpcpack.operation import Operation
from adapters.hpcpack.operations import OPERATIONS
from adapters.hpcpack.windows_operations import WINDOWS_OPERATIONS
from ops.conformance_docs import document, shown_by
from ops.conformance_methods import METHODS
from ops.conformance_rest import LACKING, SHOWN, THEIRS, WINDOWS_LACKING, WINDOWS_SHOWN

ROOT: Final = Path(__file__).resolve().parents[2]
NAMED: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILES: Final = re.compile(r"`(tests/[\w/]+\.py)`")
USE_CASE: Final = re.compile(r"`(\w+)`")


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text())
    found = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(
        x.name for x in tree.body if isinstance(x, found) and x.name.startswith("test_")
    )


def test_every_test_that_is_named_exists() -> None:
    page = document()
    named = set(NAMED.findall(page))
    assert len(named) > 40, "the pattern finds them"
    missing = [(file, name) for file, name in named if name not in names_in(file)]
    assert missing == []
    assert [file for file in FILES.findall(page) if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: o.id)
def test_every_operation_is_described_and_shown(operation: Operation) -> None:
    assert operation.id in THEIRS
    assert shown_by(operation, SHOWN, LACKING), "name its test in ops/conformance_rest.py"


@pytest.mark.parametrize("operation", WINDOWS_OPERATIONS, ids=lambda o: o.id)
def test_every_operation_of_the_older_edition_too(operation: Operation) -> None:
    assert operation.id in THEIRS
    shown = shown_by(operation, WINDOWS_SHOWN, WINDOWS_LACKING)
    assert shown, "name its test in ops/conformance_rest.py"


def test_nothing_is_described_that_there_is_not() -> None:
    ids = {o.id for o in (*OPERATIONS, *WINDOWS_OPERATIONS)}
    assert set(THEIRS) == ids
    assert set(SHOWN) <= {o.id for o in OPERATIONS}
    assert set(WINDOWS_SHOWN) <= {o.id for o in WINDOWS_OPERATIONS}


def test_every_method_has_a_use_case_and_a_test() -> None:
    for method in METHODS:
        assert method.tests, method.name
    named = {name for m in METHODS for name in USE_CASE.findall(m.ours)}
    tree = ast.parse((ROOT / "application" / "scheduler.py").read_text())
    (scheduler,) = (x for x in tree.body if isinstance(x, ast.ClassDef) and x.name == "Scheduler")
    defined = ast.FunctionDef | ast.AsyncFunctionDef
    public = {x.name for x in scheduler.body if isinstance(x, defined)}
    apart = {"parameters", "check_cancel", "foresee_cancel", "cancel_each", "mark_job"}  # ours
    apart |= {"approve_cancel", "withdraw_cancel", "review_use"}  # too
    asked = {name for name in public if not name.startswith("_")} - apart
    assert asked <= named, "every use case of the scheduler is some method's"
