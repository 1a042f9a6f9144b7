"""What is asked of one task, for tasks of every type, in every state of the task and of its job.

What each state says to a Basic task stands in ``test_task_transitions``; here is what a type says
before its state is looked at, and that no pair of a job's situation and a task is left to chance.
"""

from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.job import Job
from domain.states import TASK_TYPES_ACCEPTED, CancelMode, TaskState, TaskType
from tests.domain.builders import DENIED, cancel_task, finish_task, given, requeue_task
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, situation
from tests.domain.test_task_transitions import (
    CANCEL_TASK,
    FINISH_TASK,
    REQUEUE_TASK,
    REQUEUE_TASK_IN,
    with_task,
)

INVALID_CANCEL_TASK_STATE: Final = 0x80040209
PERMISSION_DENIED: Final = 0x8004020B
INVALID_OPERATION: Final = 0x8004020F
ONLY_FAILED_CANCELLED_TASKS: Final = 0x8004024C
TASK_OF_TYPE_CANNOT_BE_RECONFIGURED: Final = 0x8004024D
REFUSED: Final = (e.TaskCancelRefused, e.JobCommandRefused)

Make = Callable[[int], c.CancelTask | c.FinishTask | c.RequeueTask]
COMMANDS: Final[dict[str, Make]] = {
    "cancel": lambda task: cancel_task(task, "t9"),
    "cancel by force": lambda task: cancel_task(task, "t9", CancelMode.FORCED),
    "finish": lambda task: finish_task(task, "t9"),
    "requeue": lambda task: requeue_task(task, "t9"),
}
# The number with which a command is refused in every state, because of the task's type.
NEVER: Final[dict[TaskType, dict[str, int]]] = {
    TaskType.NODE_RELEASE: {
        "cancel": INVALID_OPERATION,
        "cancel by force": INVALID_OPERATION,
        "finish": INVALID_OPERATION,
        "requeue": TASK_OF_TYPE_CANNOT_BE_RECONFIGURED,
    },
    TaskType.NODE_PREP: {"requeue": TASK_OF_TYPE_CANNOT_BE_RECONFIGURED},
    TaskType.BASIC: {},
}
# For every other pair, by the task's state: + accepted, ^ escalates, = repeated, - refused.
BY_STATE: Final[dict[str, dict[TaskState, str]]] = {
    "cancel": {state: row.split()[0] for state, row in CANCEL_TASK.items()},
    "cancel by force": {state: row.split()[1] for state, row in CANCEL_TASK.items()},
    "finish": FINISH_TASK,
    "requeue": REQUEUE_TASK,
}
BY_STATE_NUMBER: Final = {
    "cancel": INVALID_CANCEL_TASK_STATE,
    "cancel by force": INVALID_CANCEL_TASK_STATE,
    "finish": INVALID_CANCEL_TASK_STATE,
    "requeue": ONLY_FAILED_CANCELLED_TASKS,
}
ACCEPTED: Final = {
    "cancel": (e.TaskCancelRequested, e.TaskCancelRepeated),
    "cancel by force": (e.TaskCancelRequested, e.TaskCancelRepeated),
    "finish": (e.TaskFinishRequested,),
    "requeue": (e.TaskRequeued,),
}


def test_the_tables_name_every_type_and_state() -> None:
    assert set(NEVER) == TASK_TYPES_ACCEPTED, "a new type needs a row here"
    for row in BY_STATE.values():
        assert set(row) == set(TaskState)


def of_type(job: Job, type_: TaskType) -> Job:
    """The job, and task 1 is of this type."""
    task = job.tasks[1]
    changed = replace(task, spec=replace(task.spec, type=type_))
    return replace(job, tasks=job.tasks | {1: changed})


def check(job: Job, task: int, command: str) -> None:
    """One pair: as the type says, else as the state says, and nothing else."""
    (fact,) = given(job).when(COMMANDS[command](task))
    found = job.tasks[task]
    never = NEVER[found.spec.type].get(command)
    closed = command == "requeue" and job.state not in REQUEUE_TASK_IN
    if never is None and not closed and BY_STATE[command][found.state] != "-":
        assert isinstance(fact, ACCEPTED[command])
        assert fact.task == task
        return
    assert isinstance(fact, REFUSED)
    code = "not_this_task_type" if never else "illegal_transition"
    assert (fact.task, fact.code) == (task, code)
    assert fact.hresult == (never or BY_STATE_NUMBER[command])
    assert only_the_trail_differs(job, folded(job, fact))


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("type_", NEVER)
@pytest.mark.parametrize("state", TaskState)
def test_every_command_on_a_task_of_every_type_in_every_state(
    state: TaskState, type_: TaskType, command: str
) -> None:
    check(of_type(with_task(state), type_), 1, command)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("type_", NEVER)
@pytest.mark.parametrize("name", SITUATIONS)
def test_every_command_on_every_task_of_a_job_in_every_state(
    name: str, type_: TaskType, command: str
) -> None:
    """Task 1 of this type, as it is in that situation; tasks 2 (Basic) and 3 (NodeRelease)."""
    job = of_type(situation(name), type_)
    for task in job.tasks:
        check(job, task, command)


@pytest.mark.parametrize("type_", NEVER)
@pytest.mark.parametrize("name", SITUATIONS)
def test_whoever_has_no_right_learns_nothing_of_type_and_state(name: str, type_: TaskType) -> None:
    job = of_type(situation(name), type_)
    requests = (
        cancel_task(1, decision=DENIED),
        finish_task(1, decision=DENIED),
        requeue_task(1, decision=DENIED),
    )
    for request in requests:
        (fact,) = given(job).when(request)
        assert isinstance(fact, REFUSED)
        assert (fact.code, fact.hresult) == ("not_permitted", PERMISSION_DENIED)
        assert fact.explanation == DENIED.explanation
