"""Which facts have a row in the audit trail, and what each says there: one table, one entry a fact.

Every fact is either in ``SAID`` or in ``NOT_IN_TRAIL``; a test walks the closed registry.
"""

from collections.abc import Callable
from typing import Any, Final

from domain import events as e
from domain.cluster import job_number
from domain.outcome import outcome_of
from domain.remaking_policy import decision_of
from domain.states import StopCause, TaskState
from projections.audit_policy import (
    policy_activated,
    policy_proposed,
    policy_refused,
    rules,
    shadow_changed,
    with_shadow,
)
from projections.audit_trail import Kind, Said
from projections.emergency_words import asked_in_emergency, emergency
from projections.quoting import word
from projections.summary import grace, summary, waits_for
from projections.task_names import of_one, of_runs, of_tasks

OWN_FAILURE: Final = "task_failure"
"""A task that ended badly by itself: no stop, and so no row."""

NODE_RELEASE: Final = "node_release"
"""The operation of every row about node release, of whatever kind it is."""

NOT_IN_TRAIL: Final = frozenset(
    {
        e.JobAdded,
        e.TasksAdded,
        e.JobPropertiesChanged,
        e.TaskPropertiesChanged,
        e.JobSubmitted,
        e.JobValidationStarted,
        e.JobExternalValidationStarted,
        e.JobQueued,
        e.TaskStarted,
        e.TaskFinished,
        e.JobEnding,
        e.JobCancelApprovalRequested,
        e.JobIdsReserved,
        e.PolicySchemaRecorded,
    }
)
"""Facts about running, not about stopping, or told by another: they are in the job's events."""


def said(fact: e.Event) -> Said | None:
    """What the fact says in the trail; None for a fact that has no row."""
    words = SAID.get(type(fact))
    return with_shadow(words(fact), decision_of(fact)) if words else None


# --- requests -------------------------------------------------------------------------------------


def cancel_requested(fact: e.JobCancelRequested | e.TaskCancelRequested) -> Said:
    """A cancel was accepted."""
    task = isinstance(fact, e.TaskCancelRequested)
    return Said(
        kind=Kind.REQUEST,
        operation="cancel_task" if task else "cancel",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        rule=rules(fact.decision),
        tasks=task_of(fact),
        detail=f"{fact.running.count} running, {fact.waiting.count} waiting; "
        f"{grace(fact.grace_seconds)}",
    )


def emergency_recorded(fact: e.EmergencyStopRecorded) -> Said:
    """A stop that was ordered without the stream."""
    return Said(
        kind=Kind.EMERGENCY_STOP,
        operation="emergency_stop",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        rule=rules(fact.decision),
        detail=emergency(fact),
    )


def cancel_held(fact: e.JobCancelHeld) -> Said:
    """A cancel was accepted and waits."""
    return Said(
        kind=Kind.REQUEST,
        operation="cancel",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        rule=rules(fact.decision),
        detail=waits_for(fact),
    )


def about_waiting(fact: e.JobCancelApproved | e.JobCancelWithdrawn) -> Said:
    """Somebody approved a cancel that waits, or took it back."""
    approved = isinstance(fact, e.JobCancelApproved)
    return Said(
        kind=Kind.REQUEST,
        operation="approve" if approved else "withdraw",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        rule=rules(fact.decision),
        detail=summary(fact),
    )


def break_glass(fact: e.BreakGlassUsed) -> Said:
    """The rules were overridden."""
    return Said(
        kind=Kind.REQUEST,
        operation="break_glass",
        outcome=f"overrode_{fact.overridden_effect}",
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        rule=",".join(fact.overridden_rules),
        explanation=fact.overridden_explanation,
        detail=summary(fact),
    )


def reviewed(fact: e.BreakGlassReviewed) -> Said:
    """Another person looked at it."""
    return Said(
        kind=Kind.REQUEST,
        operation="review",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        rule=rules(fact.decision),
        detail=summary(fact),
    )


def cancel_lapsed(fact: e.JobCancelLapsed) -> Said:
    """A cancel that waited never takes effect."""
    return Said(
        kind=Kind.END,
        operation="cancel",
        outcome=f"lapsed_{fact.cause}",
        request_id=fact.cancel_id,
        rule=fact.rule,
        explanation=fact.explanation,
        code=fact.code,
        detail=summary(fact),
    )


