"""``countermand legal-hold``."""

import click

from adapters.cli.doing.one_job import order
from adapters.cli.typed import options as o


@click.command("legal-hold")
@o.job_argument
@click.option("--release", is_flag=True, help="The hold is over.")
@o.message_option
@o.version_option
@o.key_option
@o.talks
def verb(
    asked: o.Asked, job: str, release: bool, message: str, if_version: int | None, key: str
) -> int:
    """Put a job under legal hold, in whatever state it is, or release it.

    Until it is released the job does not leave the view when TTLCompletedJobs runs out. Rules of
    the policy may go by it, too. Administrators may; -m is needed.

    \b
      countermand legal-hold 17 -m "case 2026-117"
      countermand legal-hold 17 --release -m "case 2026-117 is closed"
    """
    operation = "legal-hold/release" if release else "legal-hold"
    return order(asked, job, operation, {"message": message}, key, if_version=if_version)
