"""What people are told from the views: what they may see, how new it is, and whatever happens."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from application.listing import Listed, Listing, Order
from application.view_building import Told, fill
from application.view_writer import ViewWriter
from application.views import (
    TRAIL_COLUMNS,
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
    Span,
    Troubles,
    ViewReader,
)
from domain.errors import NotPermitted, Unavailable, Unknown
from domain.events import job_aggregate
from domain.identity import Caller, Origin, Principal, Role
from domain.states import CancelMode, JobState
from tests.contract.views import cells, values_of
from tests.support.stack import (
    ADMIN,
    ALICE,
    AUDITOR,
    BOB,
    JOB_ADMIN,
    OPERATOR,
    Stack,
    World,
    until,
)
from tests.support.viewed import ALL, Viewed

OWNER: Final = TRAIL_COLUMNS.index("owner")
AGGREGATE: Final = job_aggregate(4711)
CAROL: Final = Caller(Principal("carol", (Role.USER,), method="unix"), origin=Origin.CLI)


def acting(actor: Caller, whom: Caller) -> Caller:
    """Somebody who acts for somebody else."""
    return Caller(actor.actor, whom.actor, Origin.CLI)


class Two(Viewed):
    """Views of two people's canceled jobs, each with a refusal by the other; and one of nobody."""

    alices = 0
    bobs = 0


@pytest.fixture
async def two(world: World, tmp_path: Path) -> AsyncIterator[Two]:
    viewed = Two(world, tmp_path, at_least_seconds=0.05)
    async with Stack(world) as stack, viewed:
        await viewed.up_to_date()
        for person, other in ((ALICE, BOB), (BOB, ALICE)):
            made = await stack.add("run", caller=person, key=f"{person.actor.name}'s")
            job = int(made.job_id)
            await stack.went(job)
            await stack.cancel(job, CancelMode.NORMAL, caller=other, key="no")
            await stack.cancel(job, CancelMode.FORCED, caller=person, key="yes")
            await stack.state(job, JobState.CANCELED)
            if person is ALICE:
                viewed.alices = job
            else:
                viewed.bobs = job
        await stack.cancel(4711, caller=ALICE, key="none")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "9", "p")
        await viewed.up_to_date()
        yield viewed


# --- who sees what --------------------------------------------------------------------------------

EVERYTHING: Final = (ADMIN, JOB_ADMIN, OPERATOR, AUDITOR, acting(ADMIN, AUDITOR))
ALICES: Final = (ALICE, acting(ADMIN, ALICE), acting(JOB_ADMIN, ALICE))
NOTHING: Final = (CAROL, acting(ADMIN, CAROL))


def name_of(caller: Caller) -> str:
    return caller.asker


@pytest.mark.parametrize("caller", [*EVERYTHING, *ALICES, *NOTHING], ids=name_of)
async def test_who_sees_which_jobs(two: Two, caller: Caller) -> None:
    seen = [two.alices, two.bobs] if caller in EVERYTHING else []
    seen = [two.alices] if caller in ALICES else seen
    listed = await two.listing.jobs(caller, JobFilter(), Order(JobOrder.ID, False), ALL)
    assert [row.job_id for row in listed.answer.rows] == seen
    numbered = await two.listing.jobs_from(caller, JobFilter(), Order(JobOrder.ID, False), 0, 1000)
    assert (list(numbered.rows), numbered.count) == (list(listed.answer.rows), len(seen))
    for job in (two.alices, two.bobs):
        if job in seen:
            tasks = await two.listing.tasks(caller, job, (), ALL)
            assert [row.task_id for row in tasks.answer.rows] == [1]
        else:
            with pytest.raises(Unknown, match=f"no job {job} in the job view"):
                await two.listing.tasks(caller, job, (), ALL)
    with pytest.raises(Unknown):
        await two.listing.tasks(caller, 4711, (), ALL)


@pytest.mark.parametrize("caller", [*EVERYTHING, *ALICES, *NOTHING], ids=name_of)
async def test_who_sees_which_rows_of_the_trail(two: Two, caller: Caller) -> None:
    owners = {"alice", "bob", ""} if caller in EVERYTHING else set()
    owners = {"alice"} if caller in ALICES else owners
    listed = await two.listing.trail(caller, AuditFilter(), ALL)
    assert {row.owner for row in listed.answer.rows} == owners
    refusals = await two.listing.trail(caller, AuditFilter(kinds=("refusal",)), ALL)
    assert len(refusals.answer.rows) == (3 if "" in owners else len(owners))
    found = await two.listing.export(caller, AuditFilter(), named=True)
    span, pages = found.span, found.pages
    rows = [values_of(line) for page in pages for line in page]
    seen = listed.answer.rows[::-1]
    assert rows == [cells(row) for row in seen]
    first, last = (seen[0].position, seen[-1].position) if seen else (None, None)
    assert span == Span(len(rows), first, last, two.projector.position)


