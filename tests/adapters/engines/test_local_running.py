"""What a run finds when it starts: account, environment, directory, descriptors; and its output."""

import os
import signal
from pathlib import Path

import pytest

from adapters.engines.local.accounts import MARKER, Account, environment
from adapters.engines.local.drain import KEPT_BYTES
from application.engine import RunKey, RunPhase, RunSpec
from domain.checks import OWN_VARIABLES
from domain.errors import Refused
from domain.events import Exit
from tests.adapters.engines.bench import DEADLINE_SECONDS, KEY, Bench, at_once, report
from tests.support.accounts import needs_root
from tests.support.processes import alive, descriptors, memory_highest_kib, written
from tests.support.waiting import eventually

FLOOD_BYTES = 100_000_000


async def output_of(bench: Bench, spec: RunSpec) -> str:
    engine = bench.engine()
    await engine.prepare(KEY, spec)
    await engine.go(KEY)
    await report(engine)
    return (await engine.output(KEY)).head.decode()


async def test_the_environment_is_the_runs_own_and_never_the_services(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERMAND_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    said = await output_of(bench, RunSpec("env", {"CCP_JOBNAME": "näme", "HOME": "/mine"}, "n1"))

    found = dict(line.split("=", 1) for line in said.splitlines())
    assert found.pop(MARKER).startswith("17.1.0-1.")
    for name in ("USER", "LOGNAME", "PATH", "PWD"):
        assert found.pop(name)
    assert found == {
        "CCP_JOBID": "17",
        "CCP_TASKID": "1",
        "CCP_TASKINSTANCEID": "0",
        "CCP_NODES": "1 n1 1",
        "CCP_NODES_CORES": "1 n1 1",
        "CCP_JOBNAME": "näme",
        "HOME": "/mine",
        "SHELL": "/bin/sh",
    }


def test_what_the_engine_says_itself_is_what_nobody_may_give() -> None:
    account = Account("nobody", 1, 1, (), "/")
    names = environment(KEY, RunSpec("env", {}, "n1"), account, "run")
    given = dict.fromkeys(names, "77")
    found = environment(KEY, RunSpec("env", given, "n1"), account, "run")
    own = {name for name, value in found.items() if value != "77"}
    assert own | {"CCP_JOBNAME"} == set(OWN_VARIABLES)


@needs_root
async def test_a_task_of_a_root_service_runs_as_nobody_without_any_rights(bench: Bench) -> None:
    said = await output_of(
        bench,
        RunSpec("id -un; id -Gn; grep -E 'NoNewPrivs|CapEff|CapPrm' /proc/self/status", {}, "n1"),
    )

    user, groups, *rest = said.splitlines()
    assert (user, groups) == ("nobody", "nogroup")
    assert {line.replace("\t", "") for line in rest} == {
        "NoNewPrivs:1",
        "CapEff:0000000000000000",
        "CapPrm:0000000000000000",
    }


@needs_root
@pytest.mark.parametrize(
    ("default", "asked", "code"),
    [
        ("root", "", "root_forbidden"),
        ("nobody", "root", "account_not_allowed"),
        ("nobody", "daemon", "account_not_allowed"),
        ("no-such-account", "", "no_such_account"),
    ],
)
async def test_a_run_is_refused_for_an_account_it_may_not_have(
    bench: Bench, default: str, asked: str, code: str
) -> None:
    engine = bench.engine(task_account=default)

    with pytest.raises(Refused) as refused:
        await engine.prepare(KEY, RunSpec("id", {}, "n1", run_as=asked))

    assert refused.value.code == code
    assert await engine.status(KEY) is None


@needs_root
async def test_accounts_in_the_settings_may_be_asked_for(bench: Bench) -> None:
    engine = bench.engine(run_as_accounts=frozenset({"daemon"}))
    await engine.prepare(KEY, RunSpec("id -un", {}, "n1", run_as="daemon"))
    await engine.go(KEY)
    await report(engine)

    assert (await engine.output(KEY)).head == b"daemon\n"


@needs_root
async def test_tasks_run_as_root_only_where_the_settings_say_so(bench: Bench) -> None:
    engine = bench.engine(task_account="root", allow_root_tasks=True)
    await bench.started(engine, "id -un")
    await report(engine)

    assert (await engine.output(KEY)).head == b"root\n"
    (told,) = engine.exposure()
    assert told.sentence.startswith("Tasks run as root: they can read and change everything")
    assert told.what_to_do.startswith("set task_account to another account")


@needs_root
async def test_advice_that_was_followed_is_not_given_again(bench: Bench) -> None:
    (told,) = bench.engine(task_account="nobody").exposure()
    assert told.sentence == "All tasks run as 'nobody': they can read and signal each other."
    assert "run_as_accounts" in told.what_to_do
    assert "as root" not in told.what_to_do, "it is root already"
    assert bench.engine(run_as_accounts=frozenset({"daemon"})).exposure() == ()


async def test_a_run_works_in_a_directory_of_its_own(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "echo here > result; umask; ls -A")
    await report(engine)

    assert (bench.work(handle) / "result").read_text() == "here\n"
    assert (await engine.output(KEY)).head == b"0022\nresult\n"


async def test_a_run_works_where_it_asked_to(bench: Bench) -> None:
    said = await output_of(bench, RunSpec("pwd", {}, "n1", "/usr"))

    assert said == "/usr\n"


@pytest.mark.parametrize("path", ["relative", "/no/such/directory", "/bin/sh"])
async def test_a_run_is_refused_for_a_directory_that_cannot_be(bench: Bench, path: str) -> None:
    engine = bench.engine()

    with pytest.raises(Refused) as refused:
        await engine.prepare(KEY, RunSpec("pwd", {}, "n1", path))

    assert refused.value.code == "work_directory"


@needs_root
async def test_a_directory_the_account_may_not_enter_fails_the_run_with_a_reason(
    bench: Bench, tmp_path: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    engine = bench.engine()
    await bench.started(engine, "pwd", work_directory=str(closed))

    ended = await report(engine)

    assert (ended.phase, ended.exit) == (RunPhase.ENDED, Exit(code=126))
    assert ended.reason == f"work directory {closed}: Permission denied"


@pytest.mark.parametrize("variable", ["", "A=B", "N\0L"])
async def test_what_no_environment_can_hold_is_refused(bench: Bench, variable: str) -> None:
    with pytest.raises(Refused):
        await bench.engine().prepare(KEY, RunSpec("env", {variable: "1"}, "n1"))


async def test_a_command_line_too_long_for_the_kernel_fails_with_a_reason(bench: Bench) -> None:
    engine = bench.engine()
    await bench.started(engine, "true " + "x" * 140_000)

    ended = await report(engine)

    assert ended.exit == Exit(code=126)
    assert ended.reason.startswith("command line: ")


async def test_neither_warden_nor_run_inherits_what_the_service_has_open(
    bench: Bench, tmp_path: Path
) -> None:
    lock = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
    os.set_inheritable(lock, True)
    engine = bench.engine()
    handle = await bench.started(engine, "ls -l /proc/self/fd; echo ready; sleep 600")

    held = descriptors(handle.pid)
    os.close(lock)

    assert not [name for name in held if name.endswith("/lock")]
    said = (await engine.output(KEY)).head.decode()
    assert "/lock" not in said
    assert "notes" not in said
    assert "socket" not in said


async def test_the_stop_signals_are_not_ignored_in_a_run(bench: Bench) -> None:
    said = await output_of(bench, RunSpec("grep -E 'SigIgn|SigBlk' /proc/self/status", {}, "n1"))

    # Two that glibc keeps for itself do not count: no program can set them, and spawning does.
    ours = sum(1 << (number - 1) for number in signal.valid_signals())
    masks = [int(line.split()[1], 16) for line in said.splitlines()]
    assert [mask & ours for mask in masks] == [0, 0]


async def test_a_warden_keeps_its_protection_to_itself(bench: Bench) -> None:
    said = await output_of(bench, RunSpec("cat /proc/self/oom_score_adj", {}, "n1"))

    assert said == written(Path("/proc/self/oom_score_adj"))


async def test_output_is_kept_at_both_ends_and_counted(bench: Bench) -> None:
    engine = bench.engine()
    flood = f"echo first; head -c {FLOOD_BYTES} /dev/zero | tr '\\0' x; echo last"
    handle = await bench.started(engine, f"{flood}; touch flooded; sleep 600")
    await eventually((bench.work(handle) / "flooded").exists, "the flood", DEADLINE_SECONDS)

    highest_kib = memory_highest_kib(handle.pid)
    await engine.stop(KEY, at_once())
    ended = await report(engine)
    output = await engine.output(KEY)

    assert highest_kib < 16 * 1024
    assert ended.output_bytes == output.total == FLOOD_BYTES + 11
    assert (len(output.head), len(output.tail)) == (KEPT_BYTES, KEPT_BYTES)
    assert output.head.startswith(b"first\nxxx")
    assert output.tail.endswith(b"xxxlast\n")


async def test_output_of_a_run_that_goes_on_can_be_read(bench: Bench) -> None:
    engine = bench.engine()
    command = "head -c 70000 /dev/zero; echo last >&2; touch written; sleep 600"
    handle = await bench.started(engine, command)
    await eventually((bench.work(handle) / "written").exists, "the output")

    output = await engine.output(KEY)

    assert len(output.head) == KEPT_BYTES
    assert output.tail.endswith(b"last\n")


async def test_the_way_to_the_socket_may_be_long(tmp_path: Path, use_cgroups: bool) -> None:
    bench = Bench(tmp_path / ("d" * 100) / ("e" * 100) / "runs", use_cgroups)
    engine = bench.engine()
    await bench.started(engine, "echo ready; sleep 600")
    await engine.close()

    following = bench.engine()
    (status,) = await following.recover()
    await following.stop(KEY, at_once())

    assert status.phase is RunPhase.RUNNING
    assert (await report(following)).phase is RunPhase.ENDED
    await bench.clear()


async def test_wardens_are_reaped_and_leave_no_cgroup(bench: Bench) -> None:
    engine = bench.engine()
    handles = [await bench.started(engine, "true", RunKey(1, n, 0, 1)) for n in range(1, 6)]
    for _ in handles:
        await report(engine)

    await eventually(
        lambda: not any(os.path.exists(f"/proc/{handle.pid}") for handle in handles), "reaping"
    )
    assert not any(bench.has_cgroup(handle) for handle in handles)


async def test_forget_removes_everything_of_a_run(bench: Bench) -> None:
    engine = bench.engine()
    handle = await bench.started(engine, "echo hello > result")
    await report(engine)
    await engine.forget(KEY.job)

    assert not (bench.directory / handle.warden).exists()
    assert not alive(handle.pid)
