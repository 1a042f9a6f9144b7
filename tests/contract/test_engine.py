"""What every engine must keep, run on real processes (with and without cgroups) and on the fake."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol

import pytest

from adapters.engines.local.engine import LocalEngine
from application.engine import (
    Engine,
    Node,
    RunKey,
    RunPhase,
    RunSpec,
    RunStatus,
    StopNote,
    StopOrder,
)
from domain.errors import CountermandError, Refused
from domain.events import Exit
from domain.states import StopStep
from tests.support.fake_engine import FakeEngine, FakeMachine
from tests.support.processes import written
from tests.support.waiting import eventually

KEY = RunKey(17, 1, 0, 1)
NODES = (Node("n1", 2), Node("n2", 1))
GRACE_MS = 400
SIGTERM, SIGKILL = 15, 9
RUNS = "run"
IGNORES = "ignore"
DEADLINE_SECONDS = 20.0


class Bench(Protocol):
    """One machine, the service on it, and how to say a behaviour in that engine's words."""

    def service(self, nodes: tuple[Node, ...] = NODES) -> Engine: ...

    def command(self, behaviour: str) -> str: ...

    async def ready(self, engine: Engine, key: RunKey) -> None: ...

    async def pass_ms(self, ms: int) -> None: ...


COMMANDS: Final = {
    "run": "echo ready; exec sleep 600",
    "ignore": "trap '' TERM; echo ready; while :; do sleep 600; done",
    "handle 7": "mkfifo p; exec 3<>p; trap 'exit 7' TERM; echo ready; while :; do read x <&3; done",
}


class LocalBench:
    """Real processes. A behaviour writes ``ready`` when its handlers stand."""

    def __init__(self, directory: Path, use_cgroups: bool) -> None:
        self._directory, self._use_cgroups = directory, use_cgroups

    def service(self, nodes: tuple[Node, ...] = NODES) -> LocalEngine:
        return LocalEngine(self._directory / "runs", nodes=nodes, use_cgroups=self._use_cgroups)

    def command(self, behaviour: str) -> str:
        return COMMANDS.get(behaviour, behaviour)

    async def ready(self, engine: Engine, key: RunKey) -> None:
        status = await known(engine, key)
        assert status.handle is not None
        output = self._directory / "runs" / status.handle.warden / "output.head"
        await eventually(lambda: "ready" in written(output))

    async def pass_ms(self, ms: int) -> None:
        """Real time passes by itself."""


class FakeBench:
    """The machine in memory, its time in our hands."""

    def __init__(self) -> None:
        self._machine = FakeMachine()

    def service(self, nodes: tuple[Node, ...] = NODES) -> FakeEngine:
        return FakeEngine(self._machine, nodes=nodes)

    def command(self, behaviour: str) -> str:
        return behaviour

    async def ready(self, engine: Engine, key: RunKey) -> None:
        """A fake run is ready when it runs."""

    async def pass_ms(self, ms: int) -> None:
        self._machine.advance(ms)


