"""Runs on the engine: how one is started, and how its end is written down.

The order never varies: the keeper is prepared, the start is written, and only then the word to go
is given. A keeper whose start could not be written is abandoned, and nothing of it ran. Nor does it
get the word when a stop has been accepted meanwhile.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from shlex import quote
from typing import Final

from msgspec.structs import replace

from application.engine import Engine, RunKey, RunPhase, RunSpec, RunStatus, key_of, next_key
from application.ledger import Cause, Change, Ledger
from application.patience import until_done
from domain import commands as c
from domain.errors import Corrupt, CountermandError, Refused, Unavailable
from domain.events import JobEvent, RunHandle, TaskSpec
from domain.instruct import instruct
from domain.job import Job, Task
from domain.orders import order_for
from domain.parameters import TASK_RETRY_COUNT, Parameter
from domain.states import TASK_ON_NODE
from domain.subtasks import one_run
from domain.sweeps import filled

TRIES_MAX: Final = 50
MakeStart = Callable[[RunHandle], c.StartTask | c.StartRelease]


class Runs:
    """Starts runs and records their ends. Safe to repeat at any point."""

    def __init__(self, ledger: Ledger, engine: Engine) -> None:
        self._ledger = ledger
        self._engine = engine

    async def tell(
        self,
        job_id: int,
        instruction: c.Instruction,
        cause: Cause | None = None,
        fits: Callable[[Job], bool] = lambda _: True,
    ) -> Change[Job | None]:
        """Write down what an instruction gives, if it still fits. Raises as ``Ledger`` does."""

        def decide(job: Job | None, now: datetime) -> tuple[JobEvent, ...]:
            has_time = isinstance(instruction, c.EndJob | c.ExpireRuntime)
            timed = replace(instruction, at=now) if has_time else instruction
            return instruct(job, timed) if job and fits(job) else ()

        chain = cause or Cause()
        return await self._ledger.change_job(job_id, decide, chain, TRIES_MAX)

    async def parameter(self, parameter: Parameter) -> int:
        """A number of the cluster's, as it is now."""
        return await self._ledger.parameter(parameter)

    async def start(
        self,
        job: Job,
        task: Task,
        node: str,
        time_limit_ms: int,
        make: MakeStart,
        waiting: Callable[[CountermandError], None],
    ) -> Change[Job | None]:
        """Start the next attempt of ``task`` on ``node``: prepare, write, go.

        An outage is waited out.
        """
        key = next_key(job.id, task)
        spec = spec_of(job, task, node, time_limit_ms)
        try:
            handle = await self._engine.prepare(key, spec)
        except Refused as no:
            refusal = c.RefuseTask(key.task, key.attempt, node, no.code, no.message, key.instance)
            return await self.tell(job.id, refusal, cause_of(job))
        written = lambda: self._write_and_go(job, task, handle, make(handle), spec)  # noqa: E731
        return await until_done(written, waiting)

    async def _write_and_go(
        self,
        job: Job,
        task: Task,
        handle: RunHandle,
        start: c.StartTask | c.StartRelease,
        spec: RunSpec,
    ) -> Change[Job | None]:
        """Safe to repeat: a start that was written is not written again, and go is said once.

        Nor is it written when a property has been changed since the keeper was prepared: the run
        that is recorded is the one that the job's facts describe.
        """

        key = next_key(job.id, task)

        def as_prepared(now: Job) -> bool:
            changed = replace(task, spec=now.tasks[key.task].spec)
            return spec_of(now, changed, spec.node, spec.time_limit_ms) == spec

        done = await self.tell(job.id, start, cause_of(job), as_prepared)
        if started(done.after, key, handle):
            await self._go(done.after, key)
        else:
            await self._engine.abandon(key)
        return done

    async def _go(self, job: Job | None, key: RunKey) -> None:
        """Say go, unless a stop was accepted: its order will end the keeper, and nothing ran.

        A keeper that was over before its start was written reported too early: it is recorded now.
        """
        if not stop_called_for(job, key):
            await self._engine.go(key)
        status = await self._engine.status(key)
        if status is not None and status.never_ran:
            await self.record(status)

    async def record(self, status: RunStatus) -> None:
        """Write down what the engine says of a run that is over, or whose survivors are gone.

        A report of another keeper than the one whose start is written changes nothing: that keeper
        was given up before, and the same run may be alive under a later one.
        """
        key = status.key
        job = await self._ledger.job(key.job)
        if status.phase in (RunPhase.ENDED, RunPhase.LOST) and is_about(job, status):
            retry_count = await self._ledger.parameter(TASK_RETRY_COUNT)
            job = (await self.tell(key.job, end_of(status, retry_count), cause_of(job))).after
        if status.survivors_gone:
            gone = c.RecordSurvivorsGone(key.task, key.attempt, key.instance)
            job = (await self.tell(key.job, gone)).after
        if is_written(job, key):
            await self.keep(key)

    async def keep(self, key: RunKey) -> None:
        """What the engine said of the run is written; later, if it cannot be reached now."""
        with suppress(Unavailable):
            await self._engine.keep(key)

    async def recover(self, jobs: dict[int, Job]) -> tuple[RunKey, ...]:
        """After a start: compare what the engine finds with what is written, and mend the gap.

        Returns runs that go on although nothing is written about them: left alone, for a person.
        """
        found = {status.key: status for status in await self._engine.recover()}
        strays = []
        for key, status in found.items():
            if status.phase is RunPhase.PREPARED:
                await self._resume(status)
            elif status.phase is RunPhase.RUNNING:
                strays += [] if is_about(jobs.get(key.job), status) else [key]
            elif is_about(jobs.get(key.job), status):
                await self.record(status)
        for key in written_runs(jobs):
            if key not in found or not is_about(jobs[key.job], found[key]):
                lost = "the engine has no note of this run"
                await self.record(RunStatus(key, RunPhase.LOST, reason=lost))
        return tuple(strays)

    async def _resume(self, status: RunStatus) -> None:
        """Go, when the start is written for this very keeper; else nothing ran and nothing will.

        Asked of the ledger, for the board may be behind. A damaged job's keeper is left alone.
        """
        try:
            job = await self._ledger.job(status.key.job)
        except Corrupt:
            return
        if status.handle is not None and started(job, status.key, status.handle):
            await self._go(job, status.key)
        else:
            await self._engine.abandon(status.key)


