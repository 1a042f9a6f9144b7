"""How much of a list is wanted: of which time, and how many rows."""

from typing import Final

import click

from adapters.cli.typed.options import Asked, moment_of

LIMIT: Final = 50

limit_option = click.option(
    "--limit",
    type=click.IntRange(0),
    metavar="N",
    help=f"So many rows at most, {LIMIT} if not said; 0: all.",
)
all_option = click.option("--all", "all_rows", is_flag=True, help="All rows.")
since_option = click.option(
    "--since", metavar="TIME", help="Not earlier: -24h, 2026-11-23, 12:00:04 (today)."
)
until_option = click.option("--until", metavar="TIME", help="Not later.")


def rows_wanted(limit: int | None, all_rows: bool) -> int | None:
    """How many rows; None for all. A usage error for a limit beside --all."""
    if all_rows and limit:
        raise click.UsageError("--all and --limit exclude each other")
    return None if all_rows or limit == 0 else limit or LIMIT


def span_query(asked: Asked, since: str | None, until: str | None) -> list[tuple[str, str]]:
    """--since and --until as the server wants them."""
    given = (("since", since), ("until", until))
    return [(name, moment_of(x, asked.out.utc, f"--{name}")) for name, x in given if x is not None]
