"""Each fact in one line, whatever people wrote into it."""

import pytest

from adapters.wire import WIRE_NAMES
from domain.events import Event
from projections.summary import summary
from tests.golden.write import example


@pytest.mark.parametrize("fact", WIRE_NAMES, ids=lambda fact: fact.__name__)
def test_every_fact_has_words_of_its_own(fact: type[Event]) -> None:
    words = summary(example(fact).data)
    assert words
    assert words != fact.__name__
    assert words.isprintable()
