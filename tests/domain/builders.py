"""Stories in commands and events: ``given(job).when(command)``, and ``Story`` for longer ones.

A ``Story`` is an aggregate in memory: what is decided is recorded and folded at once. Nothing here
knows a rule of the domain.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from domain import commands as c
from domain import events as e
from domain.adding import add_job
from domain.decide import decide
from domain.evolve import evolve, replay
from domain.identity import SYSTEM_CALLER, Caller, Principal
from domain.instruct import instruct
from domain.job import Job
from domain.requests import JobRequest
from domain.states import CancelMode, Effect, JobMark, JobType, StopStep, TaskType

T0: Final = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
JOB_ID: Final = 7
NODE: Final = "n1"
GRACE_SECONDS: Final = 15
SIGTERM: Final = 15
HANDLE: Final = e.RunHandle("fake", "boot", 4711, 99, "w1")
ALLOWED: Final = e.Decision(Effect.ALLOW, "d" * 64, ("owner-controls",), {"action": "any"})
DENIED: Final = e.Decision(
    Effect.DENY, "d" * 64, ("no-rule-allows",), {"action": "any"}, explanation="mallory may not"
)


def at(seconds: int) -> datetime:
    """A moment of the story."""
    return T0 + timedelta(seconds=seconds)


def asked(
    request_id: str = "r1",
    actor: str = "alice",
    decision: e.Decision = ALLOWED,
    if_versions: tuple[int, ...] | None = None,
) -> c.Asked:
    """Who asks, under which id, what the policy said, and for which versions only."""
    return c.Asked(request_id, actor, T0, decision, if_versions)


def cancel(
    request_id: str = "r1",
    mode: CancelMode = CancelMode.NORMAL,
    message: str = "",
    *,
    actor: str = "alice",
    reason_code: str = "",
    decision: e.Decision = ALLOWED,
    units_max: int = 320,
) -> c.CancelJob:
    """A cancel of the job."""
    who = asked(request_id, actor, decision)
    return c.CancelJob(who, mode, message, GRACE_SECONDS, reason_code, units_max)


def cancel_task(
    task: int,
    request_id: str = "t1",
    mode: CancelMode = CancelMode.NORMAL,
    message: str = "",
    *,
    actor: str = "alice",
    reason_code: str = "",
    decision: e.Decision = ALLOWED,
) -> c.CancelTask:
    """A cancel of one task."""
    who = asked(request_id, actor, decision)
    return c.CancelTask(who, task, mode, message, GRACE_SECONDS, reason_code)


def finish(
    request_id: str = "f1",
    message: str = "",
    *,
    actor: str = "alice",
    decision: e.Decision = ALLOWED,
    units_max: int = 320,
) -> c.FinishJob:
    """A finish of the job."""
    return c.FinishJob(asked(request_id, actor, decision), message, GRACE_SECONDS, units_max)


def finish_task(
    task: int,
    request_id: str = "f1",
    message: str = "",
    *,
    actor: str = "alice",
    decision: e.Decision = ALLOWED,
) -> c.FinishTask:
    """A finish of one task."""
    return c.FinishTask(asked(request_id, actor, decision), task, message, GRACE_SECONDS)


def requeue_task(
    task: int,
    request_id: str = "q1",
    message: str = "",
    *,
    actor: str = "alice",
    decision: e.Decision = ALLOWED,
) -> c.RequeueTask:
    """One task again."""
    return c.RequeueTask(asked(request_id, actor, decision), task, message=message)


def add_tasks(
    *tasks: e.TaskSpec, request_id: str = "m1", decision: e.Decision = ALLOWED
) -> c.AddTasks:
    """More tasks."""
    return c.AddTasks(asked(request_id, decision=decision), tasks)


def change(request_id: str = "p1", *, decision: e.Decision = ALLOWED, **values: Any) -> c.ChangeJob:
    """New values of properties."""
    return c.ChangeJob(asked(request_id, decision=decision), c.JobChanges(**values))


def mark(
    request_id: str = "k1",
    *,
    of: JobMark = JobMark.PROTECTION,
    placed: bool = True,
    message: str = "keep it",
    actor: str = "alice",
    decision: e.Decision = ALLOWED,
) -> c.MarkJob:
    """Protect a job, put it under legal hold, or take that back."""
    return c.MarkJob(asked(request_id, actor, decision), of, placed, message)


def change_task(
    task: int, request_id: str = "p1", *, decision: e.Decision = ALLOWED, **values: Any
) -> c.ChangeTask:
    """New values of a task's properties."""
    changes = c.TaskChanges(**values)
    return c.ChangeTask(asked(request_id, decision=decision), task, changes)


