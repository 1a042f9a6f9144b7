"""Settings as a file has them."""

from pathlib import Path

import pytest

from adapters.bootstrap.configuration import load
from domain.errors import Misconfigured
from domain.freezing import FreezeWindow, Weekday


def loaded(directory: Path, text: str) -> tuple[FreezeWindow, ...]:
    file = directory / "countermand.toml"
    file.write_text(text)
    return load({"data_directory": str(directory)}, file).freeze_windows


def test_freeze_windows_are_texts_or_what_toml_has_for_times(tmp_path: Path) -> None:
    text = """
[[freeze_windows]]
name = "year-end"
from = 2026-12-20T00:00:00Z
to = "2027-01-02T00:00:00Z"

[[freeze_windows]]
name = "nights"
weekdays = ["Friday", "Saturday"]
from = 22:00:00
to = "06:00"
"""
    assert loaded(tmp_path, text) == (
        FreezeWindow("year-end", "2026-12-20T00:00:00+00:00", "2027-01-02T00:00:00Z"),
        FreezeWindow("nights", "22:00:00", "06:00", (Weekday.FRIDAY, Weekday.SATURDAY)),
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ('name = "x", from = "1", to = "2"', "no time for it"),
        ('name = "x", from = "01:00"', "missing required field `to`"),
        ('name = "x", from = "01:00", to = "02:00", weekdays = ["Someday"]', "Invalid enum value"),
        ('name = "x", from = "01:00", to = "02:00", every = "day"', "unknown field `every`"),
        ('name = "x", from = 1, to = 2', "Expected `str`, got `int`"),
    ],
)
def test_what_is_no_window_is_said(tmp_path: Path, entry: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        loaded(tmp_path, f"freeze_windows = [{{ {entry} }}]")
