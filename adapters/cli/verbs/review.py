"""``countermand review``."""

import click

from adapters.cli.doing.one_job import send
from adapters.cli.reaching.server import quoted
from adapters.cli.typed import options as o


@click.command("review")
@click.argument("what", metavar="JOB/REQUEST")
@o.message_option
@o.version_option
@o.key_option
@o.talks
def verb(asked: o.Asked, what: str, message: str, if_version: int | None, key: str) -> int:
    """Say what you found of a cancel that overrode the rules (`cancel --break-glass`).

    Who did it cannot review it.

    \b
      countermand reviews                       # which are open
      countermand review 17/fire-1 -m "right: the node was on fire"
    """
    job, _, request = what.partition("/")
    if not job.isdecimal() or not request:
        raise click.UsageError("name it as JOB/REQUEST, as `countermand reviews` shows it")
    if not message.strip():
        raise click.UsageError("say with -m what you found")
    path = f"/jobs/{quoted(job)}/reviews/{quoted(request)}"
    return send(asked, job, "review", path, {"message": message}, key, if_version)
