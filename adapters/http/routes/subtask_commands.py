"""Commands on one subtask over HTTP."""

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.bodies.commands import CancelBody, FinishBody, RequeueBody
from adapters.http.contract import commands as op
from adapters.http.contract.operation import route
from adapters.http.contract.parts import SUBTASK
from adapters.http.reading.requests import placed
from adapters.http.routes.commands import answered, asked_of, how_to_cancel, task_number
from adapters.web.authentication import caller_of
from adapters.web.requests import WebRequest
from application.ports import Ids
from application.scheduler import Scheduler


class SubtaskCommands:
    """One method a command."""

    def __init__(self, scheduler: Scheduler, ids: Ids) -> None:
        self._scheduler = scheduler
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.CANCEL_SUBTASK, self.cancel),
            route(op.FINISH_SUBTASK, self.finish),
            route(op.REQUEUE_SUBTASK, self.requeue),
        ]

    async def cancel(
        self,
        request: WebRequest,
        job_id: FromPath[str],
        task_id: FromPath[str],
        subtask_id: FromPath[str],
    ) -> Response[bytes]:
        """Stop one subtask."""
        body, how = await asked_of(request, op.CANCEL_SUBTASK, CancelBody, self._ids)
        on = caller_of(request), job_id, task_number(task_id)
        number = subtask_number(subtask_id)
        return await answered(
            self._scheduler.cancel_task(*on, how_to_cancel(body), *how, instance=number)
        )

    async def finish(
        self,
        request: WebRequest,
        job_id: FromPath[str],
        task_id: FromPath[str],
        subtask_id: FromPath[str],
    ) -> Response[bytes]:
        """Stop one subtask with the outcome Finished."""
        body, how = await asked_of(request, op.FINISH_SUBTASK, FinishBody, self._ids)
        on = caller_of(request), job_id, task_number(task_id)
        number = subtask_number(subtask_id)
        return await answered(self._scheduler.finish_task(*on, body.message, *how, instance=number))

    async def requeue(
        self,
        request: WebRequest,
        job_id: FromPath[str],
        task_id: FromPath[str],
        subtask_id: FromPath[str],
    ) -> Response[bytes]:
        """Run one subtask again."""
        body, how = await asked_of(request, op.REQUEUE_SUBTASK, RequeueBody, self._ids)
        on = caller_of(request), job_id, task_number(task_id)
        number, why = subtask_number(subtask_id), body.message
        return await answered(self._scheduler.requeue_task(*on, *how, instance=number, message=why))


def subtask_number(text: str) -> int:
    """A subtask's number in its task; whether it was reached is for the domain."""
    return placed(op.CANCEL_SUBTASK, SUBTASK.name, text)
