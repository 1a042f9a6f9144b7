"""The commands over HTTP: what a body says becomes a command, a receipt becomes an answer."""

from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct
from msgspec.structs import replace

from adapters.http.answers import json_answer
from adapters.http.bodies.commands import (
    AddTasksBody,
    CancelBody,
    ChangeBody,
    ChangeTaskBody,
    FinishBody,
    JobBody,
    JobCancelBody,
    MarkBody,
    NothingBody,
    ParameterValue,
    RequeueBody,
    TaskBody,
)
from adapters.http.bodies.receipts import JOBS_PATH, receipt_body
from adapters.http.bulk import DONE
from adapters.http.contract import commands as op
from adapters.http.contract.operation import Operation, route
from adapters.http.contract.parts import TASK
from adapters.http.problem import refusal
from adapters.http.reading.conditions import if_match, no_if_match
from adapters.http.reading.requests import Query, body_of, choice, placed
from adapters.web.authentication import caller_of
from adapters.web.requests import Malformed, WebRequest
from application.ports import Ids
from application.receipts import Receipt
from application.scheduler import Cancel, NewJob, Scheduler
from domain.commands import IfVersions, JobChanges, TaskChanges
from domain.events import TaskSpec
from domain.states import CancelMode, JobMark, JobPriority, JobType, TaskType

B = TypeVar("B", bound=Struct)
Said: TypeAlias = tuple[B, tuple[str, IfVersions]]


