"""What the service told a job, made again from the facts that came of it. Used by ``remaking``."""

import re
from collections.abc import Iterator
from typing import Final, assert_never

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.filtering import BAD_TERM, CHANGED, FAILS, REJECTIONS, RULE
from domain.job import Job
from domain.states import FilterHow, ForceReason, StopStep

STOP_SIGNAL: Final = 15
"""For an order that is no signal: which one would have come first makes no difference."""

RETRIES_MANY: Final = 10**9
STOP_SIGNALS: Final = frozenset({1, 2, 3, 10, 12, 15})
"""Those that the setting ``stop_signal`` allows, by their numbers on Linux."""

EXIT: Final = re.compile(r"(?:exit code (\d+)|signal (\d+))(?:, (.*))?", re.DOTALL)
ENGINE_STOP: Final = re.compile(r"stopped by the engine without an order on the stream \((.*)\)")
FAILED_SO: Final = re.compile(r"the activation filter (.*?) failed the job(?:: (.*))?", re.DOTALL)
HELD: Final = "held_by_activation_filter"
NOT_RUN: Final = {
    "activation_filter_missing": FilterHow.MISSING,
    "activation_filter_invalid": FilterHow.INVALID,
}

Told = (
    e.JobPropertiesChanged
    | e.JobValidationStarted
    | e.JobExternalValidationStarted
    | e.JobQueued
    | e.JobRejected
    | e.JobActivationHeld
    | e.JobStarted
    | e.TaskStarted
    | e.TaskFinished
    | e.TaskFailed
    | e.TaskStopOrdered
    | e.TaskStopped
    | e.TaskForceStopped
    | e.TaskSurvivorsGone
    | e.TaskCanceled
    | e.NodeReleaseStarted
    | e.NodeReleaseEnded
    | e.NodeReleaseSkipped
    | e.JobCanceled
    | e.JobFailing
    | e.TaskRuntimeExpired
    | e.JobEnding
    | e.JobFinished
    | e.JobFailed
    | e.JobRemoved
)
"""What the service itself writes down about a job."""


def instructions_of(  # noqa: C901, PLR0915 - one case a fact, and the compiler checks that none is missing
    job: Job, recorded: e.Recorded, data: Told
) -> Iterator[c.Instruction]:
    """The instructions that may have led to this fact about ``job``, as it was before."""
    at = recorded.time
    match data:
        case e.JobPropertiesChanged():
            yield from by_submission_filter(data)
        case e.JobValidationStarted():
            yield c.StartValidation()
        case e.JobExternalValidationStarted():
            yield c.StartExternalValidation(data.filter)
        case e.JobQueued():
            yield c.EndValidation()
        case e.JobRejected():
            yield c.EndValidation(data.code, data.reason)
            yield from rejections(data)
        case e.JobActivationHeld():
            yield c.EndActivation(data.filter, end_of_filter(data), at, data.again_seconds)
        case e.JobStarted():
            seconds, outcome = data.runtime_seconds, data.filter_outcome
            yield c.StartJob(data.nodes, seconds, data.filter, outcome)
        case e.TaskStarted():
            for run in data.runs:
                how = (run.task, run.attempt, run.node, data.handle, number(run))
                yield c.StartTask(*how)
        case e.NodeReleaseStarted():
            for run in data.runs:
                yield c.StartRelease(run.attempt, run.node, data.handle, number(run))
        case e.TaskFinished():
            for run in data.runs:
                yield c.RecordRunEnd(run.task, run.attempt, data.exit, instance=number(run))
        case e.TaskFailed():
            for run in data.runs:
                yield from failures(run, data)
        case e.TaskStopped():
            stop = c.StopSeen(data.request_id, StopStep.SIGNAL, False, data.after_ms, 0, 0)
            yield from stops(data, stop)
        case e.TaskForceStopped():
            yield from force_stops(data)
        case e.NodeReleaseEnded():
            for run in data.runs:
                yield from release_ends(run, data)
        case e.TaskStopOrdered():
            by_signal = data.step is StopStep.SIGNAL and data.signal in STOP_SIGNALS
            yield c.OrderStop(data.signal if by_signal else STOP_SIGNAL)
        case e.TaskSurvivorsGone():
            for run in data.runs:
                yield c.RecordSurvivorsGone(run.task, run.attempt, number(run))
        case e.TaskCanceled():
            yield c.RecordTaskCanceled()
        case e.NodeReleaseSkipped():
            yield c.SkipRelease()
        case e.JobFailing():
            yield c.FailJob(data.grace_seconds)
            yield c.ExpireRuntime(at, data.grace_seconds)
        case e.TaskRuntimeExpired():
            yield c.ExpireRuntime(at, data.grace_seconds)
            yield c.ExpireRuntime(job.changed_at, data.grace_seconds)
        case e.JobFailed():
            yield c.EndJob(at)
            yield from failed_by_filter(recorded, data)
        case e.JobCanceled() | e.JobEnding() | e.JobFinished():
            yield c.EndJob(at)
        case e.JobRemoved():
            yield c.RemoveJob(data.reason)
        case _:
            assert_never(data)


def number(run: e.RunRange) -> int:
    """The subtask of a run that is one; what is no number belongs to none."""
    return int(run.instances) if run.instances.isdecimal() else -1


