"""The questions about jobs and tasks in HPC Pack's REST."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from adapters.hpcpack import job_properties, task_properties
from adapters.hpcpack.answers import Object, Objects, Properties, properties
from adapters.hpcpack.asked import Asked, Work, no_task
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, Fields, shown
from adapters.hpcpack.filters import job_filter, task_filter
from adapters.hpcpack.job_properties import FIXED
from adapters.hpcpack.job_properties import READABLE as JOB_READABLE
from adapters.hpcpack.job_properties import job_properties as told_of_job
from adapters.hpcpack.paging import Paging, paging_of
from adapters.hpcpack.task_properties import READABLE as TASK_READABLE
from adapters.hpcpack.task_properties import SAME_FOR_ALL, SORTS, Owned, Sort
from adapters.hpcpack.task_properties import task_properties as told_of_task
from adapters.web.cursors import cursor_text, key_of, question_digest
from application.listing import Listing, Order
from application.queries import Queries
from application.views import PAGE_ROWS_MAX, JobFilter, JobOrder, Page, job_key
from domain.states import JobState
from projections.job_view import JobRow, job_row

HOLDING_NODES: Final = (JobState.RUNNING, JobState.FINISHING, JobState.CANCELING)
"""States in which a job holds its nodes."""

JOB_SORTS: Final = {
    "id": JobOrder.ID,
    "changetime": JobOrder.CHANGED,
    "createtime": JobOrder.CREATED,
    "submittime": JobOrder.SUBMITTED,
    "starttime": JobOrder.STARTED,
    "endtime": JobOrder.ENDED,
    "priority": JobOrder.PRIORITY,
    "expandedpriority": JobOrder.PRIORITY,
    "owner": JobOrder.OWNER,
    "username": JobOrder.RUN_AS,
    "name": JobOrder.NAME,
    "jobtype": JobOrder.TYPE,
    "state": JobOrder.STATE,
    "previousstate": JobOrder.PREVIOUS_STATE,
    "requeuecount": JobOrder.REQUEUES,
    "errorcode": JobOrder.ERROR,
}
SAME_FOR_ALL_JOBS: Final = frozenset(map(str.lower, FIXED))
"""Properties that jobs do not differ in: by these they stay in their order."""


class HasName(Protocol):
    """A property that knows how it is spelled."""

    @property
    def name(self) -> str:
        """As HPC Pack spells it."""
        ...


class Question(Struct, frozen=True):
    """Which jobs, in which order, with which properties."""

    which: JobFilter
    order: Order
    names: tuple[str, ...]

    @property
    def digest(self) -> str:
        """What a ``queryId`` belongs to. The properties may change from page to page."""
        return question_digest("hpcpack jobs", self.which, self.order)


class Questions:
    """One method an operation."""

    def __init__(self, queries: Queries, listing: Listing) -> None:
        self._queries = queries
        self._listing = listing

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "getJobs": self.jobs,
            "getJob": self.job,
            "getJobCustomProperties": self.job_custom_properties,
            "getJobEnvironmentVariables": self.job_environment,
            "getTasks": self.tasks,
            "getTask": self.task,
            "getTaskCustomProperties": self.task_custom_properties,
            "getTaskEnvironmentVariables": self.task_environment,
        }

    # --- jobs -------------------------------------------------------------------------------------

    async def jobs(self, asked: Asked) -> Objects:
        """A page of jobs."""
        node_names = asked.fields.names("nodeNames")
        if node_names:
            return await self._on_nodes(asked, node_names)
        question, paging = jobs_question(asked.fields), paging_of(asked.fields)
        if paging.start_row is not None:
            return await self._numbered(asked, question, paging, paging.start_row)
        page = Page(paging.rows, key_of(paging.query_id or None, question.digest))
        found = await self._listing.jobs(asked.caller, question.which, question.order, page)
        rows = found.answer.rows
        more = found.answer.more and rows
        key = job_key(rows[-1], question.order.by) if more else ()
        return objects(rows, question, cursor_text(key, question.digest) if more else "")

    async def job(self, asked: Asked) -> Properties:
        """A job's properties, all of them unless some are named."""
        found = await self._queries.job(asked.caller, asked.job_id)
        row = job_row(found.job, found.position)
        return Properties(told_of_job(row, asked.fields.names("properties")))

    async def job_custom_properties(self, asked: Asked) -> Properties:
        """What a job was given beyond HPC Pack's own properties."""
        found = await self._queries.job(asked.caller, asked.job_id)
        return chosen(found.job.properties, asked.fields.names("names"))

    async def job_environment(self, asked: Asked) -> Properties:
        """The variables of all tasks of a job."""
        found = await self._queries.job(asked.caller, asked.job_id)
        return chosen(found.job.environment, asked.fields.names("names"))

    async def _numbered(
        self, asked: Asked, question: Question, paging: Paging, start: int
    ) -> Objects:
        """The rows from a number on, and how many there are of all."""
        found = await self._listing.jobs_from(
            asked.caller, question.which, question.order, start, paging.rows
        )
        return Objects(objects(found.rows, question).objects, row_count=found.count)

    async def _on_nodes(self, asked: Asked, names: tuple[str, ...]) -> Objects:
        """Every job that holds one of these nodes, with all properties; whatever else is asked
        does not count, as in the product. There are not more of them than the nodes have room."""
        which = JobFilter(nodes=names, states=HOLDING_NODES)
        question = Question(which, Order(descending=False), ())
        rows = [row async for page in self._pages(asked, question) for row in page]
        return objects(rows, question)

    async def _pages(self, asked: Asked, question: Question) -> AsyncIterator[Sequence[JobRow]]:
        """All rows, page by page."""
        page = Page(PAGE_ROWS_MAX)
        while True:
            found = await self._listing.jobs(asked.caller, question.which, question.order, page)
            yield found.answer.rows
            if not found.answer.more:
                return
            page = Page(PAGE_ROWS_MAX, job_key(found.answer.rows[-1], question.order.by))

    # --- tasks ------------------------------------------------------------------------------------

    async def tasks(self, asked: Asked) -> Objects:
        """A page of a job's tasks."""
        fields, paging = asked.fields, paging_of(asked.fields)
        fields.yes("expandParametric", default=True)  # there are no sweeps to expand
        names = fields.names("properties") or task_properties.DEFAULTS
        which, text = task_filter(fields.text("$filter")), fields.text("$filter")
        order, ascending = fields.text("sortTasksBy").lower(), fields.yes("asc", default=True)
        found = await self._queries.job(asked.caller, asked.job_id)
        tasks = [task for task in found.job.tasks.values() if which.fits(task)]
        tasks.sort(key=sort_of_tasks(order), reverse=not ascending)
        digest = question_digest("hpcpack tasks", asked.job_id, text, order, ascending)
        start = paging.start_row
        if start is None:
            start = row_after(paging.query_id, digest)
        part = tasks[start : start + paging.rows]
        told = [Object(told_of_task(Owned(found.job.id, task), names)) for task in part]
        end = start + len(part)
        more = paging.start_row is None and end < len(tasks)
        return Objects(
            tuple(told),
            query_id=cursor_text((end,), digest) if more else "",
            row_count=None if paging.start_row is None else len(tasks),
        )

    async def task(self, asked: Asked) -> Properties:
        """A task's properties, all of them unless some are named."""
        owned = await self._task(asked)
        return Properties(told_of_task(owned, asked.fields.names("properties")))

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
        return Owned(found.job.id, task)


