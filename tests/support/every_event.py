"""A stream in which every event that there is happened, as the rules make it."""

from typing import Final

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.bulk import HowToCancel, content_of_wanted, request_bulk
from domain.hresult import HResult
from domain.identity import SYSTEM_CALLER, Caller, Origin, Principal, Role
from domain.policy import Action, Question
from domain.policy_life import (
    ActivatePolicy,
    Candidate,
    PolicyLife,
    ProposePolicy,
    StartShadow,
    StopShadow,
    begin,
    decide_policy,
    digest_of,
    evolve_policy,
)
from domain.states import (
    CancelMode,
    Effect,
    EmergencyOutcome,
    FilterHow,
    JobMark,
    JobState,
    StopStep,
)
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    NODE,
    SIGTERM,
    add,
    add_tasks,
    asked,
    cancel,
    cancel_task,
    change,
    change_task,
    configure,
    end_job,
    ends,
    expire,
    finish,
    finish_task,
    heeds,
    killed,
    mark,
    release,
    requeue,
    requeue_task,
    specs,
    start,
    submit,
)
from tests.support.author import ALICE, Author, asked_by

SLOW: Final = c.FilterEnd(FilterHow.RAN, 2, words="wait")


def every_event(cluster: str) -> Author:
    """The stream's author, who wrote one of each, and some twice."""
    author = Author(cluster)
    author.reserve()
    author.set_parameter("p1", "TaskCancelGracePeriod", "30")
    author.set_parameter("p2", "TaskCancelGracePeriod", "never")
    canceled_and_again(author, 1)
    tasks_of_all_kinds(author, 2)
    by_force(author, 3)
    limits(author, 4)
    rejected(author, 5)
    in_an_emergency(author, 6)
    cancels_that_wait(author, 7)
    rules_overridden(author, 8)
    a_cancel_of_nothing(author)
    a_request_on_many_jobs(author)
    what_became_of_the_stream(author)
    a_policy(author)
    return author


def job(number: int, count: int = 2, **options: object) -> c.AddJob:
    """A job of so many tasks and node release."""
    return replace(add(specs(count, release=True), **options), job_id=number)  # type: ignore[arg-type]


def canceled_and_again(author: Author, number: int) -> None:
    """Changed, filtered, held, canceled, repeated, refused, taken back, finished, removed."""
    author.add(job(number, request_id=f"a{number}"))
    author.ask(
        number,
        add_tasks(e.TaskSpec(0, "more")),
        change(name="other"),
        change_task(1, command="else"),
        submit(),
    )
    author.tell(
        number,
        c.StartValidation(),
        c.StartExternalValidation("/bin/filter"),
        c.EndExternalValidation(
            "/bin/filter",
            c.FilterEnd(FilterHow.RAN, 1),
            c.JobTerms(c.JobChanges(name="by the filter")),
        ),
        c.EndActivation("/bin/other", SLOW, author.asked("").at, 5),
        c.StartJob((NODE,), 0, "/bin/other", "passed"),
        start(1),
        start(2),
        ends(2, code=3),
    )
    author.ask(
        number,
        cancel("r1", actor="mallory", decision=DENIED),
        cancel("r2", message="enough"),
        cancel("r3", actor="bob"),
    )
    author.tell(number, c.OrderStop(SIGTERM), heeds(1, "r2"), release(), ends(3), end_job())
    author.ask(number, cancel("r4"), finish("f1", "x" * 400), requeue("q1"))
    author.tell(number, c.StartValidation(), c.EndValidation())
    author.ask(number, configure("c1"), submit("s2"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)))
    author.ask(number, finish("f2", "done"))
    author.tell(number, release(2), ends(3, attempt=2), end_job())
    marked(author, number)
    author.tell(number, c.RemoveJob())


def marked(author: Author, number: int) -> None:
    """Every mark, twice, taken back twice, and one without a reason."""
    for n, of in enumerate(JobMark):
        author.ask(
            number,
            mark(f"k{n}1", of=of, message=" "),
            mark(f"k{n}2", of=of),
            mark(f"k{n}3", of=of, actor="bob", message="x" * 400),
            mark(f"k{n}4", of=of, actor="bob"),
            mark(f"k{n}5", of=of, actor="mallory", decision=DENIED),
            mark(f"k{n}6", of=of, placed=False, message="no need any more"),
            mark(f"k{n}7", of=of, placed=False),
        )


