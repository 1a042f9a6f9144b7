"""Arbitrary commands, instructions and engine events: the laws hold after each, and jobs end."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.decide import decide
from domain.errors import Unknown
from domain.failing import next_limit
from domain.instruct import instruct
from domain.job import Job, Order, Task
from domain.next_steps import Step, next_steps, wants_slots
from domain.node_release import release_due
from domain.readiness import nodes_of_its_own, startable, usable_nodes, work_over
from domain.requests import JobRequest
from domain.states import (
    JOB_ENDED,
    TASK_ON_NODE,
    CancelMode,
    FilterHow,
    JobMark,
    JobPriority,
    JobState,
    StopStep,
    TaskState,
    TaskType,
)
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    HANDLE,
    NODE,
    SIGTERM,
    Story,
    add,
    asked,
    at,
    end_job,
    specs,
)
from tests.domain.laws import Laws, ones

REST: Final = JOB_ENDED | {JobState.CONFIGURING}
ROUNDS_MAX: Final = 60
EXIT_CODES: Final = (0, 1)


def possible(task: e.TaskSpec) -> e.TaskSpec:
    """As submission lets it pass: what comes first or last depends on nothing."""
    return task if task.type is TaskType.BASIC else replace(task, depends_on=())


ids = st.sampled_from(("r1", "r2", "r3", "r4"))
actors = st.sampled_from(("alice", "bob"))
decisions = st.sampled_from((ALLOWED, ALLOWED, ALLOWED, DENIED))
messages = st.sampled_from(("", "stop", "x" * 321, "\ud800", "\N{GRINNING FACE}"))
reasons = st.sampled_from(("", "maintenance", "NOT ALLOWED", "x" * 33))
modes = st.sampled_from(CancelMode)
task_ids = st.integers(0, 5)
attempts = st.integers(0, 3)
instances = st.sampled_from((0, 0, 1, 2, 4))
versions = st.none() | st.lists(st.integers(1, 30), max_size=3).map(tuple)
who = st.builds(asked, ids, actors, decisions, st.one_of(st.none(), st.none(), versions))
more_tasks = st.lists(
    st.builds(
        e.TaskSpec,
        st.just(0),
        st.sampled_from(("work", "more work")),
        st.sampled_from((*[TaskType.BASIC] * 3, TaskType.NODE_PREP, TaskType.NODE_RELEASE)),
        st.sampled_from(("", "a", "b")),
        depends_on=st.sampled_from(((), (), ("a",), ("b",))),
    ).map(possible),
    min_size=1,
    max_size=3,
).map(tuple)
changes = st.builds(
    c.JobChanges,
    name=st.sampled_from((None, "", "named")),
    priority=st.sampled_from((None, *JobPriority)),
    run_as=st.sampled_from((None, "batch")),
    properties=st.sampled_from((None, {"a": "1"}, {"b": "2"})),
    fail_on_task_failure=st.sampled_from((None, None, True, False)),
    run_until_canceled=st.sampled_from((None, None, True, False)),
    runtime_seconds=st.sampled_from((None, None, 0, 5)),
    valid_exit_codes=st.sampled_from((None, None, "", "0..1")),
    task_retry_count=st.sampled_from((None, None, 0, 1)),
    environment=st.sampled_from((None, {"A": "1"}, {"A": ""})),
    hold_until=st.sampled_from((None, None, "", "2027-01-01T00:00:00Z")),
    progress=st.sampled_from((None, None, 0, 50)),
)
task_changes = st.builds(
    c.TaskChanges,
    name=st.sampled_from((None, "", "a", "b")),
    command=st.sampled_from((None, "other work")),
    depends_on=st.sampled_from((None, None, (), ("a",), ("b",))),
    retry_count=st.sampled_from((None, None, 0, 1)),
    valid_exit_codes=st.sampled_from((None, "", "1", "0..1")),
    environment=st.sampled_from((None, {"A": "1"}, {"A": ""})),
    properties=st.sampled_from((None, {"a": "1"}, {"A": ""})),
)
requests: st.SearchStrategy[JobRequest] = st.one_of(
    st.builds(c.AddTasks, who, more_tasks),
    st.builds(c.ChangeJob, who, changes),
    st.builds(c.ChangeTask, who, task_ids, task_changes),
    st.builds(c.CancelJob, who, modes, messages, st.just(15), reasons),
    st.builds(
        c.CancelTask, who, task_ids, modes, messages, st.just(15), reasons, instance=instances
    ),
    st.builds(c.FinishJob, st.just(asked("r1", decision=DENIED)), messages, st.just(15)),
    st.builds(c.FinishTask, who, task_ids, messages, st.just(15), instance=instances),
    st.builds(c.RequeueTask, who, task_ids, instances, messages),
    st.builds(c.SubmitJob, who, st.sampled_from(("", "batch"))),
    st.builds(c.ConfigureJob, who),
    st.builds(c.RequeueJob, who, messages),
    st.builds(c.MarkJob, who, st.sampled_from(JobMark), st.booleans(), messages),
)
stops = st.none() | st.builds(
    c.StopSeen, ids, st.sampled_from(StopStep), st.booleans(), *[st.integers(0, 2)] * 3
)
exits = st.sampled_from((e.Exit(0), e.Exit(1), e.Exit(signal=9), e.Exit()))
instructions: st.SearchStrategy[c.Instruction] = st.one_of(
    st.just(c.StartValidation()),
    st.builds(c.EndValidation, st.just(""), st.sampled_from(("", "", "no account"))),
    st.builds(c.StartJob, st.just((NODE,)), st.sampled_from((0, 20))),
    st.builds(c.StartTask, task_ids, attempts, st.just(NODE), st.just(HANDLE), instances),
    st.builds(c.StartRelease, attempts, st.just(NODE), st.just(HANDLE), instances),
    st.builds(c.RefuseTask, task_ids, attempts, st.just(NODE), st.just("no"), st.just("no")),
    st.just(c.SkipRelease()),
    st.builds(c.OrderStop, st.sampled_from((2, 15))),
    st.builds(c.RecordRunEnd, task_ids, attempts, exits, stops, st.booleans(), instance=instances),
    st.builds(c.RecordSurvivorsGone, task_ids, attempts, instances),
    st.just(c.RecordTaskCanceled()),
    st.just(c.FailJob(15)),
    st.builds(c.ExpireRuntime, st.sampled_from((at(0), at(5), at(99_999))), st.just(15)),
    st.builds(c.EndJob, st.just(at(5))),
)


class Engine:
    """A live engine, simulated: whatever is on the node ends, in one of the ways a run can end."""

    def __init__(self, moods: list[int]) -> None:
        self._moods = moods
        self._ended = 0

    def end(self, task: Task) -> c.RecordRunEnd:
        """How the task's run ended."""
        self._ended += 1
        mood = self._moods[self._ended % len(self._moods)]
        ended = partial(
            c.RecordRunEnd, task.spec.id, task.attempt, instance=task.instance, retry_count=1
        )
        if mood == 0:
            return ended(e.Exit(), lost="the machine restarted")
        order = task.order_before if mood == 1 and task.order_before else task.order
        if order is None or mood == 2:
            return ended(e.Exit(EXIT_CODES[mood % 2]))
        return ended(e.Exit(signal=9), stop=seen(order, mood))


