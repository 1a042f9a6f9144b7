"""``countermand finish``."""

import click

from adapters.cli import options as o
from adapters.cli.one_job import order


@click.command("finish")
@o.job_argument
@o.message_option
@o.key_option
@o.talks
def verb(asked: o.Asked, job: str, message: str, key: str) -> int:
    """Stop a queued or running job as a cancel does, and count it as finished.

    \b
      countermand finish 17 -m "the results are good enough"
    """
    return order(asked, job, "finish", {"message": message}, key)
