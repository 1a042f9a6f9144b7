"""What follows from the end of a filter program: the site's word on a job.

A submission filter is asked once a submit, before the job is queued; an activation filter each time
that the job is about to start. Source: the product's pages on filters and the samples of its SDK;
"deliberate" marks what no source says, or where this service goes its own way.
"""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from domain import commands as c
from domain import events as e
from domain.errors import BadRequest
from domain.hresult import HResult
from domain.job import Job
from domain.states import ActivationHold, Effect, FilterHow, JobState
from domain.submission import check_changes, check_properties

Facts = tuple[e.JobEvent, ...]

UNCHANGED: Final = 0
CHANGED: Final = 1
"""Exit codes of a submission filter: queue the job as it is, or as the file says now. Any other one
refuses it. Source: the product's SubmissionFilterResponse (0, 1, and -1 for any failure)."""

STARTS: Final = 0
HOLDS: Final = {1: ActivationHold.QUEUE, 2: ActivationHold.SLOTS, 3: ActivationHold.JOB}
FAILS: Final = 4
"""Exit codes of an activation filter. Source: the product's ActivationFilterResponse. Any other one
blocks the queue as 1 does (source: the product's first pages on filters). Deliberate: so does a
filter that cannot be run, for what it guards is not free because nobody can say."""

RESTATED: Final = timedelta(minutes=15)
"""A filter whose words change with every answer must not flood the stream: while it gives the same
answer, other words are written down this long after the last ones."""

RULE: Final = "submission-filter"


class Rejection(Struct, frozen=True):
    """How a refusal is called here and by HPC Pack, and its sentence."""

    code: str
    hresult: HResult
    sentence: str


REJECTIONS: Final = {
    FilterHow.RAN: Rejection(
        "submission_filter_failed", HResult.SUBMISSION_FILTER_FAILED, "refused the job"
    ),
    FilterHow.TIMED_OUT: Rejection(
        "submission_filter_timeout",
        HResult.SUBMISSION_FILTER_TIMEOUT,
        "gave no answer in time, which refuses the job",
    ),
    FilterHow.MISSING: Rejection(
        "submission_filter_missing", HResult.SUBMISSION_FILTER_DOES_NOT_EXIST, "is not there"
    ),
    FilterHow.INVALID: Rejection(
        "submission_filter_invalid", HResult.SUBMISSION_FILTER_INVALID, "cannot be run"
    ),
}
BAD_TERM: Final = Rejection(
    "submission_filter_job_term",
    HResult.SUBMISSION_FILTER_INVALID_JOB_TERM,
    "changed what it cannot change",
)

# --- submission -----------------------------------------------------------------------------------


def start_external_validation(job: Job, instruction: c.StartExternalValidation) -> Facts:
    """Validating -> ExternalValidation."""
    if job.state is not JobState.VALIDATING:
        return ()
    return (e.JobExternalValidationStarted(instruction.filter),)


def end_external_validation(job: Job, instruction: c.EndExternalValidation) -> Facts:
    """ExternalValidation -> Queued, with what the filter changed before it; or Failed."""
    if job.state is not JobState.EXTERNAL_VALIDATION:
        return ()
    end, terms = instruction.end, instruction.terms
    if end.how is not FilterHow.RAN or end.exit_code not in (UNCHANGED, CHANGED):
        return (rejected(REJECTIONS[end.how], instruction, answer_of(end)),)
    trouble = terms.not_taken or bad_changes(job, terms.changes)
    if not trouble and terms.changes is not None and end.exit_code == UNCHANGED:
        trouble = "the job's file was changed, and the exit code 0 says that it was not: 1 does"
    if trouble:
        return (rejected(BAD_TERM, instruction, trouble),)
    if terms.changes is None:
        return (e.JobQueued(),)
    return (changed_by(instruction.filter, terms.changes), e.JobQueued())


