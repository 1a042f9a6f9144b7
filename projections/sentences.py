"""One event of a job as a sentence of its explanation."""

from datetime import datetime
from itertools import groupby
from typing import Final

from domain import events as e
from domain.filtering import RULE
from domain.job import Job
from domain.ranges import ranges
from domain.states import CancelMode, ForceReason, StopStep, TaskState, TaskType
from projections.emergency_words import refused_in_emergency, stopped_in_emergency
from projections.quoting import plain, word
from projections.sentence_words import caller_of, count, either, refusal, saying, those
from projections.summary import (
    HELD,
    canceled_unrun,
    ending,
    on,
    on_nodes,
    processes,
    release_end,
    tasks,
    waits_for,
)
from projections.task_cancels import canceled_tasks

HOW: Final = {
    CancelMode.NORMAL: "",
    CancelMode.FORCED: " by force",
    CancelMode.GRACEFUL: " gracefully",
}


COMMANDS: Final = {
    "unprotect": "lift the protection of",
    "legal_hold": "place a legal hold on",
    "release_legal_hold": "release the legal hold on",
}
"""Commands whose names are no words."""


def sentence(recorded: e.Recorded, job: Job) -> str:
    """The sentence for one event; "" for one that explains nothing.

    ``job``: as it is after the last event of the round.
    """
    who = caller_of(recorded)
    match recorded.data:
        case e.JobAdded() as fact:
            return f"{who} created it with {count(len(fact.tasks), 'task')}."
        case e.JobSubmitted():
            return f"{who} submitted it."
        case e.JobConfigured():
            return f"{who} took it back to Configuring."
        case e.JobRequeued() as fact:
            return f"{who} queued it again{saying(fact.message)}; {queued_again(fact)}."
        case e.JobRemoved():
            return "It left the job view, because TTLCompletedJobs ran out; its events stay."
        case _:
            return (
                of_the_start(recorded.data) or of_request(recorded, who) or of_effect(recorded, job)
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
        case e.EmergencyStopRecorded() as fact:
            return f"{who} {stopped_in_emergency(fact)}."
        case e.TaskCancelRequested() as fact:
            task = on(fact)
            return f"{who} asked to cancel {task}{HOW[fact.mode]}{saying(fact.message)}."
        case e.JobCancelRepeated() as fact:
            return f"{who} asked again{saying(fact.message)}; that changed nothing."
        case e.TaskCancelRepeated() as fact:
            return f"{who} asked again to cancel {on(fact)}; that changed nothing."
        case e.JobCancelRefused() as fact:
            return f"{who} asked to cancel it and was refused: {refusal(fact)}."
        case e.TaskCancelRefused() as fact:
            return f"{who} asked to cancel {on(fact)} and was refused: {refusal(fact)}."
        case e.JobCommandRefused() as fact:
            return f"{who} {refused_command(fact)}: {refusal(fact)}."
        case e.JobFinishRequested() as fact:
            return f"{who} asked to finish it{saying(fact.message)}."
        case e.TaskFinishRequested() as fact:
            return f"{who} asked to finish {on(fact)}{saying(fact.message)}."
        case e.TaskRequeued() as fact:
            return f"{who} queued {on(fact)} again{saying(fact.message)}."
        case _:
            return of_mark(recorded, who)


def refused_command(fact: e.JobCommandRefused) -> str:
    """What somebody was refused, behind their name."""
    if fact.asked_at:
        return refused_in_emergency(fact)
    command = COMMANDS.get(fact.command) or plain(fact.command.partition("_")[0])
    return f"asked to {command} {on(fact)} and was refused"


def of_mark(recorded: e.Recorded, who: str) -> str:
    """That it was marked, or a mark taken back."""
    match recorded.data:
        case e.JobProtected() as fact:
            return f"{who} protected it{saying(fact.message)}."
        case e.JobProtectionLifted() as fact:
            return f"{who} lifted its protection{saying(fact.message)}."
        case e.JobLegalHoldPlaced() as fact:
            return f"{who} put it under legal hold{saying(fact.message)}."
        case e.JobLegalHoldReleased() as fact:
            return f"{who} released its legal hold{saying(fact.message)}."
        case _:
            return of_waiting(recorded, who)


def of_waiting(recorded: e.Recorded, who: str) -> str:
    """What became of a cancel that had to wait."""
    match recorded.data:
        case e.JobCancelHeld() as fact:
            how = f"{HOW[fact.mode]}{saying(fact.message)}"
            return f"{who} asked to cancel it{how}; that {waits(fact)}."
        case e.JobCancelApproved() as fact:
            how_far = f"{fact.given} of {fact.needed}"
            return f"{who} approved the cancel ({how_far}){saying(fact.message)}."
        case e.BreakGlassUsed() as fact:
            by_rules = f"{fact.overridden_effect}, by {', '.join(fact.overridden_rules)}"
            return f"With that {who} overrode what the rules said: {by_rules}."
        case e.BreakGlassReviewed() as fact:
            return f"{who} reviewed that{saying(fact.message)}."
        case e.JobCancelWithdrawn() as fact:
            return f"{who} withdrew the cancel {word(fact.cancel_id, ',')}{saying(fact.message)}."
        case e.JobCancelLapsed() as fact:
            name = word(fact.cancel_id, ",")
            return f"The cancel {name} never took effect: {plain(fact.explanation)}."
        case _:
            return ""


def of_effect(recorded: e.Recorded, job: Job) -> str:
    """What was done, and what became of it."""
    match recorded.data:
        case e.TaskStarted() as fact:
            return f"{those(fact.runs)} started."
        case e.TaskFinished() as fact:
            itself = either(len(fact.runs), "itself", "themselves")
            return f"{those(fact.runs)} finished by {itself}."
        case e.TaskFailed() as fact:
            again = ", and was queued again" if fact.runs_again else ""
            return f"{who_failed(fact, job)}: {why_failed(fact)}{again}."
        case e.TaskRuntimeExpired() as fact:
            return f"The run-time limit of {tasks(fact.runs)} ran out ({fact.runtime_seconds} s)."
        case e.TaskStopOrdered() as fact:
            kill = fact.step is StopStep.KILL
            signal = "SIGKILL" if kill else f"The stop signal {fact.signal}"
            return f"{signal} was ordered for {tasks(fact.runs)}."
        case e.TaskStopped() as fact:
            return f"{those(fact.runs)} ended {fact.after_ms} ms later, with {ending(fact.exit)}."
        case e.TaskForceStopped() as fact:
            return force_stopped(fact)
        case e.TaskSurvivorsGone() as fact:
            return f"The last processes of {tasks(fact.runs)} are gone."
        case e.TaskCanceled() as fact:
            return f"{canceled_unrun(fact).capitalize()}."
        case _:
            return of_the_end(recorded, job)


def of_the_end(recorded: e.Recorded, job: Job) -> str:
    """Node release, and the end itself."""
    match recorded.data:
        case e.NodeReleaseStarted() as fact:
            return f"The node release task started on {fact.node}."
        case e.NodeReleaseEnded() as fact:
            return f"The node release task {release_end(fact)}."
        case e.NodeReleaseSkipped() as fact:
            return f"The node release task was skipped ({plain(fact.reason)})."
        case e.JobCanceled() as fact:
            return f"The cancel was carried out, {fact.lasted_ms} ms after it was asked for."
        case e.JobFailing() as fact:
            return f"The service began to end it as Failed: {plain(fact.message)}."
        case e.JobEnding() as fact:
            goes_on = f"It was going to be {fact.outcome} after node release."
            return f"{in_vain(job, recorded.time) or 'All tasks had ended.'} {goes_on}"
        case e.JobFinished():
            return "It ended Finished."
        case e.JobFailed() as fact:
            people = canceled_tasks(job)  # whom the answer names; HPC Pack's count leaves them out
            why = "" if people else f": {plain(fact.message) or fact.code or job.state}"
            return f"{in_vain(job, recorded.time)} It ended Failed{why}.".lstrip()
        case _:
            return ""


def force_stopped(fact: e.TaskForceStopped) -> str:
    """A run that had to be killed."""
    expired = fact.why is ForceReason.GRACE_EXPIRED
    why = "did not end within its grace period and was killed" if expired else "was killed"
    left = f"; {fact.survivors} of its processes survived" if fact.survivors else ""
    how = f"with SIGKILL after {fact.after_ms} ms ({processes(fact.killed)})"
    return f"{those(fact.runs)} {why}{on_nodes(fact.runs)} {how}{left}."


def who_failed(fact: e.TaskFailed, job: Job) -> str:
    """Which tasks, or node preparation on which node."""
    if is_preparation(fact, job):
        return f"Node preparation failed{on_nodes(fact.runs)}"
    return f"{those(fact.runs)} failed"


def is_preparation(fact: e.TaskFailed, job: Job) -> bool:
    """Whether it drops a node of the job, which is worth a sentence each time."""
    found = (job.tasks.get(run.task) for run in fact.runs)
    return any(task and task.spec.type is TaskType.NODE_PREP for task in found)


def why_failed(fact: e.TaskFailed) -> str:
    """Why, or how it ended."""
    return plain(fact.reason) or ending(fact.exit)


def in_vain(job: Job, at: datetime) -> str:
    """Which tasks were canceled when the job came to its end, because they waited in vain."""
    found = [
        task
        for task in job.work
        if task.state is TaskState.CANCELED and task.reason and task.ended_at == at
        if task.cancel is None
    ]
    found.sort(key=lambda task: task.reason)
    return " ".join(
        waited_in_vain([task.spec.id for task in same], plain(reason))
        for reason, same in groupby(found, lambda task: task.reason)
    )


def waited_in_vain(ids: list[int], reason: str) -> str:
    """``Task 3 was canceled before it ran: it depends on task 2, which failed.``"""
    if len(ids) == 1:
        return f"Task {ids[0]} was canceled before it ran: it {reason}."
    return f"Tasks {ranges(ids)} were canceled before they ran: each {reason}."


# --- words ----------------------------------------------------------------------------------------


def waits(fact: e.JobCancelHeld) -> str:
    """What it had to wait for, and by which rule."""
    rule = f", by {', '.join(fact.decision.rules)}" if fact.decision.rules else ""
    return f"{waits_for(fact).replace('held', 'was held').replace('needs', 'needed')}{rule}"


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