def seen(order: Order, mood: int) -> c.StopSeen:
    """What the engine noted of a stop."""
    expired = order.step is StopStep.SIGNAL and mood % 2 == 0
    left = 1 if mood == 6 and (expired or order.step is StopStep.KILL) else 0
    return c.StopSeen(order.request_id, order.step, expired, 5, int(expired), left)


def on_node(job: Job) -> list[Task]:
    """Every run that has not ended, node release included."""
    return [run for run in job.runs if run.state in TASK_ON_NODE]


def act_for(  # noqa: C901 - one case a step
    job: Job, step: Step, nodes: tuple[str, ...]
) -> c.Instruction | None:
    """The instruction that does a step; None for one that waits for the engine."""
    match step:
        case Step.VALIDATE:
            return c.StartValidation()
        case Step.END_VALIDATION:
            return c.EndValidation()
        case Step.CLOSE_TASK_CANCELS:
            return c.RecordTaskCanceled()
        case Step.START_IDLE:
            return c.StartJob(nodes)
        case Step.FAIL:
            return c.FailJob(15)
        case Step.ORDER_STOP:
            return c.OrderStop(SIGTERM)
        case Step.SKIP_RELEASE:
            return c.SkipRelease()
        case Step.END:
            return end_job()
        case Step.START_RELEASE:
            run = release_due(job)[0]
            return c.StartRelease(run.attempt + 1, run.node, HANDLE, run.instance)
        case Step.DISPATCH:
            if job.state is JobState.QUEUED:
                return c.StartJob(nodes)
            run = next(startable(job))
            node = (nodes_of_its_own(job, run) or usable_nodes(job))[0]
            return c.StartTask(run.spec.id, run.attempt + 1, node, HANDLE, run.instance)
        case Step.PERFORM_STOP:
            return None


