"""``$filter``: names and values joined by ``and``, nothing else."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from msgspec import Struct

from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, names_in, shown
from adapters.hpcpack.times import read_time
from adapters.web.requests import Malformed
from application.views import JobFilter
from domain.job import Task
from domain.states import JOB_STATE_NUMBER, TASK_STATE_NUMBER, JobState, TaskState

CHARACTERS_MAX: Final = 2000
AND: Final = re.compile(r"\s+and\s+", re.IGNORECASE)
TERM: Final = re.compile(r"\s*(\w+)\s+eq\s+(.*\S)\s*", re.IGNORECASE)
S = TypeVar("S", bound=StrEnum)

JOB_NAMES: Final = ("JobState", "ChangeTimeFrom", "NodeGroup")
TASK_NAMES: Final = ("TaskState", "TaskStates", "TaskIds", "TaskInstanceIds", "ChangeTimeFrom")


class TaskFilter(Struct, frozen=True):
    """Which tasks and subtasks; what is empty or None does not restrict.

    ``state``: of ``TaskState``, ``states``: of ``TaskStates``; who gives both wants both to hold.
    ``since``: of the last change, included; a subtask changes with its task.
    """

    state: tuple[TaskState, ...] = ()
    states: tuple[TaskState, ...] = ()
    ids: tuple[int, ...] = ()
    instances: tuple[int, ...] = ()
    since: datetime | None = None

    @property
    def wanted(self) -> frozenset[TaskState] | None:
        """The states that both allow; None for any."""
        both = [frozenset(x) for x in (self.state, self.states) if x]
        return frozenset.intersection(*both) if both else None

    def fits_task(self, task: Task) -> bool:
        """Whether a task is one of those asked for; its rows may still be of another state."""
        return (not self.ids or task.spec.id in self.ids) and (
            self.since is None or changed_since(task, self.since)
        )

    def fits_state(self, state: TaskState) -> bool:
        """Whether the state is one of those asked for."""
        return self.wanted is None or state in self.wanted

    def fits_instance(self, instance: int) -> bool:
        """Whether the instance is one of those asked for."""
        return not self.instances or instance in self.instances


def changed_since(task: Task, since: datetime) -> bool:
    """Whether a task changed then or later."""
    return task.changed_at is not None and task.changed_at >= since


def terms(text: str, allowed: Sequence[str]) -> dict[str, str]:
    """The values by name, as ``allowed`` spells it. ``Malformed`` for anything else."""
    if len(text) > CHARACTERS_MAX:
        raise Malformed(f"$filter has more than {CHARACTERS_MAX} characters")
    spelled = {name.lower(): name for name in allowed}
    found: dict[str, str] = {}
    for part in AND.split(text) if text.strip() else ():
        match = TERM.fullmatch(part)
        name = spelled.get(match[1].lower()) if match else None
        if match is None or name is None or name in found:
            raise Malformed(
                f"$filter cannot be read at {part[:SHOWN]!r}: it is NAME eq VALUE, joined by "
                f"and, each name once; the names are {shown(allowed)}"
            )
        found[name] = unquoted(match[2])
    return found


def unquoted(value: str) -> str:
    """A value without the quotes that some put around it."""
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def job_filter(text: str, owner: str) -> JobFilter:
    """The jobs that ``$filter`` and ``owner`` want."""
    found = terms(text, JOB_NAMES)
    if "NodeGroup" in found:
        raise NotSupported("jobs cannot be filtered by NodeGroup: jobs here name no node groups")
    return JobFilter(
        owners=(owner,) if owner else (),
        states=states_of(found.get("JobState", ""), JOB_STATE_NUMBER, JobState),
        since=since_of(found),
    )


def task_filter(text: str) -> TaskFilter:
    """The tasks that ``$filter`` wants."""
    found = terms(text, TASK_NAMES)
    return TaskFilter(
        state=states_of(found.get("TaskState", ""), TASK_STATE_NUMBER, TaskState),
        states=states_of(found.get("TaskStates", ""), TASK_STATE_NUMBER, TaskState),
        ids=numbers_of(found.get("TaskIds", ""), "TaskIds"),
        instances=numbers_of(found.get("TaskInstanceIds", ""), "TaskInstanceIds"),
        since=since_of(found),
    )


def since_of(found: Mapping[str, str]) -> datetime | None:
    """The time in ``ChangeTimeFrom``, if it is given."""
    text = found.get("ChangeTimeFrom")
    return None if text is None else read_time(text, "ChangeTimeFrom")


def states_of(text: str, numbers: dict[S, int], kind: type[S]) -> tuple[S, ...]:
    """States by name with commas between them, or one number whose bits are states."""
    if text.isascii() and text.isdigit():
        return bits_of(int(text[:9]), numbers)
    by_name = {state.value.lower(): state for state in kind}
    names = [name.lower() for name in names_in(text, "a list of states")]
    if "all" in names:
        return ()
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise Malformed(
            f"there is no state {unknown[0][:SHOWN]!r}; there are {shown(tuple(kind))} and All"
        )
    return tuple(by_name[name] for name in names)


def bits_of(number: int, numbers: dict[S, int]) -> tuple[S, ...]:
    """The states whose bits are set."""
    found = tuple(state for state, bit in numbers.items() if number & bit)
    if not found or number & ~sum(numbers.values()):
        raise Malformed(f"{number} is no sum of states: each is a power of two, 1 to 1024")
    return found


def numbers_of(text: str, what: str) -> tuple[int, ...]:
    """Numbers with commas between them; of tasks, ``22.1`` counts as 1."""
    names = names_in(text, what)
    found = [name.rpartition(".")[2] for name in names]
    if not all(x.isascii() and x.isdigit() and len(x) <= 10 for x in found) or any(
        name.count(".") > 1 for name in names
    ):
        raise Malformed(
            f"{what} are numbers with commas between them; the numbers of subtasks are "
            "TaskInstanceIds"
        )
    return tuple(map(int, found))
