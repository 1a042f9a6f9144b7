"""Freeze windows: when each is in force, and what no window can be."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.freezing import (
    WEEK,
    WINDOWS_MAX,
    FreezeWindow,
    Weekday,
    in_force,
    meaning,
    wrong_windows,
)

YEAR_END = FreezeWindow("year-end", "2026-12-20T00:00:00Z", "2027-01-02T00:00:00+00:00")
NIGHTS = FreezeWindow("nights", "22:00", "06:00", (Weekday.FRIDAY, Weekday.SATURDAY))
NOON = FreezeWindow("noon", "12:00", "13:00:30")
SUNDAYS = FreezeWindow("sundays", "00:00", "00:00", (Weekday.SUNDAY,))
START = datetime(2020, 1, 1, tzinfo=UTC)
ALL = (YEAR_END, NIGHTS, NOON, SUNDAYS)


@pytest.mark.parametrize(
    ("at", "names"),
    [
        ("2026-12-19T23:59:59.999999+00:00", ("nights",)),
        ("2026-12-20T00:00:00+00:00", ("nights", "sundays", "year-end")),
        ("2027-01-01T23:59:59+00:00", ("nights", "year-end")),
        ("2027-01-02T00:00:00+00:00", ("nights",)),
        ("2026-11-27T21:59:59+00:00", ()),  # a Friday
        ("2026-11-27T22:00:00+00:00", ("nights",)),
        ("2026-11-28T05:59:59+00:00", ("nights",)),
        ("2026-11-28T06:00:00+00:00", ()),
        ("2026-11-29T05:59:59+00:00", ("nights", "sundays")),
        ("2026-11-29T23:30:00+00:00", ("sundays",)),
        ("2026-11-30T00:00:00+00:00", ()),
        ("2026-11-30T12:00:00+00:00", ("noon",)),
        ("2026-11-30T13:00:29+00:00", ("noon",)),
        ("2026-11-30T13:00:30+00:00", ()),
        ("2026-11-30T14:30:00+02:00", ("noon",)),
    ],
)
def test_which_are_in_force(at: str, names: tuple[str, ...]) -> None:
    assert in_force(ALL, datetime.fromisoformat(at)) == names


def test_windows_of_one_name_are_one_and_no_window_is_none() -> None:
    at = datetime(2026, 12, 25, tzinfo=UTC)
    assert in_force((YEAR_END, YEAR_END), at) == ("year-end",)
    assert in_force((), at) == ()


@given(
    st.integers(0, 86_399),
    st.integers(0, 86_399),
    st.sets(st.sampled_from(WEEK)),
    st.integers(0, 10 * 366 * 86_400).map(lambda s: START + timedelta(seconds=s)),
    st.integers(-12, 12),
)
def test_one_that_comes_again_is_what_a_walk_back_finds(
    begin: int, end: int, days: set[Weekday], now: datetime, offset: int
) -> None:
    times = [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in (begin, end)]
    window = FreezeWindow("x", times[0], times[1], tuple(days))
    lasts = (end - begin) % 86_400 or 86_400
    began = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(seconds=begin)
    if began > now:
        began -= timedelta(days=1)
    there = now - began < timedelta(seconds=lasts) and (not days or WEEK[began.weekday()] in days)
    elsewhere = now.astimezone(timezone(timedelta(hours=offset)))
    assert bool(in_force((window,), elsewhere)) is there


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (FreezeWindow("", "22:00", "23:00"), "is no name; 1 to 64 letters"),
        (FreezeWindow("a b", "22:00", "23:00"), "is no name"),
        (FreezeWindow("x", "24:00", "23:00"), "24:00 is no time of the day"),
        (FreezeWindow("x", "22:00", "2027-01-01T00:00:00Z"), "'22:00' is no time for it"),
        (FreezeWindow("x", "2027-01-01", "2027-01-02"), "moments with an offset such as"),
        (FreezeWindow("x", "2027-01-01T00:00:00", "2027-01-02T00:00:00Z"), "with an offset"),
        (FreezeWindow("x", "2027-01-02T00:00:00Z", "2027-01-02T00:00:00Z"), "before it begins"),
        (FreezeWindow("x", "soon", "later"), "'soon' is no time for it"),
        (
            FreezeWindow("x", "2027-01-01T00:00Z", "2027-01-02T00:00Z", (Weekday.MONDAY,)),
            "with weekdays, from and to are times of the day",
        ),
    ],
)
def test_what_no_window_can_be_is_said(window: FreezeWindow, words: str) -> None:
    (found,) = wrong_windows((window,))
    assert found.startswith("freeze_windows: ")
    assert words in found


def test_of_many_wrong_ones_the_first_are_told_and_too_many_are_refused() -> None:
    assert wrong_windows(ALL) == []
    found = wrong_windows((FreezeWindow("", "", ""),) * 9)
    assert (len(found), found[-1]) == (6, "freeze_windows: 4 more are wrong")
    (told,) = wrong_windows((NOON,) * (WINDOWS_MAX + 1))
    assert "at most 64 are allowed" in told


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no time of the day"):
        meaning(FreezeWindow("x", "22:60", "23:00"))
