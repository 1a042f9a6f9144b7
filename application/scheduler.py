"""The commands people give, named as HPC Pack's IScheduler names them.

Each asks the policy, lets the domain decide, and has one event stored before it answers. Whatever
is refused is stored too. Errors beyond a receipt: ``Unavailable`` (nothing known to be stored; ask
again with the same request id), ``Conflict``, ``Throttled``, ``Corrupt``, ``BadRequest``
(malformed: not history).
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from application.admission import Admission
from application.answering import Answering
from application.cluster_commands import ClusterCommands, ParametersInForce
from application.job_maker import JobMaker
from application.ledger import Cause, Ledger
from application.ports import Clock, Policy
from application.receipts import Receipt, receipt, replayed
from application.throttle import RefusalLimit
from domain import commands as c
from domain import events as e
from domain.cluster import JOB_ID_MAX, SetParameter, job_number
from domain.decide import decide
from domain.errors import Unknown
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Job, removal
from domain.message import MESSAGE_UNITS_MAX, kept
from domain.parameters import TASK_CANCEL_GRACE_PERIOD
from domain.policy import Action, Question
from domain.refusal import denied
from domain.requests import REASON_CODE_MAX, JobRequest
from domain.states import CancelMode, Effect, JobPriority, JobType
from domain.submission import check_submission

JOB_ID_UNITS_MAX: Final = 64


class NewJob(Struct, frozen=True):
    """What somebody wants to run. The owner is who asks, or whom they act for."""

    name: str
    tasks: tuple[e.TaskSpec, ...]
    job_type: JobType = JobType.BATCH
    priority: JobPriority = JobPriority.NORMAL
    run_as: str = ""
    properties: dict[str, str] = {}
    submit: bool = True


class Cancel(Struct, frozen=True):
    """How to cancel, and why."""

    mode: CancelMode = CancelMode.NORMAL
    message: str = ""
    reason_code: str = ""


class Limits(Struct, frozen=True):
    """Limits that the settings choose."""

    message_units_max: int = MESSAGE_UNITS_MAX


class Scheduler:
    """The use cases. ``room`` raises ``StoreFull`` while the store takes no new commands."""

    def __init__(
        self,
        ledger: Ledger,
        policy: Policy,
        clock: Clock,
        limits: Limits,
        refusals: RefusalLimit,
        maker: JobMaker,
        room: Callable[[], None],
    ) -> None:
        self._ledger = ledger
        self._policy = policy
        self._clock = clock
        self._limits = limits
        self._maker = maker
        self._room = room
        self._admission = Admission(room, refusals, clock)
        self._answering = Answering(ledger)
        self._cluster = ClusterCommands(ledger, self._admission)

    # --- create and submit ------------------------------------------------------------------------

    async def add_job(self, caller: Caller, new: NewJob, request_id: str) -> Receipt:
        """Create a job, and submit it unless told otherwise: one atomic append.

        The same actor's same request id gives the job made then; other content is ``BadRequest``.
        A refusal is stored on the cluster.
        """
        action = Action.CREATE_COMMAND_JOB if new.job_type is JobType.ADMIN else Action.CREATE
        asked = self._asked(caller, Question(caller, action), request_id)
        draft = c.AddJob(
            asked=asked,
            job_id=0,
            name=new.name,
            owner=caller.subject.name,
            tasks=new.tasks,
            job_type=new.job_type,
            priority=new.priority,
            run_as=new.run_as,
            properties=new.properties,
            submit=new.submit,
        )
        check_submission(draft)
        no = denied(asked)
        if no is not None:
            return await self._cluster.creation_refused(caller, draft, no)
        return await self._maker.add(caller, draft, self._room)

    async def submit_job(
        self,
        caller: Caller,
        job_id: str,
        request_id: str,
        if_versions: c.IfVersions = None,
        run_as: str = "",
    ) -> Receipt:
        """Configuring -> Submitted. ``run_as``: another account than the job says, "" for none."""
        return await self._request(
            caller,
            job_id,
            Action.SUBMIT,
            request_id,
            lambda asked: c.SubmitJob(asked, run_as),
            if_versions=if_versions,
        )

    # --- stop -------------------------------------------------------------------------------------

    async def cancel_job(
        self,
        caller: Caller,
        job_id: str,
        cancel: Cancel,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Stop a job. Accepted, escalated, repeated, refused or unknown: always one event."""
        grace_seconds = await self._grace_seconds()
        return await self._request(
            caller,
            job_id,
            Action.CANCEL,
            request_id,
            lambda asked: c.CancelJob(
                asked=asked,
                mode=cancel.mode,
                message=cancel.message,
                grace_seconds=grace_seconds,
                reason_code=cancel.reason_code,
                message_units_max=self._limits.message_units_max,
            ),
            cancel=cancel,
            if_versions=if_versions,
        )

    async def cancel_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        cancel: Cancel,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Stop one task."""
        grace_seconds = await self._grace_seconds()
        return await self._request(
            caller,
            job_id,
            Action.CANCEL_TASK,
            request_id,
            lambda asked: c.CancelTask(
                asked=asked,
                task=task_id,
                mode=cancel.mode,
                message=cancel.message,
                grace_seconds=grace_seconds,
                reason_code=cancel.reason_code,
                message_units_max=self._limits.message_units_max,
            ),
            cancel=cancel,
            task_id=task_id,
            if_versions=if_versions,
        )

    async def finish_job(
        self,
        caller: Caller,
        job_id: str,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Stop a job as a normal cancel does, with the outcome Finished."""
        grace_seconds = await self._grace_seconds()
        return await self._request(
            caller,
            job_id,
            Action.FINISH,
            request_id,
            lambda asked: c.FinishJob(
                asked, message, grace_seconds, self._limits.message_units_max
            ),
            if_versions=if_versions,
        )

    async def finish_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Stop one task as a normal cancel does, with the outcome Finished."""
        grace_seconds = await self._grace_seconds()
        return await self._request(
            caller,
            job_id,
            Action.FINISH,
            request_id,
            lambda asked: c.FinishTask(
                asked, task_id, message, grace_seconds, self._limits.message_units_max
            ),
            task_id=task_id,
            if_versions=if_versions,
        )

    async def configure_job(
        self, caller: Caller, job_id: str, request_id: str, if_versions: c.IfVersions = None
    ) -> Receipt:
        """Back to Configuring."""
        return await self._request(
            caller, job_id, Action.CONFIGURE, request_id, c.ConfigureJob, if_versions=if_versions
        )

    async def requeue_job(
        self, caller: Caller, job_id: str, request_id: str, if_versions: c.IfVersions = None
    ) -> Receipt:
        """Configure and submit in one."""
        return await self._request(
            caller, job_id, Action.REQUEUE, request_id, c.RequeueJob, if_versions=if_versions
        )

    async def requeue_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Run one failed or canceled task again, in a job that is queued or running."""
        return await self._request(
            caller,
            job_id,
            Action.REQUEUE,
            request_id,
            lambda asked: c.RequeueTask(asked, task_id),
            task_id=task_id,
            if_versions=if_versions,
        )

    # --- the cluster ------------------------------------------------------------------------------

    async def set_cluster_parameter(
        self,
        caller: Caller,
        name: str,
        value: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Give a parameter a new value; administrators only."""
        question = Question(caller, Action.SET_PARAMETER)
        asked = self._asked(caller, question, request_id, if_versions)
        return await self._cluster.set_parameter(caller, SetParameter(asked, name, value))

    async def parameters(self) -> ParametersInForce:
        """Every parameter in the catalogue with the value in force."""
        return await self._cluster.parameters()

    # --- how a request on a job goes --------------------------------------------------------------

    async def _request(
        self,
        caller: Caller,
        job_id: str,
        action: Action,
        request_id: str,
        command: Callable[[c.Asked], JobRequest],
        *,
        cancel: Cancel | None = None,
        task_id: int | None = None,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        number = job_number(job_id)
        job = await self._ledger.job(number) if number else None
        if number is None or job is None or job.removed:
            return await self._on_nothing(
                caller, job_id, request_id, cancel, task_id, gone=self._gone(caller, job)
            )
        question = Question(caller, action, job.owner, job.job_type)
        request = command(self._asked(caller, question, request_id, if_versions))
        done = await self._ledger.change_job(
            number,
            lambda now_job, now: self._decide(caller, now_job, request, now),
            self._cause(caller, request_id),
        )
        return await self._answering.receipt(number, request, done, task_id)

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
        task_id: int | None,
        gone: str = "",
    ) -> Receipt:
        """A request on a job that does not exist, or is ``gone``: a cancel of it is stored."""
        asked_for = kept(job_id, JOB_ID_UNITS_MAX).text
        none = f"there is no job {asked_for}; job ids are numbers from 1 to {JOB_ID_MAX}"
        words = f"{gone}; its events stay, but nothing can be done with it" if gone else none
        if cancel is None:
            raise Unknown(words, code="unknown_job", hresult=HResult.INVALID_JOB_ID)
        now = self._clock.now()
        message = kept(cancel.message, self._limits.message_units_max)
        fact = e.CancelRefused(
            request_id=request_id,
            job=asked_for,
            task=task_id,
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
        day, cause = e.request_aggregate(now), self._cause(caller, request_id)
        done, version = await self._ledger.add_to_trail(
            day, fact, cause, lambda found: self._admission.admitted(caller, [found])
        )
        operation = "cancel" if task_id is None else "cancel_task"
        if done.recorded:
            answer = receipt(done.recorded[0], done.position, operation, asked_for, None)
        else:
            history = await self._ledger.history(day)
            answer = replayed(history, version, operation, asked_for, None)
        return replace(answer, task_id=task_id)

    # --- what all need ----------------------------------------------------------------------------

    def _asked(
        self,
        caller: Caller,
        question: Question,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> c.Asked:
        decision = self._policy.decide(question)
        return c.Asked(request_id, caller.asker, self._clock.now(), decision, if_versions)

    def _cause(self, caller: Caller, request_id: str) -> Cause:
        return Cause(caller, correlation_id=request_id, causation_id=request_id)

    async def _grace_seconds(self) -> int:
        return await self._ledger.parameter(TASK_CANCEL_GRACE_PERIOD)
