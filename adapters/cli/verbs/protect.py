"""``countermand protect``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("protect")
@o.job_argument
@o.message_option
@o.version_option
@o.key_option
@o.talks
def verb(asked: o.Asked, job: str, message: str, if_version: int | None, key: str) -> int:
    """Mark a job as protected, in whatever state it is.

    That stops nothing by itself: rules of the policy go by it. The owner may, a job administrator
    and an administrator; -m is needed.

    \b
      countermand protect 17 -m "the last run before the deadline"
    """
    return order(asked, job, "protect", {"message": message}, key, if_version=if_version)