class Commands:
    """One method a command."""

    def __init__(self, scheduler: Scheduler, ids: Ids) -> None:
        self._scheduler = scheduler
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.CREATE, self.create),
            route(op.ADD_TASKS, self.add_tasks),
            route(op.CHANGE, self.change),
            route(op.CHANGE_TASK, self.change_task),
            route(op.SUBMIT, self.submit),
            route(op.CANCEL, self.cancel),
            route(op.FINISH, self.finish),
            route(op.CONFIGURE, self.configure),
            route(op.REQUEUE, self.requeue),
            route(op.PROTECT, self.protect),
            route(op.UNPROTECT, self.unprotect),
            route(op.LEGAL_HOLD, self.hold),
            route(op.RELEASE_LEGAL_HOLD, self.release),
            route(op.CANCEL_TASK, self.cancel_task),
            route(op.FINISH_TASK, self.finish_task),
            route(op.REQUEUE_TASK, self.requeue_task),
            route(op.SET_PARAMETER, self.set_parameter),
        ]

    async def create(self, request: WebRequest) -> Response[bytes]:
        """A new job: 201 with its place."""
        no_if_match(request)
        body, query = await said(request, op.CREATE, JobBody)
        make = self._scheduler.submit_job if body.submit else self._scheduler.add_job
        work = make(caller_of(request), new_job(body), self._id(query))
        return await answered(work, created=True)

    async def add_tasks(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """More tasks for a job."""
        body, how = await self._said(request, op.ADD_TASKS, AddTasksBody)
        on = caller_of(request), job_id, task_specs(body.tasks)
        return await answered(self._scheduler.add_tasks(*on, *how))

    async def change(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """New values of properties."""
        body, how = await self._said(request, op.CHANGE, ChangeBody)
        on = caller_of(request), job_id, job_changes(body)
        return await answered(self._scheduler.set_job_properties(*on, *how))

    async def change_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """New values of one task's properties."""
        body, how = await self._said(request, op.CHANGE_TASK, ChangeTaskBody)
        on = caller_of(request), job_id, task_number(task_id), task_changes(body)
        return await answered(self._scheduler.set_task_properties(*on, *how))

    async def submit(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Configuring -> Submitted."""
        _, how = await self._said(request, op.SUBMIT, NothingBody)
        return await answered(self._scheduler.submit_job_by_id(caller_of(request), job_id, *how))

    async def cancel(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Stop a job."""
        body, how = await self._said(request, op.CANCEL, JobCancelBody)
        on, cancel = (caller_of(request), job_id), how_to_cancel(body)
        cancel = replace(cancel, break_glass=body.break_glass)
        return await answered(self._scheduler.cancel_job_2(*on, cancel, *how))

    async def cancel_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Stop one task."""
        body, how = await self._said(request, op.CANCEL_TASK, CancelBody)
        on = caller_of(request), job_id, task_number(task_id)
        return await answered(self._scheduler.cancel_task(*on, how_to_cancel(body), *how))

    async def finish(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Stop a job with the outcome Finished."""
        body, how = await self._said(request, op.FINISH, FinishBody)
        on = caller_of(request), job_id
        return await answered(self._scheduler.finish_job(*on, body.message, *how))

    async def finish_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Stop one task with the outcome Finished."""
        body, how = await self._said(request, op.FINISH_TASK, FinishBody)
        on = caller_of(request), job_id, task_number(task_id)
        return await answered(self._scheduler.finish_task(*on, body.message, *how))

    async def configure(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Back to Configuring."""
        _, how = await self._said(request, op.CONFIGURE, NothingBody)
        return await answered(self._scheduler.configure_job(caller_of(request), job_id, *how))

    async def requeue(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Configure and submit in one."""
        body, how = await self._said(request, op.REQUEUE, RequeueBody)
        on = caller_of(request), job_id
        return await answered(self._scheduler.requeue_job(*on, *how, message=body.message))

    async def requeue_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Run one task again."""
        body, how = await self._said(request, op.REQUEUE_TASK, RequeueBody)
        on = caller_of(request), job_id, task_number(task_id)
        return await answered(self._scheduler.requeue_task(*on, *how, message=body.message))

    async def protect(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Protected from here."""
        return await self._mark(request, op.PROTECT, job_id, JobMark.PROTECTION, placed=True)

    async def unprotect(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Protected no more."""
        return await self._mark(request, op.UNPROTECT, job_id, JobMark.PROTECTION, placed=False)

    async def hold(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Under legal hold from here."""
        return await self._mark(request, op.LEGAL_HOLD, job_id, JobMark.LEGAL_HOLD, placed=True)

    async def release(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Under legal hold no more."""
        operation = op.RELEASE_LEGAL_HOLD
        return await self._mark(request, operation, job_id, JobMark.LEGAL_HOLD, placed=False)

    async def _mark(
        self, request: WebRequest, operation: Operation, job_id: str, mark: JobMark, *, placed: bool
    ) -> Response[bytes]:
        body, how = await self._said(request, operation, MarkBody)
        on = caller_of(request), job_id, mark, placed, body.message
        return await answered(self._scheduler.mark_job(*on, *how))

    async def set_parameter(self, request: WebRequest, name: FromPath[str]) -> Response[bytes]:
        """Give a cluster parameter a new value."""
        body, how = await self._said(request, op.SET_PARAMETER, ParameterValue)
        on = caller_of(request), name, body.value
        return await answered(self._scheduler.set_cluster_parameter(*on, *how))

    async def _said(self, request: WebRequest, operation: Operation, kind: type[B]) -> Said[B]:
        return await asked_of(request, operation, kind, self._ids)

    def _id(self, query: Query) -> str:
        return id_of(query, self._ids)


async def asked_of(request: WebRequest, operation: Operation, kind: type[B], ids: Ids) -> Said[B]:
    """The body of a command, under which request id, and for which versions."""
    body, query = await said(request, operation, kind)
    return body, (id_of(query, ids), if_match(request))


def id_of(query: Query, ids: Ids) -> str:
    """The request id that came with it, or a new one."""
    return query.text("Idempotency-Key") or ids.new()


async def said(request: WebRequest, operation: Operation, kind: type[B]) -> tuple[B, Query]:
    """The body of a command and its parameters."""
    query = Query(request, operation)
    return await body_of(request, kind), query


async def answered(work: Awaitable[Receipt], *, created: bool = False) -> Response[bytes]:
    """The receipt as an answer: 200, 201 for a job that was created, or a problem that holds it."""
    receipt = await work
    body = receipt_body(receipt)
    if receipt.outcome not in DONE:
        return refusal(body)
    headers = {"Location": f"{JOBS_PATH}/{body.job_id}"} if created else {}
    return json_answer(body, 201 if created else 200, receipt.position, headers)


def task_number(text: str) -> int:
    """A task's number in its job; whether there is such a task is for the domain."""
    return placed(op.CANCEL_TASK, TASK.name, text)


def new_job(body: JobBody) -> NewJob:
    """What somebody wants to run; tasks are numbered from 1 in their order."""
    return NewJob(
        name=body.name,
        tasks=task_specs(body.tasks),
        job_type=choice(body.job_type, JobType, "job_type"),
        priority=choice(body.priority, JobPriority, "priority"),
        run_as=body.run_as,
        properties=body.properties,
        fail_on_task_failure=body.fail_on_task_failure,
        run_until_canceled=body.run_until_canceled,
        runtime_seconds=body.runtime_seconds,
        environment=body.environment,
        valid_exit_codes=body.valid_exit_codes,
        task_retry_count=body.task_retry_count,
        hold_until=body.hold_until,
        project=body.project,
        service_name=body.service_name,
        client_source=body.client_source,
        progress=body.progress,
        progress_message=body.progress_message,
        max_cores=body.max_cores,
        labels=body.labels,
    )


def job_changes(body: ChangeBody) -> JobChanges:
    """What is given a new value."""
    return JobChanges(
        name=body.name,
        priority=choice(body.priority, JobPriority, "priority") if body.priority else None,
        run_as=body.run_as,
        properties=body.properties,
        fail_on_task_failure=body.fail_on_task_failure,
        run_until_canceled=body.run_until_canceled,
        runtime_seconds=body.runtime_seconds,
        environment=body.environment,
        valid_exit_codes=body.valid_exit_codes,
        task_retry_count=body.task_retry_count,
        hold_until=body.hold_until,
        project=body.project,
        service_name=body.service_name,
        client_source=body.client_source,
        progress=body.progress,
        progress_message=body.progress_message,
        max_cores=body.max_cores,
        labels=body.labels,
    )


def task_changes(body: ChangeTaskBody) -> TaskChanges:
    """What of a task is given a new value."""
    return TaskChanges(
        name=body.name,
        command=body.command,
        work_directory=body.work_directory,
        runtime_seconds=body.runtime_seconds,
        depends_on=None if body.depends_on is None else tuple(body.depends_on),
        retry_count=body.retry_count,
        valid_exit_codes=body.valid_exit_codes,
        stdin=body.stdin,
        stdout=body.stdout,
        stderr=body.stderr,
        environment=body.environment,
        properties=body.properties,
    )


def task_specs(tasks: list[TaskBody]) -> tuple[TaskSpec, ...]:
    """Tasks, numbered from 1 in their order; those of a job that there is number themselves."""
    return tuple(task_spec(n, task) for n, task in enumerate(tasks, 1))


def task_spec(number: int, body: TaskBody) -> TaskSpec:
    """One task."""
    return TaskSpec(
        id=number,
        command=body.command,
        type=choice(body.type, TaskType, f"the type of task {number}"),
        name=body.name,
        work_directory=body.work_directory,
        environment=body.environment,
        runtime_seconds=body.runtime_seconds,
        depends_on=tuple(body.depends_on),
        retry_count=body.retry_count,
        start=body.start,
        end=body.end,
        increment=body.increment,
        instances=body.instances,
        valid_exit_codes=body.valid_exit_codes,
        properties=body.properties,
        stdin=body.stdin,
        stdout=body.stdout,
        stderr=body.stderr,
    )


def how_to_cancel(body: CancelBody) -> Cancel:
    """The mode that ``mode`` and ``forced`` say together."""
    mode = choice(body.mode, CancelMode, "mode") if body.mode else None
    if body.forced is not None and mode is not None and body.forced != (mode is CancelMode.FORCED):
        said_forced = str(body.forced).lower()
        raise Malformed(f"mode {mode} and forced {said_forced} contradict each other; give one")
    default = CancelMode.FORCED if body.forced else CancelMode.NORMAL
    return Cancel(mode=mode or default, message=body.message, reason_code=body.reason_code)
