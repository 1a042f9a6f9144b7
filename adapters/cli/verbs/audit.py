"""``countermand audit``: search the trail; ``audit export``: what is found, as a file."""

from typing import Any, Final

import click

from adapters.cli.doing.pages import Pages, print_pages
from adapters.cli.exits import DONE
from adapters.cli.printing.events import by
from adapters.cli.printing.moments import brief
from adapters.cli.reaching.view_shapes import AuditItem
from adapters.cli.typed import audit_filter
from adapters.cli.typed import options as o
from adapters.cli.typed.lists import all_option, limit_option, rows_wanted
from projections.quoting import quoted, word

HEADINGS: Final = ("EVENT", "TIME", "KIND", "JOB", "ACTOR", "OUTCOME", "MODE", "MESSAGE, DETAIL")
EXPORT: Final = "export"


class SearchOrExport(click.Command):
    """The search. ``export`` as the first word is a command; ``audit -- export`` looks for it."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """The context of whichever is meant."""
        if args[:1] != [EXPORT]:
            return super().make_context(info_name, args, parent, **extra)
        return self.subcommands()[EXPORT].make_context(
            f"{info_name} {EXPORT}", args[1:], parent, **extra
        )

    def subcommands(self) -> dict[str, click.Command]:
        """The commands below this one, by name."""
        from adapters.cli.verbs.audit_export import verb as export

        return {EXPORT: export}


@click.command("audit", cls=SearchOrExport)
@audit_filter.filters
@limit_option
@all_option
@click.option("--oldest-first", is_flag=True, help="In the order in which it happened.")
@o.talks
def verb(
    asked: o.Asked, limit: int | None, all_rows: bool, oldest_first: bool, **filters: Any
) -> int:
    """Search the audit trail: who asked for what, who was refused, what was done, and by whom.

    Several WORDS are all looked for, in messages and explanations, without regard to case and
    accents; '"a phrase"' as it stands, 'disk*' the beginning of a word. Several values of one
    option mean any of them, several options all of them. The latest rows come first. EVENT is the
    number of the event that a row rests on: `countermand audit --event 514`.

    \b
      countermand audit disk full
      countermand audit --refused --actor bob --since -24h
      countermand audit --job 17 --oldest-first --all
      countermand audit export --forced -f forced.csv      # to a file: audit export --help
    """
    wanted = rows_wanted(limit, all_rows)
    asked.out.check(AuditItem)
    query = audit_filter.query_of(asked, **filters)
    query += [("sort", "position")] if oldest_first else []
    utc = asked.out.utc
    sheet = asked.out.sheet(AuditItem, HEADINGS, lambda x: row(x, utc))

    def further(last: Any) -> str:
        place = last["position"]
        on = f"--from {place + 1}" if oldest_first else f"--to {place - 1}"
        return f"{on} goes on, --all shows all"

    print_pages(asked, Pages(asked, "/audit", "rows", query, wanted), sheet, further)
    return DONE


def row(x: Any, utc: bool) -> tuple[object, ...]:
    """A row of the trail as a row of the table."""
    return (
        x["position"],
        brief(x["time"], utc),
        x["kind"],
        about(x),
        by(x["actor"], x["on_behalf_of"]),
        x["outcome"],
        x["mode"],
        details(x),
    )


def about(x: Any) -> str:
    """The job, with its tasks if it is only about some: ``17`` or ``17.1-3``; else the subject."""
    if x["job_id"] is None:
        return subject(x["subject"]) if x["subject"] else ""
    return f"{x['job_id']}.{x['tasks']}" if x["tasks"] else str(x["job_id"])


def subject(text: str) -> str:
    """What was asked for instead of a job; nothing that looks like the number of one."""
    return quoted(text) if text[:1].isdecimal() else word(text)


def details(x: Any) -> str:
    """The message, why it was refused, and what no column holds."""
    message = quoted(x["message"]) if x["message"] else ""
    reason = f"[{x['reason_code']}]" if x["reason_code"] else ""
    words = " ".join(filter(None, (message, reason)))
    return "; ".join(filter(None, (words, x["explanation"], x["detail"])))
