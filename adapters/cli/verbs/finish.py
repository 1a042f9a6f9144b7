"""``countermand finish``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("finish")
@o.job_argument
@o.message_option
@o.task_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked,
    job: str,
    message: str,
    task: int | None,
    if_version: int | None,
    key: str,
) -> int:
    """Stop a queued or running job, or one task or subtask of it, and count it as finished.

    What runs is stopped as by a cancel; a task that waits never runs. A finished task never runs
    again, not even when its job does.

    \b
      countermand finish 17 -m "the results are good enough"
      countermand finish 17.2 -m "done by hand"      # or 17 --task 2; 17.2.3 is a subtask
    """
    return order(asked, job, "finish", {"message": message}, key, task, if_version)