# --- filters --------------------------------------------------------------------------------------


def by_submission_filter(data: e.JobPropertiesChanged) -> Iterator[c.Instruction]:
    """The changes of a submission filter."""
    if data.decision.rules != (RULE,):
        return
    changes = c.JobChanges(
        name=data.name,
        priority=data.priority,
        properties=data.changes or None,
        fail_on_task_failure=data.fail_on_task_failure,
        run_until_canceled=data.run_until_canceled,
        runtime_seconds=data.runtime_seconds,
    )
    end, program = c.FilterEnd(FilterHow.RAN, CHANGED), data.decision.facts.get("filter", "")
    yield c.EndExternalValidation(program, end, c.JobTerms(changes))


def rejections(data: e.JobRejected) -> Iterator[c.Instruction]:
    """The ends of a submission filter that may have refused the job in these words."""
    for how, no in REJECTIONS.items():
        for program, why in parted(data, no.sentence):
            end = c.FilterEnd(how, words=why) if how is not FilterHow.RAN else ran(why)
            yield c.EndExternalValidation(program, end)
    for program, why in parted(data, BAD_TERM.sentence):
        terms = c.JobTerms(not_taken=why)
        yield c.EndExternalValidation(program, c.FilterEnd(FilterHow.RAN, CHANGED), terms)


def parted(data: e.JobRejected, sentence: str) -> Iterator[tuple[str, str]]:
    """The program that a sentence is about, and the words behind it."""
    begin = "the submission filter "
    head, found, rest = data.reason.partition(f" {sentence}")
    if found and head.startswith(begin):
        yield head.removeprefix(begin), rest.removeprefix(": ")


def ran(said: str) -> c.FilterEnd:
    """How a filter ended that was run, from the sentence that says so."""
    found = EXIT.fullmatch(said)
    if found is None:
        return c.FilterEnd(FilterHow.RAN, words=said)
    code, signal, words = found.groups()
    return c.FilterEnd(
        FilterHow.RAN,
        int(code) if code is not None else None,
        int(signal) if signal is not None else None,
        words or "",
    )


def end_of_filter(data: e.JobActivationHeld) -> c.FilterEnd:
    """The end of an activation filter that held the job so."""
    if data.code == HELD:
        return c.FilterEnd(FilterHow.RAN, data.exit_code, words=data.reason)
    if data.code in NOT_RUN:
        return c.FilterEnd(NOT_RUN[data.code], data.exit_code, words=data.reason)
    return ran(data.reason)


def failed_by_filter(recorded: e.Recorded, data: e.JobFailed) -> Iterator[c.Instruction]:
    """The end of an activation filter that failed the job in these words."""
    found = FAILED_SO.fullmatch(data.message)
    if found is not None:
        end = c.FilterEnd(FilterHow.RAN, FAILS, words=found[2] or "")
        yield c.EndActivation(found[1], end, recorded.time, 0)


# --- ends of runs ---------------------------------------------------------------------------------


def failures(run: e.RunRange, data: e.TaskFailed) -> Iterator[c.Instruction]:
    """A run that failed by itself, was lost, stopped by the engine, or could not be started."""
    instance, killed, survivors = number(run), data.killed, data.survivors
    ended = c.RecordRunEnd(
        run.task,
        run.attempt,
        data.exit,
        killed=killed,
        survivors=survivors,
        instance=instance,
    )
    yield ended
    for retries in (0, RETRIES_MANY):
        yield replace(ended, lost=data.reason, retry_count=retries)
    found = ENGINE_STOP.fullmatch(data.reason)
    if found is not None:
        for step in StopStep:
            yield replace(ended, stop=c.StopSeen(found[1], step, False, 0, killed, survivors))
    why = (data.code, data.reason, instance)
    yield c.RefuseTask(run.task, run.attempt, run.node, *why)


def stops(data: e.TaskStopped | e.TaskForceStopped, *seen: c.StopSeen) -> Iterator[c.Instruction]:
    """Runs that an order ended."""
    for run in data.runs:
        for stop in seen:
            yield c.RecordRunEnd(run.task, run.attempt, data.exit, stop, instance=number(run))


def force_stops(data: e.TaskForceStopped) -> Iterator[c.Instruction]:
    """Runs that were killed: at once, or when their time was over."""
    expired = data.why is ForceReason.GRACE_EXPIRED
    counts = (expired, data.after_ms, data.killed, data.survivors)
    steps = tuple(StopStep) if expired else (StopStep.KILL,)
    yield from stops(data, *(c.StopSeen(data.request_id, step, *counts) for step in steps))


def release_ends(run: e.RunRange, data: e.NodeReleaseEnded) -> Iterator[c.Instruction]:
    """Node release that ended, was cut short, was lost, or could not be started."""
    stop = c.StopSeen(data.request_id, StopStep.KILL, False, 0, data.killed, data.survivors)
    lost = "" if data.reason == "forced" and data.request_id else data.reason
    yield c.RecordRunEnd(
        run.task,
        run.attempt,
        data.exit,
        stop if data.request_id else None,
        data.timed_out,
        data.killed,
        data.survivors,
        lost,
        instance=number(run),
    )
    yield c.RefuseTask(run.task, run.attempt, data.node, "", data.reason, number(run))
