"""``countermand unprotect``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("unprotect")
@o.job_argument
@o.message_option
@o.version_option
@o.key_option
@o.talks
def verb(asked: o.Asked, job: str, message: str, if_version: int | None, key: str) -> int:
    """Lift the protection of a job. Job administrators and administrators may; -m is needed.

    \b
      countermand unprotect 17 -m "the paper is handed in"
    """
    return order(asked, job, "unprotect", {"message": message}, key, if_version=if_version)
