"""Whatever the rules make is found to be theirs, and nothing else is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.adding import add_job
from domain.cluster import (
    Cluster,
    ReserveJobIds,
    SetParameter,
    evolve_cluster,
    reserve,
    set_parameter,
)
from domain.decide import decide
from domain.errors import CountermandError
from domain.evolve import evolve
from domain.hresult import HResult
from domain.identity import SYSTEM_CALLER, Caller, Principal, Role
from domain.instruct import instruct
from domain.job import Job
from domain.remaking import CHECKED, begins, goes_on, job_facts_refused
from domain.remaking_cluster import cluster_fact_refused, request_fact_refused
from domain.states import CancelMode, FilterHow, JobState, StopCause, TaskState
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    HANDLE,
    NODE,
    T0,
    Story,
    add,
    asked,
    at,
    cancel,
    running_job,
    specs,
)
from tests.domain.situations import SITUATIONS
from tests.domain.test_laws import Began, Life, Move, instructions, lives, moves, requests

Command = c.Request | c.Instruction


def made(
    before: Job | None, facts: Sequence[e.JobEvent], caller: Caller, first_at: datetime
) -> list[e.Recorded]:
    """The facts of one append as they are stored: a microsecond apart."""
    version = before.version if before else 0
    found = []
    for n, data in enumerate(facts):
        time = first_at + timedelta(microseconds=n)
        event = e.NewEvent(f"id-{version + n}", time, caller, "chain", "cause", data)
        found.append(e.Recorded(e.job_aggregate(7), version + n + 1, event))
    return found


def refused(before: Job | None, facts: Sequence[e.Recorded]) -> list[str]:
    """What is said of each append among them, as ``fsck`` parts them."""
    said, job = list[str](), before
    while facts:
        first, size = facts[0], 1
        while begins(first) and size < len(facts) and goes_on(first, facts[size]):
            size += 1
        said.append(job_facts_refused(job, facts[:size]))
        for fact in facts[:size]:
            job = evolve(job, fact)
        facts = facts[size:]
    return [x for x in said if x]


def check(job: Job, command: Command) -> None:
    """What comes of the command is what the rules make."""
    moment = job.changed_at + timedelta(seconds=1)
    if isinstance(command, c.Request):
        assert not isinstance(command, c.AddJob)
        command = replace(command, asked=replace(command.asked, at=moment))
        actor = command.asked.asker
        try:
            facts = decide(job, command)
        except CountermandError:
            return
        assert refused(job, made(job, facts, Caller(Principal(actor)), moment)) == []
        return
    if isinstance(command, c.EndJob | c.ExpireRuntime):
        command = replace(command, at=max(moment, command.at))
        moment = command.at
    facts = instruct(job, command)
    assert refused(job, made(job, facts, SYSTEM_CALLER, moment)) == []


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(lives, st.lists(moves, max_size=12), st.lists(st.one_of(requests, instructions), max_size=6))
def test_whatever_is_decided_is_what_the_rules_make(
    began: Began, happens: list[Move], commands: list[Command]
) -> None:
    life = Life(began)
    for move in happens:
        move(life)
    for command in (*commands, *life.asked):
        check(life.job, command)


OTHER_ENDS = (
    c.FilterEnd(FilterHow.RAN, 0),
    c.FilterEnd(FilterHow.RAN, 1),
    c.FilterEnd(FilterHow.RAN, 4, words="no"),
    c.FilterEnd(FilterHow.RAN, 7, words="no, never"),
    c.FilterEnd(FilterHow.RAN, 2),
    c.FilterEnd(FilterHow.RAN, None, 9),
    c.FilterEnd(FilterHow.RAN, None, 9, "killed: why"),
    c.FilterEnd(FilterHow.TIMED_OUT),
    c.FilterEnd(FilterHow.MISSING, words="there is no such file"),
    c.FilterEnd(FilterHow.INVALID, words="others may write it"),
)
TERMS = (
    c.JobTerms(),
    c.JobTerms(c.JobChanges(name="by the filter")),
    c.JobTerms(c.JobChanges(properties={"a": "1"})),
    c.JobTerms(not_taken="it changed the owner"),
)


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("end", OTHER_ENDS)
def test_what_filters_say_is_what_the_rules_make(situation: str, end: c.FilterEnd) -> None:
    job = SITUATIONS[situation][1]().job
    for terms in TERMS:
        check(job, c.EndExternalValidation("/bin/filter", end, terms))
    check(job, c.EndActivation("/bin/filter", end, at(500), 60))
    check(job, c.StartExternalValidation("/bin/filter"))
    check(job, c.StartJob((NODE,), 0, "/bin/filter", "passed"))
    check(job, c.RemoveJob())


@pytest.mark.parametrize("submit", [True, False])
@pytest.mark.parametrize("size", [10, 20_000])
def test_a_creation_is_what_the_rules_make(submit: bool, size: int) -> None:
    tasks = tuple(replace(t, environment={"A": "x" * size}) for t in specs(4, release=True))
    command = add(tasks, submit=submit, environment={"B": "1"}, properties={"p": "q"})
    caller = Caller(Principal("alice"))
    facts = made(None, add_job(command), caller, T0)
    assert len(facts) == (2 if submit else 1) + (4 if size > 100 else 0)
    assert refused(None, facts) == []
    assert refused(None, facts[:-1]) != [] or not submit
    other = replace(facts[0].data, owner="mallory")
    assert refused(None, made(None, [other, *(f.data for f in facts[1:])], caller, T0)) != []  # type: ignore[list-item]


def test_many_tasks_added_later_are_what_the_rules_make() -> None:
    job = Story(add(specs(2))).job
    tasks = tuple(replace(t, environment={"A": "x" * 20_000}) for t in specs(4))
    facts = decide(job, c.AddTasks(asked("m1"), tasks))
    assert len(facts) == 4
    stored = made(job, facts, Caller(Principal("alice")), at(90))
    assert refused(job, stored) == []
    (said,) = refused(job, stored[:2])
    assert said.startswith("content_sha256 is ")
    alone = job_facts_refused(job, stored[1:2])
    assert alone == "it follows no fact that it could have come with"


# --- what no rule makes ---------------------------------------------------------------------------

ALICE = Caller(Principal("alice"))
RUN = (e.RunRange(1, 1, NODE),)


def running() -> Job:
    return running_job(2).job


def canceling() -> Job:
    story = running_job(2)
    story.ask(cancel("r0"))
    return story.job


def requested(decision: e.Decision) -> e.JobCancelRequested:
    """What a cancel of the running job is answered with."""
    (fact,) = decide(running(), cancel("r1"))
    assert isinstance(fact, e.JobCancelRequested)
    return replace(fact, decision=decision)


FORGED: dict[str, tuple[Callable[[], Job], e.JobEvent, Caller, str]] = {
    "an end of a job that runs": (
        running,
        e.JobCanceled("r0", 1, 0, 0, False),
        SYSTEM_CALLER,
        "the rules give nothing here: the job is Running",
    ),
    "a stop that nobody ordered": (
        running,
        e.TaskStopped("r0", StopCause.JOB_CANCEL, RUN, e.Exit(0), 1, TaskState.FAILED),
        SYSTEM_CALLER,
        "the rules give TaskFailed",
    ),
    "a run of a task that does not wait": (
        running,
        e.TaskStarted(RUN, HANDLE),
        SYSTEM_CALLER,
        "the rules give nothing here: the job is Running",
    ),
    "an effect that is by a person": (
        running,
        e.TaskFinished(RUN, e.Exit(0)),
        ALICE,
        "only the service writes this, and it is by 'alice'",
    ),
    "a failure that is called a success": (
        running,
        e.TaskFinished(RUN, e.Exit(3)),
        SYSTEM_CALLER,
        "the rules give TaskFailed",
    ),
    "a cancel that a policy denied": (
        running,
        requested(DENIED),
        ALICE,
        "the rules give JobCancelRefused: mallory may not",
    ),
    "a cancel that counts other tasks": (
        running,
        replace(requested(ALLOWED), waiting=e.TaskSet(2, "1-2")),
        ALICE,
        "waiting is TaskSet(count=2, tasks='1-2', subtasks=()), and the rules give "
        "TaskSet(count=1, tasks='2', subtasks=())",
    ),
    "a second cancel that is no repeat": (
        canceling,
        replace(requested(ALLOWED), from_state=JobState.CANCELING),
        ALICE,
        "the rules give JobCancelRepeated",
    ),
    "a refusal of what is allowed": (
        running,
        e.JobCancelRefused(
            *("r1", CancelMode.NORMAL, "", 0, "", "", JobState.RUNNING),
            *("not_permitted", 1, "no-rule-allows", "no", ALLOWED),
        ),
        ALICE,
        "the rules give JobCancelRequested",
    ),
    "a submission of a job that runs": (
        running,
        e.JobSubmitted("", "s1", ALLOWED),
        ALICE,
        "the rules give JobCommandRefused: job 7 is Running; submit is possible from Configuring",
    ),
    "a change that says nothing of its content": (
        lambda: Story(add()).job,
        e.JobPropertiesChanged("p1", {}, ALLOWED, name="other"),
        ALICE,
        "content_sha256 is ''",
    ),
    "a removal of a job that runs": (
        running,
        e.JobRemoved("ttl"),
        SYSTEM_CALLER,
        "the rules give nothing here: the job is Running",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_what_no_rule_makes_is_told(name: str) -> None:
    situation, data, caller, words = FORGED[name]
    job = situation()
    moment = job.changed_at + timedelta(seconds=1)
    (said,) = refused(job, made(job, [data], caller, moment))
    assert said.startswith(words), said


def test_the_same_request_twice_is_told() -> None:
    story = running_job(2)
    (fact,) = story.ask(cancel("r0"))
    moment = story.job.changed_at + timedelta(seconds=1)
    (said,) = refused(story.job, made(story.job, [fact], ALICE, moment))
    assert said == "this very request was answered before"


# --- the cluster, and no job ----------------------------------------------------------------------


def of_cluster(version: int, data: e.Event) -> e.Recorded:
    event = e.NewEvent(f"id-{version}", at(version), ALICE, "chain", "cause", data)
    return e.Recorded(e.Aggregate(e.CLUSTER, "hpc1"), version, event)


def asked_of(cluster: Cluster, ask: SetParameter | ReserveJobIds) -> e.ClusterEvent | None:
    return reserve(cluster, ask) if isinstance(ask, ReserveJobIds) else set_parameter(cluster, ask)


def test_what_the_cluster_decides_is_what_the_rules_make() -> None:
    cluster = Cluster()
    asking = [
        SetParameter(asked("p1"), "taskcancelgraceperiod", "30"),
        SetParameter(asked("p2"), "TaskCancelGracePeriod", "never"),
        SetParameter(asked("p3"), "x" * 200, "1"),
        SetParameter(asked("p4", decision=DENIED), "TaskCancelGracePeriod", "31"),
        SetParameter(asked("p5", if_versions=(99,)), "TaskCancelGracePeriod", "31"),
        SetParameter(asked("p1"), "TaskCancelGracePeriod", "32"),
    ]
    every: list[SetParameter | ReserveJobIds] = [*asking, ReserveJobIds(), ReserveJobIds(7)]
    for version, ask in enumerate(every, 1):
        data = asked_of(cluster, ask)
        assert data is not None
        fact = of_cluster(version, data)
        assert cluster_fact_refused(cluster, fact) == "", data
        cluster = evolve_cluster(cluster, fact)


def test_what_the_cluster_does_not_decide_is_told() -> None:
    block = of_cluster(1, e.JobIdsReserved(2, 100))
    assert "first is 2, and the rules give 1" in cluster_fact_refused(Cluster(), block)
    none = of_cluster(1, e.JobIdsReserved(1, 0))
    assert cluster_fact_refused(Cluster(), none)
    bad = e.ClusterParameterSet("TaskCancelGracePeriod", "never", "15", "p", ALLOWED)
    assert "ClusterCommandRefused" in cluster_fact_refused(Cluster(), of_cluster(1, bad))
    no = e.ClusterCommandRefused("p", "add_job", "no", 1, "r", "no", ALLOWED)
    assert cluster_fact_refused(Cluster(), of_cluster(1, no)) == "the policy allowed the job"


def test_what_became_of_the_stream_is_by_an_administrator_and_has_a_reason() -> None:
    lost = e.LossAccepted("l1", "burnt", "it is shorter", "new", "old", 30, 41, "")
    fact = of_cluster(1, lost)
    assert cluster_fact_refused(Cluster(), fact) == "'alice' is no administrator"
    root = Caller(Principal("root", (Role.ADMINISTRATOR,)))
    by_root = replace(fact, event=replace(fact.event, caller=root))
    assert cluster_fact_refused(Cluster(), by_root) == ""
    silent = replace(by_root, event=replace(by_root.event, data=replace(lost, reason="")))
    assert "no reason" in cluster_fact_refused(Cluster(), silent)


def test_a_cancel_of_no_job() -> None:
    fact = e.CancelRefused(
        *("r1", "99", None, CancelMode.NORMAL, "", 0, "", ""),
        *("unknown_job", HResult.INVALID_JOB_ID, "job-exists", "there is no job 99"),
    )
    event = e.NewEvent("id", T0, ALICE, "chain", "cause", fact)
    assert request_fact_refused(e.Recorded(e.request_aggregate(T0), 1, event)) == ""
    elsewhere = e.Recorded(e.Aggregate(e.REQUEST, "today"), 1, event)
    assert request_fact_refused(elsewhere) == "today is no day, such as 20261123"
    allowed = replace(event, data=replace(fact, rule="owner-controls"))
    assert "the rule is" in request_fact_refused(e.Recorded(e.request_aggregate(T0), 1, allowed))


def test_every_fact_has_a_row() -> None:
    assert set(CHECKED) == set(get_args(e.Event))
