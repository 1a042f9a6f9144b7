"""Sets of numbers: the parts of a large one are found without an object for each."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from domain.numbers import NONE, Numbers

SOME = st.sets(st.integers(0, 300), max_size=60)


def of(numbers: set[int]) -> Numbers:
    return Numbers(sum(1 << n for n in numbers))


@given(SOME, st.integers(0, 70))
def test_the_first_are_the_lowest(numbers: set[int], count: int) -> None:
    assert list(of(numbers).first(count)) == sorted(numbers)[:count]


@given(st.sets(st.integers(0, 5000), max_size=60))
def test_they_are_told_rising_and_each_once(numbers: set[int]) -> None:
    assert list(of(numbers)) == sorted(numbers)


@given(st.sets(st.integers(0, 5000), max_size=60))
def test_falling_is_rising_the_other_way(numbers: set[int]) -> None:
    assert list(of(numbers).falling()) == sorted(numbers, reverse=True)


def test_a_million_are_asked_for_a_few() -> None:
    million = Numbers.between(1, 1_000_000)
    assert list(islice(million.falling(), 2)) == [1_000_000, 999_999]
    assert list(million - million.first(999_999)) == [1_000_000]
    assert million.first(2_000_000) == million
    assert million.first(0) == NONE
