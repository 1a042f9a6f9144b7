"""The service killed with -9 at every step; wardens killed; machines restarted."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from adapters.engines.local import procfs
from application.engine import RunKey, RunPhase, RunSpec
from domain.events import Exit, RunHandle
from domain.states import StopStep
from tests.adapters.engines.bench import KEY, SIGKILL, Bench, at_once, gently, members, report
from tests.adapters.engines.doomed import ENDED_AS_IF_KILLED
from tests.support.processes import alive
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]
IGNORE = "trap '' TERM; (setsid sleep 600 &) ; echo ready; while :; do sleep 600; done"
GRACE_MS = 500
LATE_MS_MAX = 200
ELSEWHERE = "00000000-0000-4000-8000-000000000000"


async def doomed(bench: Bench, step: str, command: str, grace_ms: int = 0) -> None:
    """A service that came to ``step`` and was then killed."""
    way = "cgroups" if bench.use_cgroups else "descendants"
    service = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.adapters.engines.doomed",
        str(bench.directory),
        way,
        step,
        command,
        str(grace_ms),
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert service.stdout is not None
    said = await service.stdout.readline()
    if step in ("spawning", "noted"):
        assert await service.wait() == ENDED_AS_IF_KILLED
        return
    assert said.decode().strip() == step
    service.kill()
    await service.wait()


@asynccontextmanager
async def bystander() -> AsyncIterator[int]:
    """A process that is none of our business, and must be there afterwards."""
    process = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    try:
        yield process.pid
        assert alive(process.pid)
    finally:
        process.kill()
        await process.wait()


# --- the service is killed ------------------------------------------------------------------------


async def test_killed_before_its_warden_was_told_what_to_run(bench: Bench) -> None:
    await doomed(bench, "spawning", "touch ran")
    following = bench.engine()
    found = await following.recover()

    assert all(status.phase is RunPhase.PREPARED for status in found)
    await following.prepare(KEY, RunSpec("exit 4", {}, "n1"))
    await following.go(KEY)
    assert (await report(following)).exit == Exit(code=4)
    assert not list(bench.directory.glob("*/work/ran"))


async def test_killed_in_the_middle_of_prepare_the_run_is_found_prepared(bench: Bench) -> None:
    await doomed(bench, "noted", "touch ran")
    following = bench.engine()
    await eventually(lambda: '"prepared"' in _only_notes(bench), "the note")

    (status,) = await following.recover()
    assert status.phase is RunPhase.PREPARED
    assert status.handle is not None
    await following.abandon(KEY)

    assert (await report(following)).never_ran
    assert not list(bench.directory.glob("*/work/ran"))


async def test_killed_before_go_the_next_service_may_say_it(bench: Bench) -> None:
    await doomed(bench, "prepared", "touch ran; exit 6")
    following = bench.engine()

    (status,) = await following.recover()
    assert status.phase is RunPhase.PREPARED
    assert not list(bench.directory.glob("*/work/ran"))
    assert await following.prepare(KEY, RunSpec("exit 7", {}, "n1")) == status.handle
    await following.go(KEY)

    assert (await report(following)).exit == Exit(code=6)


async def test_killed_after_go_the_run_goes_on_and_is_stopped_by_the_next(bench: Bench) -> None:
    await doomed(bench, "running", IGNORE)
    following = bench.engine()

    (status,) = await following.recover()
    assert status.phase is RunPhase.RUNNING
    assert status.handle is not None
    assert len(members(status.handle)) >= 2
    await following.go(KEY)
    await following.stop(KEY, at_once())
    ended = await report(following)

    assert ended.stop is not None
    assert ended.stop.killed >= 2
    assert members(status.handle) == []


async def test_killed_during_a_grace_period_the_kill_comes_in_time_without_it(
    bench: Bench,
) -> None:
    await doomed(bench, "signalled", IGNORE, GRACE_MS)
    handle = _only_handle(bench)
    await bench.noted(handle, "ended")

    took = bench.noted_at_ms(handle, "grace_expired") - bench.noted_at_ms(handle, "ordered")
    assert GRACE_MS <= took < GRACE_MS + LATE_MS_MAX
    assert members(handle) == []
    following = bench.engine()
    (status,) = await following.recover()
    assert status == await report(following)
    assert status.stop is not None
    assert (status.stop.request_id, status.stop.grace_expired) == ("r1", True)


async def test_killed_right_after_a_forced_order(bench: Bench) -> None:
    await doomed(bench, "killed", IGNORE)
    following = bench.engine()
    await following.recover()
    ended = await report(following)

    assert (ended.phase, ended.orders) == (RunPhase.ENDED, (("r1", StopStep.KILL),))
    assert ended.exit == Exit(signal=SIGKILL)


async def test_killed_after_the_end_it_is_told_again_from_the_notes(bench: Bench) -> None:
    await doomed(bench, "ended", "exit 8")
    following = bench.engine()

    (status,) = await following.recover()

    assert (status.phase, status.exit) == (RunPhase.ENDED, Exit(code=8))
    assert await report(following) == status


async def test_a_run_that_is_not_told_to_go_in_time_never_runs(bench: Bench) -> None:
    engine = bench.engine(go_deadline_seconds=0.2)
    await engine.prepare(KEY, RunSpec("touch ran", {}, "n1"))

    ended = await report(engine)
    await engine.go(KEY)

    assert (ended.phase, ended.never_ran) == (RunPhase.ENDED, True)
    assert "no word to go" in ended.reason
    assert not list(bench.directory.glob("*/work/ran"))


async def test_of_two_keepers_the_one_that_was_told_to_go_counts(bench: Bench) -> None:
    engine = bench.engine()
    first = await bench.started(engine, "echo ready; sleep 600")
    await engine.close()
    _write_notes(bench, "17.1.0-1.00000000", [_prepared(at_ms=9_999_999_999_999)])
    following = bench.engine()

    (status,) = await following.recover()

    assert (status.handle, status.phase) == (first, RunPhase.RUNNING)
    assert [one.name for one in bench.directory.iterdir()] == [first.warden]


# --- the warden is killed -------------------------------------------------------------------------


async def test_a_killed_warden_means_lost_and_what_it_left_is_killed(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, IGNORE)
    await eventually(lambda: len(members(handle)) >= 2, "the run's processes")
    os.kill(handle.pid, signal.SIGKILL)

    lost = await report(engine)

    assert (lost.phase, lost.never_ran, lost.exit) == (RunPhase.LOST, False, Exit())
    assert lost.reason.startswith("the warden died; ")
    assert lost.killed >= 1
    assert members(handle) == []
    await eventually(lambda: not os.path.exists(f"/proc/{handle.pid}"), "reaping")
    assert not bench.has_cgroup(handle)


async def test_a_warden_that_died_with_the_service_is_found_lost(bench: Bench) -> None:
    await doomed(bench, "running", IGNORE)
    handle = _only_handle(bench)
    os.kill(handle.pid, signal.SIGKILL)
    following = bench.engine()
    await following.recover()
    lost = await report(following)
    await following.close()

    assert lost.phase is RunPhase.LOST
    assert members(handle) == []
    (again,) = await bench.engine().recover()
    assert again == lost


async def test_a_warden_killed_before_go_means_that_nothing_ran(bench: Bench) -> None:
    engine = bench.engine()
    first = await engine.prepare(KEY, RunSpec("touch ran", {}, "n1"))
    os.kill(first.pid, signal.SIGKILL)

    lost = await report(engine)

    assert (lost.phase, lost.never_ran) == (RunPhase.LOST, True)
    assert "nothing ran" in lost.reason
    assert await engine.prepare(KEY, RunSpec("exit 3", {}, "n1")) != first
    await engine.go(KEY)
    assert (await report(engine)).exit == Exit(code=3)


async def test_orders_for_a_lost_run_do_nothing(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "echo ready; sleep 600")
    os.kill(handle.pid, signal.SIGKILL)
    lost = await report(engine)

    await engine.stop(KEY, at_once())
    await engine.go(KEY)

    assert await engine.status(KEY) == lost
    await engine.forget(KEY.job)
    assert await engine.status(KEY) is None


@pytest.mark.parametrize("number", [1, 2, 3, 10, 12, 13, 14, 15])
async def test_a_warden_is_not_ended_by_a_common_signal(bench: Bench, number: int) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "echo ready; sleep 600")
    os.kill(handle.pid, number)
    await engine.stop(KEY, gently())

    assert (await report(engine)).exit == Exit(signal=15)


# --- the machine was restarted, pids were used again ----------------------------------------------


async def test_after_a_restart_of_the_machine_runs_are_lost_and_nothing_is_touched(
    bench: Bench,
) -> None:
    async with bystander() as pid:
        ticks = _ticks(pid)
        notes = [_prepared(ELSEWHERE, pid, ticks), _went(pid, ticks)]
        _write_notes(bench, "17.1.0-1.00000000", notes)
        engine = bench.engine()
        await engine.recover()

        lost = await report(engine)

    assert (lost.phase, lost.never_ran) == (RunPhase.LOST, False)
    assert lost.reason == "the machine restarted"


async def test_a_pid_that_was_used_again_is_nobody_of_ours(bench: Bench) -> None:
    async with bystander() as pid:
        notes = [_prepared(pid=pid, ticks=_ticks(pid) - 1), _went(pid, _ticks(pid) - 1)]
        _write_notes(bench, "17.1.0-1.00000000", notes)
        engine = bench.engine()
        await engine.recover()

        lost = await report(engine)

    assert (lost.phase, lost.killed) == (RunPhase.LOST, 0)


async def test_survivors_whose_warden_died_are_told_gone_when_nothing_is_left(
    bench: Bench,
) -> None:
    ended: dict[str, object] = {"n": 3, "note": "ended", "killed": 2, "survivors": 1}
    stop = {"request": "r1", "step": "kill", "after_ms": 5000}
    _write_notes(bench, "17.1.0-1.00000000", [_prepared(), _went(1, 1), {**ended, **stop}])
    engine = bench.engine()
    await engine.recover()

    first, second = await report(engine), await report(engine)

    assert (first.phase, first.survivors, first.survivors_gone) == (RunPhase.ENDED, 1, False)
    assert second == msgspec.structs.replace(first, survivors_gone=True)
    await engine.forget(KEY.job)


async def test_a_torn_last_note_is_as_if_never_begun(bench: Bench) -> None:
    _write_notes(bench, "17.1.0-1.00000000", [_prepared(), _went(1, 1)], b'{"n":3,"note":"en')
    engine = bench.engine()
    await engine.recover()
    lost = await report(engine)
    await engine.close()

    assert lost.phase is RunPhase.LOST
    (again,) = await bench.engine().recover()
    assert again == lost


async def test_what_is_not_a_run_is_left_alone(bench: Bench) -> None:
    for name in ("1.1.0-1.zz", "other.directory", "1.1.0-1.00000000"):
        (bench.directory / name).mkdir(parents=True)

    assert await bench.engine().recover() == ()
    assert len(list(bench.directory.iterdir())) == 3


async def test_many_runs_are_found(bench: Bench) -> None:
    for job in range(1, 201):
        _write_notes(bench, f"{job}.1.0-1.00000000", [_prepared(ELSEWHERE), _went(1, 1)])
    engine = bench.engine()

    found = await engine.recover()

    assert {status.key for status in found} == {RunKey(job, 1, 0, 1) for job in range(1, 201)}


def _only_notes(bench: Bench) -> str:
    (notes,) = bench.directory.glob("*/notes")
    return notes.read_text()


def _only_handle(bench: Bench) -> RunHandle:
    (notes,) = bench.directory.glob("*/notes")
    first = json.loads(notes.read_text().splitlines()[0])
    name = notes.parent.name
    return RunHandle("local", first["boot_id"], first["pid"], first["start_ticks"], name)


def _ticks(pid: int) -> int:
    found = procfs.process(pid)
    assert found is not None
    return found.start_ticks


def _prepared(boot_id: str = "", pid: int = 1, ticks: int = 1, at_ms: int = 0) -> dict[str, object]:
    boot = boot_id or procfs.boot_id()
    note = {"n": 1, "note": "prepared", "boot_id": boot, "pid": pid, "start_ticks": ticks}
    return {**note, "at_ms": at_ms}


def _went(pid: int, ticks: int) -> dict[str, object]:
    return {"n": 2, "note": "go", "leader_pid": pid, "leader_ticks": ticks}


def _write_notes(
    bench: Bench, name: str, notes: list[dict[str, object]], torn: bytes = b""
) -> None:
    directory = bench.directory / name
    directory.mkdir(parents=True)
    lines = b"".join(json.dumps(note).encode() + b"\n" for note in notes)
    (directory / "notes").write_bytes(lines + torn)
