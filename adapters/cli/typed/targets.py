"""What a command is for, as it is typed: JOB, JOB.TASK or JOB.TASK.SUBTASK."""

import re
from typing import Final, NamedTuple

import click

from adapters.cli.reaching.server import quoted

NAMED: Final = re.compile(r"([0-9]{1,18})\.([0-9]{1,9})(?:\.([0-9]{1,9}))?", re.ASCII)


class Target(NamedTuple):
    """A job, one of its tasks, or a subtask of that. ``job``: as it was typed, perhaps no number.

    ``task``, ``subtask``: None for all of it.
    """

    job: str
    task: int | None = None
    subtask: int | None = None

    @property
    def named(self) -> str:
        """As it is typed."""
        return ".".join(str(x) for x in self if x is not None)

    @property
    def words(self) -> str:
        """In a sentence: ``job 17 task 3 subtask 5``."""
        task = "" if self.task is None else f" task {self.task}"
        return f"job {self.job}{task}" + (
            "" if self.subtask is None else f" subtask {self.subtask}"
        )

    @property
    def part(self) -> str:
        """Of the job, in a sentence: ``task 3``, ``subtask 5 of task 3``, "" for all of it."""
        if self.task is None:
            return ""
        of = "" if self.subtask is None else f"subtask {self.subtask} of "
        return f"{of}task {self.task}"

    @property
    def path(self) -> str:
        """Where the server has it."""
        task = "" if self.task is None else f"/tasks/{self.task}"
        subtask = "" if self.subtask is None else f"/subtasks/{self.subtask}"
        return f"/jobs/{quoted(self.job)}{task}{subtask}"


def target(text: str, task: int | None = None) -> Target:
    """What was typed; ``task``: --task, where there is one. What has no dots is a job.

    A usage error for a task in both places, and for a number 0, which nothing has.
    """
    found = NAMED.fullmatch(text)
    if found is None:
        return Target(text, task)
    if task is not None:
        raise click.UsageError(f"{text!r} names a task already; leave out --task")
    job, *parts = found.groups()
    numbers = [int(x) for x in parts if x is not None]
    if 0 in numbers:
        raise click.UsageError(f"{text!r}: tasks and subtasks are counted from 1")
    return Target(job, *numbers)