def bad_changes(job: Job, changes: c.JobChanges | None) -> str:
    """What is wrong with the job as the filter wants it; "" for nothing."""
    try:
        if changes is not None:
            check_changes(changes)
            check_properties(job.properties | (changes.properties or {}))
    except BadRequest as no:
        return no.message
    return ""


def changed_by(program: str, changes: c.JobChanges) -> e.JobPropertiesChanged:
    """The filter's changes, on the service's account; the rule names what decided."""
    return e.JobPropertiesChanged(
        request_id="",
        changes=changes.properties or {},
        decision=e.Decision(Effect.ALLOW, "", (RULE,), {"filter": program}),
        name=changes.name,
        priority=changes.priority,
        fail_on_task_failure=changes.fail_on_task_failure,
        run_until_canceled=changes.run_until_canceled,
        runtime_seconds=changes.runtime_seconds,
    )


def rejected(no: Rejection, instruction: c.EndExternalValidation, why: str) -> e.JobRejected:
    """The refusal, with the filter's own words."""
    sentence = f"the submission filter {instruction.filter} {no.sentence}"
    return e.JobRejected(no.code, f"{sentence}: {why}" if why else sentence, no.hresult)


# --- activation -----------------------------------------------------------------------------------


def starts(end: c.FilterEnd) -> bool:
    """Whether the job may start: the filter says so, or says nothing in time.

    Source: the product's ActivationFilterTimeout. (A sample of its SDK says the opposite.)
    """
    return end.how is FilterHow.TIMED_OUT or (end.how is FilterHow.RAN and end.exit_code == STARTS)


def hold_of(end: c.FilterEnd) -> ActivationHold:
    """What waits after an answer that neither starts nor fails the job."""
    return HOLDS.get(-1 if end.exit_code is None else end.exit_code, ActivationHold.QUEUE)


def end_activation(job: Job, instruction: c.EndActivation) -> Facts:
    """Held, if that is news; or Failed."""
    end = instruction.end
    if job.state is not JobState.QUEUED or starts(end):
        return ()
    if end.how is FilterHow.RAN and end.exit_code == FAILS:
        sentence = f"the activation filter {instruction.filter} failed the job"
        words = f"{sentence}: {end.words}" if end.words else sentence
        code = HResult.FAILED_BY_ACTIVATION_FILTER
        return (e.JobFailed(words, "failed_by_activation_filter", code),)
    held = held_by(instruction)
    return (held,) if is_news(job, held, instruction) else ()


def held_by(instruction: c.EndActivation) -> e.JobActivationHeld:
    """The answer as a fact."""
    end = instruction.end
    listed = end.how is FilterHow.RAN and end.exit_code in HOLDS
    return e.JobActivationHeld(
        filter=instruction.filter,
        hold=hold_of(end),
        exit_code=end.exit_code,
        code="held_by_activation_filter" if listed else TROUBLES[end.how],
        reason=end.words if listed else answer_of(end),
        again_seconds=instruction.again_seconds,
    )


TROUBLES: Final = {
    FilterHow.RAN: "activation_filter_failed",
    FilterHow.TIMED_OUT: "activation_filter_timeout",
    FilterHow.MISSING: "activation_filter_missing",
    FilterHow.INVALID: "activation_filter_invalid",
}


def is_news(job: Job, new: e.JobActivationHeld, instruction: c.EndActivation) -> bool:
    """Whether the answer is another one than before, or its words are, after a while."""
    old = job.held
    if old is None:
        return True
    if (old.filter, old.hold, old.code, old.exit_code) != (
        new.filter,
        new.hold,
        new.code,
        new.exit_code,
    ):
        return True
    return old.reason != new.reason and instruction.at - old.told_at >= RESTATED


# --- words ----------------------------------------------------------------------------------------


def answer_of(end: c.FilterEnd) -> str:
    """How it ended, and what it wrote."""
    if end.how is not FilterHow.RAN:
        return end.words
    how = f"signal {end.signal}" if end.exit_code is None else f"exit code {end.exit_code}"
    return f"{how}, {end.words}" if end.words else how
