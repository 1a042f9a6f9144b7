"""The commands over HTTP: what a body says becomes a command, a receipt becomes an answer."""

from collections.abc import Awaitable
from typing import Final, TypeVar

from litestar import Response, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from adapters.http.answers import JOBS_PATH, json_answer, receipt_body
from adapters.http.authentication import caller_of
from adapters.http.conditions import if_match, no_if_match
from adapters.http.one import OneOfAKind
from adapters.http.problem import Malformed, WebRequest, refusal
from adapters.http.requests import NothingBody, Query, body_of, choice, request_id_of, whole_number
from application.ports import Ids
from application.receipts import Receipt
from application.scheduler import Cancel, NewJob, Scheduler
from domain.commands import IfVersions
from domain.events import TaskSpec
from domain.outcome import Outcome
from domain.states import CancelMode, JobPriority, JobType, TaskType

DONE: Final = frozenset({Outcome.ACCEPTED, Outcome.ESCALATED, Outcome.REPEATED})
TASK_ID_MAX: Final = 2**31 - 1
B = TypeVar("B", bound=Struct)


class CancelBody(Struct, forbid_unknown_fields=True):
    """How to cancel. ``forced`` is short for mode forced; "" and null mean normal."""

    message: str = ""
    mode: str = ""
    reason_code: str = ""
    forced: bool | None = None


class FinishBody(Struct, forbid_unknown_fields=True):
    """How to finish."""

    message: str = ""


class TaskBody(Struct, forbid_unknown_fields=True):
    """A task of a new job."""

    command: str
    type: str = TaskType.BASIC.value
    name: str = ""
    work_directory: str = ""
    environment: dict[str, str] = {}


class JobBody(Struct, forbid_unknown_fields=True):
    """A new job."""

    name: str = ""
    tasks: list[TaskBody] = []
    job_type: str = JobType.BATCH.value
    priority: str = JobPriority.NORMAL.value
    run_as: str = ""
    properties: dict[str, str] = {}
    submit: bool = True


class ParameterValue(Struct, forbid_unknown_fields=True):
    """A parameter's new value, as text."""

    value: str


class Commands(OneOfAKind):
    """One method a command."""

    def __init__(self, scheduler: Scheduler, ids: Ids) -> None:
        self._scheduler = scheduler
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            post("/jobs")(self.create),
            post("/jobs/{job_id:str}/submit")(self.submit),
            post("/jobs/{job_id:str}/cancel")(self.cancel),
            post("/jobs/{job_id:str}/finish")(self.finish),
            post("/jobs/{job_id:str}/configure")(self.configure),
            post("/jobs/{job_id:str}/requeue")(self.requeue),
            post("/jobs/{job_id:str}/tasks/{task_id:str}/cancel")(self.cancel_task),
            post("/jobs/{job_id:str}/tasks/{task_id:str}/finish")(self.finish_task),
            post("/jobs/{job_id:str}/tasks/{task_id:str}/requeue")(self.requeue_task),
            put("/parameters/{name:str}")(self.set_parameter),
        ]

    async def create(self, request: WebRequest) -> Response[bytes]:
        """A new job: 201 with its place."""
        no_if_match(request)
        new = new_job(await said(request, JobBody))
        work = self._scheduler.add_job(caller_of(request), new, self._id(request))
        return await answered(work, created=True)

    async def submit(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Configuring -> Submitted."""
        await said(request, NothingBody)
        on = caller_of(request), job_id
        return await answered(self._scheduler.submit_job(*on, *self._how(request)))

    async def cancel(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Stop a job."""
        how = how_to_cancel(await said(request, CancelBody))
        on = caller_of(request), job_id
        return await answered(self._scheduler.cancel_job(*on, how, *self._how(request)))

    async def cancel_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Stop one task."""
        task = task_number(task_id)
        how = how_to_cancel(await said(request, CancelBody))
        on = caller_of(request), job_id, task
        return await answered(self._scheduler.cancel_task(*on, how, *self._how(request)))

    async def finish(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Stop a job with the outcome Finished."""
        message = (await said(request, FinishBody)).message
        on = caller_of(request), job_id
        return await answered(self._scheduler.finish_job(*on, message, *self._how(request)))

    async def finish_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Stop one task with the outcome Finished."""
        task = task_number(task_id)
        message = (await said(request, FinishBody)).message
        on = caller_of(request), job_id, task
        return await answered(self._scheduler.finish_task(*on, message, *self._how(request)))

    async def configure(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Back to Configuring."""
        await said(request, NothingBody)
        on = caller_of(request), job_id
        return await answered(self._scheduler.configure_job(*on, *self._how(request)))

    async def requeue(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Configure and submit in one."""
        await said(request, NothingBody)
        on = caller_of(request), job_id
        return await answered(self._scheduler.requeue_job(*on, *self._how(request)))

    async def requeue_task(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """Run one task again."""
        task = task_number(task_id)
        await said(request, NothingBody)
        on = caller_of(request), job_id, task
        return await answered(self._scheduler.requeue_task(*on, *self._how(request)))

    async def set_parameter(self, request: WebRequest, name: FromPath[str]) -> Response[bytes]:
        """Give a cluster parameter a new value."""
        value = (await said(request, ParameterValue)).value
        caller = caller_of(request)
        work = self._scheduler.set_cluster_parameter(caller, name, value, *self._how(request))
        return await answered(work)

    def _how(self, request: WebRequest) -> tuple[str, IfVersions]:
        """Under which request id, and for which versions."""
        return self._id(request), if_match(request)

    def _id(self, request: WebRequest) -> str:
        return request_id_of(request) or self._ids.new()


async def said(request: WebRequest, kind: type[B]) -> B:
    """The body of a command, which has no query."""
    Query(request)
    return await body_of(request, kind)


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
    return whole_number(text, "a task id", 0, TASK_ID_MAX)


def new_job(body: JobBody) -> NewJob:
    """What somebody wants to run; tasks are numbered from 1 in their order."""
    return NewJob(
        name=body.name,
        tasks=tuple(task_spec(n, task) for n, task in enumerate(body.tasks, 1)),
        job_type=choice(body.job_type, JobType, "job_type"),
        priority=choice(body.priority, JobPriority, "priority"),
        run_as=body.run_as,
        properties=body.properties,
        submit=body.submit,
    )


def task_spec(number: int, body: TaskBody) -> TaskSpec:
    """One task."""
    return TaskSpec(
        id=number,
        command=body.command,
        type=choice(body.type, TaskType, f"the type of task {number}"),
        name=body.name,
        work_directory=body.work_directory,
        environment=body.environment,
    )


def how_to_cancel(body: CancelBody) -> Cancel:
    """The mode that ``mode`` and ``forced`` say together."""
    mode = choice(body.mode, CancelMode, "mode") if body.mode else None
    if body.forced is not None and mode is not None and body.forced != (mode is CancelMode.FORCED):
        said_forced = str(body.forced).lower()
        raise Malformed(f"mode {mode} and forced {said_forced} contradict each other; give one")
    default = CancelMode.FORCED if body.forced else CancelMode.NORMAL
    return Cancel(mode=mode or default, message=body.message, reason_code=body.reason_code)
