"""``countermand requeue``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("requeue")
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
    """Run a failed or canceled job again, or one task or subtask of it that is queued or running.

    Of a job, tasks that finished stay finished, tasks that were canceled by themselves before they
    ran stay canceled; all others run again.

    \b
      countermand requeue 17
      countermand requeue 17 --task 3 -m "the disk is whole again"
      countermand requeue 17.2.3                     # subtask 3 of task 2
    """
    return order(asked, job, "requeue", {"message": message}, key, task, if_version)
