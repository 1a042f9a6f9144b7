"""Two tables walked through side by side: what is missing, other, or too many is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.views.merging import differing
from application.view_store import Difference

Rows = list[tuple[object, ...]]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ([], [], None),
        ([(1, "a"), (2, "b")], [(1, "a"), (2, "b")], None),
        ([(1, "a"), (2, "b")], [(1, "a"), (2, "c")], Difference("t", 1, "2")),
        ([(1, "a"), (2, "b")], [(2, "b")], Difference("t", 1, "1")),
        ([(2, "b")], [(1, "a"), (2, "b"), (3, "c")], Difference("t", 2, "1")),
        ([(1, "a"), (3, None)], [(2, "b"), (3, "c")], Difference("t", 2, "1")),
    ],
)
def test_rows_are_found_by_their_keys(old: Rows, new: Rows, found: Difference | None) -> None:
    assert differing("t", 1, iter(old), iter(new)) == found


def test_a_key_of_two_columns_is_told_whole() -> None:
    old: Rows = [(1, "n1", 0), (1, "n2", 0)]
    found = differing("t", 2, iter(old), iter([(1, "n1", 0), (1, "n2", 7)]))
    assert found == Difference("t", 1, "1/n2")


TABLES = st.dictionaries(st.tuples(st.integers(0, 9), st.text(max_size=2)), st.integers(0, 2))


@given(TABLES, TABLES)
def test_it_counts_what_a_look_up_counts(
    old: dict[tuple[int, str], int], new: dict[tuple[int, str], int]
) -> None:
    lost = [k for k in old if new.get(k) != old[k]]
    extra = [k for k in new if old.get(k) != new[k]]
    rows = [[(*k, table[k]) for k in sorted(table)] for table in (old, new)]
    found = differing("t", 2, iter(rows[0]), iter(rows[1]))
    if not lost and not extra:
        assert found is None
        return
    assert found is not None
    assert found.rows == max(len(lost), len(extra))
    assert found.first == "/".join(map(str, min([*lost, *extra])))
