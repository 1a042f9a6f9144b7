"""The laws of a job's history, checked fact by fact as it grows. Written from the job model."""

from collections import defaultdict
from typing import Final

import msgspec
from msgspec.structs import replace

from domain import events as e
from domain.evolve import evolve
from domain.job import Job, Task
from domain.ranges import in_ranges
from domain.states import (
    JOB_ENDED,
    TASK_ENDED,
    CancelMode,
    JobState,
    StopCause,
    StopStep,
    TaskState,
    TaskType,
)
from domain.subtasks import subtask

S = JobState
STOPPABLE: Final = {S.CONFIGURING, S.SUBMITTED, S.VALIDATING, S.QUEUED, S.RUNNING}
MOVES: Final[dict[JobState, set[JobState]]] = {
    S.CONFIGURING: {S.SUBMITTED},
    S.SUBMITTED: {S.VALIDATING},
    S.VALIDATING: {S.EXTERNAL_VALIDATION, S.QUEUED, S.FAILED},
    S.EXTERNAL_VALIDATION: {S.QUEUED, S.FAILED},
    S.QUEUED: {S.RUNNING, S.FINISHING, S.CONFIGURING, S.FINISHED, S.FAILED},
    S.RUNNING: {S.FINISHING, S.FINISHED, S.FAILED},
    S.FINISHING: {S.FINISHED, S.FAILED, S.CANCELING},
    S.CANCELING: {S.CANCELED},
    S.CANCELED: {S.CONFIGURING, S.SUBMITTED},
    S.FAILED: {S.CONFIGURING, S.SUBMITTED},
    S.FINISHED: set(),
}
TERMINAL: Final = (e.JobCanceled, e.JobFinished, e.JobFailed, e.JobRejected)
ONLY_TRAIL: Final = (
    e.JobCancelRefused,
    e.TaskCancelRefused,
    e.JobCommandRefused,
    e.JobCancelRepeated,
    e.TaskCancelRepeated,
)
ROUND: Final = (e.JobConfigured, e.JobRequeued)
EVENT_BYTES_MAX: Final = 64 * 1024


