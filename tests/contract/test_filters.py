"""The port of filter programs: what a call is answered, by real programs and by the fake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

from adapters.filters.programs import LocalFilters
from application.filters import OUTPUT_BYTES_MAX, FilterCall, FilterPrograms, FilterRun
from domain.states import FilterHow
from tests.support.fake_filters import FakeFilters, Program, ends, never
from tests.support.filter_scripts import script

FILE: Final = b"<Job Name='one'/>"
SECONDS: Final = 20.0
NOISE: Final = bytes(range(256)) * 1024


PROGRAMS: Final[dict[str, tuple[str, Program]]] = {
    "accepts": ("exit 0", ends(0)),
    "says no": (
        "echo no budget; echo 'not a cent' >&2; exit 3",
        ends(3, b"no budget\nnot a cent\n"),
    ),
    "hangs": ("exec sleep 600", never),
    "is loud": (
        f"head -c {len(NOISE)} /dev/zero | tr '\\0' x; exit 5",
        ends(5, b"x" * len(NOISE)),
    ),
    "changes the file": (
        'sed -i s/one/two/ "$1"; exit 1',
        ends(1, change=(b"one", b"two")),
    ),
}
"""Each as a shell's lines and as a coroutine."""


class Site:
    """An implementation with the programs above: the paths of them by name."""

    def __init__(self, programs: FilterPrograms, path_of: Callable[[str], str]) -> None:
        self.programs = programs
        self._path_of = path_of

    async def ask(self, name: str, seconds: float = SECONDS) -> FilterRun:
        path = self._path_of(name) if name in PROGRAMS else name
        return await self.programs.run(FilterCall(path, "submission", 7, FILE, seconds))


@pytest.fixture(params=["local", "fake"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    if request.param == "local":
        paths = {
            name: script(tmp_path, f"p{n}", lines)
            for n, (name, (lines, _)) in enumerate(PROGRAMS.items())
        }
        yield Site(LocalFilters(tmp_path / "filters"), paths.__getitem__)
    else:
        fake = FakeFilters()
        for name, (_, program) in PROGRAMS.items():
            fake.install(f"/{name}", program)
        yield Site(fake, lambda name: f"/{name}")


async def test_a_program_that_accepts(site: Site) -> None:
    assert await site.ask("accepts") == FilterRun(FilterHow.RAN, 0, None, b"", FILE)


async def test_what_it_writes_is_kept(site: Site) -> None:
    run = await site.ask("says no")
    assert (run.how, run.exit_code) == (FilterHow.RAN, 3)
    assert run.output == b"no budget\nnot a cent\n"


async def test_the_file_comes_back_as_the_program_left_it(site: Site) -> None:
    run = await site.ask("changes the file")
    assert (run.exit_code, run.file) == (1, b"<Job Name='two'/>")


async def test_an_enormous_output_is_cut_and_stops_nobody(site: Site) -> None:
    run = await site.ask("is loud")
    assert run.exit_code == 5
    assert run.output == b"x" * OUTPUT_BYTES_MAX


async def test_a_program_that_gives_no_answer_is_ended_in_time(site: Site) -> None:
    run = await site.ask("hangs", 0.2)
    assert (run.how, run.exit_code, run.signal) == (FilterHow.TIMED_OUT, None, None)
    assert run.reason == "it was killed after 0.2 seconds"


async def test_a_program_that_is_not_there(site: Site) -> None:
    run = await site.ask("/nowhere/at/all")
    assert (run.how, run.reason) == (FilterHow.MISSING, "there is no file /nowhere/at/all")


async def test_a_path_that_is_not_absolute(site: Site) -> None:
    run = await site.ask("bin/true")
    assert (run.how, run.reason) == (FilterHow.INVALID, "bin/true is not an absolute path")


async def test_programs_run_side_by_side(site: Site) -> None:
    async with asyncio.timeout(SECONDS):
        runs = await asyncio.gather(*(site.ask("accepts") for _ in range(4)))
    assert {run.exit_code for run in runs} == {0}


async def test_a_call_that_is_cancelled_ends(site: Site) -> None:
    asked = asyncio.create_task(site.ask("hangs", 600))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
