"""A service that goes as far as it is told and then waits to be killed with -9.

``python -m tests.adapters.engines.doomed RUNS (cgroups|descendants) STEP COMMAND [GRACE_MS]``; it
prints a line when it is there. ``spawning`` and ``noted`` end by themselves, as if killed, in the
middle of ``prepare``: as soon as the run's directory, or its notes, are there.
"""

import asyncio
import os
import sys
from pathlib import Path

from adapters.engines.local.engine import LocalEngine
from application.engine import Node, RunSpec
from tests.adapters.engines.bench import KEY, at_once, gently
from tests.support.processes import written
from tests.support.waiting import eventually

ENDED_AS_IF_KILLED = 137


async def main(runs: Path, way: str, step: str, command: str, grace_ms: int) -> None:
    engine = LocalEngine(runs, nodes=(Node("n1", 2),), use_cgroups=way == "cgroups")
    await engine.recover()
    if step in ("spawning", "noted"):
        await _die_while_preparing(engine, runs, "*" if step == "spawning" else "*/notes", command)
    handle = await engine.prepare(KEY, RunSpec(command, {}, "n1"))
    if step in ("running", "signalled", "killed", "ended"):
        await engine.go(KEY)
        if "echo ready" in command:
            output = runs / handle.warden / "output.head"
            await eventually(lambda: "ready" in written(output), "the run")
    if step == "signalled":
        await engine.stop(KEY, gently(grace_ms=grace_ms))
    if step == "killed":
        await engine.stop(KEY, at_once())
    if step == "ended":
        await anext(engine.reports())
    print(step, flush=True)  # noqa: T201
    await asyncio.Event().wait()


async def _die_while_preparing(engine: LocalEngine, runs: Path, sign: str, command: str) -> None:
    preparing = asyncio.create_task(engine.prepare(KEY, RunSpec(command, {}, "n1")))
    await eventually(lambda: any(one.name for one in runs.glob(sign)) or preparing.done(), sign)
    os._exit(ENDED_AS_IF_KILLED)


if __name__ == "__main__":
    directory, way, step, command, *grace = sys.argv[1:]
    asyncio.run(main(Path(directory), way, step, command, int(grace[0]) if grace else 0))
