"""What is asked of one task, for tasks of every type, in every state of the task and of its job.

What each state says to a Basic task stands in ``test_task_transitions``; here is what a type says
before its state is looked at, and that no pair of a job's situation and a task is left to chance.
At the end are real sweeps and services, whose state is that of their subtasks.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.job import Job, Task
from domain.requests import JobRequest
from domain.states import CancelMode, TaskState, TaskType
from domain.submission import COMES_AND_GOES
from domain.subtasks import is_expanded, subtask
from tests.domain.builders import (
    DENIED,
    HANDLE,
    NODE,
    Story,
    add,
    cancel,
    cancel_task,
    change_task,
    finish_task,
    given,
    requeue_task,
)
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, situation
from tests.domain.test_task_transitions import (
    CANCEL_TASK,
    FINISH_TASK,
    REQUEUE_TASK,
    REQUEUE_TASK_IN,
    with_task,
)

INVALID_TASK_ID: Final = 0x80040207
INVALID_CANCEL_TASK_STATE: Final = 0x80040209
PERMISSION_DENIED: Final = 0x8004020B
INVALID_OPERATION: Final = 0x8004020F
SET_INVALID_PROP_UNDER_CERTAIN_STATE: Final = 0x80040231
ONLY_FAILED_CANCELLED_TASKS: Final = 0x8004024C
TASK_OF_TYPE_CANNOT_BE_RECONFIGURED: Final = 0x8004024D
REFUSED: Final = (e.TaskCancelRefused, e.JobCommandRefused)

TaskRequest: TypeAlias = c.CancelTask | c.FinishTask | c.RequeueTask | c.ChangeTask
Make: TypeAlias = Callable[[int], TaskRequest]
COMMANDS: Final[dict[str, Make]] = {
    "cancel": lambda task: cancel_task(task, "t9"),
    "cancel by force": lambda task: cancel_task(task, "t9", CancelMode.FORCED),
    "finish": lambda task: finish_task(task, "t9"),
    "requeue": lambda task: requeue_task(task, "t9"),
    "change": lambda task: change_task(task, "t9", command="other"),
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
    TaskType.SERVICE: {"requeue": TASK_OF_TYPE_CANNOT_BE_RECONFIGURED},
    TaskType.PARAMETRIC_SWEEP: {},
    TaskType.BASIC: {},
}
# For every other pair, by the task's state: + accepted, ^ escalates, = repeated, - refused.
CHANGE_TASK: Final = {
    TaskState.SUBMITTED: "-",
    TaskState.VALIDATING: "-",
    TaskState.DISPATCHING: "-",
    TaskState.RUNNING: "-",
    TaskState.CANCELING: "-",
    TaskState.FINISHING: "-",
    TaskState.FINISHED: "-",
    TaskState.FAILED: "-",
    TaskState.CANCELED: "-",
    TaskState.CONFIGURING: "+",
    TaskState.QUEUED: "+",
}
BY_STATE: Final[dict[str, dict[TaskState, str]]] = {
    "cancel": {state: row.split()[0] for state, row in CANCEL_TASK.items()},
    "cancel by force": {state: row.split()[1] for state, row in CANCEL_TASK.items()},
    "finish": FINISH_TASK,
    "requeue": REQUEUE_TASK,
    "change": CHANGE_TASK,
}
BY_STATE_NUMBER: Final = {
    "cancel": INVALID_CANCEL_TASK_STATE,
    "cancel by force": INVALID_CANCEL_TASK_STATE,
    "finish": INVALID_CANCEL_TASK_STATE,
    "requeue": ONLY_FAILED_CANCELLED_TASKS,
    "change": SET_INVALID_PROP_UNDER_CERTAIN_STATE,
}
ACCEPTED: Final = {
    "cancel": (e.TaskCancelRequested, e.TaskCancelRepeated),
    "cancel by force": (e.TaskCancelRequested, e.TaskCancelRepeated),
    "finish": (e.TaskFinishRequested,),
    "requeue": (e.TaskRequeued,),
    "change": (e.TaskPropertiesChanged,),
}


def test_the_tables_name_every_type_and_state() -> None:
    assert set(NEVER) == set(TaskType), "a new type needs a row here"
    for row in BY_STATE.values():
        assert set(row) == set(TaskState)


INDEX: Final[dict[TaskType, dict[str, int]]] = {
    TaskType.PARAMETRIC_SWEEP: {"start": 1, "end": 3, "increment": 1},
    TaskType.SERVICE: {"instances": 1},
}
"""What a task of the type says of its subtasks."""


def of_type(job: Job, type_: TaskType) -> Job:
    """The job, and task 1 is of this type; of those of which a job has one at most, it alone."""
    tasks = {n: typed(t, type_ if n == 1 else other(t, type_)) for n, t in job.tasks.items()}
    if type_ is TaskType.SERVICE:
        tasks = {n: t for n, t in tasks.items() if n == 1 or t.spec.type in COMES_AND_GOES}
    return replace(job, tasks=tasks)


def other(task: Task, type_: TaskType) -> TaskType:
    """What another task is, beside one of this type."""
    return TaskType.BASIC if task.spec.type is type_ else task.spec.type


def typed(task: Task, type_: TaskType) -> Task:
    """The task, of this type."""
    return replace(task, spec=replace(task.spec, type=type_, **INDEX.get(type_, {})))


def check(job: Job, task: int, command: str, instance: int = 0) -> None:
    """One pair: as the type says, else as the state says, and nothing else."""
    request: JobRequest = COMMANDS[command](task)
    if instance and not isinstance(request, c.ChangeTask):
        request = replace(request, instance=instance)
    (fact,) = given(job).when(request)
    if number := refusal_of(job, task, command, instance):
        assert isinstance(fact, REFUSED)
        assert (fact.task, fact.hresult) == (task, number)
        assert fact.code in ("not_this_task_type", "illegal_transition", "unknown_task")
        assert only_the_trail_differs(job, folded(job, fact))
        return
    assert isinstance(fact, ACCEPTED[command])
    assert fact.task == task
    assert isinstance(fact, e.TaskPropertiesChanged) or fact.instance == instance


def refusal_of(job: Job, task: int, command: str, instance: int) -> int:
    """The number of the refusal by these tables, 0 for none."""
    whole = job.tasks[task]
    found = subtask(whole, instance) if instance else whole
    if found is None or (instance and not is_expanded(whole, instance)):
        return INVALID_TASK_ID
    if number := NEVER[whole.spec.type].get(command, 0):
        return number
    over = instance > 0 and whole.state is TaskState.FINISHED
    closed = command == "requeue" and (job.state not in REQUEUE_TASK_IN or over)
    if closed or BY_STATE[command][found.state] == "-":
        return BY_STATE_NUMBER[command]
    return 0


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
    """Task 1 of this type, as it is in that situation; the others are Basic and NodeRelease."""
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
        change_task(1, command="other", decision=DENIED),
    )
    for request in requests:
        (fact,) = given(job).when(request)
        assert isinstance(fact, REFUSED)
        assert (fact.code, fact.hresult) == ("not_permitted", PERMISSION_DENIED)
        assert fact.explanation == DENIED.explanation


# --- subtasks -------------------------------------------------------------------------------------


def begin(instance: int) -> c.StartTask:
    """A subtask of task 1 gets its slot."""
    return c.StartTask(1, 1, NODE, HANDLE, instance)


def over(instance: int, code: int = 0) -> c.RecordRunEnd:
    """A subtask's run ends by itself."""
    return c.RecordRunEnd(1, 1, e.Exit(code=code), instance=instance)


