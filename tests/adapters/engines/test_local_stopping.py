"""Stopping: gently, by force, and everything that tries to get away."""

import os
from pathlib import Path

import pytest

from adapters.engines.local.procfs import Process, process
from application.engine import RunPhase, RunSpec, StopOrder
from domain.errors import Refused
from domain.events import Exit
from domain.states import StopStep
from tests.adapters.engines.bench import (
    KEY,
    LONG_MS,
    SIGKILL,
    Bench,
    at_once,
    gently,
    members,
    report,
)
from tests.support.accounts import is_root
from tests.support.processes import written
from tests.support.waiting import eventually

GRACE_MS = 300
LATE_MS_MAX = 2_000
PIPE = "mkfifo pipe; exec 3<>pipe; rm pipe; "
HOLD = "while :; do read line <&3; done"
"""Waits without a child: one just being forked would take the signal with its parent's handler."""
V1_FREEZER = Path("/sys/fs/cgroup/freezer")

ESCAPES = {
    "background": "sleep 600 & sleep 600 & ",
    "forks_twice": "(sleep 600 & sleep 600 &) ; ",
    "changes_session": "setsid sleep 600 & setsid -f sleep 600; ",
    "ignores": "trap '' TERM HUP INT; (trap '' TERM; sleep 600 & sleep 600) & ",
    "everything": "trap '' TERM; (setsid sh -c \"trap '' TERM; (sleep 600 &); sleep 600\" &) ; ",
}


async def test_a_run_may_clean_up_within_its_grace(bench: Bench) -> None:
    engine = bench.engine()
    clean = (
        PIPE + "trap 'rm scratch; echo done > cleaned; exit 0' TERM; touch scratch; echo ready; "
    )
    handle = await bench.started(engine, clean + HOLD)
    await engine.stop(KEY, gently())

    ended = await report(engine)

    assert ended.exit == Exit(code=0)
    assert ended.stop is not None
    assert (ended.stop.grace_expired, ended.stop.killed) == (False, 0)
    assert sorted(os.listdir(bench.work(handle))) == ["cleaned"]


async def test_what_a_handler_starts_for_its_clean_up_is_not_signalled(bench: Bench) -> None:
    engine = bench.engine()
    clean = PIPE + "trap 'sleep 0.3; echo done > cleaned; exit 0' TERM; echo ready; "
    handle = await bench.started(engine, clean + HOLD)
    await engine.stop(KEY, gently())
    ended = await report(engine)

    assert ended.exit == Exit(code=0)
    assert written(bench.work(handle) / "cleaned") == "done\n"
    assert ended.stop is not None
    assert ended.stop.after_ms >= 300


@pytest.mark.parametrize("way", ESCAPES)
async def test_nothing_gets_away_when_the_grace_runs_out(bench: Bench, way: str) -> None:
    engine = bench.engine()
    stay = "trap '' TERM; echo ready; while :; do sleep 600; done"
    handle = await bench.started(engine, ESCAPES[way] + stay)
    await eventually(lambda: len(members(handle)) >= 3, "the run's processes")
    await engine.stop(KEY, gently(grace_ms=GRACE_MS))

    ended = await report(engine)

    assert members(handle) == []
    assert ended.exit == Exit(signal=SIGKILL)
    assert ended.stop is not None
    assert (ended.stop.grace_expired, ended.stop.survivors) == (True, 0)
    assert GRACE_MS <= ended.stop.after_ms < GRACE_MS + LATE_MS_MAX
    assert ended.stop.killed >= 1


async def test_the_number_killed_is_that_of_the_processes_there_were(bench: Bench) -> None:
    engine = bench.engine()
    command = "trap '' TERM; " + "(setsid sleep 600 &) ; " * 7 + "echo ready; while :; do :; done"
    handle = await bench.started(engine, command)
    await eventually(lambda: _sleepers(members(handle)) == 7, "seven sleepers")
    await engine.stop(KEY, at_once())

    ended = await report(engine)

    assert ended.stop is not None
    assert (ended.stop.killed, ended.stop.survivors) == (8, 0)
    assert (ended.stop.step, ended.stop.grace_expired) == (StopStep.KILL, False)
    assert members(handle) == []


