"""Which tasks and subtasks a row is about, as text."""

from domain import commands as c
from domain import events as e
from domain.states import CancelMode
from projections.task_names import SPANS_NAMED_MAX, of_one, of_runs, of_tasks
from tests.domain.builders import SIGTERM, Story
from tests.domain.test_sweep_story import ends, killed, on_subtask, running, sweep
from tests.projections.folded import folded


def test_one_task_or_subtask_by_number() -> None:
    assert (of_one(None, 0), of_one(2, 0), of_one(2, 17)) == ("", "2", "2.17")


def test_runs_by_task_whatever_their_node_and_attempt() -> None:
    runs = (
        e.RunRange(4, 1, "n1"),
        e.RunRange(2, 1, "n1", "1-5"),
        e.RunRange(2, 2, "n2", "6,9"),
        e.RunRange(3, 1, "n1"),
    )
    assert of_runs(runs) == "3-4,2.1-6,2.9"


def test_whole_tasks_and_some_subtasks() -> None:
    assert of_tasks("1-3", (e.SubtaskSet(2, "1-3,7"),)) == "1,3,2.1-3,2.7"


def test_a_task_of_too_many_ranges_is_named_itself() -> None:
    few = ",".join(str(2 * n) for n in range(1, SPANS_NAMED_MAX + 1))
    assert of_tasks("2", (e.SubtaskSet(2, few),)).count("2.") == SPANS_NAMED_MAX
    assert of_tasks("2", (e.SubtaskSet(2, few + ",999"),)) == "2"


def tasks(story: Story) -> list[tuple[str, str]]:
    """The rows of the trail: what kind, and about which tasks."""
    return [(row.kind, row.tasks) for row in folded(story).trail]


def test_rows_of_the_trail_name_the_subtasks() -> None:
    story = running(sweep(), started=(1, 2, 3))
    story.ask(on_subtask(2, CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), killed(2, "t1"))
    assert tasks(story) == [("request", "1.2"), ("order", "1.2"), ("forced_stop", "1.2")]


def test_an_effect_row_has_the_instance() -> None:
    story = running()
    story.ask(on_subtask(2, CancelMode.FORCED))
    story.tell(c.OrderStop(SIGTERM), killed(2, "t1"), ends(1))
    (row,) = folded(story).effects
    assert (row.task, row.instance, row.stage) == (1, 2, "canceled")