class Began(Struct, frozen=True):
    """How a life begins: a job of ``count`` tasks, and so many steps on."""

    count: int
    release: bool
    fails: bool
    idles: bool
    limits: tuple[int, int]
    shape: str
    retries: int | None
    submit: bool
    steps: int
    moods: list[int]
    nodes: tuple[str, ...] = (NODE,)


def made_of(task: e.TaskSpec, began: Began, limit: int) -> e.TaskSpec:
    """The task with its limit, its retries, and its place: prepared for, in a chain, or free."""
    if task.type is not TaskType.BASIC:
        return task
    number = task.id
    if began.shape == "service":
        return replace(task, type=TaskType.SERVICE, instances=2)
    if began.shape == "sweep" and number % 2:
        seconds = {"runtime_seconds": limit, "retry_count": began.retries}
        sweep = {"start": 2, "end": 6, "increment": 2}
        return replace(task, type=TaskType.PARAMETRIC_SWEEP, **sweep, **seconds)
    chained = began.shape == "chain"
    return replace(
        task,
        type=TaskType.NODE_PREP if began.shape == "prepared" and number == 1 else task.type,
        runtime_seconds=limit if number % 2 else 0,
        retry_count=began.retries if number % 2 else None,
        name=f"n{number}" if chained else "",
        depends_on=(f"n{number - 1}",) if chained and number > 1 else (),
    )


