"""Which of the library's shipped cases are run, and why the others are not."""

from types import ModuleType
from typing import Final
from unittest import TestCase

from eventsourcing.tests import application, persistence, projection

from tests.adapters.jetstream.recorder import suites, test_suites, test_suites_in_cluster

SHIPPED: Final = (persistence, application, projection)
TRACKING: Final = "needs a tracking recorder: a stream has no rows to keep a position with"
PROCESS: Final = "needs a process recorder: JetStream cannot store events and a position together"
OTHER_INTERFACE: Final = "needs a recorder of the library's other interface (DCB)"
NO_RECORDER: Final = "needs no recorder, but transcodings that the library does not ship"

EXCLUDED: Final = {
    "InfrastructureFactoryTestCase.test_create_tracking_recorder": TRACKING,
    "InfrastructureFactoryTestCase.test_create_process_recorder": PROCESS,
    "TrackingRecorderTestCase": TRACKING,
    "EventCountersViewTestCase": TRACKING,
    "ProcessRecorderTestCase": PROCESS,
    "TaggedDecisionCountersProjectionTestCase": OTHER_INTERFACE,
    "TranscoderTestCase": NO_RECORDER,
}
"""A whole class of cases, or one of them."""


def cases(kind: type[TestCase]) -> set[str]:
    """The names of its cases, the optional ones too."""
    names = {n for n in dir(kind) if n == "test" or n.startswith(("test_", "optional_test_"))}
    return {name for name in names if callable(getattr(kind, name))}


def shipped(module: ModuleType) -> list[type[TestCase]]:
    """The classes with cases that a module of the library defines itself."""
    found = [x for x in vars(module).values() if isinstance(x, type) and issubclass(x, TestCase)]
    return [kind for kind in found if kind.__module__ == module.__name__ and cases(kind)]


def run_of(kind: type[TestCase]) -> set[str]:
    """The cases of a shipped class that are run, by all of our classes that inherit it."""
    ours = [suite for suite in suites.SUITES if issubclass(suite, kind)]
    found = set[str]().union(*(cases(suite) for suite in ours)) & cases(kind)
    optional = {name for name in found if name.startswith("optional_")}
    called = {name for name in optional if any(cases(s) >= {name[9:]} for s in ours)}
    return found - optional | called


def test_every_shipped_case_is_run_or_named_with_its_reason() -> None:
    kinds = [kind for module in SHIPPED for kind in shipped(module)]
    left_out = set[str]()
    for kind in kinds:
        missing = cases(kind) - run_of(kind)
        whole = missing == cases(kind)
        left_out |= {kind.__name__} if whole else {f"{kind.__name__}.{name}" for name in missing}
    assert left_out == set(EXCLUDED)


def test_all_of_them_run_in_both_places() -> None:
    for module in (test_suites, test_suites_in_cluster):
        run = [x for x in vars(module).values() if isinstance(x, type)]
        for suite in suites.SUITES:
            assert [x for x in run if issubclass(x, suite) and x is not suite], suite
