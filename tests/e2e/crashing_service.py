"""The real service, but for one thing: at a named point it kills itself with SIGKILL.

    python -m tests.e2e.crashing_service --data DIR (--crash POINT | --crash-as-in FILE)

FILE may be written at any time; while it is not there, nothing happens. POINT, or what stands in
FILE, is ``before:PLACE`` or ``after:PLACE``, with ``#N`` for the N-th time there. PLACE is the name
of an event (its append to the stream), ``prepare-T``, ``go-T`` or ``stop-T`` (an act of the engine
on task T), ``recover``, or a step of a start: ``open`` and ``identity`` of the log.
"""

import argparse
import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvloop

from adapters.bootstrap.compose import Makers
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from adapters.engines.local.engine import LocalEngine
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.publish import Patience, StoreDisk, UnseenDisk
from application.engine import RunKey, RunSpec, RunStatus, StopOrder
from application.ports import LogIdentity, Token, Write
from application.settings import Settings
from domain.errors import CountermandError
from domain.events import RunHandle

SLOTS: Final = 4


class Trap:
    """Kills this process when the point is reached."""

    def __init__(self, point: Callable[[], str]) -> None:
        self._point = point
        self._reached: Counter[str] = Counter()

    @contextmanager
    def around(self, *places: str) -> Iterator[None]:
        """An act at these places. What fails is not passed."""
        self._reach("before", places)
        yield
        self._reach("after", places)

    def _reach(self, when: str, places: Sequence[str]) -> None:
        for place in places:
            here = f"{when}:{place}"
            self._reached[here] += 1
            if self._point() in (here, f"{here}#{self._reached[here]}"):
                os.kill(os.getpid(), signal.SIGKILL)


def point_in(file: Path) -> str:
    """The point that a file names; "" while there is none."""
    try:
        return file.read_text()
    except FileNotFoundError:
        return ""


def makers(trap: Trap) -> Makers:
    """A log and an engine with the trap around every act."""

    class CrashingLog(JetStreamLog):
        @classmethod
        async def open(
            cls,
            address: ServerAddress,
            spec: StreamSpec,
            *,
            monitor_urls: tuple[str, ...],
            accept_loss: str = "",
            patience: Patience = Patience(),  # noqa: B008
            disk: StoreDisk = UnseenDisk(),  # noqa: B008
        ) -> JetStreamLog:
            with trap.around("open"):
                return await super().open(
                    address,
                    spec,
                    monitor_urls=monitor_urls,
                    accept_loss=accept_loss,
                    patience=patience,
                    disk=disk,
                )

        async def identity(self) -> LogIdentity:
            with trap.around("identity"):
                return await super().identity()

        async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
            places = [type(event.data).__name__ for write in writes for event in write.events]
            with trap.around(*places):
                return await super().append_each(writes)

        async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
            places = [type(event.data).__name__ for write in writes for event in write.events]
            with trap.around(*places):
                return await super().append(writes)

    class CrashingEngine(LocalEngine):
        async def recover(self) -> tuple[RunStatus, ...]:
            with trap.around("recover"):
                return await super().recover()

        async def prepare(self, key: RunKey, spec: RunSpec) -> RunHandle:
            with trap.around(f"prepare-{key.task}"):
                return await super().prepare(key, spec)

        async def go(self, key: RunKey) -> None:
            with trap.around(f"go-{key.task}"):
                await super().go(key)

        async def stop(self, key: RunKey, order: StopOrder) -> None:
            with trap.around(f"stop-{key.task}"):
                await super().stop(key, order)

    return Makers(CrashingLog, CrashingEngine)


async def serve(settings: Settings, trap: Trap) -> None:
    """Until the trap, or a signal from outside."""
    async with service(settings, LogReporter(settings.log_level), makers(trap)):
        await asyncio.Event().wait()


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--crash")
    where.add_argument("--crash-as-in", type=Path)
    given = parser.parse_args()
    trap = Trap(lambda: given.crash or point_in(given.crash_as_in))
    settings = load({"data_directory": given.data, "slots": SLOTS, "http_port": 0}, None)
    uvloop.run(serve(settings, trap))


if __name__ == "__main__":
    main()