def _sleepers(found: list[Process]) -> int:
    return sum(written(Path(f"/proc/{one.pid}/comm")) == "sleep\n" for one in found)


@pytest.mark.parametrize("order", [gently(grace_ms=0), at_once()])
async def test_a_run_that_keeps_forking_does_not_escape(bench: Bench, order: StopOrder) -> None:
    engine = bench.engine()
    forker = "i=0; while [ $i -lt 400 ]; do (trap '' TERM; sleep 600) & i=$((i+1)); done"
    command = f"trap '' TERM; (setsid sh -c \"{forker}; wait\" &) ; echo ready; {forker}; wait"
    handle = await bench.started(engine, command)
    await eventually(lambda: len(members(handle)) > 40, "many processes")
    await engine.stop(KEY, order)

    ended = await report(engine)

    assert members(handle) == []
    assert ended.stop is not None
    assert ended.stop.killed > 40
    assert ended.stop.survivors == 0


async def test_a_stopped_process_gets_the_signal_and_goes_on(bench: Bench) -> None:
    engine = bench.engine()
    command = PIPE + "trap 'exit 9' TERM; echo ready; kill -STOP $$; " + HOLD
    handle = await bench.started(engine, command)
    await eventually(lambda: any(one.stopped for one in members(handle)), "the stop")
    await engine.stop(KEY, gently())

    assert (await report(engine)).exit == Exit(code=9)


async def test_an_order_is_performed_once(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, PIPE + "trap 'echo got >> got' TERM; echo ready; " + HOLD)
    got = bench.work(handle) / "got"
    await engine.stop(KEY, gently())
    await eventually(lambda: written(got) == "got\n", "the first signal")
    await engine.stop(KEY, gently())
    await engine.close()

    following = bench.engine()
    await following.recover()
    await following.stop(KEY, gently())
    await following.stop(KEY, gently("r2"))
    await eventually(lambda: written(got) == "got\ngot\n", "the other order's signal")
    await following.stop(KEY, at_once("r3"))
    ended = await report(following)

    assert written(got) == "got\ngot\n"
    assert bench.notes(handle).count('"note":"signalled"') == 2
    assert [request for request, _ in ended.orders] == ["r1", "r2", "r3"]


async def test_the_earlier_of_two_grace_periods_holds(bench: Bench) -> None:
    engine = bench.engine()
    await bench.started(engine, "trap '' TERM; echo ready; while :; do sleep 600; done")
    await engine.stop(KEY, gently("r1", LONG_MS))
    await engine.stop(KEY, gently("r2", GRACE_MS))
    await engine.stop(KEY, gently("r3", LONG_MS))

    ended = await report(engine)

    assert ended.stop is not None
    assert (ended.stop.request_id, ended.stop.grace_expired) == ("r2", True)


@pytest.mark.parametrize("request_id", ["with space", 'quote"\\', "ünï\n\t", "x" * 200, "-"])
async def test_request_ids_are_noted_as_they_are(bench: Bench, request_id: str) -> None:
    engine = bench.engine()
    await bench.started(engine, "echo ready; sleep 600")
    await engine.stop(KEY, at_once(request_id))

    ended = await report(engine)

    assert ended.orders == ((request_id, StopStep.KILL),)


@pytest.mark.parametrize("number", [0, -9, 65])
async def test_what_is_not_a_signal_is_refused(bench: Bench, number: int) -> None:
    engine = bench.engine()
    await bench.started(engine, "echo ready; sleep 600")
    order = gently()

    with pytest.raises(Refused):
        await engine.stop(KEY, StopOrder(order.request_id, order.step, number, 0))


