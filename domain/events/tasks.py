"""Commands to one task: finish it, run it again, give its properties new values."""

from typing import Final

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import TaskState


class TaskFinishRequested(Struct, frozen=True):
    """A finish of one task was accepted. It is stopped as by a normal cancel: Finishing.

    TaskStopped or TaskForceStopped (cause finish, outcome Finished) says how it ended; a run that
    ends by itself before the signal keeps its own outcome. A waiting task is Finished by this very
    fact and never runs.
    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

    request_id: str
    task: int
    message: str
    from_state: TaskState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    decision: Decision
    instance: int = 0


class TaskRequeued(Struct, frozen=True):
    """One task waits again: Queued. Its next run is attempt ``attempt``.

    From Queued it changes nothing. ``undoes``: request id of the cancel of this task before it ran
    that is forgotten now, or "". ``undoes_version``: the version of that cancel's event, or 0.
    Where no TaskCanceled closed that request, this does.
    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    ``message``: why it runs again, in the words of who asked.
    """

    request_id: str
    task: int
    from_state: TaskState
    attempt: int
    decision: Decision
    undoes: str = ""
    undoes_version: int = 0
    instance: int = 0
    message: str = ""


TASK_CHANGEABLE: Final = (
    "name",
    "command",
    "work_directory",
    "runtime_seconds",
    "depends_on",
    "retry_count",
    "valid_exit_codes",
    "stdin",
    "stdout",
    "stderr",
    "environment",
    "properties",
)


class TaskPropertiesChanged(Struct, frozen=True):
    """Properties of a waiting task were given new values; null for one that stays as it is.

    ``environment``, ``properties``: the new values by name, "" for one that is taken away.
    ``name``: what its owner calls it now. ``command``, ``work_directory``, ``runtime_seconds``,
    ``depends_on``, ``retry_count``, ``valid_exit_codes``, ``stdin``, ``stdout``, ``stderr``: as in
    the task when it was added.
    """

    request_id: str
    task: int
    decision: Decision
    content_sha256: str = ""
    name: str | None = None
    command: str | None = None
    work_directory: str | None = None
    runtime_seconds: int | None = None
    depends_on: tuple[str, ...] | None = None
    retry_count: int | None = None
    valid_exit_codes: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    environment: dict[str, str] | None = None
    properties: dict[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The names of what was given a new value."""
        return tuple(x for x in TASK_CHANGEABLE if getattr(self, x) is not None)