def tasks_of_all_kinds(author: Author, number: int) -> None:
    """Canceled, repeated, refused, finished and queued again one by one; then over by itself."""
    author.add(job(number, 4, submit=True, request_id=f"a{number}"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1))
    author.ask(
        number,
        cancel_task(1, "t1"),
        cancel_task(1, "t2", actor="bob"),
        cancel_task(9, "t3"),
        cancel_task(2, "t4"),
        requeue_task(2, "q2"),
        cancel_task(2, "t5"),
        finish_task(3, "f3"),
    )
    author.tell(number, c.RecordTaskCanceled(), c.OrderStop(SIGTERM), heeds(1, "t1"))
    author.tell(number, start(4), ends(4), end_job(), release(), ends(5), end_job())


def by_force(author: Author, number: int) -> None:
    """Killed, with what outlived it, and node release left out."""
    author.add(job(number, submit=True, request_id=f"a{number}"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1))
    author.ask(number, cancel("r5", CancelMode.FORCED, "now", reason_code="maintenance"))
    author.tell(
        number,
        c.OrderStop(SIGTERM),
        killed(1, "r5", survivors=1),
        c.SkipRelease(),
        end_job(),
        c.RecordSurvivorsGone(1, 1),
    )


def limits(author: Author, number: int) -> None:
    """A run and then the job are stopped by their limits."""
    tasks = (replace(specs(1)[0], runtime_seconds=2, retry_count=0), *specs(3)[1:])
    command = add(tasks, submit=True, runtime_seconds=20, request_id=f"a{number}")
    author.add(replace(command, job_id=number))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,), 0))
    author.tell(number, start(1), start(2), ends(2, code=1), start(3), expire(0))
    order = author.jobs[number].tasks[1].expired
    assert order is not None
    author.tell(number, c.OrderStop(SIGTERM), heeds(1, order.order_id))
    author.ask(number, *(cancel("no", actor="mallory", decision=DENIED) for _ in range(12)))
    author.pass_time(20)
    author.tell(number, expire(0), c.OrderStop(SIGTERM))
    why = author.jobs[number].failing
    assert why is not None
    seen = c.StopSeen(why.order_id, StopStep.SIGNAL, True, 15_020, 2, 0)
    author.tell(number, c.RecordRunEnd(3, 1, e.Exit(signal=9), seen), end_job())


def rejected(author: Author, number: int) -> None:
    """Not valid."""
    author.add(replace(add(specs(1), submit=True, request_id=f"a{number}"), job_id=number))
    author.tell(number, c.StartValidation(), c.EndValidation("no_such_queue", "no such queue"))


def in_an_emergency(author: Author, number: int) -> None:
    """Stopped while the stream was away; the second stop changes nothing."""
    author.add(job(number, submit=True, request_id=f"a{number}"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1))
    runs = e.RunSet(1, (e.RunRange(1, 1, NODE),))
    stop = e.EmergencyStop(
        *("2026-03-01T08:00:00.000000Z", 0, "no answer", 80, 6, JobState.RUNNING, runs),
        *(EmergencyOutcome.STOPPED, 1, 2, 0, "a" * 64),
    )
    for request_id in ("e1", "e2"):
        asked = replace(author.asked(request_id), asker="root")
        author.ask(number, c.RecordEmergencyStop(asked, "fire", "", stop, 60))
    refused = replace(author.asked("e3"), asker="root", decision=DENIED)
    author.ask(number, c.RecordRefusedStop(refused, "fire", stop.ordered_at, "no answer"))
    author.tell(number, killed(1, "e1"), c.SkipRelease(), end_job())


def cancels_that_wait(author: Author, number: int) -> None:
    """Held, asked for again, approved, refused, withdrawn, lapsed, and one that takes effect."""
    held = replace(ALLOWED, effect=Effect.HOLD, hold_seconds=60)
    two = replace(ALLOWED, effect=Effect.HOLD, approvals=2)
    author.add(job(number, submit=True, request_id=f"a{number}"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1))
    author.ask(number, cancel("w1", decision=held), cancel("w2", decision=held))
    author.ask(number, cancel("w3", actor="bob", decision=two), *approvals("w3", "bob", "carol"))
    author.ask(number, c.WithdrawCancel(asked("x1"), "w1", "the wrong job"))
    author.ask(number, c.WithdrawCancel(asked("x2"), "w1", "the wrong job"))
    author.ask(number, c.WithdrawCancel(asked("x3"), "w3", ""), *approvals("w9", "dave"))
    author.ask(number, cancel("w4", decision=held), cancel("w5", actor="zoe", decision=two))
    author.pass_time(60)
    author.settle(number, "w4", held)
    author.pass_time(c.APPROVAL_SECONDS)
    author.settle(number, "w3", None)
    author.tell(number, c.OrderStop(SIGTERM), heeds(1, "w4"), release(), ends(3), end_job())
    author.settle(number, "w5", None)


