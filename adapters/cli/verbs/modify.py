"""``countermand modify``: new values of a job's properties."""

from typing import Any

import click

from adapters.cli.doing.one_job import send
from adapters.cli.reaching.server import quoted
from adapters.cli.typed import options as o
from adapters.cli.typed.new_tasks import PRIORITIES, SECONDS


@click.command("modify")
@o.job_argument
@click.option(
    "--name", type=click.UNPROCESSED, metavar="TEXT", help="The job's name; '' takes it away."
)
@click.option("--priority", type=click.Choice(PRIORITIES, case_sensitive=False))
@click.option("--run-as", metavar="ACCOUNT", help="Whom the tasks run as.")
@click.option(
    "--runtime", "runtime_seconds", metavar="SECONDS", type=SECONDS, help="How long it may run."
)
@click.option(
    "--fail-on-task-failure/--no-fail-on-task-failure",
    default=None,
    help="Whether the first failed task stops the rest.",
)
@click.option(
    "--run-until-canceled/--no-run-until-canceled",
    default=None,
    help="Whether it goes on when all its tasks have ended.",
)
@o.version_option
@o.key_option
@o.talks
def verb(asked: o.Asked, job: str, if_version: int | None, key: str, **changes: Any) -> int:
    """Give properties of a job new values, all of them or none.

    In Configuring all of them may change; later the priority, the run-time limit (counted from the
    start) and what a failed task does; while the job runs, its name.

    \b
      countermand modify 17 --priority Highest
      countermand modify 17 --runtime 7200
    """
    body = {name: value for name, value in changes.items() if value is not None}
    if not body:
        raise click.UsageError("there is nothing to change: give an option such as --priority")
    return send(asked, job, "change", f"/jobs/{quoted(job)}", body, key, if_version, "PATCH")
