"""The questions about tasks and subtasks in HPC Pack's REST."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Final

from msgspec import Struct

from adapters.hpcpack import task_properties
from adapters.hpcpack.answers import Nothing, Object, Objects, Properties, chosen
from adapters.hpcpack.asked import Asked, Work, no_task
from adapters.hpcpack.bodies import properties_of
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, Fields
from adapters.hpcpack.filters import TaskFilter, task_filter
from adapters.hpcpack.paging import Paging, paging_of
from adapters.hpcpack.task_properties import SORTS, Owned, seen_as_task
from adapters.hpcpack.task_properties import task_properties as told_of_task
from adapters.hpcpack.task_rows import (
    Part,
    Row,
    count_of,
    parts_of,
    place_in,
    rows_after,
    rows_from,
)
from adapters.hpcpack.wanted import read_only
from adapters.web.cursors import cursor_text, key_of, question_digest
from application.queries import Queries
from application.subtasks import SubtaskQueries
from application.views import PAGE_ROWS_MAX
from domain.identity import Caller
from domain.job import Job
from domain.states import TaskType

SORTED_ROWS_MAX: Final = PAGE_ROWS_MAX
"""More rows are not held to be sorted; the order by number needs none held."""


class TaskQuestion(Struct, frozen=True):
    """Which tasks, in which order, with which properties.

    ``order``: the key of a property in ``SORTS``, "" for the order by number.
    """

    which: TaskFilter
    expanded: bool
    order: str
    descending: bool
    names: tuple[str, ...]

    def digest(self, job: Job) -> str:
        """What a ``queryId`` belongs to. The properties may change from page to page, and so may
        what makes no difference: ``expandParametric`` where there is nothing to expand."""
        has_subtasks = any(task.spec.type is not TaskType.BASIC for task in job.tasks.values())
        what = self.which, self.expanded and has_subtasks, self.order, self.descending
        return question_digest("hpcpack tasks", job.id, *what)


class TaskQuestions:
    """One method an operation."""

    def __init__(self, queries: Queries, subtasks: SubtaskQueries) -> None:
        self._queries = queries
        self._subtasks = subtasks

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "getTasks": self.tasks,
            "getTask": self.task,
            "getTaskCustomProperties": self.task_custom_properties,
            "getTaskEnvironmentVariables": self.task_environment,
            "getSubtask": self.subtask,
            "setSubtaskProperties": self.set_subtask_properties,
        }

    async def tasks(self, asked: Asked) -> Objects:
        """A page of a job's tasks, or of those and subtasks."""
        question, paging = task_question(asked.fields), paging_of(asked.fields)
        job = (await self._queries.job(asked.caller, asked.job_id)).job
        parts = parts_of(job, question.which, question.expanded)
        if question.order:
            return await self._sorted(asked.caller, job, parts, question, paging)
        if paging.start_row is not None:
            rows = rows_from(parts, paging.start_row, question.descending, paging.rows)
            found = await self._objects(asked.caller, job, rows, question)
            return Objects(found, row_count=count_of(parts))
        digest = question.digest(job)
        place = place_in(key_of(paging.query_id or None, digest))
        rows = rows_after(parts, place, question.descending, paging.rows + 1)
        page = rows[: paging.rows]
        found = await self._objects(asked.caller, job, page, question)
        more = len(rows) > len(page)
        return Objects(found, query_id=cursor_text(place_of(page[-1]), digest) if more else "")

    async def task(self, asked: Asked) -> Properties:
        """A task's properties, all of them unless some are named."""
        owned = await self._task(asked)
        return Properties(told_of_task(owned, asked.fields.names("properties")))

    async def subtask(self, asked: Asked) -> Properties:
        """A subtask's properties, all of them unless some are named."""
        owned = await self._subtask(asked)
        return Properties(told_of_task(owned, asked.fields.names("properties")))

    async def set_subtask_properties(self, asked: Asked) -> Nothing:
        """Nothing of one subtask can be changed: it is what its task says. Always refused."""
        properties_of(asked.body)
        one = await self._subtask(asked)
        raise read_only(
            f"subtask {one.task.instance} of task {one.task.spec.id} has no properties of its own: "
            "they are those of its task, and change with it"
        )

    async def task_custom_properties(self, asked: Asked) -> Properties:
        """What a task was given beyond HPC Pack's own properties."""
        owned = await self._task(asked)
        return chosen(owned.task.spec.properties, asked.fields.names("names"))

    async def task_environment(self, asked: Asked) -> Properties:
        """A task's own variables."""
        owned = await self._task(asked)
        return chosen(owned.task.spec.environment, asked.fields.names("names"))

    async def _task(self, asked: Asked) -> Owned:
        number = asked.task_id
        found = await self._queries.job(asked.caller, asked.job_id)
        task = found.job.tasks.get(number)
        if task is None:
            raise no_task(asked.job_id, number)
        return Owned(found.job, task)

    async def _subtask(self, asked: Asked) -> Owned:
        """``Unknown`` in the product's words for one that was not reached yet."""
        on = asked.caller, asked.job_id, asked.task_id, asked.subtask_id
        found = await self._subtasks.one(*on)
        (seen,) = found.subtasks
        return Owned(found.job, seen_as_task(found.job.tasks[seen.task_id], seen))

    async def _sorted(
        self,
        caller: Caller,
        job: Job,
        parts: Sequence[Part],
        question: TaskQuestion,
        paging: Paging,
    ) -> Objects:
        """A page in another order than that by number; all rows are held for it."""
        count = count_of(parts)
        if count > SORTED_ROWS_MAX:
            raise too_many(question, count)
        owned = await self._owned(caller, job, rows_after(parts, None, False, count))
        owned.sort(key=SORTS[question.order], reverse=question.descending)
        digest = question.digest(job)
        start = paging.start_row
        if start is None:
            start = row_after(paging.query_id, digest)
        page, end = owned[start : start + paging.rows], start + paging.rows
        found = tuple(Object(told_of_task(one, question.names)) for one in page)
        if paging.start_row is not None:
            return Objects(found, row_count=count)
        return Objects(found, query_id=cursor_text((end,), digest) if end < count else "")

    async def _objects(
        self, caller: Caller, job: Job, rows: Sequence[Row], question: TaskQuestion
    ) -> tuple[Object, ...]:
        owned = await self._owned(caller, job, rows)
        return tuple(Object(told_of_task(one, question.names)) for one in owned)

    async def _owned(self, caller: Caller, job: Job, rows: Sequence[Row]) -> list[Owned]:
        """The rows (at most 1000) in their order, with what is known of each."""
        found: list[Owned] = []
        for _, group in groupby(rows, key=lambda row: row.task.spec.id):
            same = tuple(group)
            task, numbers = same[0].task, tuple(row.instance for row in same)
            if numbers == (0,):
                found.append(Owned(job, task))
                continue
            seen = await self._subtasks.told(caller, job, task, numbers)
            found += (Owned(job, seen_as_task(task, one)) for one in seen)
        return found