@pytest.mark.parametrize("caller", [*EVERYTHING, *ALICES, *NOTHING], ids=name_of)
async def test_who_sees_which_cancels(two: Two, caller: Caller) -> None:
    seen = {two.alices, two.bobs} if caller in EVERYTHING else set()
    seen = {two.alices} if caller in ALICES else seen
    listed = await two.listing.cancellations(caller, CancellationFilter(), ALL)
    assert {x.row.job_id for x in listed.answer.rows} == seen


@pytest.mark.parametrize(
    ("caller", "asked", "seen"),
    [
        (ALICE, ("alice",), {"alice"}),
        (ALICE, ("bob", "alice"), {"alice"}),
        (ALICE, ("bob",), set()),
        (ALICE, ("",), set()),
        (AUDITOR, ("bob",), {"bob"}),
        (AUDITOR, ("bob", "alice"), {"alice", "bob"}),
        (AUDITOR, ("carol",), set()),
        (acting(ADMIN, ALICE), ("bob",), set()),
    ],
)
async def test_whose_is_asked_for_never_widens_what_is_seen(
    two: Two, caller: Caller, asked: tuple[str, ...], seen: set[str]
) -> None:
    jobs = await two.listing.jobs(caller, JobFilter(owners=asked), Order(), ALL)
    assert {row.owner for row in jobs.answer.rows} == seen
    trail = await two.listing.trail(caller, AuditFilter(owners=asked), ALL)
    assert {row.owner for row in trail.answer.rows} == seen
    cancels = await two.listing.cancellations(caller, CancellationFilter(owners=asked), ALL)
    assert {x.row.owner for x in cancels.answer.rows} == seen
    found = await two.listing.export(caller, AuditFilter(owners=asked), named=False)
    span, pages = found.span, found.pages
    assert {values_of(line)[OWNER] for page in pages for line in page} == seen
    assert bool(span.count) == bool(seen)


@pytest.mark.parametrize(
    "caller",
    [
        acting(ALICE, BOB),
        acting(OPERATOR, BOB),
        acting(AUDITOR, BOB),
        acting(JOB_ADMIN, ADMIN),
        acting(ALICE, ADMIN),
    ],
    ids=name_of,
)
async def test_who_may_not_act_for_somebody_sees_nothing(two: Two, caller: Caller) -> None:
    listing = two.listing
    questions: list[Callable[[], Awaitable[object]]] = [
        lambda: listing.jobs(caller, JobFilter(), Order(), ALL),
        lambda: listing.tasks(caller, two.alices, (), ALL),
        lambda: listing.trail(caller, AuditFilter(), ALL),
        lambda: listing.export(caller, AuditFilter(), named=True),
        lambda: listing.cancellations(caller, CancellationFilter(), ALL),
    ]
    for question in questions:
        with pytest.raises(NotPermitted):
            await question()


async def test_troubles_in_numbers(two: Two) -> None:
    assert await two.listing.troubles() == Troubles(0, 0, 0, 0)


# --- how new it is --------------------------------------------------------------------------------


async def test_an_answer_after_a_command_knows_it(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        await viewed.up_to_date()
        known = Listing(
            viewed.projector,
            viewed.listing._visibility,
            world.clock,
            lambda: max(stack.board.position, stack.ledger.position),
        )
        for n in range(20):
            job = int((await stack.add("run", key=f"a{n}", submit=False)).job_id)
            await stack.cancel(job, key=f"c{n}")
            listed = await known.trail(ALICE, AuditFilter(job=str(job)), ALL)
            assert [row.operation for row in listed.answer.rows][-1:] == ["cancel"]


async def test_an_answer_says_how_far_behind_it_is(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path, at_least_seconds=0.05) as viewed:
        await stack.add("run", submit=False)
        last = await viewed.up_to_date()
        viewed.known = last + 7
        listed = await viewed.listing.jobs(ALICE, JobFilter(), Order(), ALL)
        assert (listed.answer.position, listed.behind) == (last, 7)
        nobody: Listed[Any] = await viewed.listing.jobs(
            ALICE, JobFilter(owners=("bob",)), Order(), ALL
        )
        assert (nobody.answer.rows, nobody.answer.position, nobody.behind) == ((), last, 7)


async def test_a_position_that_is_asked_for_is_waited_for_and_no_longer(
    world: World, tmp_path: Path
) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path, at_least_seconds=0.05) as viewed:
        last = await viewed.up_to_date()
        with pytest.raises(Unavailable, match="did not reach") as raised:
            await viewed.listing.jobs(ALICE, JobFilter(), Order(), ALL, at_least=last + 1)
        assert raised.value.code == "view_behind"
        patient = Listing(
            viewed.projector, viewed.listing._visibility, world.clock, lambda: viewed.known
        )
        waiting = asyncio.create_task(
            patient.jobs(ALICE, JobFilter(), Order(), ALL, at_least=last + 2)
        )
        await stack.add("run", submit=False)
        assert (await waiting).answer.position >= last + 2


