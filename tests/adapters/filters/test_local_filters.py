"""Filters as real processes: nothing of theirs is left, nothing of ours is found by them."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Final

import pytest
import uvloop

from adapters.engines.local.procfs import all_pids, process, read_bytes
from adapters.filters.programs import FILE_GROWTH_BYTES_MAX, LocalFilters
from application.filters import FilterCall, FilterRun
from domain.errors import Unavailable
from domain.states import FilterHow
from tests.support.filter_scripts import script
from tests.support.processes import belonging_to, command_line
from tests.support.waiting import eventually

FILE: Final = b"<Job/>"
SECONDS: Final = 30.0


class Bench:
    """A directory with programs, and what runs them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.place = self.directory / "filters"
        self.filters = LocalFilters(self.place)

    def call(self, lines: str, seconds: float = SECONDS, *arguments: str) -> FilterCall:
        path = script(self.directory / "programs", "filter", lines)
        return FilterCall(path, "activation", 42, FILE, seconds, arguments)

    async def run(self, lines: str, seconds: float = SECONDS, *arguments: str) -> FilterRun:
        return await self.filters.run(self.call(lines, seconds, *arguments))

    async def output(self, lines: str, *arguments: str) -> str:
        return (await self.run(lines, SECONDS, *arguments)).output.decode()

    def file(self, name: str) -> Path:
        return self.directory / name


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def marked(mark: str) -> list[int]:
    """Living processes that carry a mark in their environment."""
    found = []
    for pid in all_pids():
        try:
            there = mark.encode() in read_bytes(f"/proc/{pid}/environ")
        except OSError:
            continue
        one = process(pid)
        if there and one is not None and one.living:
            found.append(pid)
    return found


def mark_of(tmp_path: Path) -> str:
    return f"FILTER_MARK={tmp_path.name}-{os.getpid()}"


# --- what it finds --------------------------------------------------------------------------------


async def test_its_arguments_are_the_file_and_what_the_call_has(bench: Bench) -> None:
    said = await bench.output('cat "$1"; shift; printf " %s" "$#" "$@"', "3", "1", "false", "2")
    assert said == "<Job/> 4 3 1 false 2"


