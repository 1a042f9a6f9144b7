"""Node release: when it is due on which node, when it is given up, and the facts of both."""

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.job import Job, Task
from domain.readiness import on_own_nodes
from domain.states import TASK_WAITING, JobState, NodeRelease
from domain.subtasks import waiting_ones


def release_wanted(job: Job) -> bool:
    """Whether the way the job is ending lets node release run."""
    if job.state is JobState.CANCELING:
        return job.cancel is not None and job.cancel.node_release is NodeRelease.RUN
    return job.state is JobState.FINISHING


def release_due(job: Job) -> tuple[Task, ...]:
    """The runs of node release that are the next thing to do, each knowing its node."""
    release = job.release
    if release is None or not (job.nodes and job.all_ended and release_wanted(job)):
        return ()
    if release.subtasks is None:
        return (replace(release, node=job.nodes[0]),) if release.state in TASK_WAITING else ()
    return tuple(on_own_nodes(job, waiting_ones(release)))


def is_due(job: Job, start: c.StartRelease | c.RefuseTask) -> bool:
    """Whether it is the next attempt of a node release that is due."""
    this = (start.instance, start.attempt)
    return this in {(run.instance, run.attempt + 1) for run in release_due(job)}


def skip_due(job: Job) -> bool:
    """Whether node release is to be given up now: forced, and all work has ended."""
    return (
        job.state is JobState.CANCELING
        and job.all_ended
        and job.release_pending
        and not release_wanted(job)
    )


def start_release(job: Job, instruction: c.StartRelease) -> tuple[e.JobEvent, ...]:
    """Node release begins."""
    if job.release is None or not is_due(job, instruction):
        return ()
    run = range_of(instruction, job.release.spec.id)
    return (e.NodeReleaseStarted(instruction.node, (run,), instruction.handle),)


def skip_release(job: Job) -> tuple[e.JobEvent, ...]:
    """Node release is given up."""
    if not skip_due(job):
        return ()
    return (e.NodeReleaseSkipped(", ".join(job.nodes), "forced"),)


def range_of(run: c.StartTask | c.StartRelease | c.RefuseTask, task: int) -> e.RunRange:
    """The run as facts name it."""
    return e.RunRange(task, run.attempt, run.node, str(run.instance))