def spec_of(job: Job, task: Task, node: str, time_limit_ms: int) -> RunSpec:
    """What the engine is to run."""
    return RunSpec(
        command=with_streams(task.spec, task.instance),
        environment=job.environment | task.spec.environment | {"CCP_JOBNAME": job.name},
        node=node,
        work_directory=filled(task.spec, task.spec.work_directory, task.instance),
        run_as=job.run_as,
        time_limit_ms=time_limit_ms,
    )


def with_streams(task: TaskSpec, instance: int) -> str:
    """The command line, its standard streams turned to the files that the task names.

    The shell that runs the line opens them: with the account's rights, from the work directory on.
    """
    texts = (task.command, task.stdin, task.stdout, task.stderr)
    command, stdin, stdout, stderr = (filled(task, text, instance) for text in texts)
    err = "2>&1" if stderr == stdout else f"2>{quote(stderr)}"
    turned = (
        f"<{quote(stdin)}" if stdin else "",
        f">{quote(stdout)}" if stdout else "",
        err if stderr else "",
    )
    streams = " ".join(filter(None, turned))
    return f"exec {streams}\n{command}" if streams else command


def started(job: Job | None, key: RunKey, handle: RunHandle) -> bool:
    """Whether it is written that this very keeper's run has started."""
    task = running_task(job, key)
    return task is not None and task.handle == handle


def is_about(job: Job | None, status: RunStatus) -> bool:
    """Whether a report is about the keeper that is written down for the run."""
    task = running_task(job, status.key)
    return task is not None and status.handle in (None, task.handle)


def is_written(job: Job | None, key: RunKey) -> bool:
    """Whether it is written that this run is over, and not only that it never began."""
    task = job.tasks.get(key.task) if job else None
    if job is None or task is None or running_task(job, key) is not None:
        return False
    latest = one_run(job, key.task, key.instance) or task
    return latest.attempt >= key.attempt


def stop_called_for(job: Job | None, key: RunKey) -> bool:
    """Whether a request that was accepted wants this run stopped."""
    task = running_task(job, key)
    return job is not None and task is not None and order_for(job, task, 0) is not None


def running_task(job: Job | None, key: RunKey) -> Task | None:
    """The task or subtask whose latest attempt this run is, if it is written that it runs."""
    task = one_run(job, key.task, key.instance) if job else None
    if task is None or task.attempt != key.attempt or task.state not in TASK_ON_NODE:
        return None
    return task


def written_runs(jobs: dict[int, Job]) -> tuple[RunKey, ...]:
    """Every run that, as it is written, has not ended."""
    return tuple(
        key_of(job.id, run)
        for job in jobs.values()
        for run in job.runs
        if run.state in TASK_ON_NODE
    )


def end_of(status: RunStatus, retry_count: int) -> c.RecordRunEnd:
    """The engine's note in the domain's words."""
    stop = status.stop
    lost = status.phase is RunPhase.LOST or (status.never_ran and stop is None)
    return c.RecordRunEnd(
        task=status.key.task,
        attempt=status.key.attempt,
        exit=status.exit,
        stop=c.StopSeen(
            stop.request_id,
            stop.step,
            stop.grace_expired,
            stop.after_ms,
            stop.killed,
            stop.survivors,
        )
        if stop
        else None,
        timed_out=status.timed_out,
        killed=status.killed,
        survivors=status.survivors,
        lost=(status.reason or "the run ended and nobody saw how") if lost else "",
        retry_count=retry_count,
        instance=status.key.instance,
    )


def cause_of(job: Job | None) -> Cause:
    """What the service's own facts about a job follow from: the request in force, if any."""
    request = (job.cancel or job.finish) if job else None
    return Cause(correlation_id=request.request_id) if request else Cause()
