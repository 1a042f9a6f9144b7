"""Times as people write them, in UTC for the server."""

from datetime import UTC, datetime
from typing import Final

import pytest

from adapters.cli.typed.moments import moment

NOW: Final = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("12:00:04", "2026-11-23T12:00:04.000000Z"),
        ("12:00:04+01:00", "2026-11-23T11:00:04.000000Z"),
        ("12:00:04-05:00", "2026-11-23T17:00:04.000000Z"),
        ("2026-11-22", "2026-11-22T00:00:00.000000Z"),
        ("2026-11-22T12:00:04-05:00", "2026-11-22T17:00:04.000000Z"),
        ("-5m", "2026-11-23T12:25:00.000000Z"),
        ("0999-01-01", "0999-01-01T00:00:00.000000Z"),
    ],
)
def test_what_is_meant(text: str, meant: str) -> None:
    assert moment(text, utc=True, now=NOW) == meant


@pytest.mark.parametrize("text", ["", " ", "-", "soon", "25:00", "2026-13-01", "--5m"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        moment(text, utc=True, now=NOW)
