"""A job in every situation that matters: each job state, while work runs and after it ended.

Two Basic tasks and a node release task (3). Where the job has been started task 1 has a run and
task 2 waits, unless the name says that all work is done.
"""

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.evolve import evolve
from domain.job import Job
from domain.states import CancelMode, JobState
from tests.domain.builders import (
    Story,
    add,
    cancel,
    end_job,
    ends,
    finish,
    heeds,
    queued_job,
    recorded,
    release,
    running_job,
    specs,
    start,
    submit,
)


def configuring() -> Story:
    return Story(add(specs(2, release=True)))


def submitted() -> Story:
    story = configuring()
    story.ask(submit("s0"))
    return story


def validating() -> Story:
    story = submitted()
    story.tell(c.StartValidation())
    return story


def external_validation() -> Story:
    story = validating()
    story.know(e.JobExternalValidationStarted("filter"))
    return story


def rejected() -> Story:
    story = validating()
    story.tell(c.EndValidation("no_such_account", "no such account"))
    return story


def queued() -> Story:
    return queued_job(2, release=True)


def running() -> Story:
    return running_job(2, release=True)


def running_all_done() -> Story:
    story = running()
    story.tell(ends(1), start(2), ends(2, code=3))
    return story


def finishing_by_itself() -> Story:
    """JobEnding: node release is next."""
    story = running_all_done()
    story.tell(end_job())
    return story


def finishing_release_runs() -> Story:
    story = finishing_by_itself()
    story.tell(release())
    return story


def finishing_by_request() -> Story:
    story = running()
    story.ask(finish("f0"))
    return story


def finished() -> Story:
    story = finishing_by_request()
    story.tell(c.OrderStop(15), heeds(1, "f0"), release(), ends(3), end_job())
    return story


def failed() -> Story:
    story = finishing_release_runs()
    story.tell(ends(3), end_job())
    return story


def canceling(mode: CancelMode) -> Callable[[], Story]:
    def story() -> Story:
        story = running()
        story.ask(cancel("r0", mode))
        return story

    return story


def canceling_all_done(mode: CancelMode) -> Callable[[], Story]:
    def story() -> Story:
        story = canceling(mode)()
        story.tell(ends(1))
        return story

    return story


def canceled() -> Story:
    story = canceling_all_done(CancelMode.NORMAL)()
    story.tell(release(), ends(3), end_job())
    return story


def removed() -> Story:
    story = canceled()
    story.tell(c.RemoveJob())
    return story


SITUATIONS: Final[dict[str, tuple[JobState, Callable[[], Story]]]] = {
    "configuring": (JobState.CONFIGURING, configuring),
    "submitted": (JobState.SUBMITTED, submitted),
    "validating": (JobState.VALIDATING, validating),
    "external validation": (JobState.EXTERNAL_VALIDATION, external_validation),
    "queued": (JobState.QUEUED, queued),
    "running": (JobState.RUNNING, running),
    "running, all done": (JobState.RUNNING, running_all_done),
    "finishing by itself": (JobState.FINISHING, finishing_by_itself),
    "finishing, release runs": (JobState.FINISHING, finishing_release_runs),
    "finishing by request": (JobState.FINISHING, finishing_by_request),
    "canceling gracefully": (JobState.CANCELING, canceling(CancelMode.GRACEFUL)),
    "canceling": (JobState.CANCELING, canceling(CancelMode.NORMAL)),
    "canceling by force": (JobState.CANCELING, canceling(CancelMode.FORCED)),
    "canceling, all done": (JobState.CANCELING, canceling_all_done(CancelMode.NORMAL)),
    "canceling by force, all done": (JobState.CANCELING, canceling_all_done(CancelMode.FORCED)),
    "finished": (JobState.FINISHED, finished),
    "failed": (JobState.FAILED, failed),
    "rejected": (JobState.FAILED, rejected),
    "canceled": (JobState.CANCELED, canceled),
}


def situation(name: str) -> Job:
    """The job in that situation."""
    state, make = SITUATIONS[name]
    job = make().job
    assert job.state is state, f"{name}: {job.state}"
    return job


# --- what a fact changes --------------------------------------------------------------------------


def only_the_trail_differs(before: Job, after: Job) -> bool:
    """Nothing but version, time and the answered request ids."""
    trail = {"version": after.version, "changed_at": after.changed_at, "asked": after.asked}
    return replace(before, **trail) == after


def folded(job: Job, *facts: e.JobEvent) -> Job:
    for fact in facts:
        job = evolve(job, recorded(job.version + 1, fact, "alice"))
    return job
