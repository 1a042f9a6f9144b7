"""Each fact in one line, whatever people wrote into it."""

import pytest

from adapters.wire import WIRE_NAMES
from domain import events as e
from domain.events import Event
from domain.states import StopCause, StopStep
from projections.summary import summary
from tests.golden.write import example


@pytest.mark.parametrize("fact", WIRE_NAMES, ids=lambda fact: fact.__name__)
def test_every_fact_has_words_of_its_own(fact: type[Event]) -> None:
    words = summary(example(fact).data)
    assert words
    assert words != fact.__name__
    assert words.isprintable()


def test_subtasks_are_named_in_order_wherever_they_run() -> None:
    runs = (
        e.RunRange(1, 1, "n2", "5-6"),
        e.RunRange(1, 1, "n1", "1,3"),
        e.RunRange(1, 1, "n3", "2"),
    )
    words = summary(e.TaskStopOrdered("r1", StopCause.JOB_CANCEL, StopStep.KILL, 9, 0, runs))
    assert words == "SIGKILL ordered for subtasks 1-3,5-6 of task 1"