def bulk_requested(fact: e.BulkCancelRequested) -> Said | None:
    """Many jobs are to be canceled; a set in several events has one row."""
    if fact.part > 1:
        return None
    return Said(
        kind=Kind.REQUEST,
        operation="cancel_jobs",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        detail=summary(fact),
    )


def cancel_repeated(fact: e.JobCancelRepeated | e.TaskCancelRepeated) -> Said:
    """A cancel that changes nothing."""
    return Said(
        kind=Kind.REPEAT,
        operation="cancel_task" if isinstance(fact, e.TaskCancelRepeated) else "cancel",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        rule=rules(fact.decision),
        tasks=task_of(fact),
        detail=f"under way: request {fact.under_way}",
    )


def cancel_refused(fact: e.JobCancelRefused | e.TaskCancelRefused | e.CancelRefused) -> Said:
    """A cancel that the rules refused."""
    whole = "" if not fact.message_sha256 else f"{fact.message_units} UTF-16 code units were sent"
    no_number = isinstance(fact, e.CancelRefused) and job_number(fact.job) is None
    return Said(
        kind=Kind.REFUSAL,
        operation="cancel_task" if task_of(fact) else "cancel",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        rule=fact.rule,
        explanation=fact.explanation,
        code=fact.code,
        tasks=task_of(fact),
        subject=fact.job if isinstance(fact, e.CancelRefused) and no_number else "",
        detail=whole,
    )


def command_refused(fact: e.JobCommandRefused) -> Said:
    """Another command on a job that the rules refused."""
    return Said(
        kind=Kind.REFUSAL,
        operation=fact.command,
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        tasks=task_of(fact),
        rule=fact.rule,
        explanation=fact.explanation,
        code=fact.code,
        detail=asked_in_emergency(fact) if fact.asked_at else "",
    )


def cluster_command_refused(fact: e.ClusterCommandRefused) -> Said:
    """A command on the cluster that the rules refused."""
    return Said(
        kind=Kind.REFUSAL,
        operation=fact.command,
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        rule=fact.rule,
        explanation=fact.explanation,
        code=fact.code,
        subject=fact.asked_for.get("name", ""),
        detail=", ".join(
            f"{word(name, ',')}={word(value, ',')}"
            for name, value in sorted(fact.asked_for.items())
        ),
    )


def finish_requested(fact: e.JobFinishRequested | e.TaskFinishRequested) -> Said:
    """A finish was accepted."""
    return Said(
        kind=Kind.REQUEST,
        operation="finish_task" if isinstance(fact, e.TaskFinishRequested) else "finish",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        rule=rules(fact.decision),
        tasks=task_of(fact),
        detail=f"{fact.running.count} running, {fact.waiting.count} waiting; "
        f"{grace(fact.grace_seconds)}",
    )


def task_again(fact: e.TaskRequeued) -> Said:
    """One task waits again."""
    return Said(
        kind=Kind.REQUEUE,
        operation="requeue_task",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        rule=rules(fact.decision),
        tasks=task_of(fact),
        detail=summary(fact),
    )


def again(fact: e.JobConfigured | e.JobRequeued) -> Said:
    """Back to the start."""
    return Said(
        kind=Kind.REQUEUE,
        operation="requeue" if isinstance(fact, e.JobRequeued) else "configure",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message if isinstance(fact, e.JobRequeued) else "",
        rule=rules(fact.decision),
        detail=summary(fact),
    )


MARKS: Final[dict[type[e.Event], str]] = {
    e.JobProtected: "protect",
    e.JobProtectionLifted: "unprotect",
    e.JobLegalHoldPlaced: "legal_hold",
    e.JobLegalHoldReleased: "release_legal_hold",
}
"""A job is marked, or a mark taken back: by which operation."""


def marked(
    fact: e.JobProtected | e.JobProtectionLifted | e.JobLegalHoldPlaced | e.JobLegalHoldReleased,
) -> Said:
    """A job is marked, or a mark taken back."""
    return Said(
        kind=Kind.MARK,
        operation=MARKS[type(fact)],
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.message,
        rule=rules(fact.decision),
        detail=summary(fact),
    )


