"""Tables: as wide as needed, never wider than the terminal, and nothing lost when piped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cli.printing.colours import BY_HEADING, STATES, colour_of
from adapters.cli.printing.tables import GAP, cut, fitted, width
from domain.states import JobState, TaskState

HEADINGS = ("EVENT", "TIME", "NAME", "ACTOR", "DETAIL")


def total(widths: list[int]) -> int:
    return sum(widths) + len(GAP) * (sum(1 for w in widths if w) - 1)


def test_what_has_room_keeps_it() -> None:
    widths = [5, 19, 11, 8, 20]
    assert fitted(widths, HEADINGS, total(widths)) == widths


def test_what_is_too_wide_gives_way_first_then_the_last_column_then_the_widest() -> None:
    assert fitted([5, 19, 11, 12, 90], HEADINGS, 100) == [5, 19, 11, 12, 45]
    assert fitted([5, 19, 30, 40, 90], HEADINGS, 100) == [5, 19, 19, 19, 30]
    assert fitted([5, 19, 30, 40, 90], HEADINGS, 70) == [5, 19, 8, 9, 21]


def test_times_and_numbers_never_do() -> None:
    widths = fitted([7, 19, 30, 40, 90], HEADINGS, 60)
    assert widths[:2] == [7, 19]
    assert total(widths) == 60


def test_what_has_no_room_at_all_is_left_off_from_the_right() -> None:
    assert fitted([7, 19, 30, 40, 90], HEADINGS, 30) == [7, 19, 0, 0, 0]
    assert fitted([7, 19, 30, 40, 90], HEADINGS, 5) == [5, 0, 0, 0, 0]


def test_what_can_be_spared_goes_before_the_last_column_cannot_be_read() -> None:
    headings = ("EVENT", "VERSION", "KIND", "ACTOR", "DETAIL")
    assert fitted([5, 7, 10, 8, 90], headings, 80) == [5, 7, 10, 8, 42]
    assert fitted([5, 7, 10, 30, 90], headings, 56) == [5, 7, 10, 10, 16]
    assert fitted([5, 7, 10, 8, 90], headings, 40) == [5, 0, 0, 8, 23]
    assert fitted([5, 7, 10, 8, 90], headings, 30) == [5, 0, 0, 8, 13]
    assert fitted([5, 7, 10, 8, 90], headings, 40, expendable=()) == [5, 7, 10, 8, 0]


AUDIT = ("EVENT", "TIME", "KIND", "JOB", "ACTOR", "OUTCOME", "MODE", "MESSAGE, DETAIL")
LS = ("JOB", "NAME", "OWNER", "STATE", "TASKS", "SINCE", "CANCELED BY", "WHY")
REPLAY = ("EVENT", "VERSION", "TIME", "TYPE", "ACTOR", "STATE", "TASKS", "SUMMARY")


@pytest.mark.parametrize("room", [80, 100, 120])
@pytest.mark.parametrize(
    ("headings", "widths", "spared"),
    [
        (AUDIT, [5, 11, 10, 62, 133, 9, 8, 300], {"KIND"}),
        (LS, [5, 60, 64, 9, 5, 11, 133, 300], {"TASKS", "SINCE"}),
        (REPLAY, [5, 7, 11, 18, 133, 22, 60, 200], {"VERSION", "TASKS", "TYPE"}),
    ],
)
def test_no_text_of_other_people_hides_a_column(
    headings: tuple[str, ...], widths: list[int], spared: set[str], room: int
) -> None:
    found = fitted(widths, headings, room)
    gone = {h for h, w in zip(headings, found, strict=True) if not w}
    assert gone <= spared
    assert found[-1] >= 19
    assert total(found) <= room


@given(st.lists(st.integers(1, 200), min_size=5, max_size=5), st.integers(1, 250))
def test_it_always_fits_and_never_grows(widths: list[int], room: int) -> None:
    found = fitted(widths, HEADINGS, room)
    assert len(found) == len(widths)
    assert found[0]
    assert total(found) <= room
    assert all(new <= old for new, old in zip(found, widths, strict=False))


@pytest.mark.parametrize(
    ("text", "columns", "shown"),
    [
        ("short", 5, "short"),
        ("shorter", 5, "shor\u2026"),
        ("漢字漢字", 5, "漢字\u2026"),
        ("漢字漢字", 4, "漢\u2026"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301\u2026"),
        ("x", 1, "x"),
        ("xy", 1, "\u2026"),
        ("xy", 0, ""),
    ],
)
def test_a_cell_is_cut_at_columns_not_at_characters(text: str, columns: int, shown: str) -> None:
    assert cut(text, columns) in (shown, shown.replace("\u2026", "~"))


@given(st.text(), st.integers(1, 40))
def test_what_is_cut_is_never_wider(text: str, columns: int) -> None:
    assert width(cut(text, columns)) <= columns


def test_every_state_has_a_colour_of_its_own() -> None:
    assert set(STATES) == {*JobState, *TaskState}
    assert len(set(STATES.values())) == len(STATES)
    assert all(colour_of(heading, "Running") for heading in ("STATE", "BEFORE", "AFTER"))
    assert set(BY_HEADING) == {"STATE", "BEFORE", "AFTER", "LEVEL"}


@pytest.mark.parametrize(
    ("heading", "text", "red"),
    [
        ("OUTCOME", "refused", True),
        ("KIND", "refusal", True),
        ("TYPE", "JobCancelRefused", True),
        ("KIND", "request", False),
        ("NAME", "refused", False),
        ("FAILURE", "damaged", True),
        ("FAILURE", "", False),
        ("TROUBLE", "ended late", True),
    ],
)
def test_refusals_and_what_is_wrong_are_red(heading: str, text: str, red: bool) -> None:
    assert colour_of(heading, text) == ("31" if red else "")


def test_a_move_has_the_colour_of_where_it_goes() -> None:
    assert colour_of("STATE", "Running -> Failed") == STATES["Failed"]
