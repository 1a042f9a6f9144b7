"""Stopping a job's runs through the engine alone: what the log is not needed for."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from application.emergency_spool import SpooledOutcome
from application.engine import Engine, RunKey, RunPhase, RunStatus, StopOrder
from domain.counted import RUNS_MAX
from domain.errors import CountermandError
from domain.events import RunRange, RunSet
from domain.ranges import ranges
from domain.states import EmergencyOutcome, StopStep

SIGKILL: Final = 9
LOOK_SECONDS: Final = 0.02
OVER: Final = (RunPhase.ENDED, RunPhase.LOST)


async def runs_to_stop(engine: Engine, job: int) -> tuple[RunStatus, ...]:
    """The runs of a job that have not ended, also one whose start is not written yet."""
    found = await engine.runs_of(job)
    return tuple(sorted((x for x in found if x.phase not in OVER), key=lambda x: x.key))


def named(runs: Iterable[RunStatus]) -> RunSet:
    """These runs, counted and named."""
    alike: dict[tuple[int, int, str], list[int]] = {}
    found = tuple(runs)
    for run in found:
        place = (run.key.task, run.key.attempt, run.node)
        alike.setdefault(place, []).append(run.key.instance)
    made = (RunRange(*place, ranges(sorted(numbers))) for place, numbers in alike.items())
    return RunSet(len(found), tuple(made)[:RUNS_MAX])


async def kill(
    engine: Engine, runs: Iterable[RunStatus], order_id: str, seconds_max: float
) -> tuple[RunStatus | None, ...]:
    """Order SIGKILL for each and wait for their ends, at most so long; how each is then.

    None of a run that the engine has let go, because its end is written. One that the engine
    cannot reach holds up no other: it is among those that have not ended.
    """
    keys = [run.key for run in runs]
    order = StopOrder(order_id, StopStep.KILL, SIGKILL, 0)
    tried = await asyncio.gather(*(engine.stop(x, order) for x in keys), return_exceptions=True)
    for error in tried:
        if error is not None and not isinstance(error, CountermandError):
            raise error
    now = await statuses(engine, keys)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds_max):
            while not all(map(is_over, now)):
                await asyncio.sleep(LOOK_SECONDS)
                now = await statuses(engine, keys)
    return now


async def statuses(engine: Engine, keys: Sequence[RunKey]) -> tuple[RunStatus | None, ...]:
    """How each run is now."""
    return tuple([await engine.status(key) for key in keys])


def is_over(run: RunStatus | None) -> bool:
    """Whether nothing more is expected of it."""
    return run is None or run.phase in OVER


def outcome_of(runs: Iterable[RunStatus | None], at: datetime) -> SpooledOutcome:
    """What was seen."""
    found = tuple(runs)
    ended = sum(map(is_over, found))
    stops = [x.stop for x in found if x is not None and x.stop is not None]
    survivors = sum(x.survivors for x in stops)
    whole = ended == len(found) and not survivors
    return SpooledOutcome(
        at=at,
        outcome=EmergencyOutcome.STOPPED if whole else EmergencyOutcome.PARTLY,
        ended=ended,
        killed=sum(x.killed for x in stops),
        survivors=survivors,
    )
