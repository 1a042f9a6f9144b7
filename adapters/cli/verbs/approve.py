"""``countermand approve``."""

import click

from adapters.cli.doing.one_job import send
from adapters.cli.doing.waiting import path_of
from adapters.cli.typed import options as o


@click.command("approve")
@o.job_argument
@o.message_option
@o.cancel_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked, job: str, message: str, cancel: str, if_version: int | None, key: str
) -> int:
    """Approve a cancel of a job that waits, which somebody else asked for.

    A rule may demand that so many other people approve a cancel before it takes effect. Who asked
    for it is not one of them, and nobody counts twice.

    \b
      countermand pending                      # which cancels wait
      countermand approve 17 -m "seen, it may go"
      countermand approve 17 --request disk-17
    """
    path = path_of(asked, job, cancel) + "/approval"
    return send(asked, job, "approve", path, {"message": message}, key, if_version)