def parameter_set(fact: e.ClusterParameterSet) -> Said:
    """A cluster parameter has a new value."""
    return Said(
        kind=Kind.PARAMETER_CHANGE,
        operation="set_parameter",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        rule=rules(fact.decision),
        subject=fact.name,
        detail=summary(fact),
    )


EVIDENCE: Final = {
    e.StreamMended: ("mend", "mended"),
    e.LossAccepted: ("accept_loss", "accepted"),
    e.StreamRestored: ("restore", "restored"),
}
"""What an administrator did to the stream itself, and what became of it."""


def evidence(fact: e.StreamMended | e.LossAccepted | e.StreamRestored) -> Said:
    """An administrator did something to the stream itself."""
    operation, outcome = EVIDENCE[type(fact)]
    return Said(
        kind=Kind.EVIDENCE,
        operation=operation,
        outcome=outcome,
        request_id=fact.request_id,
        message=fact.reason if isinstance(fact, e.LossAccepted) else "",
        subject=fact.stream,
        detail=summary(fact),
    )


# --- what the service carries out -----------------------------------------------------------------


def held(fact: e.JobActivationHeld) -> Said:
    """The site's filter does not let a job start."""
    return effect(fact, Kind.FILTER, "activation", f"held_{fact.hold}", code=fact.code)


def job_started(fact: e.JobStarted) -> Said | None:
    """A start has a row when the filter that should have been asked said nothing."""
    if fact.filter_outcome != "timed_out":
        return None
    return effect(fact, Kind.FILTER, "activation", fact.filter_outcome)


def stop_ordered(fact: e.TaskStopOrdered) -> Said:
    """An order, written before the act."""
    return effect(fact, Kind.ORDER, fact.cause, fact.step, fact.request_id, runs=fact.runs)


def failing(fact: e.JobFailing) -> Said:
    """The service ends a job by a rule that its owner set."""
    return effect(fact, Kind.ORDER, fact.cause, "fail", code=fact.code, runs=fact.running.runs)


def runtime_expired(fact: e.TaskRuntimeExpired) -> Said:
    """The time of runs is over."""
    return effect(fact, Kind.ORDER, StopCause.RUN_LIMIT, "expired", runs=fact.runs)


def stopped(fact: e.TaskStopped) -> Said:
    """A run ended within its grace period."""
    return effect(fact, Kind.STOP, fact.cause, fact.outcome, fact.request_id, runs=fact.runs)


def force_stopped(fact: e.TaskForceStopped) -> Said:
    """A run was killed."""
    return effect(
        fact, Kind.FORCED_STOP, fact.cause, fact.outcome, fact.request_id, fact.why, fact.runs
    )


def failed(fact: e.TaskFailed) -> Said | None:
    """A run that the engine ended on its own account, or whose end nobody saw."""
    if fact.code == OWN_FAILURE and not fact.killed and not fact.survivors:
        return None
    kind = Kind.FORCED_STOP if fact.killed or fact.survivors else Kind.STOP
    outcome = "again" if fact.runs_again else TaskState.FAILED
    return effect(fact, kind, "engine", outcome, code=fact.code, runs=fact.runs)


def survivors_gone(fact: e.TaskSurvivorsGone) -> Said:
    """Processes that outlived SIGKILL have ended."""
    return effect(fact, Kind.SURVIVORS_GONE, "engine", "gone", runs=fact.runs)


def release_started(fact: e.NodeReleaseStarted) -> Said:
    """Node release began."""
    return effect(fact, Kind.NODE_RELEASE, NODE_RELEASE, "started", runs=fact.runs)


def release_ended(fact: e.NodeReleaseEnded) -> Said:
    """Node release is over; when SIGKILL was needed that is a forced stop, like that of any run."""
    how = "timed_out" if fact.timed_out else "ran" if fact.exit.code == 0 else "failed"
    by_force = fact.request_id or fact.timed_out or fact.killed or fact.survivors
    return effect(
        fact,
        Kind.FORCED_STOP if by_force else Kind.NODE_RELEASE,
        NODE_RELEASE,
        "cut_short" if fact.request_id else how,
        fact.request_id,
        runs=fact.runs,
    )


def release_skipped(fact: e.NodeReleaseSkipped) -> Said:
    """Node release was not run."""
    return effect(fact, Kind.NODE_RELEASE, NODE_RELEASE, "skipped", code=fact.reason)


