"""``countermand pending``: the cancels that wait."""

from typing import Final

import click

from adapters.cli.exits import DONE
from adapters.cli.printing.events import by
from adapters.cli.printing.waiting import approvals_of, held_until
from adapters.cli.reaching.shapes import PendingItem
from adapters.cli.typed import options as o
from projections.quoting import quoted

HEADINGS: Final = ("JOB", "REQUEST", "MODE", "BY", "HELD UNTIL", "APPROVALS", "WHY")


@click.command("pending")
@o.talks
def verb(asked: o.Asked) -> int:
    """Show the cancels that wait, those first on which something is due first.

    A rule may hold a cancel for a time, or demand that other people approve it. Until then it can
    be withdrawn.

    \b
      countermand pending
    """
    out = asked.out
    out.check(PendingItem)

    def row(x: PendingItem) -> tuple[object, ...]:
        return (
            x["job_id"],
            x["request_id"],
            x["mode"],
            by(x["actor"], x["on_behalf_of"]),
            held_until(x, out.utc),
            approvals_of(x, out.utc),
            why(x),
        )

    out.listed(asked.server.pending()["cancels"], PendingItem, HEADINGS, row)
    return DONE


def why(x: PendingItem) -> str:
    """What was said, and the reason code."""
    code = f"[{x['reason_code']}]" if x["reason_code"] else ""
    return " ".join(filter(None, (quoted(x["message"]) if x["message"] else "", code)))