class Laws:
    """Watches one history. ``observe`` takes each fact once, in order."""

    def __init__(self) -> None:
        self.job: Job | None = None
        self.cancel_open = ""
        self.cancels_accepted = 0
        self.cancels_carried_out = 0
        self.task_cancels_open: dict[tuple[int, int], str] = {}
        self.released: set[str] = set()
        self.cut_short = 0
        self.orders: defaultdict[tuple[int, str, int], list[tuple[str, StopStep, StopCause]]]
        self.orders = defaultdict(list)

    def observe(self, fact: e.Recorded) -> None:
        """One more fact: it is accepted by evolve, can be stored, and breaks no law."""
        before, after = self.job, evolve(self.job, fact)
        self.job = after
        assert len(msgspec.json.encode(fact)) < EVENT_BYTES_MAX
        data = fact.data
        if before is None:
            assert isinstance(data, e.JobAdded)
            return
        assert not before.removed, f"{type(data).__name__} follows JobRemoved"
        if isinstance(data, ONLY_TRAIL) or changes_nothing(data):
            trail = {"version": after.version, "changed_at": after.changed_at}
            assert replace(before, asked=after.asked, **trail) == after
        self._failing(before, after, data)
        self._states(before, after)
        self._tasks(before, after, data)
        self._cancels(before, data)
        self._task_cancels(data)
        self._stops(data)
        self._release(before, data)

    def _states(self, before: Job, after: Job) -> None:
        if after.state is not before.state:
            allowed = MOVES[before.state] | ({S.CANCELING} if before.state in STOPPABLE else set())
            assert after.state in allowed, f"{before.state} -> {after.state}"
            assert after.previous_state is before.state
        if after.state in JOB_ENDED:
            assert all(t.state in TASK_ENDED for t in after.tasks.values())
            assert after.ended_at is not None
        assert after.requeue_count - before.requeue_count in (0, 1)

    def _tasks(self, before: Job, after: Job, data: e.Event) -> None:
        assert list(after.tasks) == list(range(1, len(after.tasks) + 1))
        for number in after.tasks.keys() - before.tasks.keys():
            assert after.tasks[number].changed_at == after.changed_at
        if after.tasks.keys() > before.tasks.keys():
            assert isinstance(data, e.TasksAdded)
            assert before.state in (S.CONFIGURING, S.QUEUED, S.RUNNING)
        for task in after.tasks.values():
            every_subtask_is_somewhere(task)
        for number, was in before.tasks.items():
            task = after.tasks[number]
            if task.spec != was.spec:
                assert isinstance(data, e.TaskPropertiesChanged)
                assert data.task == number
                assert was.state in (TaskState.CONFIGURING, TaskState.QUEUED)
            assert task.changed_at == (was.changed_at if task is was else after.changed_at)
            self._task(before, was, task, data)
            earlier = ones(was)
            for instance, one in ones(task).items():
                if instance and instance in earlier:
                    self._task(before, earlier[instance], one, data)

    def _task(self, before: Job, was: Task, task: Task, data: e.Event) -> None:
        """One task, as it was and as it is; or one of its subtasks."""
        whole = was.subtasks is not None or task.subtasks is not None
        comes_and_goes = was.spec.type in (TaskType.NODE_PREP, TaskType.NODE_RELEASE)
        assert task.attempt - was.attempt in (0, 1)
        if task.attempt > was.attempt and not whole:
            assert was.state is TaskState.QUEUED
        if was.spec.type is TaskType.NODE_RELEASE:
            return
        if isinstance(data, e.TaskStarted) and task.attempt > was.attempt:
            self._in_order(before, was.spec)
        if isinstance(data, e.TaskFailed) and data.runs_again:
            assert before.state is S.RUNNING
        if isinstance(data, e.TaskFinished | e.TaskStopped | e.TaskForceStopped):
            mine = was.spec.id in {run.task for run in data.runs}
            assert not (mine and data.runs_again) or was.spec.type is TaskType.SERVICE
        if comes_and_goes and isinstance(data, ROUND):
            return
        if was.state is TaskState.FINISHED:
            assert task.state is TaskState.FINISHED
        again = is_again(data, was)
        if was.state is TaskState.CANCELED and was.explicitly_canceled and not again:
            assert task.state is TaskState.CANCELED
        if again:
            assert before.state in (S.QUEUED, S.RUNNING)
            assert (task.state, task.explicitly_canceled) == (TaskState.QUEUED, False)

    def _in_order(self, before: Job, spec: e.TaskSpec) -> None:
        """Node preparation first, then what a task depends on."""
        done = TaskState.FINISHED
        if before.prep is not None and spec.type is not TaskType.NODE_PREP:
            assert done in {one.state for one in ones(before.prep).values()}
        for other in before.work:
            assert other.spec.name not in spec.depends_on or other.state is done

    def _cancels(self, before: Job, data: e.Event) -> None:
        if isinstance(data, e.JobCancelRequested):
            assert data.escalates == self.cancel_open
            assert bool(self.cancel_open) == (before.state is S.CANCELING)
            self.cancel_open = data.request_id
            self.cancels_accepted += not data.escalates
        if isinstance(data, e.EmergencyStopRecorded) and data.in_effect:
            assert data.escalates == self.cancel_open
            self.cancel_open = data.request_id
            self.cancels_accepted += not data.escalates
        if isinstance(data, TERMINAL):
            assert before.state not in JOB_ENDED
            assert isinstance(data, e.JobCanceled) == bool(self.cancel_open)
        if isinstance(data, e.JobCanceled):
            assert data.request_id == self.cancel_open
            self.cancel_open = ""
            self.cancels_carried_out += 1

    def _task_cancels(self, data: e.Event) -> None:
        if isinstance(data, e.TaskCancelRequested) and data.waiting.count:
            assert (data.task, data.instance) not in self.task_cancels_open
            self.task_cancels_open[data.task, data.instance] = data.request_id
        if isinstance(data, e.TaskCanceled):
            some = [(x.task, n) for x in data.subtasks for n in in_ranges(x.instances)]
            whole = [(n, 0) for n in in_ranges(data.tasks)]
            for key in some or whole:
                assert self.task_cancels_open.pop(key) == data.request_id
        if isinstance(data, e.TaskRequeued):
            key = data.task, data.instance
            assert self.task_cancels_open.pop(key, data.undoes) == data.undoes
        if isinstance(data, ROUND):
            self._preparations_again(data)
        if isinstance(data, TERMINAL):
            assert not self.task_cancels_open

    def _preparations_again(self, data: e.JobConfigured | e.JobRequeued) -> None:
        """A preparation that was canceled before it ran runs again with the job."""
        assert self.job is not None
        for number in in_ranges(data.queued.tasks):
            if self.job.tasks[number].spec.type is TaskType.NODE_PREP:
                self.task_cancels_open.pop((number, 0), None)

    def _stops(self, data: e.Event) -> None:
        if isinstance(data, e.TaskStopOrdered):
            for run in one_by_one(data.runs):
                given = self.orders[run.task, run.instances, run.attempt]
                steps = [step for _, step, _ in given] + [data.step]
                assert steps in (
                    [StopStep.SIGNAL],
                    [StopStep.KILL],
                    [StopStep.SIGNAL, StopStep.KILL],
                )
                given.append((data.request_id, data.step, data.cause))
        if isinstance(data, e.TaskStopped | e.TaskForceStopped):
            finished = data.cause is StopCause.FINISH
            assert data.outcome is (TaskState.FINISHED if finished else TaskState.FAILED)
            for run in data.runs:
                given = self.orders[run.task, run.instances, run.attempt]
                assert (data.request_id, data.cause) in [(who, why) for who, _, why in given]

    def _failing(self, before: Job, after: Job, data: e.Event) -> None:
        """What the service ends on its own account ends Failed, unless a cancel takes over."""
        if isinstance(data, e.JobFailing):
            assert before.state is S.RUNNING
            assert (before.fail_on_task_failure) or data.cause is StopCause.RUN_LIMIT
            assert data.cause is StopCause.TASK_FAILURE or before.limit_seconds > 0
            assert not after.waiting
        if isinstance(data, e.JobFinished):
            assert before.failing is None
        if isinstance(data, e.JobFinished | e.JobFailed) and before.run_until_canceled:
            assert before.finish is not None or before.failing is not None
        if isinstance(data, e.TaskRuntimeExpired):
            for run in one_by_one(data.runs):
                was = ones(before.tasks[run.task])[int(run.instances)]
                assert was.state is TaskState.RUNNING
                assert not was.order
                assert run.attempt == was.attempt

    def _release(self, before: Job, data: e.Event) -> None:
        forced = before.cancel is not None and before.cancel.mode is CancelMode.FORCED
        match data:
            case e.JobStarted():
                self.released, self.cut_short = set(), 0
            case e.NodeReleaseStarted():
                assert not (before.state is S.CANCELING and forced)
                assert before.all_ended
                assert data.node in before.nodes
                assert data.node not in self.released
                self.released.add(data.node)
            case e.NodeReleaseEnded() if data.request_id:
                assert forced
                assert data.node in self.released
                self.cut_short += len(one_by_one(data.runs))
            case e.NodeReleaseSkipped():
                assert forced
            case e.JobCanceled():
                whole = bool(self.released) and not self.cut_short
                assert data.released == (whole and bool(before.nodes))
                assert data.force_stopped >= self.cut_short
            case _:
                pass