def task_question(fields: Fields) -> TaskQuestion:
    """What a list of tasks is asked for."""
    return TaskQuestion(
        which=task_filter(fields.text("$filter")),
        expanded=fields.yes("expandParametric", default=True),
        order=order_of_tasks(fields.text("sortTasksBy")),
        descending=not fields.yes("asc", default=True),
        names=fields.names("properties") or task_properties.DEFAULTS,
    )


def order_of_tasks(name: str) -> str:
    """By what tasks are sorted; by number for a property that there is not, as in the product."""
    return name.lower() if name.lower() in SORTS else ""


def too_many(question: TaskQuestion, count: int) -> NotSupported:
    """There is no order by this property for so many rows."""
    name = task_properties.READABLE[question.order].name
    return NotSupported(
        f"{count} tasks and subtasks are too many to be sorted by {name[:SHOWN]}: at most "
        f"{SORTED_ROWS_MAX} are; ask for fewer by $filter or expandParametric=False, or sort by "
        "TaskId"
    )


def place_of(row: Row) -> tuple[int, int]:
    """The key of a row."""
    return row.task.spec.id, row.instance


def row_after(query_id: str, digest: str) -> int:
    """The number of the row that a ``queryId`` goes on with."""
    key = key_of(query_id or None, digest)
    return next((x for x in key if isinstance(x, int) and x >= 0), 0)
