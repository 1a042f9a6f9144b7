"""What people ask about subtasks: one of them, or a page of a task's, for every face.

State, attempt and what is on a node are in the job's fold; how an ended run went is in the views,
whose row counts only while it is about that very attempt. So an answer never mixes two runs, and
views that lag behind leave gaps (``started_at`` and what follows), never something untrue.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from application.listing import Listing
from application.queries import Queries
from application.views import PAGE_ROWS, check_rows
from domain.cancelling import not_there
from domain.errors import Unknown
from domain.identity import Caller
from domain.job import Job, Task
from domain.numbers import NONE, Numbers
from domain.refusal import Refusal
from domain.states import TASK_ENDED, TaskState, TaskType
from domain.subtasks import is_expanded, subtask
from domain.sweeps import filled, value_of
from projections.job_view import Counts
from projections.stamps import maybe_stamp
from projections.subtask_view import SubtaskRow


class SubtaskCounts(Struct, frozen=True):
    """Subtasks of a task by what they do.

    ``expanded``: the highest number that was ever reached; nobody can name a higher one yet.
    ``waiting`` counts those too that were not reached.
    """

    total: int
    expanded: int
    waiting: int
    running: int
    finished: int
    failed: int
    canceled: int


class SubtaskView(Struct, frozen=True):
    """A subtask and its latest run. Times are RFC 3339 text in UTC.

    ``index``: its value of the sweep's index, None of other tasks; ``command`` has it filled in.
    ``attempt`` 0: it never ran. ``node`` to ``reason`` are empty for one that has not run, or waits
    to run again, and as long as the views do not know of its end.
    ``survivors``: processes of any of its runs that outlived SIGKILL and are still there.
    """

    job_id: int
    task_id: int
    instance: int
    type: TaskType
    name: str
    command: str
    work_directory: str
    index: int | None
    state: TaskState
    attempt: int
    node: str
    exit_code: int | None
    exit_signal: int | None
    started_at: str | None
    ended_at: str | None
    survivors: int
    code: str
    reason: str
    explicitly_canceled: bool


class SubtaskPage(Struct, frozen=True):
    """Subtasks by number, and whether more follow.

    ``counts``: of all subtasks of the task. ``job``, ``position``: the job that they are told by,
    and the place of its last event; ``behind``, ``stopped``: of the views, as of ``Listed``.
    """

    subtasks: tuple[SubtaskView, ...]
    more: bool
    counts: SubtaskCounts
    job: Job
    position: int
    behind: int
    stopped: str | None


class SubtaskQueries:
    """Answers for who may see the job; ``NotPermitted`` for the rest.

    ``Unknown`` (``unknown_task``) for a task that there is not, for one without subtasks, and for
    a subtask that there is not or that has not been expanded yet.
    """

    def __init__(self, queries: Queries, listing: Listing) -> None:
        self._queries = queries
        self._listing = listing

    async def one(
        self, caller: Caller, job_id: str, task_id: int, instance: int, at_least: int = 0
    ) -> SubtaskPage:
        """One subtask, as a page of one."""
        job, position, task = await self._task(caller, job_id, task_id)
        if not is_expanded(task, instance):
            raise unknown(not_there(job, task_id, instance))
        return await self._page(caller, job, position, task, (instance,), False, at_least)

    async def page(
        self,
        caller: Caller,
        job_id: str,
        task_id: int,
        states: Sequence[TaskState] = (),
        after: int = 0,
        rows: int = PAGE_ROWS,
        at_least: int = 0,
    ) -> SubtaskPage:
        """At most ``rows`` (1 to 1000) expanded subtasks above ``after``, rising by number.

        ``states``: only those in one of these; () for any. ``BadRequest`` for too many rows.
        """
        check_rows(rows)
        job, position, task = await self._task(caller, job_id, task_id)
        found = tuple(islice(expanded_in(task, states, after), rows + 1))
        more = len(found) > rows
        return await self._page(caller, job, position, task, found[:rows], more, at_least)

    async def told(
        self, caller: Caller, job: Job, task: Task, numbers: Sequence[int]
    ) -> tuple[SubtaskView, ...]:
        """These subtasks (at most 1000, each expanded), in this order, of a job as it was when this
        person was let see it."""
        found = await self._listing.subtasks(caller, job.id, task.spec.id, numbers)
        return views_of(job, task, numbers, found.answer.rows)

    async def _task(self, caller: Caller, job_id: str, task_id: int) -> tuple[Job, int, Task]:
        """The job, the place of its last event, and its task."""
        held = await self._queries.job(caller, job_id)
        task = held.job.tasks.get(task_id)
        if task is None or task.subtasks is None:
            raise unknown(not_there(held.job, task_id, 0))
        return held.job, held.position, task

    async def _page(
        self,
        caller: Caller,
        job: Job,
        position: int,
        task: Task,
        numbers: Sequence[int],
        more: bool,
        at_least: int,
    ) -> SubtaskPage:
        """The subtasks of these numbers, with what the views know of their ended runs."""
        found = await self._listing.subtasks(caller, job.id, task.spec.id, numbers, at_least)
        return SubtaskPage(
            views_of(job, task, numbers, found.answer.rows),
            more,
            counts_of(task),
            job,
            position,
            found.behind,
            found.stopped,
        )


def unknown(no: Refusal) -> Unknown:
    """What a command on it would be refused with."""
    return Unknown(no.explanation, code=no.code, hresult=no.hresult)


def counts_of(task: Task) -> SubtaskCounts:
    """How many subtasks a task has in which state. Only for a task that has some."""
    subtasks, counts = task.subtasks, Counts((task,))
    assert subtasks is not None, "only asked of a task with subtasks"
    return SubtaskCounts(
        total=subtasks.count,
        expanded=subtasks.expanded,
        waiting=counts.waiting,
        running=counts.running,
        finished=counts.of(TaskState.FINISHED),
        failed=counts.of(TaskState.FAILED),
        canceled=counts.of(TaskState.CANCELED),
    )


def expanded_in(task: Task, states: Sequence[TaskState], after: int) -> Numbers:
    """The numbers of expanded subtasks above ``after`` that are in one of these states, rising."""
    subtasks = task.subtasks
    assert subtasks is not None, "only asked of a task with subtasks"
    reached = Numbers.between(max(after, 0) + 1, subtasks.expanded)
    if not states:
        return reached
    found = NONE
    for state, these in (
        (subtasks.waits_as, subtasks.waiting),
        (TaskState.FINISHED, subtasks.finished),
        (TaskState.FAILED, subtasks.failed),
        (TaskState.CANCELED, subtasks.canceled),
    ):
        found |= these if state in states else NONE
    for one in subtasks.live.values():
        found |= Numbers.one(one.instance) if one.state in states else NONE
    return found & reached


def survivors_of(task: Task) -> dict[int, int]:
    """How many processes of which subtasks outlived a kill and are still there."""
    found: dict[int, int] = {}
    for left in task.outlived:
        for number in Numbers.read(left.run.instances):
            found[number] = found.get(number, 0) + left.survivors
    return found


def views_of(
    job: Job, task: Task, numbers: Iterable[int], rows: Iterable[SubtaskRow]
) -> tuple[SubtaskView, ...]:
    """The subtasks of these numbers, with the rows that the views have of them."""
    by_number, left = {row.instance: row for row in rows}, survivors_of(task)
    seen = (subtask(task, n) for n in numbers)
    return tuple(
        view_of(job.id, one, by_number.get(one.instance), left.get(one.instance, 0))
        for one in seen
        if one is not None
    )


def view_of(job_id: int, one: Task, row: SubtaskRow | None, survivors: int) -> SubtaskView:
    """A subtask as people see it."""
    told = told_by_fold(job_id, one, survivors)
    if row is None or one.state not in TASK_ENDED or row.attempt != one.attempt:
        return told
    return replace(
        told,
        node=row.node,
        exit_code=row.exit_code,
        exit_signal=row.exit_signal,
        started_at=row.started_at,
        ended_at=row.ended_at,
        code=row.code,
        reason=row.reason,
    )


def told_by_fold(job_id: int, one: Task, survivors: int) -> SubtaskView:
    """What the fold itself knows: of one that is live, all there is to know."""
    spec, number = one.spec, one.instance
    return SubtaskView(
        job_id=job_id,
        task_id=spec.id,
        instance=number,
        type=spec.type,
        name=spec.name,
        command=filled(spec, spec.command, number),
        work_directory=filled(spec, spec.work_directory, number),
        index=value_of(spec, number) if spec.type is TaskType.PARAMETRIC_SWEEP else None,
        state=one.state,
        attempt=one.attempt,
        node=one.node,
        exit_code=one.exit.code if one.exit else None,
        exit_signal=one.exit.signal if one.exit else None,
        started_at=maybe_stamp(one.started_at),
        ended_at=maybe_stamp(one.ended_at),
        survivors=survivors,
        code=one.code,
        reason=one.reason,
        explicitly_canceled=one.explicitly_canceled,
    )
