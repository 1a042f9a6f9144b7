"""The commands people give, named as HPC Pack's IScheduler names them.

Each asks the policy, lets the domain decide, and has one event stored before it answers. Whatever
is refused is stored too. Errors beyond a receipt: ``Unavailable`` (nothing known to be stored; ask
again with the same request id), ``Conflict``, ``Throttled``, ``Corrupt``, ``BadRequest``
(malformed: not history).
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from application.accounts import Refusing, check_account
from application.admission import Admission
from application.cluster_commands import ClusterCommands, ParametersInForce
from application.job_maker import JobMaker
from application.job_requests import Cancel, JobRequests, Limits
from application.ledger import Ledger
from application.ports import Clock, Policy
from application.receipts import OnTask, Receipt
from application.throttle import RefusalLimit
from domain import commands as c
from domain import events as e
from domain.cluster import SetParameter
from domain.errors import CountermandError
from domain.identity import Caller
from domain.job import Job
from domain.marking import ACTIONS
from domain.message import check_message
from domain.parameters import TASK_CANCEL_GRACE_PERIOD
from domain.policy import Action, Question
from domain.questions import creation, of_new
from domain.refusal import denied
from domain.requests import check_reason
from domain.states import CancelMode, JobMark, JobPriority, JobType
from domain.submission import check_changes, check_submission, check_task_changes, check_tasks

__all__ = ("Cancel", "Limits", "NewJob", "Scheduler")


class NewJob(Struct, frozen=True):
    """What somebody wants to run. The owner is who asks, or whom they act for.

    ``runtime_seconds``: 0 for the cluster's default. The fields after it: as in ``JobAdded``.
    """

    name: str = ""
    tasks: tuple[e.TaskSpec, ...] = ()
    job_type: JobType = JobType.BATCH
    priority: JobPriority = JobPriority.NORMAL
    run_as: str = ""
    properties: dict[str, str] = {}
    fail_on_task_failure: bool = False
    run_until_canceled: bool = False
    runtime_seconds: int = 0
    environment: dict[str, str] = {}
    valid_exit_codes: str = ""
    task_retry_count: int = 0
    hold_until: str = ""
    project: str = ""
    service_name: str = ""
    client_source: str = ""
    progress: int = 0
    progress_message: str = ""
    max_cores: int = 0
    labels: dict[str, str] = {}


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
        refusing: Refusing,
    ) -> None:
        self._ledger = ledger
        self._refusing = refusing
        self._limits = limits
        self._maker = maker
        self._clock = clock
        self._room = room
        admission = Admission(room, refusals, clock)
        self._requests = JobRequests(ledger, policy, clock, limits, admission)
        self._cluster = ClusterCommands(ledger, admission)

    # --- create and submit ------------------------------------------------------------------------

    @staticmethod
    def create_job() -> NewJob:
        """A job with every default, on the caller's side: no id, nothing stored."""
        return NewJob()

    async def add_job(self, caller: Caller, new: NewJob, request_id: str) -> Receipt:
        """Store a job in Configuring: it gets its number, and waits to be submitted.

        The same actor's same request id gives the job made then; other content is ``BadRequest``.
        A refusal is stored on the cluster.
        """
        return await self._make(caller, new, request_id, submit=False)

    async def submit_job(self, caller: Caller, new: NewJob, request_id: str) -> Receipt:
        """``add_job``, and submitted in the same breath: one atomic append."""
        return await self._make(caller, new, request_id, submit=True)

    async def submit_job_by_id(
        self,
        caller: Caller,
        job_id: str,
        request_id: str,
        if_versions: c.IfVersions = None,
        run_as: str = "",
    ) -> Receipt:
        """Configuring -> Submitted. ``run_as``: another account than the job says, "" for none."""
        check_account(self._refusing, run_as)
        return await self._requests.request(
            caller,
            job_id,
            Action.SUBMIT,
            request_id,
            lambda asked: c.SubmitJob(asked, run_as),
            if_versions=if_versions,
        )

    async def add_tasks(
        self,
        caller: Caller,
        job_id: str,
        tasks: tuple[e.TaskSpec, ...],
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """More tasks for a job; ``task_id`` of the receipt is the number of the first one.

        The job numbers them: what ids they bring is ignored.
        """
        check_tasks(tasks)
        return await self._requests.request(
            caller,
            job_id,
            Action.CHANGE,
            request_id,
            lambda asked: c.AddTasks(asked, tasks),
            if_versions=if_versions,
        )

    async def set_job_properties(
        self,
        caller: Caller,
        job_id: str,
        changes: c.JobChanges,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """New values of a job's properties, all or none; which may change depends on its state."""
        check_changes(changes)
        check_account(self._refusing, changes.run_as)
        return await self._requests.request(
            caller,
            job_id,
            Action.CHANGE,
            request_id,
            lambda asked: c.ChangeJob(asked, changes),
            if_versions=if_versions,
        )

    async def set_task_properties(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        changes: c.TaskChanges,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """New values of the properties of a task that waits, all or none."""
        check_task_changes(changes)
        return await self._requests.request(
            caller,
            job_id,
            Action.CHANGE,
            request_id,
            lambda asked: c.ChangeTask(asked, task_id, changes),
            on=OnTask(task_id),
            if_versions=if_versions,
        )

    async def _make(self, caller: Caller, new: NewJob, request_id: str, *, submit: bool) -> Receipt:
        known = of_new(new.name, new.priority, new.project, new.labels)
        said = self._requests.said(self._clock.now())
        question = creation(caller, new.job_type, known, said)
        asked = self._requests.asked(caller, question, request_id)
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
            fail_on_task_failure=new.fail_on_task_failure,
            run_until_canceled=new.run_until_canceled,
            runtime_seconds=new.runtime_seconds,
            environment=new.environment,
            valid_exit_codes=new.valid_exit_codes,
            task_retry_count=new.task_retry_count,
            hold_until=new.hold_until,
            project=new.project,
            service_name=new.service_name,
            client_source=new.client_source,
            progress=new.progress,
            progress_message=new.progress_message,
            max_cores=new.max_cores,
            labels=new.labels,
            submit=submit,
        )
        check_submission(draft)
        check_account(self._refusing, new.run_as)
        no = denied(asked)
        if no is not None:
            return await self._cluster.creation_refused(caller, draft, no)
        return await self._maker.add(caller, draft, self._room)

    # --- stop -------------------------------------------------------------------------------------

    async def cancel_job(
        self,
        caller: Caller,
        job_id: str,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """``cancel_job_2`` without force: the grace period is kept, node release runs."""
        cancel = Cancel(CancelMode.NORMAL, message)
        return await self.cancel_job_2(caller, job_id, cancel, request_id, if_versions)

    async def cancel_job_2(
        self,
        caller: Caller,
        job_id: str,
        cancel: Cancel,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Stop a job. Accepted, escalated, repeated, refused or unknown: always one event."""
        return await self._requests.request(
            caller,
            job_id,
            Action.CANCEL,
            request_id,
            await self._canceling(cancel),
            cancel=cancel,
            if_versions=if_versions,
        )

    async def cancel_each(
        self, caller: Caller, jobs: Sequence[int], cancel: Cancel, request_id: str
    ) -> dict[int, Receipt | CountermandError]:
        """``cancel_job_2`` for each of these jobs, stored together: its answer, or its error."""
        command = await self._canceling(cancel)
        return await self._requests.cancel_each(caller, jobs, request_id, command, cancel)

    def check_cancel(self, cancel: Cancel) -> None:
        """Pass, or raise ``BadRequest``: no job would take this message or this reason."""
        check_message(cancel.message, self._limits.message_units_max)
        check_reason(cancel.reason_code)

    async def foresee_cancel(
        self, caller: Caller, job_id: str, job: Job | None, cancel: Cancel, request_id: str
    ) -> e.Event:
        """The event that ``cancel_job_2`` would store, if the job is like this; nothing is."""
        command = await self._canceling(cancel)
        return self._requests.foreseen(caller, job_id, job, request_id, command, cancel)

    async def _canceling(self, cancel: Cancel) -> Callable[[c.Asked], c.CancelJob]:
        """The command, for whoever asks."""
        grace_seconds = await self._grace_seconds()
        return lambda asked: c.CancelJob(
            asked=asked,
            mode=cancel.mode,
            message=cancel.message,
            grace_seconds=grace_seconds,
            reason_code=cancel.reason_code,
            message_units_max=self._limits.message_units_max,
            bulk_size=cancel.bulk_size,
            approval_seconds=self._limits.approval_seconds,
        )

    async def approve_cancel(
        self,
        caller: Caller,
        job_id: str,
        cancel_id: str,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """One more person is for a cancel that waits, by its request id."""
        return await self._requests.request(
            caller,
            job_id,
            Action.APPROVE,
            request_id,
            lambda asked: c.ApproveCancel(
                asked, cancel_id, caller, message, self._limits.message_units_max
            ),
            if_versions=if_versions,
            message=message,
            waiting=cancel_id,
        )

    async def withdraw_cancel(
        self,
        caller: Caller,
        job_id: str,
        cancel_id: str,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """A cancel that waits, by its request id, never takes effect."""
        return await self._requests.request(
            caller,
            job_id,
            Action.WITHDRAW,
            request_id,
            lambda asked: c.WithdrawCancel(
                asked, cancel_id, message, self._limits.message_units_max
            ),
            if_versions=if_versions,
            message=message,
            waiting=cancel_id,
        )

    async def review_use(
        self,
        caller: Caller,
        job_id: str,
        reviewed: str,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Another person says what they found of a cancel that overrode the rules."""
        return await self._requests.request(
            caller,
            job_id,
            Action.REVIEW,
            request_id,
            lambda asked: c.ReviewUse(
                asked, reviewed, caller, message, self._limits.message_units_max
            ),
            if_versions=if_versions,
            message=message,
        )

    async def cancel_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        cancel: Cancel,
        request_id: str,
        if_versions: c.IfVersions = None,
        *,
        instance: int = 0,
    ) -> Receipt:
        """Stop one task, or, with its number as ``instance``, one subtask."""
        grace_seconds = await self._grace_seconds()
        return await self._requests.request(
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
                instance=instance,
            ),
            cancel=cancel,
            on=OnTask(task_id, instance),
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
        return await self._requests.request(
            caller,
            job_id,
            Action.FINISH,
            request_id,
            lambda asked: c.FinishJob(
                asked, message, grace_seconds, self._limits.message_units_max
            ),
            if_versions=if_versions,
            message=message,
        )

    async def finish_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
        *,
        instance: int = 0,
    ) -> Receipt:
        """Stop one task as a normal cancel does, with the outcome Finished."""
        grace_seconds = await self._grace_seconds()
        return await self._requests.request(
            caller,
            job_id,
            Action.FINISH,
            request_id,
            lambda asked: c.FinishTask(
                asked, task_id, message, grace_seconds, self._limits.message_units_max, instance
            ),
            on=OnTask(task_id, instance),
            if_versions=if_versions,
            message=message,
        )

    async def configure_job(
        self, caller: Caller, job_id: str, request_id: str, if_versions: c.IfVersions = None
    ) -> Receipt:
        """Back to Configuring."""
        return await self._requests.request(
            caller, job_id, Action.CONFIGURE, request_id, c.ConfigureJob, if_versions=if_versions
        )

    async def requeue_job(
        self,
        caller: Caller,
        job_id: str,
        request_id: str,
        if_versions: c.IfVersions = None,
        *,
        message: str = "",
    ) -> Receipt:
        """Configure and submit in one."""
        return await self._requests.request(
            caller,
            job_id,
            Action.REQUEUE,
            request_id,
            lambda asked: c.RequeueJob(asked, message, self._limits.message_units_max),
            if_versions=if_versions,
            message=message,
        )

    async def requeue_task(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        request_id: str,
        if_versions: c.IfVersions = None,
        *,
        instance: int = 0,
        message: str = "",
    ) -> Receipt:
        """Run one failed or canceled task again, in a job that is queued or running."""
        return await self._requests.request(
            caller,
            job_id,
            Action.REQUEUE,
            request_id,
            lambda asked: c.RequeueTask(
                asked, task_id, instance, message, self._limits.message_units_max
            ),
            on=OnTask(task_id, instance),
            if_versions=if_versions,
            message=message,
        )

    async def mark_job(
        self,
        caller: Caller,
        job_id: str,
        mark: JobMark,
        placed: bool,
        message: str,
        request_id: str,
        if_versions: c.IfVersions = None,
    ) -> Receipt:
        """Protect a job or put it under legal hold; or take that back (``placed`` False)."""
        return await self._requests.request(
            caller,
            job_id,
            ACTIONS[mark, placed],
            request_id,
            lambda asked: c.MarkJob(asked, mark, placed, message, self._limits.message_units_max),
            if_versions=if_versions,
            message=message,
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
        known = self._requests.said(self._clock.now())
        question = Question(caller, Action.SET_PARAMETER, said=known)
        asked = self._requests.asked(caller, question, request_id, if_versions)
        return await self._cluster.set_parameter(caller, SetParameter(asked, name, value))

    async def parameters(self) -> ParametersInForce:
        """Every parameter in the catalogue with the value in force."""
        return await self._cluster.parameters()

    async def _grace_seconds(self) -> int:
        return await self._ledger.parameter(TASK_CANCEL_GRACE_PERIOD)
