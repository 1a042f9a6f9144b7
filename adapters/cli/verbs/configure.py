"""``countermand configure``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("configure")
@o.job_argument
@o.version_option
@o.key_option
@o.talks
def verb(asked: o.Asked, job: str, if_version: int | None, key: str) -> int:
    """Take a queued, failed or canceled job back to Configuring, where nothing runs.

    \b
      countermand configure 17
      countermand submit --job 17          # when it may go on
    """
    return order(asked, job, "configure", {}, key, if_version=if_version)