class Life:
    """A job between people, a service and an engine, none of whom knows what the others do."""

    def __init__(self, began: Began) -> None:
        count = min(began.count, 1) if began.shape == "service" else began.count
        tasks = specs(count, began.release and count > 0)
        self._nodes = began.nodes
        job_limit, task_limit = began.limits
        self.story = Story(
            add(
                tuple(made_of(t, began, task_limit) for t in tasks),
                submit=began.submit,
                fail_on_task_failure=began.fails,
                run_until_canceled=began.idles,
                runtime_seconds=job_limit,
            )
        )
        self.laws, self._observed = Laws(), 0
        self.asked: list[JobRequest] = []
        self._engine = Engine(began.moods)
        self.go_on(began.steps)

    @property
    def job(self) -> Job:
        return self.story.job

    # --- what may happen --------------------------------------------------------------------------

    def cancel(self, mode: CancelMode) -> None:
        self.ask(c.CancelJob(self._fresh(), mode, "stop", 15))

    def cancel_task(self, which: int, mode: CancelMode) -> None:
        task, instance = self._open(which)
        self.ask(c.CancelTask(self._fresh(), task, mode, "stop", 15, instance=instance))

    def finish_task(self, which: int) -> None:
        task, instance = self._open(which)
        self.ask(c.FinishTask(self._fresh(), task, "enough", 15, instance=instance))

    def _open(self, which: int) -> tuple[int, int]:
        """A task or subtask that waits or runs."""
        found = [(t.spec.id, t.instance) for t in (*self.job.on_node, *self.job.waiting)]
        found += [(task, 0) for task, instance in found if instance]
        return found[which % len(found)] if found else (1, 0)

    def requeue_task(self, which: int) -> None:
        over = (TaskState.FAILED, TaskState.CANCELED)
        ended = [
            (task.spec.id, n)
            for task in self.job.work
            for n, one in ones(task).items()
            if one.state in over
        ]
        task, instance = ended[which % len(ended)] if ended else (1, 0)
        self.ask(c.RequeueTask(self._fresh(), task, instance, "again"))

    def add_tasks(self, tasks: tuple[e.TaskSpec, ...]) -> None:
        self.ask(c.AddTasks(self._fresh(), tasks))

    def change(self, values: c.JobChanges) -> None:
        self.ask(c.ChangeJob(self._fresh(), values))

    def change_task(self, which: int, values: c.TaskChanges) -> None:
        self.ask(c.ChangeTask(self._fresh(), which, values))

    def finish(self) -> None:
        self.ask(c.FinishJob(self._fresh(), "enough", 15))

    def again(self, configure: bool) -> None:
        if self.job.state is JobState.CONFIGURING:
            self.ask(c.SubmitJob(self._fresh()))
        elif configure:
            self.ask(c.ConfigureJob(self._fresh()))
        else:
            self.ask(c.RequeueJob(self._fresh(), "again"))

    def ask(self, request: JobRequest) -> None:
        before = self.job
        self.story.ask(request)
        self.asked.append(request)
        if request.asked.decision is DENIED and self.job.version > before.version:
            assert self.job.state is before.state
        self.ask_again(len(self.asked) - 1)

    def ask_again(self, which: int) -> None:
        """The same request again is answered by the event that answered the first."""
        if self.asked:
            request = self.asked[which % len(self.asked)]
            first = next(x for x in self.asked if scope_of(x) == scope_of(request))
            assert self.story.ask(first) == ()

    def tell(self, instruction: c.Instruction) -> None:
        self.story.tell(instruction)
        assert self.story.tell(instruction) == (), "repeated, an instruction gives nothing"

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            if due := due_without_engine(self.job):
                self._do(due[0])

    def do_one(self, which: int) -> None:
        if due := next_steps(self.job):
            self._do(due[which % len(due)])

    def end_run(self, which: int) -> None:
        if running := on_node(self.job):
            ending = self._engine.end(running[which % len(running)])
            assert self.story.tell(ending), "a run that goes on can always end"
            assert self.story.tell(ending) == ()

    def time_passes(self, seconds: int) -> None:
        now = len(self.story.history) + seconds
        self.tell(c.ExpireRuntime(at(now), 15))
        moment = next_limit(self.job)
        assert moment is None or moment > at(now), "what ran out is written down"

    def end_survivors(self) -> None:
        for left in [x for t in self.job.tasks.values() for x in t.outlived]:
            run = left.run
            self.tell(c.RecordSurvivorsGone(run.task, run.attempt, int(run.instances)))
        assert not any(t.survivors for t in self.job.tasks.values())

    def filter(self, exit_code: int) -> None:
        """Both filters: what each is told fits one state, and gives nothing in any other."""
        end = c.FilterEnd(FilterHow.RAN, exit_code)
        self.tell(c.EndActivation("/site/check", end, at(len(self.story.history)), 1))
        self.tell(c.EndExternalValidation("/site/check", end))
        self.tell(c.StartExternalValidation("/site/check"))

    def _fresh(self) -> c.Asked:
        return asked(f"n{len(self.asked)}")

    def _do(self, step: Step) -> None:
        instruction = act_for(self.job, step, self._nodes)
        if instruction is None:
            assert any(t.order for t in on_node(self.job))
        else:
            assert self.story.tell(instruction), f"{step} is due, but gives nothing"

    # --- what holds -------------------------------------------------------------------------------

    def check(self) -> None:
        """No law is broken, and the job is never stuck."""
        for fact in self.story.history[self._observed :]:
            self.laws.observe(fact)
        self._observed = len(self.story.history)
        assert self.laws.job == self.job
        if not rests(self.job):
            assert next_steps(self.job) or on_node(self.job)
        if self.job.state in JOB_ENDED:
            assert next_steps(self.job) == ()
            assert not wants_slots(self.job)
        if Step.ORDER_STOP not in next_steps(self.job):
            self._every_run_is_ordered_to_stop_as_hard_as_was_asked()
            assert all(t.order for t in on_node(self.job) if t.finish is not None)
            assert all(t.order for t in on_node(self.job) if t.cancel is not None)

    def _every_run_is_ordered_to_stop_as_hard_as_was_asked(self) -> None:
        cancel = self.job.cancel if self.job.state is JobState.CANCELING else None
        if cancel is None or cancel.mode is CancelMode.GRACEFUL:
            return
        for task in self.job.on_node if cancel.mode is CancelMode.NORMAL else on_node(self.job):
            assert task.order is not None
            assert cancel.mode is CancelMode.NORMAL or task.order.step is StopStep.KILL

    def live_to_the_end(self) -> None:
        """With a live engine, whatever began ends: the steps reach a point where none is due."""
        self._end_service()
        for n in range(ROUNDS_MAX):
            self.go_on(1)
            if due_without_engine(self.job):
                continue
            if not on_node(self.job):
                break  # a round more would find the same, and do nothing
            self.end_run(n)
        self.check()
        assert rests(self.job)
        assert next_steps(self.job) == ()
        assert not self.laws.cancel_open
        assert self.laws.cancels_accepted == self.laws.cancels_carried_out
        assert not self.laws.task_cancels_open
        if self.job.state in JOB_ENDED:
            survivors = any(t.survivors for t in self.job.tasks.values())
            kept = survivors or self.job.legal_hold is not None
            gone = () if kept else (e.JobRemoved("ttl"),)
            assert self.story.tell(c.RemoveJob()) == gone
            assert next_steps(self.job) == ()

    def _end_service(self) -> None:
        """A service goes on until somebody ends it."""
        if any(t.spec.type is TaskType.SERVICE for t in self.job.work):
            self.cancel(CancelMode.NORMAL)


