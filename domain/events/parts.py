"""What several facts are made of."""

from msgspec import Struct

from domain.states import Effect, TaskType


class RunRange(Struct, frozen=True):
    """Runs that are alike. ``instances``: "0" is the task itself, "1-5000" subtasks of a sweep."""

    task: int
    attempt: int
    node: str
    instances: str = "0"


class RunSet(Struct, frozen=True):
    """How many runs, and which."""

    count: int
    runs: tuple[RunRange, ...] = ()


class TaskSet(Struct, frozen=True):
    """How many tasks, and which: ``tasks`` is ranges of task ids, such as "1-3,7"."""

    count: int
    tasks: str = ""


class Exit(Struct, frozen=True):
    """How a process ended: an exit ``code`` 0..255, or the number of the ``signal`` that ended it.

    Both are absent when nobody could see it (the warden died, the machine restarted).
    """

    code: int | None = None
    signal: int | None = None


class RunHandle(Struct, frozen=True):
    """How to find a run again: enough to tell a process from a later one with the same pid.

    ``start_ticks`` is the start time of process ``pid`` in clock ticks since the boot ``boot_id``;
    ``warden`` is the engine's own name for the run's keeper.
    """

    engine: str
    boot_id: str
    pid: int
    start_ticks: int
    warden: str


class Decision(Struct, frozen=True):
    """A policy's answer with all that is needed to compute it again.

    ``digest``: SHA-256 (hex) of the policy asked. ``rules``: ids that determined the answer,
    sorted. ``facts``: what the policy was told, as strings.
    """

    effect: Effect
    digest: str
    rules: tuple[str, ...]
    facts: dict[str, str]
    errors: tuple[str, ...] = ()
    explanation: str = ""


class TaskSpec(Struct, frozen=True):
    """A task as submitted. ``environment``: at most 32 KiB together; ``command``: at most 8 KiB."""

    id: int
    command: str
    type: TaskType = TaskType.BASIC
    name: str = ""
    work_directory: str = ""
    environment: dict[str, str] = {}
