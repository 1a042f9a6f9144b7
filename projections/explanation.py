"""Why a job ended, in plain sentences, each with the events it rests on.

The answer comes first; then how it came about, in order: who asked what, what was refused, what was
stopped and how. Only the last round counts: what was before a requeue is over.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Final

from msgspec import Struct

from domain import events as e
from domain.errors import Corrupt
from domain.evolve import evolve
from domain.job import Job
from domain.states import JOB_ENDED, CancelMode, ForceReason, JobState, StopStep
from projections.summary import ending, plain, quoted, tasks

HOW: Final = {
    CancelMode.NORMAL: "",
    CancelMode.FORCED: " by force",
    CancelMode.GRACEFUL: " gracefully",
}


class Sentence(Struct, frozen=True):
    """A sentence, and the positions of the events it rests on: at least one, rising."""

    text: str
    events: tuple[int, ...]


class Told(Struct, frozen=True):
    """An event, and the job after it."""

    position: int
    recorded: e.Recorded
    job: Job


def explain(history: Iterable[tuple[int, e.Recorded]]) -> tuple[Sentence, ...]:
    """The sentences for a job's history of (position, event). Raises ``Corrupt``."""
    told = last_round(tuple(folded(history)))
    return (Sentence(answer(told[-1].job), grounds(told)), *course(told))


def folded(history: Iterable[tuple[int, e.Recorded]]) -> Iterator[Told]:
    """Each event with the job after it."""
    job: Job | None = None
    for position, recorded in history:
        job = evolve(job, recorded)
        yield Told(position, recorded, job)
    if job is None:
        raise Corrupt("there is no event to explain a job from")


def last_round(told: Sequence[Told]) -> Sequence[Told]:
    """From the last requeue on; everything when there was none."""
    again = e.JobConfigured | e.JobRequeued
    starts = [n for n, x in enumerate(told) if isinstance(x.recorded.data, again)]
    return told[starts[-1] :] if starts else told


def grounds(told: Sequence[Told]) -> tuple[int, ...]:
    """What the answer rests on: the event that brought the state, and the request behind it."""
    job, places = told[-1].job, {place_of_state(told)}
    cause = job.cancel or job.finish
    if cause is not None and job.state is not JobState.FAILED:
        places |= {x.position for x in told if x.recorded.version == cause.version}
    if job.failing is not None and job.state is JobState.FAILED:
        places |= {x.position for x in told if x.recorded.version == job.failing.version}
    return tuple(sorted(places))


def place_of_state(told: Sequence[Told]) -> int:
    """The event that brought the job into the state it is in."""
    place = told[0].position
    for before, after in pairwise(told):
        if before.job.state is not after.job.state:
            place = after.position
    return place


# --- the answer -----------------------------------------------------------------------------------


def answer(job: Job) -> str:
    """How the job is, and in one clause why."""
    name = f"Job {job.id}" + (f" ({quoted(job.name)})" if job.name else "") + f" of {job.owner}"
    if job.state in JOB_ENDED:
        return f"{name} is {job.state}, because {why_ended(job)}."
    return f"{name} has not ended: it is {job.state}{why_not_yet(job)}."


def why_ended(job: Job) -> str:
    """The clause for a job that is over."""
    if job.state is JobState.CANCELED and job.cancel is not None:
        cancel = job.cancel
        return (
            f"{by(cancel.actor, cancel.on_behalf_of)} canceled it{HOW[cancel.mode]}"
            f"{saying(cancel.message)}"
        )
    if job.finish is not None:
        return f"{job.finish.actor} finished it{saying(job.finish.message)}"
    if job.state is JobState.FINISHED:
        one = len(job.work) == 1
        return "its task finished" if one else f"all of its {len(job.work)} tasks finished"
    return plain(job.error_params) or "its tasks failed"


def why_not_yet(job: Job) -> str:
    """The clause for a job that is not over."""
    running, waiting = len(job.on_node), len(job.waiting)
    if job.state in (JobState.CANCELING, JobState.FINISHING):
        left = f"; {count(running, 'task')} still {verb(running)}" if running else ""
        return left + ("; its node release task runs" if job.release_running else "")
    return f", with {count(running, 'task')} running and {waiting} waiting" if job.nodes else ""


