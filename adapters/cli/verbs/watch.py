"""``countermand watch``: events as they happen."""

import click

from adapters.cli import options as o
from adapters.cli.live import Following, print_live


@click.command("watch")
@click.option(
    "--from", "start", type=click.IntRange(0), metavar="SEQ", help="First event to print."
)
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this type; repeatable.")
@click.option("--job", metavar="JOB", help="Only this job.")
@click.option("--until-count", "count", type=click.IntRange(1), metavar="N", help="End after N.")
@click.option("--no-follow", is_flag=True, help="End where the stream ends now.")
@o.talks
def verb(
    asked: o.Asked,
    start: int | None,
    types: tuple[str, ...],
    job: str | None,
    count: int | None,
    no_follow: bool,
) -> int:
    """Follow events as they happen, or from a place in the stream on.

    Survives cuts and restarts: it goes on after the last event printed, none is lost and none is
    printed twice. A mark tells where the backlog ends and the live part begins. Without --from it
    begins with what happens next.

    \b
      countermand watch --type JobCancelRequested
      countermand watch --from 1 --no-follow -o ndjson > everything.ndjson
    """
    if count is None and not no_follow:
        o.need_lines(asked, "watch")
    after = max(0, start - 1) if start is not None else int(asked.server.health()["position"])
    return print_live(asked, Following(after, types, job, count, live=not no_follow))
