"""What the use cases ask of whatever runs tasks: the port of engines, and what it speaks of."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from domain.events import Exit, RunHandle
from domain.job import Task
from domain.states import StopStep


class Node(Struct, frozen=True):
    """A place for runs. ``name``: as events have it. ``slots``: runs at once, 1 or more."""

    name: str
    slots: int


class RunKey(Struct, frozen=True, order=True):
    """One attempt of one task instance. No two nodes ever have a run of the same key."""

    job: int
    task: int
    instance: int
    attempt: int


def key_of(job_id: int, run: Task) -> RunKey:
    """The latest run of a task or subtask."""
    return RunKey(job_id, run.spec.id, run.instance, run.attempt)


def next_key(job_id: int, run: Task) -> RunKey:
    """The run that its next attempt is."""
    return RunKey(job_id, run.spec.id, run.instance, run.attempt + 1)


class RunSpec(Struct, frozen=True):
    """What to run.

    ``command`` is given to ``/bin/sh -c``. ``environment`` is complete but for the engine's own
    additions. ``node``: the name of the node to run it on. ``work_directory``: absolute, or "" for
    the run's own directory. ``run_as``: an account name, or "" for the engine's configured account.
    ``time_limit_ms``: killed when it runs out, 0 for none.
    """

    command: str
    environment: dict[str, str]
    node: str
    work_directory: str = ""
    run_as: str = ""
    time_limit_ms: int = 0


class StopOrder(Struct, frozen=True):
    """An order that stands on the stream already. (``request_id``, ``step``) is done at most once.

    step ``signal``: ``signal`` to every process of the run, ``grace_ms`` later SIGKILL to what is
    left. step ``kill``: SIGKILL to everything at once; it overtakes a grace period under way.
    """

    request_id: str
    step: StopStep
    signal: int
    grace_ms: int


class RunPhase(StrEnum):
    """How far a run has come.

    prepared: the keeper waits for the word to go, nothing ran. running: the command line runs.
    ended: the group of processes is empty, or SIGKILL was sent and survivors were counted.
    lost: the keeper died or the machine restarted; nobody can say how the run ended.
    """

    PREPARED = "prepared"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"


class StopNote(Struct, frozen=True):
    """What the engine noted of the stop that ended a run.

    ``request_id``, ``step``: the order that brought the end (for a grace period that ran out: step
    signal, ``grace_expired`` true). ``after_ms``: from the first signal of that order to the end.
    ``killed``: processes that SIGKILL was sent to. ``survivors``: those still there afterwards.
    """

    request_id: str
    step: StopStep
    grace_expired: bool
    after_ms: int
    killed: int
    survivors: int


class RunStatus(Struct, frozen=True):
    """What the engine knows of one run.

    ``stop`` is set when an order was performed before the end. ``orders``: (request id, step) of
    all orders performed. ``timed_out``: the run's time limit killed it; then ``killed`` and
    ``survivors`` tell of that kill. ``survivors_gone``: processes that outlived a kill have ended
    since. ``reason``: for lost, and for ended without ever running, a sentence. ``node``: where the
    run is, also when that node is no more; "" where notes of an earlier release do not say.
    """

    key: RunKey
    phase: RunPhase
    handle: RunHandle | None = None
    exit: Exit = Exit()
    stop: StopNote | None = None
    orders: tuple[tuple[str, StopStep], ...] = ()
    timed_out: bool = False
    killed: int = 0
    survivors: int = 0
    survivors_gone: bool = False
    never_ran: bool = False
    reason: str = ""
    output_bytes: int = 0
    node: str = ""


class Engine(Protocol):
    """Really starts and stops processes. Keeps its own durable note of what it did.

    Every method may be repeated: an act that was done is not done again. ``Unavailable`` when the
    engine cannot be reached, ``Refused`` when a run can never start (no such account, directory,
    node).
    """

    @property
    def name(self) -> str:
        """The engine's name in handles, such as ``local``."""
        ...

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that runs may be started on, at least one, each name once, always the same.

        Slots are the caller's to keep: the engine starts what it is told to.
        """
        ...

    async def recover(self) -> tuple[RunStatus, ...]:
        """Find every run this engine has a note of, also of an earlier service, and follow it.

        Also a run of a node that is no more: nothing new is started there, but it is reported,
        stopped and forgotten like any other.
        """
        ...

    async def prepare(self, key: RunKey, spec: RunSpec) -> RunHandle:
        """Start the run's keeper on the node of ``spec``. Nothing of the run happens until ``go``.

        Repeated for a run that is prepared, it returns the same handle; but when ``spec`` names
        another node by now, that keeper is given up, and there is a new one.
        """
        ...

    async def go(self, key: RunKey) -> None:
        """Let the command line start, at most once."""
        ...

    async def abandon(self, key: RunKey) -> None:
        """Give up a prepared run: its keeper exits and nothing ran. No effect after ``go``."""
        ...

    async def stop(self, key: RunKey, order: StopOrder) -> None:
        """Perform an order. Returns when the keeper has noted it; the end comes as a report."""
        ...

    async def status(self, key: RunKey) -> RunStatus | None:
        """What is known of a run; None when the engine never heard of it."""
        ...

    async def runs_of(self, job: int) -> tuple[RunStatus, ...]:
        """What is known of every run of a job, as ``status`` tells it; in no order."""
        ...

    def reports(self) -> AsyncIterator[RunStatus]:
        """A status each time a run's phase changes to ended or lost, or survivors are gone.

        At least once each; one consumer. Never ends until ``close``.
        """
        ...

    async def keep(self, key: RunKey) -> None:
        """The end of the run is written: nobody asks for it any more, nor does ``recover`` tell it.

        Its output stays until ``forget``. No effect on a run that may still tell something.
        """
        ...

    async def forget(self, job: int) -> None:
        """Remove the notes and output of all of a job's runs. Used when the job is removed.

        Raises ``Refused`` while one of them has not ended.
        """
        ...

    async def close(self, *, stop_tasks: bool = False) -> None:
        """Let go of the keepers, which go on by themselves; ``stop_tasks``: kill all runs first."""
        ...