# --- the course of events -------------------------------------------------------------------------


def course(told: Sequence[Told]) -> Iterator[Sentence]:
    """One sentence for each event that matters, or for several alike in a row."""
    for kind, group in groupby(told, kind_of):
        alike = list(group)
        if kind in MANY and len(alike) > 1:
            places = tuple(x.position for x in alike)
            yield Sentence(MANY[kind].format(n=sum(runs(x.recorded.data) for x in alike)), places)
            continue
        for x in alike:
            text = sentence(x.recorded, x.job)
            if text:
                yield Sentence(text, (x.position,))


MANY: Final[dict[type[e.Event], str]] = {
    e.TaskStarted: "{n} tasks started.",
    e.TaskFinished: "{n} tasks finished by themselves.",
    e.TaskFailed: "{n} tasks failed.",
    e.TaskStopped: "{n} tasks ended within their grace period after the stop signal.",
    e.TaskForceStopped: "{n} tasks were killed with SIGKILL.",
    e.TaskSurvivorsGone: "The last processes of {n} tasks are gone.",
}
"""What is said of several facts of a kind in a row."""


def kind_of(told: Told) -> type[e.Event]:
    """Which fact it is."""
    return type(told.recorded.data)


def runs(fact: e.Event) -> int:
    """How many runs a fact is about."""
    return len(getattr(fact, "runs", ()))


def sentence(recorded: e.Recorded, job: Job) -> str:
    """The sentence for one event; "" for one that explains nothing."""
    who = caller_of(recorded)
    match recorded.data:
        case e.JobAdded() as fact:
            return f"{who} created it with {count(len(fact.tasks), 'task')}."
        case e.JobSubmitted():
            return f"{who} submitted it."
        case e.JobStarted() as fact:
            return f"It started on {', '.join(fact.nodes)}."
        case e.JobConfigured():
            return f"{who} took it back to Configuring."
        case e.JobRequeued() as fact:
            kept = f", {fact.kept.count} stayed as they were" if fact.kept.count else ""
            return f"{who} queued it again; {count(fact.queued.count, 'task')} ran again{kept}."
        case e.JobRejected() as fact:
            return f"It was rejected: {plain(fact.reason)}."
        case e.JobRemoved():
            return "It left the job view, because TTLCompletedJobs ran out; its events stay."
        case _:
            return of_request(recorded, who) or of_effect(recorded.data, job)


def of_request(recorded: e.Recorded, who: str) -> str:
    """What people asked for, and what they were told."""
    match recorded.data:
        case e.JobCancelRequested() as fact:
            return f"{who} asked to cancel it{HOW[fact.mode]}{saying(fact.message)}{found(fact)}."
        case e.TaskCancelRequested() as fact:
            task = f"task {fact.task}"
            return f"{who} asked to cancel {task}{HOW[fact.mode]}{saying(fact.message)}."
        case e.JobCancelRepeated() as fact:
            return f"{who} asked again{saying(fact.message)}; that changed nothing."
        case e.TaskCancelRepeated() as fact:
            return f"{who} asked again to cancel task {fact.task}; that changed nothing."
        case e.JobCancelRefused() as fact:
            return f"{who} asked to cancel it and was refused: {refusal(fact)}."
        case e.TaskCancelRefused() as fact:
            return f"{who} asked to cancel task {fact.task} and was refused: {refusal(fact)}."
        case e.JobCommandRefused() as fact:
            what = "it" if fact.task is None else f"task {fact.task}"
            command = plain(fact.command.partition("_")[0])
            return f"{who} asked to {command} {what} and was refused: {refusal(fact)}."
        case e.JobFinishRequested() as fact:
            return f"{who} asked to finish it{saying(fact.message)}."
        case e.TaskFinishRequested() as fact:
            return f"{who} asked to finish task {fact.task}{saying(fact.message)}."
        case e.TaskRequeued() as fact:
            return f"{who} queued task {fact.task} again."
        case _:
            return ""


