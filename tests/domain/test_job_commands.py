"""More tasks and new property values for a job in every situation: tables, written from the job
model and the product's rules, not imported from the domain. The forbidden pairs come first.

With ``test_transitions`` (cancel, submit, configure, requeue, finish of a job) and
``test_task_types`` (what is asked of one task) every command has its table.
"""

from typing import Any, Final

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.requests import JobRequest
from domain.states import JobPriority, JobState, TaskType
from tests.domain.builders import DENIED, add_tasks, change, given
from tests.domain.situations import SITUATIONS, folded, only_the_trail_differs, situation
from tests.domain.test_task_types import COMMANDS as TASK_COMMANDS
from tests.domain.test_transitions import GATED

INVALID_OPERATION: Final = 0x8004020F
TASK_TYPE_ADDED_IN_WRONG_JOB_STATE: Final = 0x80040252
ILLEGAL_TASK_ADDED_TO_SERVICE_JOB: Final = 0x80040253
MULTIPLE_NODE_RELEASE: Final = 0x80040648
SET_INVALID_PROP_UNDER_CERTAIN_STATE: Final = 0x80040231
PERMISSION_DENIED: Final = 0x8004020B


def test_every_command_has_a_table() -> None:
    tables = {type(request) for request, *_ in GATED.values()}
    tables |= {type(make(1)) for make in TASK_COMMANDS.values()}
    tables |= {c.CancelJob, c.AddTasks, c.ChangeJob}
    tables |= {c.MarkJob}  # test_marking
    tables |= {c.ApproveCancel, c.WithdrawCancel, c.ReviewUse}
    tables |= {c.RecordEmergencyStop, c.RecordRefusedStop}  # test_emergency
    assert tables | {c.AddJob} == set(c.Request.__args__)


# --- more tasks -----------------------------------------------------------------------------------

# What becomes of a new task: + added, else the number of the refusal.
TYPES: Final = (
    TaskType.BASIC,
    TaskType.PARAMETRIC_SWEEP,
    TaskType.NODE_PREP,
    TaskType.NODE_RELEASE,
    TaskType.SERVICE,
)
NEVER: Final = (INVALID_OPERATION,) * 5
LATE: Final = TASK_TYPE_ADDED_IN_WRONG_JOB_STATE
ONLY_WORK: Final = ("+", "+", LATE, LATE, LATE)
# Every situation has a node release task and other work already, so that a second release is one
# too many, and a service is not alone.
ANY_WORK: Final = ("+", "+", "+", MULTIPLE_NODE_RELEASE, ILLEGAL_TASK_ADDED_TO_SERVICE_JOB)
ADD: Final[dict[str, tuple[str | int, ...]]] = {
    "submitted": NEVER,
    "validating": NEVER,
    "external validation": NEVER,
    "finishing by itself": NEVER,
    "finishing, release runs": NEVER,
    "finishing by request": NEVER,
    "canceling gracefully": NEVER,
    "canceling": NEVER,
    "canceling by force": NEVER,
    "canceling, all done": NEVER,
    "canceling by force, all done": NEVER,
    "finished": NEVER,
    "failed": NEVER,
    "rejected": NEVER,
    "canceled": NEVER,
    "queued": ONLY_WORK,
    "running": ONLY_WORK,
    "running, all done": ONLY_WORK,
    "configuring": ANY_WORK,
}


def test_the_tables_name_every_situation_type_and_property() -> None:
    assert set(ADD) == set(SITUATIONS)
    assert set(TYPES) == set(TaskType), "a new type needs a column in ADD"
    assert set(CHANGE) == set(c.JobChanges.__struct_fields__) == set(VALUES)


@pytest.mark.parametrize(
    ("name", "type_", "answer"),
    [
        pytest.param(name, type_, answer, id=f"{name}-{type_}")
        for name, row in ADD.items()
        for type_, answer in zip(TYPES, row, strict=True)
    ],
)
def test_a_task_of_every_type_for_a_job_in_every_state(
    name: str, type_: TaskType, answer: str | int
) -> None:
    job = situation(name)
    task = e.TaskSpec(0, "more", type_)
    if type_ is TaskType.PARAMETRIC_SWEEP:
        task = replace(task, start=1, end=2, increment=1)
    (fact,) = given(job).when(add_tasks(task))
    after = folded(job, fact)
    if answer == "+":
        assert isinstance(fact, e.TasksAdded)
        assert after.tasks[4].spec.type is type_
        return
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.command, fact.state, fact.hresult) == ("add_tasks", job.state, answer)
    assert only_the_trail_differs(job, after)


# --- new values -----------------------------------------------------------------------------------

VALUES: Final[dict[str, Any]] = {
    "name": "another",
    "priority": JobPriority.HIGHEST,
    "run_as": "batch",
    "properties": {"a": "1"},
    "fail_on_task_failure": True,
    "run_until_canceled": True,
    "runtime_seconds": 60,
    "environment": {"A": "1"},
    "valid_exit_codes": "0,3",
    "task_retry_count": 2,
    "hold_until": "2027-01-01T00:00:00Z",
    "project": "film",
    "service_name": "render",
    "client_source": "a portal",
    "progress": 40,
    "progress_message": "40 of 100",
    "max_cores": 4,
    "labels": {"env": "prod"},
}
ALIVE: Final = "Configuring Queued Running"
ALWAYS: Final = " ".join(JobState)
# In which states each can be changed; in all others it is refused.
CHANGE: Final = {
    "name": "Configuring Running",
    "priority": ALIVE,
    "run_as": "Configuring",
    "properties": ALIVE,
    "fail_on_task_failure": ALIVE,
    "run_until_canceled": "Configuring",
    "runtime_seconds": ALIVE,
    "environment": ALIVE,
    "valid_exit_codes": ALIVE,
    "task_retry_count": ALIVE,
    "hold_until": "Configuring Queued",
    "project": ALIVE,
    "service_name": ALIVE,
    "client_source": ALIVE,
    "progress": ALWAYS,
    "progress_message": ALWAYS,
    "max_cores": ALIVE,
    "labels": ALWAYS,
}


@pytest.mark.parametrize("what", CHANGE)
@pytest.mark.parametrize("name", SITUATIONS)
def test_every_property_of_a_job_in_every_state(name: str, what: str) -> None:
    job = situation(name)
    (fact,) = given(job).when(change(**{what: VALUES[what]}))
    after = folded(job, fact)
    if job.state in {JobState(x) for x in CHANGE[what].split()}:
        assert isinstance(fact, e.JobPropertiesChanged)
        assert fact.named == (tuple(VALUES[what]) if what == "properties" else (what,))
        assert getattr(after, what) == VALUES[what]
        return
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.command, fact.rule) == ("change", f"change-{what}-states")
    assert (fact.code, fact.hresult) == (
        "illegal_transition",
        SET_INVALID_PROP_UNDER_CERTAIN_STATE,
    )
    assert only_the_trail_differs(job, after)


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize(
    "request_",
    [
        add_tasks(e.TaskSpec(0, "more"), decision=DENIED),
        change(name="another", decision=DENIED),
    ],
    ids=["add_tasks", "change"],
)
def test_without_the_right_nothing_is_added_or_changed(name: str, request_: JobRequest) -> None:
    job = situation(name)
    (fact,) = given(job).when(request_)
    assert isinstance(fact, e.JobCommandRefused)
    assert (fact.code, fact.hresult) == ("not_permitted", PERMISSION_DENIED)
    assert only_the_trail_differs(job, folded(job, fact))
