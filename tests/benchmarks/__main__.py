"""Benchmarks: ``make bench``, or ``make bench ARGS="views"`` for some of them.

They start servers of their own in a temporary directory and leave nothing behind. Results belong
into ``ops/benchmarks.md`` with machine and date; nothing here is asserted.

``commands``: a running service; ``views``: a million rows of the trail; ``export``: the same as
files, the whole way; ``rebuild``: views built from a real stream, and what commands notice of it;
``removal``: ten thousand jobs that leave the view at once, and what commands notice of it;
``pages``: pages of 100,000 jobs by their number; ``snapshots``: one job with a very long history;
``fsck``: a look at 250,000 events;
``sweep``: parametric sweeps of 100,000 and 1,000,000 subtasks; ``swept``: one of 100,000, nearly
all of which have run; ``recorder``: inserts through recorders of the eventsourcing library, on
JetStream, SQLite and PostgreSQL; ``writing``: commands in the service beside raw publishes;
``bulk``: 10,000 cancels at once; ``starting``: starts, memory, loads and cancels on ten thousand to
a million events; ``policy``: decisions by the shipped rules.
"""

import sys
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Final

import uvloop

from adapters.bootstrap.collector import relax_collector
from adapters.bootstrap.threads import take_short_turns
from tests.benchmarks import (
    bulk,
    checking,
    commands,
    exporting,
    pages,
    policy,
    rebuild,
    recorder,
    removal,
    runner,
    signals,
    snapshots,
    starting,
    sweep,
    sweep_history,
    views,
    web,
    writing,
)
from tests.benchmarks.figures import Figure, table, where


def served(work: Coroutine[None, None, Sequence[Figure]]) -> Sequence[Figure]:
    """What is measured within a service, in a process that is prepared as ``serve`` prepares it."""
    relax_collector()
    take_short_turns()
    return uvloop.run(work)


SECTIONS: Final[dict[str, Callable[[Path], Sequence[Figure]]]] = {
    "commands": lambda directory: served(commands.measure(directory)),
    "views": views.measure,
    "export": exporting.measure,
    "writing": lambda directory: served(writing.measure(directory)),
    "bulk": lambda directory: served(bulk.measure(directory)),
    "starting": starting.measure,
    "http": web.measure,
    "signals": signals.measure,
    "runner": runner.measure,
    "rebuild": lambda directory: served(rebuild.measure(directory)),
    "recorder": recorder.measure,
    "removal": lambda directory: served(removal.measure(directory)),
    "pages": pages.measure,
    "policy": lambda directory: uvloop.run(policy.measure(directory)),
    "sweep": sweep.measure,
    "swept": lambda _: sweep_history.measure(),
    "fsck": lambda directory: uvloop.run(checking.measure(directory)),
    "snapshots": lambda directory: uvloop.run(snapshots.measure(directory)),
}


def main(chosen: Sequence[str]) -> int:
    """Measure and print tables."""
    unknown = [name for name in chosen if name not in SECTIONS]
    if unknown:
        print(f"there is no benchmark {unknown[0]}; there are {', '.join(SECTIONS)}")
        return 2
    print(where(" ".join(["make bench", *chosen])))
    for name in chosen or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="countermand-bench-") as directory:
            print(table(name, SECTIONS[name](Path(directory))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