async def test_views_that_have_stopped_are_not_waited_for(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack:
        await stack.add("run", submit=False)
    await world.tampered(AGGREGATE, b"{}", "countermand.JobDreamt.v1")
    async with Viewed(world, tmp_path, at_least_seconds=60.0) as viewed:
        await until(lambda: viewed.projector.failure is not None, "the stop")
        viewed.known = 10**6
        listed = await viewed.listing.jobs(ALICE, JobFilter(), Order(), ALL)
        assert listed.behind == 10**6 - listed.answer.position
        with pytest.raises(Unavailable, match="JobDreamt") as raised:
            await viewed.listing.trail(AUDITOR, AuditFilter(), ALL, at_least=10**6)
        assert raised.value.code == "view_behind"


async def test_without_views_there_is_no_answer(world: World, tmp_path: Path) -> None:
    viewed = Viewed(world, tmp_path)
    with pytest.raises(Unavailable) as raised:
        await viewed.listing.jobs(ADMIN, JobFilter(), Order(), ALL)
    assert raised.value.code == "views_building"
    await viewed.stop()


# --- while other views are put in place -----------------------------------------------------------


async def test_questions_are_answered_while_views_are_rebuilt_and_switched(
    world: World, tmp_path: Path
) -> None:
    """By a hundred people at once, who notice nothing."""
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        for n in range(5):
            await stack.add("run", key=f"a{n}", submit=False)
            await stack.cancel(n + 1, key=f"c{n}", message="disk full")
        await viewed.up_to_date()
        done, answered = asyncio.Event(), [0]

        async def ask() -> None:
            while not done.is_set():
                listed = await viewed.listing.trail(ADMIN, AuditFilter(words="disk"), ALL)
                assert len(listed.answer.rows) == 5
                answered[0] += 1

        people = [asyncio.create_task(ask()) for _ in range(100)]
        for _ in range(4):
            status = await viewed.rebuilt()
            assert (status.error, status.result is not None) == ("", True)
        done.set()
        await asyncio.gather(*people)
        assert answered[0] > 100


async def test_a_question_that_comes_too_late_is_asked_again(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        await stack.add("run", submit=False)
        last, switched = await viewed.up_to_date(), threading.Event()
        asked = list[ViewReader]()

        def question(view: ViewReader) -> int:
            asked.append(view)
            switched.wait()
            return view.position()

        asking = asyncio.create_task(viewed.listing._of_reader(question))
        await until(lambda: asked, "the question")
        assert (await viewed.rebuilt()).error == ""
        await until(lambda: is_closed(asked[0]), "the end of the old views")
        switched.set()
        assert await asking == last
        assert len(asked) == 2


def is_closed(view: ViewReader) -> bool:
    try:
        view.position()
    except Unavailable:
        return True
    return False


async def test_an_export_goes_on_when_views_are_switched(world: World, tmp_path: Path) -> None:
    many = 2100
    stack = Stack(world, refusals_per_minute=10**6)
    async with stack, Viewed(world, tmp_path) as viewed:
        for n in range(many):
            await stack.cancel(10_000 + n, key=f"c{n}", caller=ADMIN)
        await viewed.up_to_date()
        found = await viewed.listing.export(AUDITOR, AuditFilter(kinds=("refusal",)), named=True)
        span, pages = found.span, found.pages
        assert span.count == many
        rows = places(pages)
        first = await asyncio.to_thread(next, rows)
        for _ in range(2):
            assert (await viewed.rebuilt()).error == ""
            await stack.cancel(9, key=f"later{viewed.file}", caller=ADMIN)
        rest = await asyncio.to_thread(list, rows)
        assert len([first, *rest]) == len({first, *rest}) == many


def places(pages: Iterator[Sequence[bytes]]) -> Iterator[object]:
    """The places of all rows."""
    for page in pages:
        for line in page:
            yield values_of(line)[TRAIL_COLUMNS.index("position")]


async def test_nothing_heavy_happens_on_the_loop(world: World, tmp_path: Path) -> None:
    """Questions, folds and rebuilds are done by threads."""
    threads: set[int] = set()

    async def build(name: str, told: Told) -> None:
        store = viewed.files.open(name)
        await fill(world.log, ViewWriter(store), told)
        store.close()

    viewed = Viewed(world, tmp_path, build=build)
    async with Stack(world) as stack, viewed:
        await stack.add("run", submit=False)
        await viewed.up_to_date()

        def question(view: ViewReader) -> int:
            threads.add(threading.get_ident())
            return view.position()

        assert await viewed.listing._of_reader(question) == viewed.projector.position
        assert threads
        assert threading.get_ident() not in threads
