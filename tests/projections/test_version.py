"""A change of what events fold to is a new version of the views."""

import pytest

from projections.version import VIEWS_VERSION
from tests.golden.views import lines, path_of


def test_the_views_are_those_of_their_version() -> None:
    path = path_of(VIEWS_VERSION)
    assert path.exists(), (
        f"there is no file of the views of version {VIEWS_VERSION}: python -m tests.golden.views"
    )
    changed = sorted(set(lines()) - set(path.read_text().splitlines()))
    assert not changed, (
        f"these parts of the views are not those of version {VIEWS_VERSION} any more:\n  "
        + "\n  ".join(changed)
        + "\nraise VIEWS_VERSION in projections/version.py, so that views are built anew, "
        "and run: python -m tests.golden.views"
    )
    assert len(lines()) == len(path.read_text().splitlines())


def test_what_they_are_does_not_change_from_run_to_run() -> None:
    assert lines() == lines()


@pytest.mark.parametrize("version", range(1, VIEWS_VERSION + 1))
def test_every_version_has_its_file(version: int) -> None:
    assert path_of(version).exists()
