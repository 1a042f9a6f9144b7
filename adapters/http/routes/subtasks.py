"""Subtasks over HTTP: one, and pages of them."""

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import json_answer
from adapters.http.bodies.subtasks import subtask_body, subtasks_body
from adapters.http.contract import jobs
from adapters.http.contract.operation import Operation, route
from adapters.http.reading.lists import at_least, limit
from adapters.http.reading.requests import Query, placed
from adapters.web.authentication import caller_of
from adapters.web.requests import WebRequest
from application.queries import Queries
from application.subtasks import SubtaskQueries
from domain.states import TaskState


class Subtasks:
    """One method a question."""

    def __init__(self, queries: Queries, subtasks: SubtaskQueries) -> None:
        self._queries = queries
        self._subtasks = subtasks

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [route(jobs.SUBTASKS, self.page), route(jobs.SUBTASK_NOW, self.one)]

    async def page(
        self, request: WebRequest, job_id: FromPath[str], task_id: FromPath[str]
    ) -> Response[bytes]:
        """A task's subtasks by number."""
        query = await self._asked(request, jobs.SUBTASKS)
        number = placed(jobs.SUBTASKS, "task_id", task_id)
        found = await self._subtasks.page(
            caller_of(request),
            job_id,
            number,
            states=query.words("state", TaskState),
            after=query.number("after") or 0,
            rows=limit(query),
            at_least=at_least(query),
        )
        return json_answer(subtasks_body(number, found), position=found.position)

    async def one(
        self,
        request: WebRequest,
        job_id: FromPath[str],
        task_id: FromPath[str],
        subtask_id: FromPath[str],
    ) -> Response[bytes]:
        """A subtask and its latest run."""
        query = await self._asked(request, jobs.SUBTASK_NOW)
        of = jobs.SUBTASK_NOW
        found = await self._subtasks.one(
            caller_of(request),
            job_id,
            placed(of, "task_id", task_id),
            placed(of, "subtask_id", subtask_id),
            at_least(query),
        )
        return json_answer(subtask_body(found), position=found.position)

    async def _asked(self, request: WebRequest, operation: Operation) -> Query:
        """The parameters, when the stream has the position that the answer must know."""
        query = Query(request, operation)
        await self._queries.know(at_least(query))
        return query