@pytest.fixture(params=["cgroups", "descendants", "fake"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "fake":
        return FakeBench()
    return LocalBench(tmp_path, request.param == "cgroups")


@pytest.fixture
async def engine(bench: Bench) -> AsyncIterator[Engine]:
    engine = bench.service()
    yield engine
    await engine.close(stop_tasks=True)


async def started(
    bench: Bench,
    engine: Engine,
    behaviour: str,
    key: RunKey = KEY,
    limit_ms: int = 0,
    node: str = "n1",
) -> None:
    spec = RunSpec(bench.command(behaviour), {}, node, time_limit_ms=limit_ms)
    await engine.prepare(key, spec)
    await engine.go(key)
    if not behaviour.startswith("exit"):
        await bench.ready(engine, key)


async def report(engine: Engine) -> RunStatus:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await anext(engine.reports())


def gently(request: str = "r1", grace_ms: int = GRACE_MS) -> StopOrder:
    return StopOrder(request, StopStep.SIGNAL, SIGTERM, grace_ms)


def at_once(request: str = "r1") -> StopOrder:
    return StopOrder(request, StopStep.KILL, SIGKILL, 0)


async def known(engine: Engine, key: RunKey = KEY) -> RunStatus:
    status = await engine.status(key)
    assert status is not None
    return status


async def test_a_run_nobody_prepared_is_not_known(engine: Engine) -> None:
    assert await engine.status(KEY) is None
    assert await engine.recover() == ()
    assert engine.nodes == NODES


async def test_a_prepared_run_waits_with_a_handle(bench: Bench, engine: Engine) -> None:
    handle = await engine.prepare(KEY, RunSpec("exit 0", {}, "n1"))

    assert await known(engine) == RunStatus(KEY, RunPhase.PREPARED, handle, node="n1")
    assert handle.engine == engine.name
    assert await engine.prepare(KEY, RunSpec("exit 0", {}, "n1")) == handle


@pytest.mark.parametrize("code", [0, 3])
async def test_a_run_that_ends_by_itself_is_reported_with_its_code(
    bench: Bench, engine: Engine, code: int
) -> None:
    await started(bench, engine, f"exit {code}")

    ended = await report(engine)

    assert (ended.key, ended.phase, ended.exit) == (KEY, RunPhase.ENDED, Exit(code=code))
    assert (ended.stop, ended.never_ran, ended.killed) == (None, False, 0)
    assert await known(engine) == ended


async def test_an_ended_run_is_not_started_again(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, "exit 4")
    ended = await report(engine)

    assert await engine.prepare(KEY, RunSpec("exit 0", {}, "n1")) == ended.handle
    await engine.go(KEY)
    await engine.abandon(KEY)
    await engine.stop(KEY, at_once())

    assert await known(engine) == ended


async def test_an_abandoned_run_never_ran_and_may_be_prepared_again(
    bench: Bench, engine: Engine
) -> None:
    first = await engine.prepare(KEY, RunSpec("exit 0", {}, "n1"))
    await engine.abandon(KEY)

    ended = await report(engine)
    assert (ended.phase, ended.never_ran, ended.exit) == (RunPhase.ENDED, True, Exit())
    assert ended.reason
    await engine.go(KEY)
    assert (await known(engine)).never_ran

    assert await engine.prepare(KEY, RunSpec("exit 5", {}, "n1")) != first
    await engine.go(KEY)
    assert (await report(engine)).exit == Exit(code=5)


async def test_abandon_after_go_has_no_effect(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, RUNS)
    await engine.abandon(KEY)

    assert (await known(engine)).phase is RunPhase.RUNNING


async def test_the_stop_signal_ends_a_run_within_its_grace(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, RUNS)
    await engine.stop(KEY, gently(grace_ms=60_000))

    ended = await report(engine)

    assert ended.exit == Exit(signal=SIGTERM)
    assert ended.stop is not None
    assert (ended.stop.request_id, ended.stop.step) == ("r1", StopStep.SIGNAL)
    assert (ended.stop.grace_expired, ended.stop.killed) == (False, 0)
    assert ended.orders == (("r1", StopStep.SIGNAL),)


async def test_a_handler_decides_the_exit_code(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, "handle 7")
    await engine.stop(KEY, gently(grace_ms=60_000))

    ended = await report(engine)

    assert ended.exit == Exit(code=7)
    assert ended.stop is not None
    assert not ended.stop.grace_expired


async def test_a_run_that_ignores_the_signal_is_killed_when_its_grace_runs_out(
    bench: Bench, engine: Engine
) -> None:
    await started(bench, engine, IGNORES)
    await engine.stop(KEY, gently())
    await bench.pass_ms(GRACE_MS)

    ended = await report(engine)

    assert ended.exit == Exit(signal=SIGKILL)
    assert ended.stop is not None
    assert (ended.stop.step, ended.stop.grace_expired) == (StopStep.SIGNAL, True)
    assert ended.stop.after_ms >= GRACE_MS
    assert ended.stop.killed >= 1
    assert ended.stop.survivors == 0


async def test_a_forced_stop_kills_at_once(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES)
    await engine.stop(KEY, at_once())

    ended = await report(engine)

    assert ended.exit == Exit(signal=SIGKILL)
    assert ended.stop is not None
    assert (ended.stop.step, ended.stop.grace_expired) == (StopStep.KILL, False)
    assert ended.stop.killed >= 1


async def test_a_kill_overtakes_a_grace_period(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES)
    await engine.stop(KEY, gently("r1", grace_ms=600_000))
    await engine.stop(KEY, at_once("r2"))

    ended = await report(engine)

    assert ended.stop is not None
    assert (ended.stop.request_id, ended.stop.step) == ("r2", StopStep.KILL)
    assert ended.orders == (("r1", StopStep.SIGNAL), ("r2", StopStep.KILL))


async def test_a_repeated_order_keeps_the_first_ones_grace(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES)
    await engine.stop(KEY, gently())
    await engine.stop(KEY, gently(grace_ms=600_000))
    await bench.pass_ms(GRACE_MS)

    ended = await report(engine)

    assert ended.orders == (("r1", StopStep.SIGNAL),)
    assert ended.stop is not None
    assert ended.stop.grace_expired


async def test_a_stop_before_go_ends_a_run_that_never_runs(bench: Bench, engine: Engine) -> None:
    await engine.prepare(KEY, RunSpec("exit 0", {}, "n1"))
    await engine.stop(KEY, gently())
    await engine.go(KEY)

    ended = await report(engine)

    assert (ended.phase, ended.never_ran) == (RunPhase.ENDED, True)
    assert ended.stop == StopNote("r1", StopStep.SIGNAL, False, 0, 0, 0)


async def test_a_run_is_killed_at_its_time_limit(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES, limit_ms=GRACE_MS)
    await bench.pass_ms(GRACE_MS)

    ended = await report(engine)

    assert (ended.timed_out, ended.stop, ended.exit) == (True, None, Exit(signal=SIGKILL))
    assert ended.killed >= 1


async def test_the_next_service_finds_every_run_where_it_is(bench: Bench, engine: Engine) -> None:
    prepared, running, over = KEY, RunKey(17, 2, 0, 1), RunKey(17, 3, 0, 2)
    handle = await engine.prepare(prepared, RunSpec("exit 0", {}, "n1"))
    await started(bench, engine, IGNORES, running)
    await started(bench, engine, "exit 9", over)
    await report(engine)
    await engine.close()

    following = bench.service()
    found = {status.key: status for status in await following.recover()}

    assert {key: status.phase for key, status in found.items()} == {
        prepared: RunPhase.PREPARED,
        running: RunPhase.RUNNING,
        over: RunPhase.ENDED,
    }
    assert found[prepared].handle == handle
    assert (await report(following)).exit == Exit(code=9)
    await following.abandon(prepared)
    assert (await report(following)).never_ran
    await following.stop(running, at_once())
    assert (await report(following)).key == running
    await following.close()


async def test_an_order_is_remembered_across_services(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES)
    await engine.stop(KEY, gently())
    await engine.close()

    following = bench.service()
    await following.recover()
    await following.stop(KEY, gently(grace_ms=600_000))
    await bench.pass_ms(GRACE_MS)
    ended = await report(following)

    assert ended.orders == (("r1", StopStep.SIGNAL),)
    assert ended.stop is not None
    assert ended.stop.grace_expired
    await following.close()


async def test_a_forgotten_run_is_not_known_any_more(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, "exit 0")
    await report(engine)

    await engine.forget(KEY.job)
    await engine.forget(KEY.job)

    assert await engine.status(KEY) is None
    assert await engine.recover() == ()


async def test_a_kept_run_is_not_told_of_again(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, "exit 0")
    await report(engine)

    await engine.keep(KEY)
    await engine.keep(KEY)

    assert await engine.status(KEY) is None
    assert await engine.recover() == ()
    await engine.close()
    following = bench.service()
    assert await following.recover() == ()
    await following.forget(KEY.job)
    await following.close()


async def test_the_runs_of_a_job_are_told_and_no_others(bench: Bench, engine: Engine) -> None:
    """Those that are prepared too: their start is not written yet."""
    other = RunKey(KEY.job + 1, 1, 0, 1)
    prepared = RunKey(KEY.job, 2, 0, 1)
    for key in (other, prepared):
        await engine.prepare(key, RunSpec("exit 0", {}, "n1"))
    await started(bench, engine, RUNS)

    found = await engine.runs_of(KEY.job)

    assert {run.key: run.phase for run in found} == {
        KEY: RunPhase.RUNNING,
        prepared: RunPhase.PREPARED,
    }
    assert await engine.runs_of(99) == ()
    await engine.stop(KEY, at_once())
    await report(engine)
    await engine.keep(KEY)
    assert [run.key for run in await engine.runs_of(KEY.job)] == [prepared]


async def test_a_run_that_goes_on_is_not_kept(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, RUNS)

    await engine.keep(KEY)

    assert (await known(engine)).phase is RunPhase.RUNNING


async def test_a_run_that_goes_on_is_not_forgotten(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, RUNS)

    with pytest.raises(Refused):
        await engine.forget(KEY.job)
    assert (await known(engine)).phase is RunPhase.RUNNING


async def test_orders_for_an_unknown_run_are_errors(bench: Bench, engine: Engine) -> None:
    for act in (engine.go(KEY), engine.abandon(KEY), engine.stop(KEY, at_once())):
        with pytest.raises(CountermandError):
            await act


async def test_reports_end_with_close(bench: Bench, engine: Engine) -> None:
    await engine.close()

    assert [status async for status in engine.reports()] == []


async def test_close_may_stop_everything(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, IGNORES)
    await engine.prepare(RunKey(18, 1, 0, 1), RunSpec("exit 0", {}, "n1"))
    await engine.close(stop_tasks=True)

    following = bench.service()
    found = {status.key.job: status for status in await following.recover()}

    assert {job: status.phase for job, status in found.items()} == {
        17: RunPhase.ENDED,
        18: RunPhase.ENDED,
    }
    assert found[18].never_ran
    await following.close()


# --- nodes ----------------------------------------------------------------------------------------


async def test_a_run_is_on_the_node_that_was_asked_for(bench: Bench, engine: Engine) -> None:
    keys = {"n1": RunKey(17, 1, 1, 1), "n2": RunKey(17, 1, 2, 1)}
    for node, key in keys.items():
        await started(bench, engine, IGNORES, key, node=node)
        assert (await known(engine, key)).node == node

    await engine.stop(keys["n2"], at_once())
    ended = await report(engine)

    assert (ended.key, ended.node, ended.phase) == (keys["n2"], "n2", RunPhase.ENDED)
    assert (await known(engine, keys["n1"])).phase is RunPhase.RUNNING, "the other node's goes on"


async def test_nothing_is_started_on_a_node_that_is_not_there(bench: Bench, engine: Engine) -> None:
    with pytest.raises(Refused) as refused:
        await engine.prepare(KEY, RunSpec("exit 0", {}, "n3"))

    assert refused.value.code == "no_such_node"
    assert refused.value.message == "there is no node 'n3'; there is n1, n2"
    assert await engine.status(KEY) is None


async def test_a_prepared_run_moves_when_it_is_prepared_for_another_node(
    bench: Bench, engine: Engine
) -> None:
    first = await engine.prepare(KEY, RunSpec("exit 3", {}, "n1"))
    with pytest.raises(Refused):
        await engine.prepare(KEY, RunSpec("exit 4", {}, "n3"))
    assert await engine.prepare(KEY, RunSpec("exit 4", {}, "n1")) == first, "it is still there"

    second = await engine.prepare(KEY, RunSpec("exit 5", {}, "n2"))

    given_up = await report(engine)
    assert (given_up.handle, given_up.never_ran, given_up.node) == (first, True, "n1")
    assert second != first
    assert (await known(engine)).node == "n2"
    await engine.go(KEY)
    ended = await report(engine)
    assert (ended.handle, ended.exit, ended.node) == (second, Exit(code=5), "n2")


async def test_a_run_that_went_stays_where_it_is(bench: Bench, engine: Engine) -> None:
    await started(bench, engine, RUNS)
    handle = (await known(engine)).handle

    assert await engine.prepare(KEY, RunSpec("exit 0", {}, "n2")) == handle
    assert ((await known(engine)).node, (await known(engine)).phase) == ("n1", RunPhase.RUNNING)


async def test_runs_of_a_node_that_is_no_more_are_found_and_stopped(
    bench: Bench, engine: Engine
) -> None:
    prepared, running, over = KEY, RunKey(17, 2, 0, 1), RunKey(17, 3, 0, 1)
    await engine.prepare(prepared, RunSpec("exit 0", {}, "n2"))
    await started(bench, engine, IGNORES, running, node="n2")
    await started(bench, engine, "exit 9", over, node="n2")
    await report(engine)
    await engine.close()

    following = bench.service((Node("n1", 2),))
    found = {status.key: status for status in await following.recover()}

    assert following.nodes == (Node("n1", 2),)
    assert {key: (status.phase, status.node) for key, status in found.items()} == {
        prepared: (RunPhase.PREPARED, "n2"),
        running: (RunPhase.RUNNING, "n2"),
        over: (RunPhase.ENDED, "n2"),
    }
    assert (await report(following)).node == "n2"
    await following.go(prepared)
    assert (await report(following)).exit == Exit(code=0), "what was prepared there may still go"
    await following.stop(running, at_once())
    ended = await report(following)
    assert (ended.key, ended.node, ended.exit) == (running, "n2", Exit(signal=SIGKILL))
    await following.forget(running.job)
    with pytest.raises(Refused):
        await following.prepare(running, RunSpec("exit 0", {}, "n2"))
    await following.close()
