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
from domain.filtering import RULE
from domain.job import Job
from domain.states import JOB_ENDED, CancelMode, ForceReason, JobState, StopStep
from projections.quoting import plain, quoted, word
from projections.sentence_words import by, caller_of, count, either, refusal, saying, those
from projections.summary import HELD, canceled_unrun, ending, tasks
from projections.task_cancels import canceled_tasks, who_canceled

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
    every = tuple(folded(history))
    told = last_round(every)
    return (Sentence(answer(every), grounds(every, told)), *course(told))


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


def grounds(every: Sequence[Told], told: Sequence[Told]) -> tuple[int, ...]:
    """What the answer rests on: the event that brought the state, and the requests behind it."""
    job = told[-1].job
    causes = {task.cancel.version for task in canceled_tasks(job) if task.cancel}
    cause = job.cancel or job.finish
    if cause is not None and job.state is not JobState.FAILED:
        causes.add(cause.version)
    if job.failing is not None and job.state is JobState.FAILED:
        causes.add(job.failing.version)
    asked = {x.position for x in every if x.recorded.version in causes}
    return tuple(sorted(asked | {place_of_state(told)}))


def place_of_state(told: Sequence[Told]) -> int:
    """The event that brought the job into the state it is in."""
    place = told[0].position
    for before, after in pairwise(told):
        if before.job.state is not after.job.state:
            place = after.position
    return place


# --- the answer -----------------------------------------------------------------------------------


def answer(every: Sequence[Told]) -> str:
    """How the job is, and in one clause why."""
    job = every[-1].job
    name = f"Job {job.id}" + (f" ({quoted(job.name)})" if job.name else "") + f" of {job.owner}"
    if job.state in JOB_ENDED:
        return f"{name} is {job.state}, because {why_ended(every)}."
    return f"{name} has not ended: it is {job.state}{why_not_yet(job)}."


def why_ended(every: Sequence[Told]) -> str:
    """The clause for a job that is over."""
    job = every[-1].job
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
    people = who_canceled(job, {x.recorded.version: x.recorded for x in every})
    return people or plain(job.error_params) or "its tasks failed"


def why_not_yet(job: Job) -> str:
    """The clause for a job that is not over."""
    running, waiting = len(job.on_node), len(job.waiting)
    if job.state in (JobState.CANCELING, JobState.FINISHING):
        left = (
            f"; {count(running, 'task')} still {either(running, 'runs', 'run')}" if running else ""
        )
        return left + ("; its node release task runs" if job.release_running else "")
    if job.held is not None:
        why = f": {plain(job.held.reason)}" if job.held.reason else ""
        return f", held by the activation filter {plain(job.held.filter)}{why}"
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
        case e.JobConfigured():
            return f"{who} took it back to Configuring."
        case e.JobRequeued() as fact:
            return f"{who} queued it again; {queued_again(fact)}."
        case e.JobRemoved():
            return "It left the job view, because TTLCompletedJobs ran out; its events stay."
        case _:
            return (
                of_the_start(recorded.data)
                or of_request(recorded, who)
                or of_effect(recorded.data, job)
            )


def of_the_start(fact: e.Event) -> str:
    """What the service and the filters of the site did before it ran."""
    match fact:
        case e.JobExternalValidationStarted():
            return f"The submission filter {plain(fact.filter)} was asked."
        case e.JobPropertiesChanged() if RULE in fact.decision.rules:
            names = ", ".join(word(x, ",") for x in sorted(fact.named))
            return f"The submission filter changed {names}."
        case e.JobRejected():
            return f"It was rejected: {plain(fact.reason)}."
        case e.JobActivationHeld():
            why = f": {plain(fact.reason)}" if fact.reason else ""
            return f"The activation filter {plain(fact.filter)} held it{why} ({HELD[fact.hold]})."
        case e.JobStarted(filter_outcome="timed_out"):
            late = f"the activation filter {plain(fact.filter)} gave no answer in time"
            return f"It started on {', '.join(fact.nodes)}, because {late}."
        case e.JobStarted():
            return f"It started on {', '.join(fact.nodes)}."
        case _:
            return ""


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
            itself = either(len(fact.runs), "itself", "themselves")
            return f"{those(fact.runs)} finished by {itself}."
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
            return f"{canceled_unrun(fact.tasks).capitalize()}."
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
            people = canceled_tasks(job)  # whom the answer names; HPC Pack's count leaves them out
            why = "" if people else f": {plain(fact.message) or fact.code or job.state}"
            return f"It ended Failed{why}."
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


def queued_again(fact: e.JobRequeued) -> str:
    """How many tasks wait again, and how many do not."""
    queued, kept = fact.queued.count, fact.kept.count
    again = f"{count(queued, 'task')} {either(queued, 'is', 'are')} queued again"
    stay = either(kept, "stays as it was", "stay as they were")
    return f"{again}, {kept} {stay}" if kept else again
