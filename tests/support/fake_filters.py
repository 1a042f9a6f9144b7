"""``FilterPrograms`` in memory: a program is a coroutine that is told the call.

It keeps what the port promises of answers, times and outputs; there are no processes to leave
behind. ``calls`` lists what was asked, in order; ``running`` counts what runs now.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from application.filters import OUTPUT_BYTES_MAX, FilterCall, FilterRun
from domain.errors import Unavailable
from domain.states import FilterHow

Program = Callable[[FilterCall], Awaitable[FilterRun]]


class FakeFilters:
    """Programs by their paths. ``unavailable``: no process can be made now."""

    def __init__(self) -> None:
        self.programs: dict[str, Program] = {}
        self.calls: list[FilterCall] = []
        self.running = 0
        self.most_at_once = 0
        self.unavailable = False

    async def run(self, call: FilterCall) -> FilterRun:
        if self.unavailable:
            raise Unavailable("no process can be made for the filter: none left")
        if not call.program.startswith("/"):
            return invalid(f"{call.program} is not an absolute path")
        program = self.programs.get(call.program)
        if program is None:
            return FilterRun(FilterHow.MISSING, reason=f"there is no file {call.program}")
        self.calls.append(call)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        try:
            async with asyncio.timeout(call.seconds):
                run = await program(call)
        except TimeoutError:
            reason = f"it was killed after {call.seconds:g} seconds"
            return FilterRun(FilterHow.TIMED_OUT, file=call.file, reason=reason)
        finally:
            self.running -= 1
        return replace(run, output=run.output[:OUTPUT_BYTES_MAX])

    def install(self, path: str, program: Program) -> str:
        """The program is there from now on, or another one is."""
        self.programs[path] = program
        return path


def invalid(reason: str) -> FilterRun:
    """It is not run."""
    return FilterRun(FilterHow.INVALID, reason=reason)


def ends(exit_code: int, output: bytes = b"", change: tuple[bytes, bytes] = (b"", b"")) -> Program:
    """A program that ends at once, after it has replaced something in the job's file."""

    async def program(call: FilterCall) -> FilterRun:
        file = call.file.replace(*change) if change[0] else call.file
        return FilterRun(FilterHow.RAN, exit_code, None, output, file)

    return program


async def never(_: FilterCall) -> FilterRun:
    """A program that goes on for ever."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


class Held:
    """A program that answers when it is told to, each time it is asked."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()

    async def __call__(self, call: FilterCall) -> FilterRun:
        exit_code, output = await self._answers.get()
        return FilterRun(FilterHow.RAN, exit_code, None, output, call.file)

    def answer(self, exit_code: int, output: bytes = b"") -> None:
        """What the next one that is asked says."""
        self._answers.put_nowait((exit_code, output))
