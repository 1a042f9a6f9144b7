"""``countermand watch``: events as they happen."""

import click

from adapters.cli.doing.live import Following, print_live
from adapters.cli.reaching.shapes import StreamedEvent
from adapters.cli.typed import options as o
from adapters.cli.typed.kinds import EventType


@click.command("watch")
@click.option(
    "--from", "start", type=click.IntRange(0), metavar="SEQ", help="First event to print."
)
@click.option("--since", metavar="TIME", help="Begin with the first event that is not earlier.")
@click.option(
    "--type",
    "types",
    type=EventType(),
    multiple=True,
    metavar="TYPE",
    help="Only this type; repeatable.",
)
@click.option("--job", metavar="JOB", help="Only this job.", shell_complete=o.completed_jobs)
@click.option(
    "--actor",
    "actors",
    multiple=True,
    metavar="NAME",
    help="Only what this person brought about; repeatable.",
)
@click.option("--until-count", "count", type=click.IntRange(1), metavar="N", help="End after N.")
@click.option("--no-follow", is_flag=True, help="End where the stream ends now.")
@o.talks
def verb(
    asked: o.Asked,
    start: int | None,
    since: str | None,
    types: tuple[str, ...],
    job: str | None,
    actors: tuple[str, ...],
    count: int | None,
    no_follow: bool,
) -> int:
    """Follow events as they happen, or from a place in the stream on.

    Survives cuts and restarts: it goes on after the last event printed, none is lost and none is
    printed twice. A mark tells where the backlog ends and the live part begins. Without --from and
    --since it begins with what happens next. An event is printed when it fits every filter.

    \b
      countermand watch --type JobCancelRequested --actor alice
      countermand watch --since -1h            # or 12:00:04, or 2026-11-23T12:00:04Z
      countermand watch --from 1 --no-follow -o ndjson > everything.ndjson
    """
    o.either(("--from", start is not None), ("--since", since))
    asked.out.check(StreamedEvent)
    if count is None and not no_follow:
        o.need_lines(asked, "watch")
    moment = "" if since is None else o.moment_of(since, asked.out.utc, "--since")
    after = beginning(asked, start) if since is None else None
    wanted = Following(after, moment, types, job, actors, count, live=not no_follow)
    return print_live(asked, wanted)


def beginning(asked: o.Asked, start: int | None) -> int:
    """The position before the first event to print: of ``start``, or of what happens next."""
    return int(asked.server.health()["position"]) if start is None else max(0, start - 1)
