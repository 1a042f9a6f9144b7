"""What tasks do, and what they leave behind of it: lines in a file, their trace."""

from pathlib import Path
from typing import Final

from tests.support.web import Json

MARK: Final = "COUNTERMAND_E2E"


def job_of(*commands: str, release: str = "", mark: Path) -> Json:
    """The body of a submission. Each task carries ``mark`` in its environment."""
    kinds = [("Basic", command) for command in commands]
    kinds += [("NodeRelease", release)] if release else []
    environment = {MARK: str(mark)}
    tasks = [{"command": c, "type": kind, "environment": environment} for kind, c in kinds]
    return {"name": "e2e", "tasks": tasks}


def polite(trace: Path) -> str:
    """Counts its runs and signals; after one, ends as soon as ``TRACE.end`` is there."""
    return (
        f"trap 'echo term >>{trace}; told=1' TERM; echo run $COUNTERMAND_RUN >>{trace}; "
        f'while [ -z "$told" ] || [ ! -e {trace}.end ]; do sleep 0.05; done; echo tidy >>{trace}'
    )


def stubborn(trace: Path) -> str:
    """Counts its runs and signals; only SIGKILL ends it, and what it left in another session."""
    return (
        f"trap 'echo term >>{trace}' TERM; "
        "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.2; done' &); "
        f"echo run $COUNTERMAND_RUN >>{trace}; while :; do sleep 0.05; done"
    )


DEAF: Final = "trap '' TERM; touch deaf; while :; do sleep 1; done"
"""Does not listen to the stop signal, as soon as its work directory holds a file ``deaf``."""


def let_end(trace: Path) -> None:
    """Let a polite task end."""
    Path(f"{trace}.end").touch()


def lines(trace: Path) -> list[str]:
    """What tasks wrote."""
    return trace.read_text().splitlines()


def runs(trace: Path) -> list[str]:
    """The runs that began: ``job.task.instance-attempt``, one for each time."""
    return [line.split()[1].rpartition(".")[0] for line in lines(trace) if line.startswith("run ")]