STEPS: Final[dict[str, tuple[c.Instruction | TaskRequest | c.CancelJob, ...]]] = {
    "waiting": (),
    "two run": (begin(1), begin(2)),
    "one ended well": (begin(1), begin(2), over(1)),
    "one failed": (begin(1), begin(2), over(1, code=1)),
    "one is canceled": (begin(1), begin(2), replace(cancel_task(1, "t0"), instance=2)),
    "the whole is canceled": (begin(1), begin(2), cancel_task(1, "t0")),
    "canceled before it ran": (cancel_task(1, "t0"),),
    "the whole is finished": (begin(1), begin(2), finish_task(1, "t0")),
    "the job is canceled": (begin(1), begin(2), cancel("t0")),
    "all ended well": (begin(1), begin(2), begin(3), over(1), over(2), over(3)),
    "all ended": (begin(1), begin(2), begin(3), over(1, code=1), over(2), over(3)),
}
OF_SUBTASKS: Final = {"cancel", "cancel by force", "finish", "requeue"}
"""A subtask has no properties of its own that could change."""
SWEEP: Final = e.TaskSpec(1, "work *", TaskType.PARAMETRIC_SWEEP, start=1, end=3, increment=1)
SERVICE: Final = e.TaskSpec(1, "serve", TaskType.SERVICE, instances=3)


def many(spec: e.TaskSpec, steps: str) -> Job:
    """A job that runs, with subtasks, and another task that waits."""
    others = () if spec.type is TaskType.SERVICE else (e.TaskSpec(2, "work"),)
    story = Story(add((spec, *others), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    for step in STEPS[steps]:
        story.ask(step) if isinstance(step, c.Request) else story.tell(step)
    return story.job


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("steps", STEPS)
def test_every_command_on_a_sweep_and_its_subtasks(steps: str, command: str) -> None:
    job = many(SWEEP, steps)
    for instance in range(5) if command in OF_SUBTASKS else (0,):
        check(job, 1, command, instance)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("steps", ["waiting", "two run", "the job is canceled"])
def test_every_command_on_a_service_and_its_instances(steps: str, command: str) -> None:
    job = many(SERVICE, steps)
    for instance in range(4) if command in OF_SUBTASKS else (0,):
        check(job, 1, command, instance)
