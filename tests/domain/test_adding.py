"""How a job comes to be: limits, chunks, one request one job."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.adding import add_job, content_of_job
from domain.checks import OWN_VARIABLES
from domain.errors import BadRequest, Corrupt
from domain.evolve import evolve, replay
from domain.ranges import in_ranges, ranges
from domain.states import JobState, JobType, TaskType
from domain.submission import check_submission
from tests.domain.builders import (
    ALLOWED,
    JOB_ID,
    Story,
    add,
    add_tasks,
    asked,
    change,
    recorded,
    specs,
)

EVENT_BYTES_MAX = 64 * 1024


def task(number: int, **changes: object) -> e.TaskSpec:
    return replace(e.TaskSpec(number, "work"), **changes)


def test_a_small_job_is_one_fact_and_submitted_with_a_second() -> None:
    command = add(specs(2, release=True), submit=True)
    added, submitted = add_job(command)
    assert added == e.JobAdded(
        job_id=JOB_ID,
        name="render",
        owner="alice",
        job_type=command.job_type,
        priority=command.priority,
        run_as="",
        properties={},
        tasks=specs(2, release=True),
        request_id="a1",
        content_sha256=content_of_job(command),
        decision=ALLOWED,
    )
    assert submitted == e.JobSubmitted("", "a1", ALLOWED, c.content_sha256("submit", ""))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 8 * 1024), max_size=30), st.integers(0, 16 * 1024))
def test_tasks_are_added_in_chunks_that_fit_an_event(sizes: list[int], size: int) -> None:
    tasks = tuple(task(n, command='"' * x + "x") for n, x in enumerate(sizes, 1))
    command = add(tasks, properties={"p": "x" * size})
    facts = add_job(command)
    assert all(len(msgspec.json.encode(x)) < EVENT_BYTES_MAX - 4096 for x in facts)
    first, *more = facts
    assert isinstance(first, e.JobAdded)
    assert all(isinstance(x, e.TasksAdded) for x in more)
    stored = first.tasks + tuple(t for x in more if isinstance(x, e.TasksAdded) for t in x.tasks)
    assert stored == tasks
    assert list(Story(command).job.tasks) == [t.id for t in tasks]


def test_one_large_task_and_large_properties_do_not_share_an_event() -> None:
    large = task(1, command="x" * 8000, environment={"A": "x" * 32_000})
    first, second = add_job(add((large,), properties={"p": "x" * 16_000}))
    assert isinstance(first, e.JobAdded)
    assert first.tasks == ()
    assert second == e.TasksAdded((large,))


@pytest.mark.parametrize(
    "command",
    [
        add((task(1, environment={"A": "\x01" * 10_000}),)),
        add(properties={"p": "\x01" * 16_000}),
    ],
)
def test_what_grows_too_large_when_stored_is_refused(command: c.AddJob) -> None:
    with pytest.raises(BadRequest, match="bytes as stored") as no:
        add_job(command)
    assert no.value.hresult == 0x80040235


def test_the_content_of_a_job_is_what_is_asked_whoever_asks_and_whatever_its_number() -> None:
    command = add(properties={"a": "b"})
    same = replace(command, job_id=99, asked=asked("other", "bob"), owner="bob")
    assert content_of_job(command) == content_of_job(same)
    others = [
        replace(command, name="other"),
        replace(command, tasks=specs(3)),
        replace(command, run_as="batch"),
        replace(command, submit=not command.submit),
        replace(command, properties={"a": "c"}),
    ]
    assert len({content_of_job(x) for x in [command, *others]}) == len(others) + 1


# --- limits ---------------------------------------------------------------------------------------


GOOD = [
    add(),
    add(()),
    add(specs(1000)),
    add(specs(999, release=True)),
    add((task(1, command="\N{GRINNING FACE}" * 2048),)),
    add((task(1, environment={"_A1": "x" * 32_763}, work_directory="/tmp"),)),
    add((task(1, command="x" * 480),), job_type=JobType.ADMIN),
    replace(add(), name="x" * 80, run_as="batch-user.1"),
]
BAD = [
    (add(specs(1001)), "1001 tasks"),
    (add((task(1), task(1))), "numbered 1, 2, 3"),
    (add((task(2), task(1))), "numbered 1, 2, 3"),
    (add((task(0),)), "numbered 1, 2, 3"),
    (add((task(1, command=" "),)), "empty"),
    (add((task(1, command="x" * 8193),)), "8193 bytes"),
    (add((task(1, command="\N{GRINNING FACE}" * 2048 + "x"),)), "8193 bytes"),
    (add((task(1, command="a\0b"),)), "NUL"),
    (add((task(1, command="\ud800"),)), "surrogate"),
    (add((task(1, environment={"A": "x" * 32_768}),)), "at most 32768"),
    (add((task(1, environment={"1A": ""}),)), "variable's name"),
    (add((task(1, environment={"A=B": ""}),)), "variable's name"),
    (add((task(1, environment={"A\n": ""}),)), "variable's name"),
    *((add((task(1, environment={x: "7"}),)), f"variable {x} cannot") for x in OWN_VARIABLES),
    (add(environment={"A": "1", "CCP_JOBID": ""}), "CCP_NODES, CCP_NODES_CORES, CCP_TASKID"),
    (add((task(1, work_directory="tmp"),)), "absolute"),
    (add((task(1, name="x" * 81),)), "81 characters"),
    (add((task(1, name="a\u202eb"),)), "cannot be printed"),
    (add((task(1, type=TaskType.SERVICE, instances=1001),)), "1 to 1000 instances"),
    (add((task(1, type=TaskType.SERVICE, instances=-1),)), "1 to 1000 instances"),
    (add((task(1, type=TaskType.SERVICE),), max_cores=1001), "says, 1001; 1 to 1000 are allowed"),
    (add(max_cores=-1), "max_cores is -1; 0"),
    (add(max_cores=2**31), "2147483647 are allowed"),
    (add((task(1, type=TaskType.PARAMETRIC_SWEEP),)), "a sweep goes from start to end"),
    (add((task(1, command="x" * 481),), job_type=JobType.ADMIN), "480"),
    (add((task(1, type=TaskType.NODE_RELEASE),), submit=True), "only NodeRelease"),
    (
        add((task(1), *(task(n, type=TaskType.NODE_RELEASE) for n in (2, 3)))),
        "2 node release tasks",
    ),
    (add(properties={f"p{n}": "x" * 1024 for n in range(16)}), "at most 16384"),
    (add(properties={"p": "x" * 1025}), "at most 1024"),
    (add(properties={"p" * 81: "x"}), "at most 80"),
    (add(properties={"": "x"}), "no name that can be printed"),
    (add(environment={"A-B": "x"}), "cannot be a variable's name"),
    (add(environment={"A": "x" * 32_768}), "at most 32768"),
    (add((task(1, environment={"B": "x" * 20_000}),), environment={"A": "x" * 20_000}), "32768"),
    (add((task(1, valid_exit_codes="0,x"),)), "'x' is no exit code"),
    (add((task(1, stdout="a\0b"),)), "NUL"),
    (add((task(1, properties={"p": "x" * 1025}),)), "at most 1024"),
    (add(valid_exit_codes="5..1"), "is no exit code"),
    (add(task_retry_count=1001), "0 to 1000"),
    (add(progress=101), "0 to 100 percent"),
    (add(progress_message="x" * 81), "at most 80"),
    (add(labels={"Env": "prod"}), "cannot be a label's name: 1 to 63 of a-z"),
    (add(labels={"a=b": "c"}), "cannot be a label's name"),
    (add(labels={"env": "x" * 129}), "the label env has 129 characters; at most 128"),
    (add(labels={"env": "a\nb"}), "holds a control character"),
    (add(labels={"env": "\ud800"}), "holds a control character"),
    (add(labels={"env": ""}), "the label env has no value"),
    (add(labels={f"l{n}": "x" for n in range(33)}), "33 labels are too many"),
    (add(labels={f"l{n}": "\u20ac" * 32 for n in range(22)}), "at most 2048"),
    (add(project="x" * 129), "at most 128"),
    (add(hold_until="tomorrow"), "is no time to hold"),
    (add(hold_until="2026-03-01T12:00:00"), "is no time to hold"),
    (add(hold_until="2026-03-01T07:59:59Z"), "is over"),
    (replace(add(), name="x" * 81), "81 characters"),
    (replace(add(), name="a\nb"), "cannot be printed"),
    (replace(add(), run_as="root; rm"), "not an account name"),
    (replace(add(), run_as="-x"), "not an account name"),
]


@pytest.mark.parametrize(("command", "words"), BAD, ids=[f"{n}" for n in range(len(BAD))])
def test_what_a_job_may_not_be_made_of(command: c.AddJob, words: str) -> None:
    with pytest.raises(BadRequest, match=words) as no:
        check_submission(command)
    assert no.value.hresult


@pytest.mark.parametrize("command", GOOD, ids=[f"{n}" for n in range(len(GOOD))])
def test_what_a_job_may_be_made_of(command: c.AddJob) -> None:
    check_submission(command)
    assert Story(command).job.state is JobState.CONFIGURING


# --- histories that cannot be ---------------------------------------------------------------------


def test_an_impossible_history_is_corrupt() -> None:
    (added,) = add_job(add())
    job = evolve(None, recorded(1, added))
    reserved = e.JobIdsReserved(1, 2)
    for before, fact, words in (
        (None, recorded(2, added), "version 2 follows 0"),
        (job, recorded(3, added), "version 3 follows 1"),
        (job, recorded(2, added), "added twice"),
        (None, recorded(1, e.JobQueued()), "not JobAdded"),
        (job, recorded(2, reserved), "not a fact about a job"),
    ):
        with pytest.raises(Corrupt, match=words):
            evolve(before, fact)
    assert replay([]) is None


# --- ranges ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "text"),
    [((), ""), ((5,), "5"), ((1, 2, 3, 7), "1-3,7"), ((1, 3, 5), "1,3,5"), ((9, 10), "9-10")],
)
def test_ranges_and_back(ids: tuple[int, ...], text: str) -> None:
    assert ranges(ids) == text
    assert in_ranges(text) == ids


@given(st.sets(st.integers(1, 200)))
def test_ranges_are_the_inverse_of_in_ranges(ids: set[int]) -> None:
    assert in_ranges(ranges(sorted(ids))) == tuple(sorted(ids))


@pytest.mark.parametrize(
    ("own", "max_cores", "instances"), [(0, 0, 1), (0, 4, 4), (0, 1000, 1000), (2, 4, 2), (2, 0, 2)]
)
def test_a_service_has_as_many_instances_as_its_job_may_have_cores(
    own: int, max_cores: int, instances: int
) -> None:
    """However it comes: with the job, or added to it."""
    service = task(1, type=TaskType.SERVICE, instances=own)
    made = Story(add((service,), max_cores=max_cores)).job
    story = Story(add((), max_cores=max_cores))
    story.ask(add_tasks(service))
    later = Story(add(()))
    later.ask(change(max_cores=max_cores))
    later.ask(add_tasks(service))
    for job in (made, story.job, later.job):
        assert job.tasks[1].spec.instances == instances
        assert job.tasks[1].spec.id == 1
