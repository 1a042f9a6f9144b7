"""``countermand reviews``: what overrode the rules and nobody else has reviewed."""

from typing import Final

import click

from adapters.cli.exits import DONE
from adapters.cli.printing.events import by
from adapters.cli.printing.moments import shown
from adapters.cli.reaching.shapes import OpenReview
from adapters.cli.typed import options as o
from projections.quoting import quoted

HEADINGS: Final = ("REVIEW", "MODE", "BY", "AT", "OVERRODE", "REVIEW BY", "WHY")


@click.command("reviews")
@o.talks
def verb(asked: o.Asked) -> int:
    """Show the cancels that overrode the rules and that nobody else has reviewed.

    \b
      countermand reviews
    """
    out = asked.out
    out.check(OpenReview)

    def row(x: OpenReview) -> tuple[object, ...]:
        return (
            f"{x['job_id']}/{x['request_id']}",
            x["mode"],
            by(x["actor"], x["on_behalf_of"]),
            shown(x["at"], out.utc),
            f"{x['overridden_effect']} by {', '.join(x['overridden_rules'])}",
            shown(x["review_by"], out.utc) + (" (overdue)" if x["overdue"] else ""),
            quoted(x["message"]),
        )

    out.listed(asked.server.reviews()["reviews"], OpenReview, HEADINGS, row)
    return DONE
