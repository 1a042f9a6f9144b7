"""Subtasks of a task: a sweep's steps, a service's instances, a preparation's or release's nodes.

A million of them are a few sets of numbers (``domain.job.Subtasks``); only what is on a node is an
object. Everything here gives a new task, whose own state is then made from those of its subtasks.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from domain.job import Job, Subtasks, Task, runs_of, waits
from domain.numbers import NONE, Numbers
from domain.states import TASK_ENDED, TASK_ON_NODE, TASK_WAITING, TaskState, TaskType

EXPANDED_AT_ONCE: Final = frozenset({TaskType.NODE_PREP, TaskType.NODE_RELEASE, TaskType.SERVICE})
"""Types whose subtasks are there from the beginning; those of a sweep when first reached."""

# --- make -----------------------------------------------------------------------------------------


def with_count(task: Task, count: int, state: TaskState) -> Task:
    """The task with subtasks 1 to ``count``, which wait as ``state``.

    What ran in an earlier round counts for each of them, so that attempts only grow.
    """
    reached = count if task.spec.type in EXPANDED_AT_ONCE else 0
    all_of_them = Numbers.between(1, count)
    ran = {task.attempt: all_of_them} if task.attempt else {}
    made = Subtasks(count, all_of_them, waits_as=state, expanded=reached, attempts=ran)
    return whole(replace(task, subtasks=made))


def without_nodes(task: Task) -> Task:
    """A preparation or release without its subtasks: the next round may have other nodes.

    ``attempt`` is the highest of theirs, so that attempts only grow.
    """
    if task.spec.type in (TaskType.NODE_PREP, TaskType.NODE_RELEASE):
        return replace(task, subtasks=None)
    return task


def named(task: Task) -> str:
    """The task, or the subtask, in a sentence."""
    return task_words(task.spec.id, task.instance)


def task_words(number: int, instance: int) -> str:
    """``task 3``, or ``subtask 17 of task 3``."""
    return f"subtask {instance} of task {number}" if instance else f"task {number}"


# --- one subtask ----------------------------------------------------------------------------------


def subtask(task: Task, number: int) -> Task | None:
    """The subtask as a task of its own; None when there is none of this number."""
    subtasks = task.subtasks
    if subtasks is None or not 1 <= number <= subtasks.count:
        return None
    return subtasks.live.get(number) or Task(
        task.spec,
        state_of(subtasks, number),
        instance=number,
        attempt=attempt_of(subtasks, number),
        explicitly_canceled=number in subtasks.explicit,
    )


def state_of(subtasks: Subtasks, number: int) -> TaskState:
    """The state of one that is not live."""
    for state, these in (
        (TaskState.FINISHED, subtasks.finished),
        (TaskState.FAILED, subtasks.failed),
        (TaskState.CANCELED, subtasks.canceled),
    ):
        if number in these:
            return state
    return subtasks.waits_as


def attempt_of(subtasks: Subtasks, number: int) -> int:
    """How often one that is not live has run."""
    return max((k for k, these in subtasks.attempts.items() if number in these), default=0)


def is_expanded(task: Task, number: int) -> bool:
    """Whether the subtask was reached; before, nobody can name it."""
    subtasks = task.subtasks
    return subtasks is not None and 1 <= number <= subtasks.expanded


def with_subtask(task: Task, changed: Task) -> Task:
    """The task with this subtask as it is now."""
    before = task.subtasks
    assert before is not None, "only a task with subtasks has one"
    number = changed.instance
    after = taken_out(before, number)
    after = replace(after, expanded=max(after.expanded, number))
    if is_to_be_remembered(changed):
        after = replace(after, live=after.live | {number: changed})
    else:
        after = put_away(after, changed)
    task = replace(
        task,
        subtasks=after,
        attempt=max(task.attempt, changed.attempt),
        started_at=task.started_at or changed.started_at,
        ended_at=changed.ended_at or task.ended_at,
    )
    return whole(task)


def is_to_be_remembered(one: Task) -> bool:
    """Whether there is more to a subtask than its state and attempt."""
    if one.state in TASK_WAITING:
        return bool(one.retries)
    return one.state not in TASK_ENDED or one.cancel_open


def taken_out(subtasks: Subtasks, number: int) -> Subtasks:
    """Without the subtask, wherever it was."""
    if number in subtasks.live:
        return replace(subtasks, live={n: t for n, t in subtasks.live.items() if n != number})
    this = Numbers.one(number)
    attempts = ((k, these - this) for k, these in subtasks.attempts.items())
    return replace(
        subtasks,
        waiting=subtasks.waiting - this,
        finished=subtasks.finished - this,
        failed=subtasks.failed - this,
        canceled=subtasks.canceled - this,
        explicit=subtasks.explicit - this,
        attempts={k: these for k, these in attempts if these},
    )


def put_away(subtasks: Subtasks, one: Task) -> Subtasks:
    """With the subtask as a number: it was taken out before."""
    this = Numbers.one(one.instance)
    field = FIELD_OF.get(one.state, "waiting")
    after = replace(subtasks, **{field: getattr(subtasks, field) | this})
    if one.state is TaskState.CANCELED and one.explicitly_canceled:
        after = replace(after, explicit=after.explicit | this)
    if one.attempt:
        known = after.attempts.get(one.attempt, NONE)
        after = replace(after, attempts=after.attempts | {one.attempt: known | this})
    return after


FIELD_OF: Final = {
    TaskState.FINISHED: "finished",
    TaskState.FAILED: "failed",
    TaskState.CANCELED: "canceled",
}


def target(job: Job, task: int, instance: int) -> Task | None:
    """The task of a number, or its subtask; None for one that is not there, or not yet reached."""
    found = job.tasks.get(task)
    if found is None or instance == 0:
        return found
    return subtask(found, instance) if is_expanded(found, instance) else None


def one_run(job: Job, task: int, instance: int) -> Task | None:
    """What has runs of its own: a task without subtasks, or a subtask."""
    found = job.tasks.get(task)
    if found is None or instance:
        return subtask(found, instance) if found else None
    return found if found.subtasks is None else None


# --- several at once ------------------------------------------------------------------------------


def waiting_ones(task: Task) -> Iterator[Task]:
    """The subtasks that wait, those that ran before first; each is made when it is asked for."""
    subtasks = task.subtasks
    if subtasks is None:
        return
    yield from live_waiting(task)
    for number in subtasks.waiting:
        found = subtask(task, number)
        if found is not None:
            yield found


def waiting_numbers(task: Task) -> Numbers:
    """Which subtasks wait; none of a task without subtasks."""
    subtasks = task.subtasks
    if subtasks is None:
        return NONE
    these = subtasks.waiting
    for one in live_waiting(task):
        these |= Numbers.one(one.instance)
    return these


def on_node_of(task: Task) -> tuple[Task, ...]:
    """Of the task, or of its subtasks, the runs that have not ended."""
    return tuple(t for t in runs_of(task) if t.state in TASK_ON_NODE)


def waiting_canceled(task: Task, at: datetime, explicitly: bool = False) -> Task:
    """Every subtask that waits is Canceled."""
    return waiting_ended(task, TaskState.CANCELED, at, explicitly)


def waiting_ended(task: Task, state: TaskState, at: datetime, explicitly: bool = False) -> Task:
    """Every subtask that waits is Canceled, or Finished without having run."""
    for one in tuple(live_waiting(task)):
        task = with_subtask(
            task,
            replace(one, state=state, retries=0, explicitly_canceled=explicitly, ended_at=at),
        )
    subtasks = task.subtasks
    assert subtasks is not None, "only asked of a task with subtasks"
    these, field = subtasks.waiting, FIELD_OF[state]
    after = replace(subtasks, waiting=NONE, **{field: getattr(subtasks, field) | these})
    if explicitly:
        after = replace(after, explicit=after.explicit | these)
    return whole(replace(task, subtasks=after, ended_at=at))


def live_waiting(task: Task) -> Iterator[Task]:
    """Subtasks that wait and have run before."""
    return (t for t in runs_of(task) if t.state in TASK_WAITING)


def running_changed(task: Task, change: Callable[[Task], Task]) -> Task:
    """``change`` applied to every subtask that is on a node."""
    subtasks = task.subtasks
    assert subtasks is not None, "only asked of a task with subtasks"
    if not on_node_of(task):
        return task
    live = {n: change(t) if t.state in TASK_ON_NODE else t for n, t in subtasks.live.items()}
    return whole(replace(task, subtasks=replace(subtasks, live=live)))


def waiting_as(task: Task, state: TaskState) -> Task:
    """Those that wait, wait as ``state`` from now on."""
    subtasks = task.subtasks
    assert subtasks is not None, "only asked of a task with subtasks"
    live = {
        n: replace(t, state=state) if t.state in TASK_WAITING else t
        for n, t in subtasks.live.items()
    }
    return whole(replace(task, subtasks=replace(subtasks, waits_as=state, live=live)))


def queued_again(task: Task, state: TaskState, explicit_too: bool) -> Task:
    """All subtasks that are not Finished wait again; of those canceled explicitly if asked for.

    Only for a task none of whose subtasks is on a node; what each has run before is kept.
    """
    subtasks = task.subtasks
    assert subtasks is not None, "only asked of a task with subtasks"
    stay = NONE if explicit_too else subtasks.explicit
    again = (subtasks.failed | subtasks.canceled | subtasks.waiting) - stay
    after = replace(
        subtasks,
        waiting=again,
        waits_as=state,
        failed=NONE,
        canceled=stay,
        explicit=stay,
        cut_short=False,
    )
    fresh = Task(task.spec, attempt=task.attempt, outlived=task.outlived, subtasks=after)
    for one in tuple(live_waiting(fresh)):
        fresh = with_subtask(fresh, replace(one, state=state, retries=0))
    return whole(fresh)


def again_numbers(task: Task) -> Numbers:
    """Which subtasks run again when the job does: all but the Finished, and those canceled
    explicitly before they ran (seed, Remarks)."""
    subtasks = task.subtasks
    if subtasks is None:
        return NONE
    return (subtasks.failed | subtasks.canceled) - subtasks.explicit | waiting_numbers(task)


def kept_numbers(task: Task) -> Numbers:
    """Which subtasks stay as they are when the job runs again. A preparation's never do: the next
    round may have other nodes."""
    subtasks = task.subtasks
    if subtasks is None or task.spec.type is TaskType.NODE_PREP:
        return NONE
    return Numbers.between(1, subtasks.count) - again_numbers(task)


def cut_short(task: Task) -> Task:
    """The task, which knows that its job's cancel found subtasks of it open."""
    subtasks = task.subtasks
    return replace(task, subtasks=replace(subtasks, cut_short=True)) if subtasks else task


