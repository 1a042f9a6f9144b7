"""A request, read: who asks, for what, with which fields and which body."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from msgspec import Struct

from adapters.hpcpack.answers import Answer
from adapters.hpcpack.bodies import Body
from adapters.hpcpack.fields import SHOWN, Fields
from domain.errors import Unknown
from domain.hresult import HResult
from domain.identity import Caller
from domain.sweeps import SUBTASKS_MAX

TASK_ID_MAX: Final = 2**31 - 1


class Asked(Struct, frozen=True):
    """``path``: the parts of the path by name, in lower case."""

    caller: Caller
    path: Mapping[str, str]
    fields: Fields
    body: Body

    @property
    def job_id(self) -> str:
        """The job as it stands in the path; whether there is one is for the use case."""
        return self.path["job_id"]

    @property
    def task_id(self) -> int:
        """The task's number. ``Unknown`` for what is none."""
        text = self.path["task_id"]
        digits = text.isascii() and text.isdigit() and len(text) <= 10
        if not digits or int(text) > TASK_ID_MAX:
            raise no_task(self.job_id, text)
        return int(text)

    @property
    def subtask_id(self) -> int:
        """The subtask's number. ``Unknown`` for what is none; 0 would be the task itself."""
        text = self.path["subtask_id"]
        digits = text.isascii() and text.isdigit() and len(text) <= 10
        if not digits or not 1 <= int(text) <= SUBTASKS_MAX:
            raise no_subtask(self.job_id, self.task_id, text)
        return int(text)


Work: TypeAlias = Callable[[Asked], Awaitable[Answer]]


def no_task(job_id: str, task_id: str | int) -> Unknown:
    """There is no such task."""
    return Unknown(
        f"job {job_id[:SHOWN]} has no task {str(task_id)[:SHOWN]}",
        code="unknown_task",
        hresult=HResult.INVALID_TASK_ID,
    )


def no_subtask(job_id: str, task_id: int, subtask_id: str) -> Unknown:
    """There can be no such subtask."""
    return Unknown(
        f"task {task_id} of job {job_id[:SHOWN]} has no subtask {subtask_id[:SHOWN]!r}: their "
        "numbers count from 1",
        code="unknown_task",
        hresult=HResult.INVALID_TASK_ID,
    )