def task_canceled(fact: e.TaskCanceled) -> Said:
    """The end of a cancel of tasks that never ran."""
    return effect(
        fact,
        Kind.END,
        "cancel_task",
        TaskState.CANCELED,
        fact.request_id,
        tasks=of_tasks(fact.tasks, fact.subtasks),
    )


def ended(fact: e.JobCanceled | e.JobFinished | e.JobFailed | e.JobRejected) -> Said:
    """A job is over."""
    request_id = fact.request_id if isinstance(fact, e.JobCanceled | e.JobFinished) else ""
    code = "" if isinstance(fact, e.JobCanceled) else fact.code
    return effect(fact, Kind.END, "end", ENDS[type(fact)], request_id, code)


def removed(fact: e.JobRemoved) -> Said:
    """A job left the job view."""
    return effect(fact, Kind.REMOVAL, "remove", "removed", code=fact.reason)


ENDS: Final = {
    e.JobCanceled: "Canceled",
    e.JobFinished: "Finished",
    e.JobFailed: "Failed",
    e.JobRejected: "Failed",
}


def effect(
    fact: e.JobEvent,
    kind: Kind,
    operation: str,
    outcome: str,
    request_id: str = "",
    code: str = "",
    runs: tuple[e.RunRange, ...] = (),
    tasks: str = "",
) -> Said:
    """Something that was done, not asked."""
    return Said(
        kind=kind,
        operation=operation,
        outcome=outcome,
        request_id=request_id,
        code=code,
        tasks=tasks or of_runs(runs),
        detail=summary(fact),
    )


def task_of(fact: e.Event) -> str:
    """The one task, or subtask, that a request is about, or ""."""
    return of_one(getattr(fact, "task", None), getattr(fact, "instance", 0))


SAID: Final[dict[type[e.Event], Callable[[Any], Said | None]]] = {
    e.JobCancelRequested: cancel_requested,
    e.TaskCancelRequested: cancel_requested,
    e.EmergencyStopRecorded: emergency_recorded,
    e.JobCancelRepeated: cancel_repeated,
    e.TaskCancelRepeated: cancel_repeated,
    e.JobCancelRefused: cancel_refused,
    e.JobCancelHeld: cancel_held,
    e.JobCancelApproved: about_waiting,
    e.JobCancelWithdrawn: about_waiting,
    e.JobCancelLapsed: cancel_lapsed,
    e.BreakGlassUsed: break_glass,
    e.BreakGlassReviewed: reviewed,
    e.TaskCancelRefused: cancel_refused,
    e.CancelRefused: cancel_refused,
    e.BulkCancelRequested: bulk_requested,
    e.JobCommandRefused: command_refused,
    e.ClusterCommandRefused: cluster_command_refused,
    e.JobFinishRequested: finish_requested,
    e.TaskFinishRequested: finish_requested,
    e.TaskRequeued: task_again,
    e.JobConfigured: again,
    e.JobRequeued: again,
    **dict.fromkeys(MARKS, marked),
    e.ClusterParameterSet: parameter_set,
    e.StreamMended: evidence,
    e.LossAccepted: evidence,
    e.StreamRestored: evidence,
    e.PolicyProposed: policy_proposed,
    e.PolicyActivated: policy_activated,
    e.PolicyShadowStarted: shadow_changed,
    e.PolicyShadowStopped: shadow_changed,
    e.PolicyCommandRefused: policy_refused,
    e.JobActivationHeld: held,
    e.JobStarted: job_started,
    e.JobFailing: failing,
    e.TaskRuntimeExpired: runtime_expired,
    e.TaskStopOrdered: stop_ordered,
    e.TaskStopped: stopped,
    e.TaskForceStopped: force_stopped,
    e.TaskFailed: failed,
    e.TaskSurvivorsGone: survivors_gone,
    e.NodeReleaseStarted: release_started,
    e.NodeReleaseEnded: release_ended,
    e.NodeReleaseSkipped: release_skipped,
    e.TaskCanceled: task_canceled,
    e.JobCanceled: ended,
    e.JobFinished: ended,
    e.JobFailed: ended,
    e.JobRejected: ended,
    e.JobRemoved: removed,
}