async def test_its_environment_is_clean(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVICE", "x")
    said = await bench.output("env | cut -d= -f1 | sort | tr '\\n' ' '; echo $CCP_JOBID")
    names = "CCP_JOBID COUNTERMAND_FILTER HOME LANG LOGNAME PATH PWD TMPDIR USER"
    assert said == f"{names} 42\n"


async def test_its_directory_is_its_own_and_gone_afterwards(bench: Bench) -> None:
    said = await bench.output("umask; stat -c %a .; ls -A; pwd; echo kept > here")
    umask, mode, where = said.split()
    assert (umask, mode) == ("0077", "700")
    assert where.startswith(str(bench.place))
    assert list(bench.place.iterdir()) == []


async def test_standard_input_is_at_its_end_and_nothing_else_is_open(bench: Bench) -> None:
    with socket.socket() as open_here:
        os.set_inheritable(open_here.fileno(), True)
        said = await bench.output("cat; ls /proc/self/fd | tr '\\n' ' '")
    assert said == "0 1 2 3 \n" or said == "0 1 2 3 "  # 3 is the directory that ls reads


def test_on_the_loop_of_the_service_nothing_else_is_open_either(bench: Bench) -> None:
    said = uvloop.run(bench.output("ls /proc/self/fd | tr '\\n' ' '"))
    assert said == "0 1 2 3 "


async def test_a_usher_that_is_killed_takes_everything_with_it(
    bench: Bench, tmp_path: Path
) -> None:
    mark = mark_of(tmp_path)
    asked = asyncio.create_task(bench.run(f"export {mark}; setsid sleep 600 & sleep 600"))
    await eventually(lambda: len(marked(mark)) >= 2, "both processes")
    (usher,) = (x.pid for x in belonging_to(str(bench.place)) if "usher.py" in command_line(x.pid))
    os.kill(usher, signal.SIGKILL)
    with pytest.raises(Unavailable, match="ended without a word"):
        await asked
    assert marked(mark) == []


async def test_an_output_of_any_bytes_comes_through(bench: Bench) -> None:
    run = await bench.run(r"printf '\000\377\033[31m\n'; exit 9")
    assert (run.exit_code, run.output) == (9, b"\x00\xff\x1b[31m\n")


async def test_output_that_is_closed_early_ends_nothing(bench: Bench) -> None:
    run = await bench.run("exec >&- 2>&-; sleep 0.2; exit 4")
    assert (run.how, run.exit_code, run.output) == (FilterHow.RAN, 4, b"")


async def test_a_signal_that_ended_it(bench: Bench) -> None:
    run = await bench.run("kill -SEGV $$")
    assert (run.how, run.exit_code, run.signal) == (FilterHow.RAN, None, 11)


# --- what is left of it ---------------------------------------------------------------------------


async def test_after_its_time_nothing_of_it_is_left(bench: Bench, tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    deaf = f"export {mark}; trap '' TERM HUP INT; "
    run = await bench.run(
        f"{deaf} (setsid sleep 600 &) ; (setsid sh -c 'sleep 600 & sleep 600' &) ; sleep 600", 0.5
    )
    assert run.how is FilterHow.TIMED_OUT
    assert marked(mark) == []


async def test_what_it_left_in_the_background_ends_with_it(bench: Bench, tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    run = await bench.run(f"export {mark}; setsid sleep 600 & exit 0")
    assert (run.how, run.exit_code) == (FilterHow.RAN, 0)
    assert marked(mark) == []


async def test_a_call_that_is_cancelled_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    mark = mark_of(tmp_path)
    asked = asyncio.create_task(bench.run(f"export {mark}; setsid sleep 600 & sleep 600"))
    await eventually(lambda: len(marked(mark)) >= 2, "both processes")
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert marked(mark) == []
    assert list(bench.place.iterdir()) == []


async def test_what_a_killed_service_left_is_removed(bench: Bench) -> None:
    (bench.place / "left").mkdir(parents=True)
    (bench.place / "left" / "job.xml").write_bytes(FILE)
    assert (await bench.run("exit 0")).exit_code == 0
    assert list(bench.place.iterdir()) == []


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        'rm "$1"',
        'rm "$1"; ln -s /etc/passwd "$1"',
        'rm "$1"; mkfifo "$1"',
        'rm "$1"; mkdir "$1"',
        f'head -c {FILE_GROWTH_BYTES_MAX + 100} /dev/zero > "$1"',
    ],
    ids=["gone", "a link", "a pipe", "a directory", "too large"],
)
async def test_a_file_that_is_none_any_more(bench: Bench, lines: str) -> None:
    run = await bench.run(f"{lines}; exit 1")
    assert (run.exit_code, run.file) == (1, None)


# --- what is not run ------------------------------------------------------------------------------


async def refused(bench: Bench, path: str) -> FilterRun:
    run = await bench.filters.run(FilterCall(path, "submission", 1, FILE, SECONDS))
    assert run.how is FilterHow.INVALID
    assert run.output == b""
    return run


async def test_a_file_that_is_not_executable(bench: Bench) -> None:
    path = script(bench.directory, "f", "exit 0", 0o644)
    assert "is not executable" in (await refused(bench, path)).reason


async def test_a_directory(bench: Bench) -> None:
    assert "is not a file" in (await refused(bench, str(bench.directory))).reason


@pytest.mark.parametrize("mode", [0o775, 0o757])
async def test_a_file_that_others_can_change(bench: Bench, mode: int) -> None:
    path = script(bench.directory, "f", "exit 0", mode)
    run = await refused(bench, path)
    assert run.reason == f"{path} can be changed by other accounts; chmod go-w ends that"


async def test_a_directory_on_the_way_that_others_can_change(bench: Bench) -> None:
    open_one = bench.file("open")
    path = script(open_one, "f", "exit 0")
    open_one.chmod(0o777)
    assert f"{open_one} can be changed" in (await refused(bench, path)).reason
    open_one.chmod(0o1777)  # sticky: whose file it is decides
    run = await bench.filters.run(FilterCall(path, "submission", 1, FILE, SECONDS))
    assert run.exit_code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another account")
async def test_a_file_of_somebody_else(bench: Bench) -> None:
    path = script(bench.directory, "f", "exit 0")
    os.chown(path, 4711, -1)
    assert "belongs to another account (uid 4711)" in (await refused(bench, path)).reason


async def test_a_symbolic_link(bench: Bench) -> None:
    path = script(bench.directory, "f", "exit 0")
    bench.file("link").symlink_to(path)
    reason = (await refused(bench, str(bench.file("link")))).reason
    assert reason.endswith(f"leads over a symbolic link to {path}; set that path")


async def test_a_program_without_an_interpreter(bench: Bench) -> None:
    path = bench.file("f")
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    reason = (await refused(bench, str(path))).reason
    assert reason == f"{path} cannot be started: No such file or directory"


async def test_where_no_file_can_be_written_nothing_is_decided(bench: Bench) -> None:
    bench.place.write_text("in the way")
    with pytest.raises(Unavailable, match="the job's file cannot be written"):
        await bench.run("exit 0")
