"""The parts of a warden, each by itself, and what a warden may cost."""

import asyncio
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from adapters.engines.local import cgroups, procfs
from adapters.engines.local.cgroups import Cgroup, own_directory
from adapters.engines.local.follower import WARDEN
from adapters.engines.local.notebook import Notebook, json_line
from application.engine import RunPhase, RunSpec
from domain.errors import Refused
from domain.events import Exit
from tests.adapters.engines.bench import KEY, Bench, at_once, report
from tests.support.processes import memory_own_kib

OWN_MEMORY_KIB_MAX = 8 * 1024
HEAVY = {"asyncio", "json", "re", "typing", "dataclasses", "contextlib", "msgspec", "subprocess"}


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans() | st.none()))
def test_notes_are_json(fields: dict[str, str | int | bool | None]) -> None:
    line = json_line(fields)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == fields


def test_a_full_disk_delays_notes_and_loses_none(tmp_path: Path) -> None:
    notebook = Notebook(str(tmp_path / "notes"))
    notebook.add("first")
    assert notebook.sync()
    size = (tmp_path / "notes").stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, before[1]))
    try:
        notebook.add("second", reason="there is no room for this one")
        assert not notebook.sync()
        assert not notebook.synced
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    notebook.add("third")
    assert notebook.sync()

    lines = (tmp_path / "notes").read_bytes().splitlines()
    assert [(json.loads(line)["n"], json.loads(line)["note"]) for line in lines] == [
        (1, "first"),
        (2, "second"),
        (3, "third"),
    ]


def test_a_process_is_told_from_a_later_one_with_its_pid() -> None:
    me = procfs.process(os.getpid())
    assert me is not None
    assert procfs.is_alive(me.pid, me.start_ticks)
    assert not procfs.is_alive(me.pid, me.start_ticks + 1)
    other = procfs.Process(me.pid, me.start_ticks + 1, 0, 0, "S", 1)
    assert not procfs.send_signal(other, 9)


@pytest.mark.parametrize("list_children", [True, False])
async def test_descendants_are_found_with_and_without_the_kernels_lists(
    list_children: bool,
) -> None:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", "sleep 600 & echo $!; wait", stdout=subprocess.PIPE
    )
    assert shell.stdout is not None
    sleeper = int(await shell.stdout.readline())
    found = [p.pid for p in procfs.descendants(os.getpid(), list_children=list_children)]
    os.kill(sleeper, 9)
    await shell.wait()

    assert found.index(shell.pid) < found.index(sleeper)


@pytest.mark.parametrize(
    ("own", "mounts", "expected"),
    [
        ("0::/", "31 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/sys/fs/cgroup"),
        ("4:cpu:/x\n0::/a/b", "41 31 0:38 / /u rw shared:1 - cgroup2 c rw", "/u/a/b"),
        ("0::/docker/1/x", "41 31 0:38 /docker/1 /u rw - cgroup2 c rw", "/u/x"),
        ("0::/docker/12", "41 31 0:38 /docker/1 /u rw - cgroup2 c rw", None),
        ("0::/a", "41 31 0:38 / /with\\040space rw - cgroup2 c rw", "/with space/a"),
        ("0::/../a", "41 31 0:38 / /u rw - cgroup2 c rw", None),
        ("4:cpu:/x", "31 1 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu", None),
        ("", "", None),
    ],
)
def test_the_own_cgroup_is_found_wherever_it_is_mounted(
    own: str, mounts: str, expected: str | None
) -> None:
    assert cgroups.directory_of(own.splitlines(), mounts.splitlines()) == expected


def test_a_cgroup_that_cannot_be_made_is_done_without(tmp_path: Path) -> None:
    group = Cgroup(str(tmp_path / "no" / "such"))

    assert not group.make()
    assert not group.add(os.getpid())
    assert not group.kill()
    assert group.pids() == []
    assert group.remove()


async def test_a_run_does_without_a_cgroup_that_does_not_let_it_in(
    bench: Bench, tmp_path: Path
) -> None:
    engine = bench.engine(cgroup_parent=str(tmp_path))
    handle = await bench.started(engine, "(setsid sleep 600 &) ; echo ready; sleep 600")
    await engine.stop(KEY, at_once())
    ended = await report(engine)

    assert ended.stop is not None
    assert ended.stop.killed == 3
    assert bool(bench.cgroup(handle)) is bench.use_cgroups


def test_the_own_cgroup_exists_where_there_is_one() -> None:
    found = own_directory()

    assert found is None or os.path.isfile(f"{found}/cgroup.procs")


def test_a_warden_imports_little_and_nothing_that_is_installed() -> None:
    program = (
        f"import sys; sys.path.append({str(WARDEN.parents[3])!r}); before = set(sys.modules);"
        "import adapters.engines.local.watch; print(*sorted(set(sys.modules) - before))"
    )
    out = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, check=True, text=True
    ).stdout
    tops = {name.split(".")[0] for name in out.split()}

    assert not tops & HEAVY
    assert tops <= sys.stdlib_module_names | {"adapters"}


async def test_a_warden_is_small(bench: Bench) -> None:
    engine = bench.engine()
    handle = await engine.prepare(KEY, RunSpec("sleep 600", {}, "n1"))

    assert memory_own_kib(handle.pid) < OWN_MEMORY_KIB_MAX


async def test_notes_of_an_earlier_release_are_read_although_they_name_no_node(
    bench: Bench,
) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "exit 3")
    assert (await report(engine)).node == "n1"
    await engine.close()
    text = bench.notes(handle).replace(',"node":"n1"', "")
    assert "n1" not in text
    (bench.directory / handle.warden / "notes").write_text(text)

    (found,) = await bench.engine().recover()

    assert (found.node, found.phase, found.exit) == ("", RunPhase.ENDED, Exit(code=3))


async def test_a_run_too_large_for_its_warden_is_refused(bench: Bench) -> None:
    with pytest.raises(Refused) as refused:
        await bench.engine().prepare(KEY, RunSpec("x" * 300_000, {}, "n1"))

    assert refused.value.code == "run_too_large"


async def test_many_runs_can_be_prepared_at_once_and_each_only_once(bench: Bench) -> None:
    engine = bench.engine()
    keys = [type(KEY)(1, task, 0, 1) for task in range(1, 6)]
    spec = RunSpec("exit 2", {}, "n1")
    handles = await asyncio.gather(*(engine.prepare(key, spec) for key in keys * 2))
    await asyncio.gather(*(engine.go(key) for key in keys * 2))
    ended = [await report(engine) for _ in keys]

    assert len(set(handles)) == len(keys)
    assert {status.key for status in ended} == set(keys)
    assert {status.exit for status in ended} == {Exit(code=2)}


def test_the_engine_works_on_uvloop(tmp_path: Path, use_cgroups: bool) -> None:
    async def story() -> Exit:
        bench = Bench(tmp_path / "runs", use_cgroups)
        engine = bench.engine()
        await bench.started(engine, "echo ready; sleep 600")
        await engine.close()
        following = bench.engine()
        await following.recover()
        await following.stop(KEY, at_once())
        ended = await report(following)
        await bench.clear()
        return ended.exit

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(story()) == Exit(signal=9)