def submit(request_id: str = "s1", decision: e.Decision = ALLOWED) -> c.SubmitJob:
    """A submission."""
    return c.SubmitJob(asked(request_id, decision=decision))


def configure(request_id: str = "c1", decision: e.Decision = ALLOWED) -> c.ConfigureJob:
    """Back to Configuring."""
    return c.ConfigureJob(asked(request_id, decision=decision))


def requeue(
    request_id: str = "q1", decision: e.Decision = ALLOWED, message: str = ""
) -> c.RequeueJob:
    """Again."""
    return c.RequeueJob(asked(request_id, decision=decision), message)


def specs(count: int, release: bool = False) -> tuple[e.TaskSpec, ...]:
    """``count`` Basic tasks, and a node release task after them."""
    work = [e.TaskSpec(n, f"work {n}") for n in range(1, count + 1)]
    last = [e.TaskSpec(count + 1, "clean", TaskType.NODE_RELEASE)] if release else []
    return (*work, *last)


def add(
    tasks: tuple[e.TaskSpec, ...] = specs(2),
    *,
    submit: bool = False,
    job_type: JobType = JobType.BATCH,
    properties: dict[str, str] | None = None,
    request_id: str = "a1",
    **options: Any,
) -> c.AddJob:
    """The creation of a job of alice's."""
    return c.AddJob(
        asked(request_id),
        JOB_ID,
        "render",
        "alice",
        tasks,
        job_type,
        properties=properties or {},
        submit=submit,
        **options,
    )


def run(task: int, attempt: int = 1) -> e.RunRange:
    """A run as a fact names it."""
    return e.RunRange(task, attempt, NODE)


def recorded(version: int, data: e.Event, actor: str | None = None) -> e.Recorded:
    """A fact as if it had been stored: one a second."""
    caller = Caller(Principal(actor)) if actor else SYSTEM_CALLER
    event = e.NewEvent(f"id-{version}", at(version), caller, "corr", "cause", data)
    return e.Recorded(e.job_aggregate(JOB_ID), version, event)


class Given(Struct, frozen=True):
    """A job, about to be asked or told something."""

    job: Job

    def when(self, command: JobRequest | c.Instruction) -> tuple[e.JobEvent, ...]:
        """The facts that follow; nothing is recorded."""
        if isinstance(command, c.Request):
            assert not isinstance(command, c.AddJob)
            return decide(self.job, command)
        return instruct(self.job, command)


def given(job: Job) -> Given:
    """``given(job).when(command) == facts``."""
    return Given(job)