# --- the task as a whole --------------------------------------------------------------------------


def whole(task: Task) -> Task:
    """The task with the state that its subtasks give it."""
    state = state_of_whole(task)
    return replace(task, state=state, ended_at=task.ended_at if state in TASK_ENDED else None)


def state_of_whole(task: Task) -> TaskState:
    """Running while one is on a node; waiting while one waits; then how they ended.

    Source: the product cancels the sweep's own task whatever became of its subtasks. Deliberate:
    so does the cancel of its job; a finish by hand makes it Finished in the same way; a preparation
    is Finished when it is on one node or more, for the job goes on there.
    """
    subtasks = task.subtasks
    if subtasks is None:
        return task.state
    on_node = {t.state for t in subtasks.live.values() if t.state in TASK_ON_NODE}
    if on_node:
        alone = len(on_node) == 1 and not waits(task)
        return on_node.pop() if alone else TaskState.RUNNING
    if waits(task):
        return subtasks.waits_as
    return state_when_over(task, subtasks)


def state_when_over(task: Task, subtasks: Subtasks) -> TaskState:
    """How they ended."""
    if task.finish is not None:
        return TaskState.FINISHED
    if task.cancel is not None or subtasks.cut_short:
        return TaskState.CANCELED
    if task.spec.type is TaskType.NODE_PREP and subtasks.finished:
        return TaskState.FINISHED
    if subtasks.failed:
        return TaskState.FAILED
    if subtasks.canceled or any(t.state is TaskState.CANCELED for t in subtasks.live.values()):
        return TaskState.CANCELED
    return TaskState.FINISHED


def failed_one(task: Task) -> bool:
    """Whether the task failed, or one of its subtasks has."""
    if task.subtasks is None or task.spec.type is TaskType.NODE_PREP:
        return task.state is TaskState.FAILED
    return bool(task.subtasks.failed)
