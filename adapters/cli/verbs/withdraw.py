"""``countermand withdraw``."""

import click

from adapters.cli.doing.one_job import send
from adapters.cli.doing.waiting import path_of
from adapters.cli.typed import options as o


@click.command("withdraw")
@o.job_argument
@o.message_option
@o.cancel_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked, job: str, message: str, cancel: str, if_version: int | None, key: str
) -> int:
    """Take back a cancel of a job that waits: it never takes effect.

    Why is recorded, and has to be said. A cancel that has taken effect is not taken back.

    \b
      countermand withdraw 17 -m "the wrong job"
      countermand withdraw 17 --request disk-17 -m "the disk was cleared"
    """
    if not message.strip():
        raise click.UsageError("say why with -m: who withdraws a cancel gives a reason")
    path = path_of(asked, job, cancel) + "/withdrawal"
    return send(asked, job, "withdraw", path, {"message": message}, key, if_version)