def rules_overridden(author: Author, number: int) -> None:
    """Without a reason, with one, under the same id; reviewed by who did it, and by another."""
    author.add(job(number, submit=True, request_id=f"a{number}"))
    author.tell(number, c.StartValidation(), c.EndValidation(), c.StartJob((NODE,)), start(1))
    overrides = c.Overrides(DENIED, 60, ALICE)
    author.ask(number, replace(cancel("g0"), overrides=overrides))
    author.ask(number, replace(cancel("g1", message="fire"), overrides=overrides))
    by = [Caller(Principal(x, method="unix"), origin=Origin.CLI) for x in ("alice", "bob")]
    author.ask(number, *(c.ReviewUse(asked(f"v{x.asker}", x.asker), "g1", x, "right") for x in by))
    author.ask(number, c.ReviewUse(asked("v3", "bob"), "g1", by[1], "again"))


def approvals(cancel_id: str, *actors: str) -> list[c.ApproveCancel]:
    """Each of these people approves it, or would."""
    people = [Caller(Principal(x, method="unix"), origin=Origin.CLI) for x in actors]
    return [c.ApproveCancel(asked(f"by-{x.asker}", x.asker), cancel_id, x) for x in people]


def a_cancel_of_nothing(author: Author) -> None:
    """A job that nobody made."""
    fact = e.CancelRefused(
        *("r9", "99", None, CancelMode.NORMAL, "", 0, "", ""),
        *("unknown_job", HResult.INVALID_JOB_ID, "job-exists", "there is no job 99"),
    )
    author.store(e.request_aggregate(author.asked("").at), fact)


def a_request_on_many_jobs(author: Author) -> None:
    """Jobs that were found; what became of each is not looked at."""
    how, wanted = HowToCancel(CancelMode.NORMAL, "all of it", ""), e.JobsWanted(owners=("alice",))
    request = e.BulkCancelRequested(
        *("b1", how.mode, how.message, how.reason_code, e.JobSet(0), 1, 1, 0, wanted, 90, ""),
        *(e.JobSet(0), e.JobSet(0), content_of_wanted(wanted, how)),
    )
    (fact,) = request_bulk(None, request, (1, 2, 3, 7))
    author.store(e.bulk_aggregate(ALICE.asker, "b1"), fact)


def a_policy(author: Author) -> None:
    """The rules of the release, others that two people put in force, and some that are refused."""
    place = e.Aggregate(e.POLICY, author.cluster)
    ada, root = (
        Caller(Principal(name, (Role.ADMINISTRATOR,), method="unix"), origin=Origin.CLI)
        for name in ("ada", "root")
    )
    shipped, other, broken = (
        Candidate(digest_of(text), text, digest_of("schema"), 1) for text in ("a", "b", "c")
    )
    life = PolicyLife()
    for fact in begin(life, shipped, "schema"):
        author.store(place, fact, caller=SYSTEM_CALLER)
        life = evolve_policy(life, last_of(author))
    before = replace(ALLOWED, digest=shipped.digest, schema_digest=shipped.schema_digest)
    asked = c.Asked("p1", "ada", author.asked("").at, before)
    for by, command in (
        (ada, ProposePolicy(asked, ada, other, "quieter nights")),
        (ada, StartShadow(replace(asked, request_id="p5"), ada, other, "for a week")),
        (ada, StopShadow(replace(asked, request_id="p6"), ada, "it agrees")),
        (ada, ActivatePolicy(replace(asked, request_id="p2"), ada, other)),
        (root, ActivatePolicy(replace(asked, request_id="p3", asker="root"), root, other)),
        (root, ProposePolicy(replace(asked, request_id="p4"), root, replace(broken, flaw="no"))),
    ):
        decided = decide_policy(
            life,
            replace(command, asked=asked_by(Question(by, Action.ACTIVATE_POLICY), command.asked)),
        )
        assert decided is not None
        author.store(place, decided, caller=by)
        life = evolve_policy(life, last_of(author))


def last_of(author: Author) -> e.Recorded:
    """The newest fact."""
    fact = author.events[-1].fact
    assert isinstance(fact, e.Recorded)
    return fact


def what_became_of_the_stream(author: Author) -> None:
    """Mended, and then a loss that was accepted."""
    place = e.Aggregate(e.CLUSTER, author.cluster)
    root = Caller(Principal("root", (Role.ADMINISTRATOR,), method="unix"), origin=Origin.CLI)
    mended = e.StreamMended("m1", "it was shorter", "old", "new", 90, 0, 1, "damaged/1")
    lost = e.LossAccepted("l1", "no copy is left", "it was shorter", "new", "new", 91, 92, "")
    back = e.StreamRestored(
        "b1", "old", "0" * 64, "2026-11-22T23:00:00+00:00", "new", 92, 0, "replaced/1"
    )
    author.store(place, mended, lost, back, caller=root)