class Story:
    """One job's history, growing. Every step checks that replay equals the live state: what was
    replayed by the step before goes on from there, and all of it anew when it has doubled."""

    def __init__(self, command: c.AddJob | None = None) -> None:
        self.history: list[e.Recorded] = []
        self._job: Job | None = None
        self._replayed: Job | None = None
        command = command or add()
        self._record(add_job(command), command.asked.asker)

    @property
    def job(self) -> Job:
        """The job now."""
        assert self._job is not None
        return self._job

    @property
    def facts(self) -> list[e.Event]:
        """All facts, oldest first."""
        return [x.data for x in self.history]

    def names(self, after: int = 0) -> list[str]:
        """Names of the facts after a version."""
        return [type(x).__name__ for x in self.facts[after:]]

    def ask(self, *requests: JobRequest) -> tuple[e.JobEvent, ...]:
        """Somebody asks; the facts of the last request."""
        facts: tuple[e.JobEvent, ...] = ()
        for request in requests:
            facts = decide(self.job, request)
            self._record(facts, request.asked.asker)
        return facts

    def tell(self, *instructions: c.Instruction) -> tuple[e.JobEvent, ...]:
        """The service tells the job; the facts of the last instruction."""
        facts: tuple[e.JobEvent, ...] = ()
        for instruction in instructions:
            facts = instruct(self.job, instruction)
            self._record(facts, None)
        return facts

    def know(self, *facts: e.JobEvent) -> None:
        """Facts that nobody here decided."""
        self._record(facts, None)

    def _record(self, facts: tuple[e.JobEvent, ...], actor: str | None) -> None:
        for data in facts:
            self._add(recorded(len(self.history) + 1, data, actor))
        assert self._replayed == self._job

    def _add(self, fact: e.Recorded) -> None:
        self._job = evolve(self._job, fact)
        self._replayed = evolve(self._replayed, fact)
        self.history.append(fact)
        if len(self.history).bit_count() == 1:
            assert replay(self.history) == self._job


# --- steps that stories have in common ------------------------------------------------------------


def start(task: int, attempt: int = 1) -> c.StartTask:
    """A task gets its slot."""
    return c.StartTask(task, attempt, NODE, HANDLE)


def release(attempt: int = 1) -> c.StartRelease:
    """Node release gets its keeper."""
    return c.StartRelease(attempt, NODE, HANDLE)


def ends(task: int, code: int = 0, attempt: int = 1) -> c.RecordRunEnd:
    """A run ends by itself."""
    return c.RecordRunEnd(task, attempt, e.Exit(code=code))


def heeds(task: int, request_id: str, attempt: int = 1, after_ms: int = 40) -> c.RecordRunEnd:
    """A run ends within its grace period."""
    stop = c.StopSeen(request_id, StopStep.SIGNAL, False, after_ms, 0, 0)
    return c.RecordRunEnd(task, attempt, e.Exit(signal=SIGTERM), stop)


def outlasts(task: int, request_id: str, attempt: int = 1, survivors: int = 0) -> c.RecordRunEnd:
    """A run's grace period runs out, and it is killed."""
    stop = c.StopSeen(request_id, StopStep.SIGNAL, True, 15_020, 3, survivors)
    return c.RecordRunEnd(task, attempt, e.Exit(signal=9), stop)


def killed(task: int, request_id: str, attempt: int = 1, survivors: int = 0) -> c.RecordRunEnd:
    """A run is killed at once."""
    stop = c.StopSeen(request_id, StopStep.KILL, False, 8, 2, survivors)
    return c.RecordRunEnd(task, attempt, e.Exit(signal=9), stop)


def expire(seconds: int) -> c.ExpireRuntime:
    """Limits are looked at, so many seconds into the story."""
    return c.ExpireRuntime(at(seconds), GRACE_SECONDS)


def end_job(seconds: int = 60) -> c.EndJob:
    """The job's end is written down."""
    return c.EndJob(at(seconds))


def queued_job(count: int = 2, release: bool = False) -> Story:
    """A job that waits for a slot."""
    story = Story(add(specs(count, release), submit=True))
    story.tell(c.StartValidation(), c.EndValidation())
    return story


def running_job(count: int = 2, release: bool = False, started: int = 1) -> Story:
    """A job whose first ``started`` tasks run; the rest is queued."""
    story = queued_job(count, release)
    story.tell(c.StartJob((NODE,)))
    for task in range(1, started + 1):
        story.tell(start(task))
    return story
