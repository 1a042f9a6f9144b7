"""The number that a task is left with says who ended it."""

from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.states import CancelMode, TaskState, TaskType
from domain.subtasks import subtask
from domain.task_errors import task_error
from tests.domain.builders import (
    HANDLE,
    NODE,
    Story,
    add,
    cancel,
    cancel_task,
    end_job,
    ends,
    expire,
    finish,
    finish_task,
    heeds,
    killed,
    running_job,
    start,
)

ORDER: Final = c.OrderStop(15)


def by_the_jobs_cancel(story: Story) -> None:
    story.ask(cancel("r0"))
    story.tell(ORDER, heeds(1, "r0"))


def by_the_jobs_forced_cancel(story: Story) -> None:
    story.ask(cancel("r0", CancelMode.FORCED))
    story.tell(ORDER, killed(1, "r0"))


def by_its_own_cancel(story: Story) -> None:
    story.ask(cancel_task(1, "t0"))
    story.tell(ORDER, heeds(1, "t0"))


def by_its_own_finish(story: Story) -> None:
    story.ask(finish_task(1, "f0"))
    story.tell(ORDER, heeds(1, "f0"))


def by_the_jobs_finish(story: Story) -> None:
    story.ask(finish("f0"))
    story.tell(ORDER, heeds(1, "f0"))


def by_itself_well(story: Story) -> None:
    story.tell(ends(1))


def by_itself_badly(story: Story) -> None:
    story.tell(ends(1, code=3))


def by_nobody_knows_what(story: Story) -> None:
    story.tell(c.RecordRunEnd(1, 1, e.Exit(), lost="the warden died"))


# Number of task 1, which ran, and of task 2, which waited; None for none.
ENDS: Final[dict[Callable[[Story], None], tuple[int | None, int | None]]] = {
    by_the_jobs_cancel: (0x800409D3, 0x800409E5),
    by_the_jobs_forced_cancel: (0x800409D3, 0x800409E5),
    by_its_own_cancel: (0x800409E7, None),
    by_its_own_finish: (0x800409EC, None),
    by_the_jobs_finish: (0x800409EC, 0x800409E5),
    by_itself_well: (None, None),
    by_itself_badly: (0x800409DC, None),
    by_nobody_knows_what: (0x800409D9, None),
}


@pytest.mark.parametrize("how", ENDS, ids=lambda how: how.__name__)
def test_how_a_task_ended(how: Callable[[Story], None]) -> None:
    story = running_job(2)
    assert [task_error(t) for t in story.job.tasks.values()] == [None, None], "not yet"
    how(story)
    assert tuple(task_error(t) for t in story.job.tasks.values()) == ENDS[how]


def test_canceled_before_it_ran() -> None:
    story = running_job(2)
    story.ask(cancel_task(2, "t0"))
    assert task_error(story.job.tasks[2]) == 0x800409E5


def limited(job_seconds: int, task_seconds: int) -> Story:
    """A job whose task runs out of time after a minute."""
    task = replace(e.TaskSpec(1, "work"), runtime_seconds=task_seconds)
    story = Story(add((task,), submit=True, runtime_seconds=job_seconds))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)), start(1))
    (fact,) = story.tell(expire(3600))
    story.tell(ORDER)
    order = story.job.tasks[1].order
    assert order is not None
    story.tell(heeds(1, order.request_id), end_job())
    assert isinstance(fact, e.JobFailing | e.TaskRuntimeExpired)
    return story


def test_a_limit_of_the_job_and_one_of_the_task_have_numbers_of_their_own() -> None:
    assert task_error(limited(60, 0).job.tasks[1]) == 0x800409D5
    assert task_error(limited(0, 60).job.tasks[1]) == 0x800409D7


def test_of_subtasks_no_number_is_made_up() -> None:
    """What became of each is not kept, when it is over."""
    sweep = e.TaskSpec(1, "work *", TaskType.PARAMETRIC_SWEEP, start=1, end=2, increment=1)
    story = Story(add((sweep,), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    story.tell(c.StartTask(1, 1, NODE, HANDLE, 1), c.StartTask(1, 1, NODE, HANDLE, 2))
    story.ask(cancel("r0", CancelMode.FORCED))
    story.tell(ORDER, *(replace(killed(1, "r0"), instance=n) for n in (1, 2)))
    whole = story.job.tasks[1]
    found = [subtask(whole, n) for n in (1, 2)]
    assert [one.state for one in found if one] == [TaskState.FAILED] * 2
    assert [task_error(one) for one in (whole, *found) if one] == [None] * 3