def of_effect(fact: e.Event, job: Job) -> str:
    """What was done, and what became of it."""
    match fact:
        case e.TaskStarted():
            return f"{those(fact.runs)} started."
        case e.TaskFinished():
            return f"{those(fact.runs)} finished by itself."
        case e.TaskFailed():
            again = ", and was queued again" if fact.runs_again else ""
            return f"{those(fact.runs)} failed: {plain(fact.reason) or ending(fact.exit)}{again}."
        case e.TaskRuntimeExpired():
            return f"The run-time limit of {tasks(fact.runs)} ran out ({fact.runtime_seconds} s)."
        case e.TaskStopOrdered():
            kill = fact.step is StopStep.KILL
            signal = "SIGKILL" if kill else f"The stop signal {fact.signal}"
            return f"{signal} was ordered for {tasks(fact.runs)}."
        case e.TaskStopped():
            return f"{those(fact.runs)} ended {fact.after_ms} ms later, with {ending(fact.exit)}."
        case e.TaskForceStopped():
            return force_stopped(fact)
        case e.TaskSurvivorsGone():
            return f"The last processes of {tasks(fact.runs)} are gone."
        case e.TaskCanceled():
            return f"Tasks {fact.tasks} were canceled before they ran."
        case _:
            return of_the_end(fact, job)


def of_the_end(fact: e.Event, job: Job) -> str:
    """Node release, and the end itself."""
    match fact:
        case e.NodeReleaseStarted():
            return f"The node release task started on {fact.node}."
        case e.NodeReleaseEnded():
            how = "was killed, because its time ran out" if fact.timed_out else "ended"
            return f"The node release task {how}, with {ending(fact.exit)}."
        case e.NodeReleaseSkipped():
            return f"The node release task was skipped ({plain(fact.reason)})."
        case e.JobCanceled():
            return f"The cancel was carried out, {fact.lasted_ms} ms after it was asked for."
        case e.JobFailing():
            return f"The service began to end it as Failed: {plain(fact.message)}."
        case e.JobEnding():
            return f"All tasks had ended; it was going to be {fact.outcome} after node release."
        case e.JobFinished():
            return "It ended Finished."
        case e.JobFailed():
            return f"It ended Failed: {plain(fact.message) or fact.code or job.state}."
        case _:
            return ""


def force_stopped(fact: e.TaskForceStopped) -> str:
    """A run that had to be killed."""
    expired = fact.why is ForceReason.GRACE_EXPIRED
    why = "did not end within its grace period and was killed" if expired else "was killed"
    left = f"; {fact.survivors} of its processes survived" if fact.survivors else ""
    killed = count(fact.killed, "process", "processes")
    return f"{those(fact.runs)} {why} with SIGKILL after {fact.after_ms} ms ({killed}){left}."


# --- words ----------------------------------------------------------------------------------------


def found(fact: e.JobCancelRequested) -> str:
    """What a cancel found, and what it took over from."""
    rule = f", allowed by {', '.join(fact.decision.rules)}" if fact.decision.rules else ""
    over = "; it took over from the weaker cancel under way" if fact.escalates else ""
    running, waiting = fact.running.count, fact.waiting.count
    return f"{rule}: {running} running and {waiting} waiting tasks{over}"


def refusal(fact: e.RefusalEvent) -> str:
    """Why not, and by which rule."""
    return f"{plain(fact.explanation)} (rule {plain(fact.rule)})"


def caller_of(recorded: e.Recorded) -> str:
    """Who asked, and for whom."""
    caller = recorded.event.caller
    return by(caller.actor.name, caller.on_behalf_of.name if caller.on_behalf_of else "")


def by(actor: str, on_behalf_of: str) -> str:
    """``alice for bob``, or only ``alice``."""
    return f"{actor} for {on_behalf_of}" if on_behalf_of else actor


def saying(message: str) -> str:
    """The operator's words."""
    return f", saying {quoted(message)}" if message else ""


def those(runs: tuple[e.RunRange, ...]) -> str:
    """Which tasks, at the beginning of a sentence."""
    return tasks(runs).capitalize()


def count(number: int, one: str, many: str = "") -> str:
    """``1 task``, ``2 tasks``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def verb(number: int) -> str:
    """``runs`` for one, ``run`` for several."""
    return "runs" if number == 1 else "run"