def jobs_question(fields: Fields) -> Question:
    """What a list of jobs is asked for."""
    names = fields.names("properties") or job_properties.DEFAULTS
    which = job_filter(fields.text("$filter"), fields.text("owner"))
    descending = not fields.yes("asc", default=True)
    return Question(which, Order(order_of_jobs(fields.text("sortJobsBy")), descending), names)


def order_of_jobs(name: str) -> JobOrder:
    """By what jobs are sorted; by number for a property that there is not, as in the product."""
    key = name.lower()
    found = JOB_SORTS.get(key)
    if found is None and key in JOB_READABLE and key not in SAME_FOR_ALL_JOBS:
        raise unsorted("jobs", name, JOB_SORTS, JOB_READABLE)
    return found or JobOrder.ID


def sort_of_tasks(name: str) -> Sort:
    """How tasks are sorted; by number for a property that there is not, as in the product."""
    found = SORTS.get(name)
    if found is None and name in TASK_READABLE and name not in SAME_FOR_ALL:
        raise unsorted("tasks", name, SORTS, TASK_READABLE)
    return found or SORTS["taskid"]


def unsorted(
    what: str, name: str, sorts: Iterable[str], spelled: Mapping[str, HasName]
) -> NotSupported:
    """There is no order by this property. The names are told as the product spells them."""
    names = sorted(spelled[key].name for key in sorts)
    return NotSupported(f"{what} cannot be sorted by {name[:SHOWN]}; they can by {shown(names)}")


def row_after(query_id: str, digest: str) -> int:
    """The number of the row that a ``queryId`` goes on with."""
    key = key_of(query_id or None, digest)
    return next((x for x in key if isinstance(x, int)), 0)


def objects(rows: Sequence[JobRow], question: Question, query_id: str = "") -> Objects:
    """Jobs as they go out."""
    told = tuple(Object(told_of_job(row, question.names)) for row in rows)
    return Objects(told, query_id)


def chosen(values: Mapping[str, str], names: Sequence[str]) -> Properties:
    """All values; of the named ones only, "" for what is not there, as in the product."""
    by_name = {name.lower(): name for name in values}
    wanted = {name: values.get(by_name.get(name.lower(), ""), "") for name in names}
    return properties(wanted if names else dict(values))
