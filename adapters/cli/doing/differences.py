"""What differs between a job at one of its versions and at another."""

import re
from typing import Final, TypedDict

import click

from adapters.cli.printing.fields import Row, leaves
from adapters.cli.reaching.shapes import FieldDifference, JobDetail, Step

SPAN: Final = re.compile(r"([0-9]{1,10})\.\.([0-9]{1,10})", re.ASCII)
ALWAYS: Final = frozenset({"version", "position"})
"""What differs by the question itself."""


class Differences(TypedDict):
    """The job at two of its versions, and the events after the first up to the second."""

    job_id: int
    from_version: int
    to_version: int
    differences: list[FieldDifference]
    events: list[Step]


def span_of(text: str) -> tuple[int, int]:
    """Two versions from ``A..B``. A usage error for anything else."""
    found = SPAN.fullmatch(text)
    first, last = (int(x) for x in found.groups()) if found else (0, 0)
    if not 1 <= first < last:
        raise click.BadParameter(
            f"{text!r} is not two versions; allowed is A..B such as 4..7, where A is 1 or more and "
            "B is larger (`countermand show JOB --events` lists the versions)",
            param_hint="'--diff'",
        )
    return first, last


def differences(before: JobDetail, after: JobDetail) -> list[FieldDifference]:
    """Every field that is not the same, in the order of the job's fields, tasks by number."""
    old, new = dict(leaves(by_number(before))), dict(leaves(by_number(after)))
    paths = dict.fromkeys((*new, *old))
    above = {path[:n] for path in paths for n, c in enumerate(path) if c == "."}
    skipped = above | ALWAYS
    return [
        {"path": path, "before": old.get(path), "after": new.get(path)}
        for path in paths
        if path not in skipped and old.get(path) != new.get(path)
    ]


def by_number(job: JobDetail) -> Row:
    """The job with its tasks by number, so that each field of each task has a path."""
    tasks = {str(task["task_id"]): task for task in job.get("tasks", [])}
    return {name: tasks if name == "tasks" else value for name, value in job.items()}
