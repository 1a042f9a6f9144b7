"""Times as rows hold them."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

from projections.stamps import stamp


class Autumn(tzinfo):
    """A clock that was set back an hour: the same time of day, twice."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        return timedelta(hours=1 if moment is not None and moment.fold else 2)

    def dst(self, moment: datetime | None, /) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=1)

    def tzname(self, moment: datetime | None, /) -> str:
        return "autumn"


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    """Python calls both times equal; they are not the same moment."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=Autumn())
    second = first.replace(fold=1)
    assert stamp(first) == "2026-10-25T00:30:00.000000Z"
    assert stamp(second) == "2026-10-25T01:30:00.000000Z"
    assert stamp(first) == "2026-10-25T00:30:00.000000Z"


def test_one_moment_has_one_text_whatever_the_zone() -> None:
    moment = datetime(2026, 3, 1, 9, 0, 0, 5, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=14)))
    assert stamp(moment) == stamp(elsewhere) == "2026-03-01T09:00:00.000005Z"