async def test_a_run_goes_on_while_something_of_it_lives(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "(setsid sleep 600 &) ; echo ready; exit 5")
    await bench.noted(handle, "exit")
    status = await engine.status(KEY)
    assert status is not None
    assert status.phase is RunPhase.RUNNING

    await engine.stop(KEY, gently())
    ended = await report(engine)

    assert ended.exit == Exit(code=5)
    assert ended.stop is not None
    assert not ended.stop.grace_expired
    assert members(handle) == []


async def test_the_last_of_a_run_ends_it(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "(setsid sleep 0.3 &) ; exit 5")

    ended = await report(engine)

    assert (ended.exit, ended.stop, ended.killed) == (Exit(code=5), None, 0)
    gap_ms = bench.noted_at_ms(handle, "ended") - bench.noted_at_ms(handle, "exit")
    assert gap_ms > 100


async def test_a_run_that_dies_of_a_signal_of_its_own_is_seen_to(bench: Bench) -> None:
    engine = bench.engine()
    await bench.started(engine, "kill -SEGV $$")

    assert (await report(engine)).exit == Exit(signal=11)


async def test_the_leader_is_a_zombie_until_the_group_is_empty(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "(setsid sleep 600 &) ; echo ready")
    await bench.noted(handle, "exit")

    leader = bench.leader(handle)

    zombie = process(leader)
    assert zombie is not None
    assert zombie.state == "Z"
    await engine.stop(KEY, at_once())
    await report(engine)
    assert process(leader) is None


@pytest.mark.skipif(not is_root(), reason="only root can leave its cgroup")
async def test_a_root_task_that_leaves_its_cgroup_is_stopped_all_the_same(bench: Bench) -> None:
    engine = bench.engine(task_account="root", allow_root_tasks=True)
    handle = await engine.prepare(KEY, RunSpec("", {}, "n1"))
    home = os.path.dirname(bench.cgroup(handle))
    await engine.abandon(KEY)
    await report(engine)
    if not home:
        pytest.skip("there is no cgroup to leave")

    leave = f"(echo 0 > {home}/cgroup.procs; exec sleep 600) & "
    handle = await bench.started(engine, f"{leave} sleep 0.1; echo ready; sleep 600")
    await engine.stop(KEY, at_once())
    ended = await report(engine)

    assert members(handle) == []
    assert ended.stop is not None
    assert ended.stop.killed == 3


@pytest.mark.skipif(
    not (is_root() and V1_FREEZER.is_dir()), reason="nothing here makes a process unkillable"
)
async def test_what_outlives_a_kill_is_counted_and_its_end_told(
    bench: Bench, tmp_path: Path
) -> None:
    engine = bench.engine(kill_deadline_seconds=0.3)
    handle = await bench.started(engine, "sleep 600 & echo ready; wait")
    frozen = Frozen(bench.leader(handle))
    try:
        await engine.stop(KEY, at_once())
        ended = await report(engine)
        assert (ended.phase, ended.exit, ended.survivors) == (RunPhase.ENDED, Exit(), 1)
        assert ended.stop is not None
        assert (ended.stop.killed, ended.stop.survivors) == (2, 1)
        assert ended.stop.after_ms >= 300
        assert not ended.survivors_gone
        with pytest.raises(Refused):
            await engine.forget(KEY.job)
    finally:
        frozen.thaw()
    gone = await report(engine)
    assert gone.survivors_gone
    assert members(handle) == []
    await engine.forget(KEY.job)
    frozen.remove()


class Frozen:
    """A process in a frozen cgroup v1 freezer, where not even SIGKILL ends it."""

    def __init__(self, pid: int) -> None:
        self._directory = V1_FREEZER / f"countermand-test-{pid}"
        self._directory.mkdir()
        (self._directory / "cgroup.procs").write_text(str(pid))
        (self._directory / "freezer.state").write_text("FROZEN")

    def thaw(self) -> None:
        (self._directory / "freezer.state").write_text("THAWED")

    def remove(self) -> None:
        self._directory.rmdir()
