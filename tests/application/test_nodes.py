"""Nodes: which there may be, where runs go, and what becomes of a node that the settings lose."""

import pytest
from msgspec.structs import replace

from application.engine import Node, RunKey, RunPhase
from application.node_use import NodeState, NodeUse, node_uses
from application.nodes import SLOTS_MAX, check_node
from application.placement import FreeSlots
from application.settings import Settings, check
from domain.errors import Misconfigured, Refused
from domain.states import CancelMode, JobState, TaskState
from tests.support.stack import Stack, World

TWO = (Node("n1", 1), Node("n2", 2))
MANY = {f"n{n}": 1 for n in range(SLOTS_MAX)}

# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("nodes", [{}, {"n1": 1}, {"N-1.example.org": 2, "2_x": 3}, MANY])
def test_nodes_are_names_with_slots(nodes: dict[str, int]) -> None:
    assert check(replace(Settings("/d"), nodes=nodes)).nodes == nodes


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({"": 1}, "'' is no name; 1 to 64 letters"),
        ({"a b": 1}, "'a b' is no name"),
        ({"a,b": 1}, "'a,b' is no name"),
        ({"a/b": 1}, "'a/b' is no name"),
        ({"..": 1}, "'..' is no name"),
        ({"n\u00f63": 1}, "is no name"),
        ({"n1\n": 1}, r"'n1\\n' is no name"),
        ({"x" * 65: 1}, "is no name"),
        ({"n1": 0}, "'n1' has 0 slots; allowed is 1 to 256"),
        ({"n1": -1}, "'n1' has -1 slots"),
        ({"n1": SLOTS_MAX + 1}, "'n1' has 257 slots"),
        ({"n1": 1, "N1": 1}, "'n1' and 'N1' differ in case only"),
        ({"n1": SLOTS_MAX, "n2": 1}, "nodes have 257 slots together; allowed are 256"),
        ({"n1": 1, "stream_bytes_max": 2}, "is a setting; in TOML settings stand before a table"),
    ],
)
def test_what_no_node_can_be_is_said(nodes: dict[str, int], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        check(replace(Settings("/d"), nodes=nodes))


@pytest.mark.parametrize("more", [{"slots": 2}, {"node": "n1"}])
def test_nodes_stand_alone(more: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match="take node and slots"):
        check(replace(Settings("/d"), nodes={"n1": 1}, **more))


def test_the_only_node_has_a_name_too() -> None:
    assert check(replace(Settings("/d"), node="n1.example.org")).node == "n1.example.org"
    with pytest.raises(Misconfigured, match="node is 'a b'"):
        check(replace(Settings("/d"), node="a b"))


def test_a_flood_of_wrong_nodes_is_a_few_sentences() -> None:
    with pytest.raises(Misconfigured) as caught:
        check(replace(Settings("/d"), nodes={f"n {n}": 0 for n in range(1000)}))
    assert caught.value.message.count("\n") == 6
    assert "1995 more are wrong" in caught.value.message


def test_an_unknown_node_is_refused_with_those_there_are() -> None:
    check_node(TWO, "n2")
    nodes = tuple(Node(name, 1) for name in MANY)
    with pytest.raises(Refused, match=r"there is no node 'N2'; there is n0, n1, .* and 248 more"):
        check_node(nodes, "N2")


# --- slots ----------------------------------------------------------------------------------------


def test_the_first_node_with_a_free_slot_is_the_best() -> None:
    free = FreeSlots(TWO, ("n2",))
    assert free.best(("n1", "n2")) == "n1"
    free.take("n1")
    assert free.best(("n1", "n2")) == "n2"
    assert free.best(("n1",)) is None
    free.take("n2")
    assert not free
    assert free.best(("n1", "n2")) is None
    assert free.best(("gone",)) == "gone", "the engine is to refuse it"
    free.take("gone")
    assert free.best(("gone",)) is None, "one at a time"


def test_runs_of_earlier_settings_never_count_below_nothing() -> None:
    assert FreeSlots(TWO, ("n1", "n1", "n1", "gone")).best(("n1", "n2")) == "n2"


@pytest.mark.parametrize(
    ("taken", "runs", "nodes"),
    [
        ((), 0, ("n1",)),
        ((), 1, ("n1",)),
        ((), 2, ("n1", "n2")),
        (("n1",), 2, ("n2",)),
        (("n1",), 3, ("n2", "n1")),
        (("n1", "n2", "n2"), 1, ("n1",)),
        (("n1", "n2", "n2"), 9, ("n1", "n2")),
    ],
)
def test_a_job_gets_as_many_nodes_as_it_has_work_for(
    taken: tuple[str, ...], runs: int, nodes: tuple[str, ...]
) -> None:
    assert FreeSlots(TWO, taken).choose(runs) == nodes


async def test_runs_go_to_the_first_node_with_a_free_slot(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        jobs = [await stack.running("run", key=f"a{n}") for n in range(3)]
        waiting = int((await stack.add("run", key="waits")).job_id)
        await stack.state(waiting, JobState.QUEUED)
        where = [(await stack.state(job, JobState.RUNNING)).tasks[1].node for job in jobs]
        assert where == ["n1", "n2", "n2"]
        assert [world.machine.runs[RunKey(job, 1, 0, 1)].status.node for job in jobs] == where

        stack.fake.finish(RunKey(jobs[1], 1, 0, 1))
        await stack.went(waiting)
        job = await stack.state(waiting, JobState.RUNNING)
        assert (job.tasks[1].node, job.nodes) == ("n2", ("n2",))
        await stack.caught_up()
        assert node_uses(TWO, stack.board.occupied) == (
            NodeUse("n1", NodeState.ONLINE, 1, 1, 1),
            NodeUse("n2", NodeState.ONLINE, 2, 2, 2),
        )


async def test_node_release_runs_where_the_job_was_and_holds_no_slot(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        await stack.running("run", key="fills n1")
        job = await stack.running("exit 0", release="run")
        await stack.went(job, task=2)
        await stack.state(job, JobState.FINISHING)
        assert world.machine.runs[RunKey(job, 2, 0, 1)].status.node == "n2"
        await stack.caught_up()
        assert node_uses(TWO, stack.board.occupied)[1] == NodeUse("n2", NodeState.ONLINE, 2, 0, 1)
        stack.fake.finish(RunKey(job, 2, 0, 1))
        ended = await stack.state(job, JobState.FINISHED)
        assert ended.tasks[2].node == "n2"


# --- a node that the settings lose ----------------------------------------------------------------


async def test_runs_of_a_node_that_is_gone_are_found_stopped_and_recorded(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        await stack.running("run", key="on n1")
        canceled = await stack.running("ignore", key="on n2")
        finishes = await stack.running("run", key="on n2 too")
        await stack.crash()

    async with Stack(world, nodes=(Node("n1", 1),)) as stack:
        await stack.state(canceled, JobState.RUNNING)
        await stack.caught_up()
        assert node_uses(stack.fake.nodes, stack.board.occupied) == (
            NodeUse("n1", NodeState.ONLINE, 1, 1, 1),
            NodeUse("n2", NodeState.REMOVED, 0, 2, 2),
        )
        waiting = int((await stack.add("run", key="waits")).job_id)
        await stack.cancel(canceled, CancelMode.FORCED)
        ended = await stack.state(canceled, JobState.CANCELED)
        stack.fake.finish(RunKey(finishes, 1, 0, 1))
        finished = await stack.state(finishes, JobState.FINISHED)
        assert (ended.tasks[1].node, finished.tasks[1].node) == ("n2", "n2")
        assert (await stack.state(waiting, JobState.QUEUED)).tasks[1].state is TaskState.QUEUED
        await stack.caught_up()
        assert [x.name for x in node_uses(stack.fake.nodes, stack.board.occupied)] == ["n1"]


async def test_node_release_on_a_node_that_is_gone_is_refused_on_the_record(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        await stack.running("run", key="on n1")
        job = await stack.running("run", release="exit 0", key="on n2")
        await stack.crash()

    async with Stack(world, nodes=(Node("n1", 1),)) as stack:
        await stack.cancel(job)
        ended = await stack.state(job, JobState.CANCELED)
        assert "there is no node 'n2'; there is n1" in ended.tasks[2].reason
        assert world.machine.runs[RunKey(job, 1, 0, 1)].status.phase is RunPhase.ENDED
