"""How a request on a job goes: asked, decided, stored, answered; also one on a job that is not."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from application.admission import Admission
from application.answering import Answering, of_task
from application.ledger import Cause, Change, Ledger
from application.ports import Clock, Policy
from application.receipts import OnTask, Receipt, receipt, replayed
from application.turns import in_turns
from domain import commands as c
from domain import events as e
from domain.cluster import JOB_ID_MAX, job_number
from domain.decide import decide
from domain.errors import CountermandError, Unknown
from domain.freezing import FreezeWindow, in_force
from domain.hresult import HResult
from domain.identity import Caller
from domain.instruct import instruct
from domain.job import Job, removal
from domain.message import MESSAGE_UNITS_MAX, kept, said_units
from domain.policy import Action, Question, RequestKnown
from domain.questions import about_waiting, of_cancel, on_job, plain
from domain.requests import JOB_ID_UNITS_MAX, REASON_CODE_MAX, JobRequest
from domain.states import CancelMode, Effect, JobState


class Cancel(Struct, frozen=True):
    """How to cancel, and why. ``bulk_size``: how many jobs are meant by the same request.
    ``break_glass``: also where the rules hold or deny it."""

    mode: CancelMode = CancelMode.NORMAL
    message: str = ""
    reason_code: str = ""
    bulk_size: int = 1
    break_glass: bool = False


class Limits(Struct, frozen=True):
    """Limits that the settings choose. ``freeze_windows``: what a policy may go by."""

    message_units_max: int = MESSAGE_UNITS_MAX
    freeze_windows: tuple[FreezeWindow, ...] = ()
    approval_seconds: int = c.APPROVAL_SECONDS
    review_seconds: int = c.REVIEW_SECONDS


class JobRequests:
    """One request on one job: the policy is asked, the domain decides, one event is stored."""

    def __init__(
        self, ledger: Ledger, policy: Policy, clock: Clock, limits: Limits, admission: Admission
    ) -> None:
        self._ledger = ledger
        self._policy = policy
        self._clock = clock
        self._limits = limits
        self._admission = admission
        self._answering = Answering(ledger)

    async def request(
        self,
        caller: Caller,
        job_id: str,
        action: Action,
        request_id: str,
        command: Callable[[c.Asked], JobRequest],
        *,
        cancel: Cancel | None = None,
        on: OnTask | None = None,
        if_versions: c.IfVersions = None,
        message: str | None = None,
        waiting: str = "",
    ) -> Receipt:
        """What became of ``command``, made for whoever asks. ``cancel``: when it is one.

        ``message``: what they say with it, None where there is nothing to say it in. ``waiting``:
        the request id of the cancel that it is about, when it is about one that waits.
        """
        number = job_number(job_id)
        job = await self._ledger.job(number) if number else None
        if number is None or job is None or job.removed:
            return await self._on_nothing(
                caller, job_id, request_id, cancel, on, gone=self._gone(caller, job)
            )
        question = self.question(caller, action, job, cancel, message)
        question = about_waiting(question, job.waiting_cancels.get(waiting))
        request = command(self.asked(caller, question, request_id, if_versions))
        if cancel is not None and cancel.break_glass:
            request = self._overriding(question, request)
        done = await self._ledger.change_job(
            number,
            self._decider(caller, request),
            self._cause(caller, request_id),
            then=end_at_once if isinstance(request, c.CancelJob) else None,
        )
        return await self._answering.receipt(number, request, done, on)

    def _overriding(self, question: Question, request: JobRequest) -> JobRequest:
        """The cancel, which passes over what the rules say to it, if they let this person; as it is
        where they allow it anyhow."""
        answer = request.asked.decision
        if answer.effect is Effect.ALLOW or not isinstance(request, c.CancelJob):
            return request
        may = self._policy.decide(replace(question, action=Action.BREAK_GLASS))
        overrides = c.Overrides(answer, self._limits.review_seconds, question.caller)
        return replace(request, asked=replace(request.asked, decision=may), overrides=overrides)

    async def cancel_each(
        self,
        caller: Caller,
        jobs: Sequence[int],
        request_id: str,
        command: Callable[[c.Asked], c.CancelJob],
        cancel: Cancel,
    ) -> dict[int, Receipt | CountermandError]:
        """What became of a cancel of each of these jobs: as ``request`` answers, or raises."""
        answers: dict[int, Receipt | CountermandError] = {}
        requests: dict[int, JobRequest] = {}
        async for number in in_turns(jobs):
            try:
                job = await self._ledger.job(number)
                if job is None or job.removed:
                    gone = self._gone(caller, job)
                    answers[number] = await self._on_nothing(
                        caller, str(number), request_id, cancel, None, gone
                    )
                else:
                    question = self.question(caller, Action.CANCEL, job, cancel)
                    requests[number] = command(self.asked(caller, question, request_id))
            except CountermandError as error:
                answers[number] = error
        deciders = {n: self._decider(caller, request) for n, request in requests.items()}
        cause = self._cause(caller, request_id)
        changes = await self._ledger.change_jobs(deciders, cause, end_at_once)
        async for number, done in in_turns(changes.items()):
            answers[number] = await self._answer(number, requests[number], done)
        return answers

    async def _answer(
        self, number: int, request: JobRequest, done: Change[Job | None] | CountermandError
    ) -> Receipt | CountermandError:
        if isinstance(done, CountermandError):
            return done
        try:
            return await self._answering.receipt(number, request, done, None)
        except CountermandError as error:
            return error

    def foreseen(
        self,
        caller: Caller,
        job_id: str,
        job: Job | None,
        request_id: str,
        command: Callable[[c.Asked], c.CancelJob],
        cancel: Cancel,
    ) -> e.Event:
        """The event that a cancel would be answered with, if the job is like this."""
        if job is None or job.removed:
            words = on_no_job(job_id, self._gone(caller, job))
            return self._refused_cancel(job_id, words, request_id, cancel, None)
        question = self.question(caller, Action.CANCEL, job, cancel)
        fact, *_ = decide(job, command(self.asked(caller, question, request_id)))
        return fact

    def _decider(
        self, caller: Caller, request: JobRequest
    ) -> Callable[[Job | None, datetime], Sequence[e.Event]]:
        return lambda job, now: self._decide(caller, job, request, now)

    def _decide(
        self, caller: Caller, job: Job | None, request: JobRequest, now: datetime
    ) -> Sequence[e.Event]:
        if job is None or job.removed:
            raise Unknown("the job is gone", code="unknown_job", hresult=HResult.INVALID_JOB_ID)
        facts = decide(job, replace(request, asked=replace(request.asked, at=now)))
        return self._admission.admitted(caller, facts)

    def _gone(self, caller: Caller, job: Job | None) -> str:
        """That the job was removed, for who might have seen it; "" when there never was one."""
        if job is None:
            return ""
        question = Question(caller, Action.VIEW, job.owner, job.job_type)
        allowed = self._policy.decide(question).effect is Effect.ALLOW
        return removal(job) if allowed else ""

    async def _on_nothing(
        self,
        caller: Caller,
        job_id: str,
        request_id: str,
        cancel: Cancel | None,
        on: OnTask | None,
        gone: str = "",
    ) -> Receipt:
        """A request on a job that does not exist, or is ``gone``: a cancel of it is stored."""
        words = on_no_job(job_id, gone)
        if cancel is None:
            raise Unknown(words, code="unknown_job", hresult=HResult.INVALID_JOB_ID)
        now = self._clock.now()
        fact = self._refused_cancel(job_id, words, request_id, cancel, on)
        day, cause = e.request_aggregate(now), self._cause(caller, request_id)
        done, version = await self._ledger.add_to_trail(
            day, fact, cause, lambda found: self._admission.admitted(caller, [found])
        )
        operation = "cancel" if on is None else "cancel_task"
        if done.recorded:
            answer = receipt(done.recorded[0], done.position, operation, fact.job, None)
        else:
            stored = await self._ledger.histories.event(day, version)
            answer = replayed(stored, operation, fact.job, None)
        return of_task(answer, on)

    def _refused_cancel(
        self, job_id: str, words: str, request_id: str, cancel: Cancel, on: OnTask | None
    ) -> e.CancelRefused:
        message = kept(cancel.message, self._limits.message_units_max)
        return e.CancelRefused(
            request_id=request_id,
            job=kept(job_id, JOB_ID_UNITS_MAX).text,
            task=on.task if on else None,
            mode=cancel.mode,
            message=message.text,
            message_units=message.units,
            message_sha256=message.sha256,
            reason_code=kept(cancel.reason_code, REASON_CODE_MAX).text,
            code="unknown_job",
            hresult=HResult.INVALID_JOB_ID,
            rule="job-exists",
            explanation=words,
        )

    def question(
        self,
        caller: Caller,
        action: Action,
        job: Job,
        cancel: Cancel | None = None,
        message: str | None = None,
    ) -> Question:
        """What the policy is asked about this job, with all that is known now."""
        at = self._clock.now()
        return on_job(caller, action, job, self.said(at, cancel, message), at)

    def said(
        self, at: datetime, cancel: Cancel | None = None, message: str | None = None
    ) -> RequestKnown:
        """What a policy may know of a request. Its reason is cut as that of a refusal is."""
        windows = in_force(self._limits.freeze_windows, at)
        if cancel is None:
            return plain(None if message is None else said_units(message), at, windows)
        reason_code = kept(cancel.reason_code, REASON_CODE_MAX).text
        length = said_units(cancel.message)
        return of_cancel(cancel.mode, length, reason_code, at, cancel.bulk_size, windows)

    def asked(
        self,
        caller: Caller,
        question: Question,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> c.Asked:
        """Who asks, and what the policy says to it."""
        decision = self._policy.decide(question)
        return c.Asked(request_id, caller.asker, self._clock.now(), decision, if_versions)

    def _cause(self, caller: Caller, request_id: str) -> Cause:
        return Cause(caller, correlation_id=request_id, causation_id=request_id)


def end_at_once(job: Job | None, now: datetime) -> Sequence[e.Event]:
    """The end of a canceled job of which nothing runs: nobody need look at it once more."""
    if job is None or job.state is not JobState.CANCELING:
        return ()
    return instruct(job, c.EndJob(now))


def on_no_job(job_id: str, gone: str) -> str:
    """Why nothing can be done with it. ``gone``: that it was removed, "" when it never was."""
    if gone:
        return f"{gone}; its events stay, but nothing can be done with it"
    asked_for = kept(job_id, JOB_ID_UNITS_MAX).text
    return f"there is no job {asked_for}; job ids are numbers from 1 to {JOB_ID_MAX}"