def rests(job: Job) -> bool:
    """Whether nothing more happens unless somebody asks for it."""
    idle = job.run_until_canceled and job.state is JobState.RUNNING and work_over(job)
    return job.state in REST or (idle and not next_steps(job))


def due_without_engine(job: Job) -> list[Step]:
    """Steps that the service does alone, or for which an engine with free slots is enough."""
    return [x for x in next_steps(job) if x is not Step.PERFORM_STOP]


def scope_of(request: JobRequest) -> tuple[object, ...]:
    """Whose request, of what kind and about which task, has which id."""
    of_task = c.CancelTask | c.FinishTask | c.RequeueTask
    on = request if isinstance(request, of_task) else None
    task = (on.task, on.instance) if on else (0, 0)
    if isinstance(request, c.ChangeTask):
        task = (request.task, 0)
    return type(request), task, request.asked.asker, request.asked.request_id


Move = Callable[[Life], None]
small = st.integers(0, 8)
hard_modes = st.sampled_from((CancelMode.NORMAL, CancelMode.FORCED))
MOVES: Final[dict[str, st.SearchStrategy[Move]]] = {
    "go on": small.map(lambda n: lambda life: life.go_on(n)),
    "one step": small.map(lambda n: lambda life: life.do_one(n)),
    "a run ends": small.map(lambda n: lambda life: life.end_run(n)),
    "cancel": modes.map(lambda mode: lambda life: life.cancel(mode)),
    "cancel task": st.tuples(small, hard_modes).map(lambda x: lambda life: life.cancel_task(*x)),
    "finish task": small.map(lambda n: lambda life: life.finish_task(n)),
    "requeue task": small.map(lambda n: lambda life: life.requeue_task(n)),
    "add tasks": more_tasks.map(lambda tasks: lambda life: life.add_tasks(tasks)),
    "change": changes.map(lambda values: lambda life: life.change(values)),
    "change task": st.tuples(task_ids, task_changes).map(
        lambda x: lambda life: life.change_task(*x)
    ),
    "finish": small.map(lambda n: lambda life: life.finish() if n > 5 else life.go_on(n)),
    "again": st.booleans().map(lambda x: lambda life: life.again(x)),
    "ask anything": requests.map(lambda x: lambda life: life.ask(x)),
    "ask again": small.map(lambda n: lambda life: life.ask_again(n)),
    "tell anything": instructions.map(lambda x: lambda life: life.tell(x)),
    "time passes": st.sampled_from((0, 3, 30)).map(lambda n: lambda life: life.time_passes(n)),
    "survivors end": st.just(lambda life: life.end_survivors()),
    "filter": st.integers(0, 5).map(lambda code: lambda life: life.filter(code)),
}
OFTEN: Final = (
    *("go on", "go on", "one step", "a run ends", "again", "cancel", "cancel task"),
    *("finish task", "requeue task", "requeue task"),
)
moves = st.sampled_from((*MOVES, *OFTEN)).flatmap(lambda name: MOVES[name])
lives = st.builds(
    Began,
    st.sampled_from((2, 1, 3, 4, 0)),
    st.sampled_from((True, True, False)),
    st.sampled_from((False, False, True)),
    st.sampled_from((False, False, False, True)),
    st.tuples(st.sampled_from((0, 0, 15, 40)), st.sampled_from((0, 0, 3))),
    st.sampled_from(("", "", "chain", "prepared", "sweep", "sweep", "service")),
    st.sampled_from((None, None, 0, 2)),
    st.sampled_from((True, True, False)),
    st.integers(0, 8),
    st.lists(st.sampled_from((3, 4, 5, 6, 7, 0, 1, 2)), min_size=3, max_size=8),
    st.sampled_from(((NODE,), (NODE,), (NODE, "n2"), ("n2", NODE, "n3"))),
)


@settings(
    max_examples=800,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(lives, st.lists(moves, min_size=20, max_size=40))
def test_whatever_happens_the_laws_hold_and_what_began_ends(
    began: Began, happens: list[Move]
) -> None:
    life = Life(began)
    life.check()
    for move in happens:
        move(life)
        life.check()
    life.live_to_the_end()


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(lives, st.lists(moves, max_size=15), st.lists(requests), st.lists(instructions))
def test_no_event_follows_the_removal_of_a_job(
    began: Began,
    happens: list[Move],
    asked: list[JobRequest],
    told: list[c.Instruction],
) -> None:
    life = Life(began)
    for move in happens:
        move(life)
    life.live_to_the_end()
    if life.job.removed:
        for request in asked:
            with pytest.raises(Unknown):
                decide(life.job, request)
        assert all(instruct(life.job, instruction) == () for instruction in told)