def changes_nothing(data: e.Event) -> bool:
    """A task that waits already is queued again."""
    return isinstance(data, e.TaskRequeued) and data.from_state is TaskState.QUEUED


def is_again(data: e.Event, was: Task) -> bool:
    """Whether the fact queues this task, or this subtask, again."""
    if not isinstance(data, e.TaskRequeued) or data.task != was.spec.id:
        return False
    if was.instance and data.instance == 0:  # of the whole task: what ended not well
        return data.from_state is not TaskState.QUEUED and was.state is not TaskState.FINISHED
    return data.instance == was.instance


def ones(task: Task) -> dict[int, Task]:
    """The task itself as 0, or its subtasks by number."""
    if task.subtasks is None:
        return {0: task}
    found = ((n, subtask(task, n)) for n in range(1, task.subtasks.count + 1))
    return {n: one for n, one in found if one is not None}


def every_subtask_is_somewhere(task: Task) -> None:
    """In one place exactly."""
    subtasks = task.subtasks
    if subtasks is None:
        return
    numbers = (subtasks.waiting, subtasks.finished, subtasks.failed, subtasks.canceled)
    everywhere = [*subtasks.live, *(n for these in numbers for n in these)]
    assert sorted(everywhere) == list(range(1, subtasks.count + 1))
    assert not subtasks.explicit - subtasks.canceled
    assert all(one.spec == task.spec for one in subtasks.live.values())


def one_by_one(runs: tuple[e.RunRange, ...]) -> list[e.RunRange]:
    """Each run as a range of its own."""
    return [replace(r, instances=str(n)) for r in runs for n in in_ranges(r.instances)]
