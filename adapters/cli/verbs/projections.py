"""``countermand projections``: the views, how they are, and building them anew."""

from typing import Any, Final

import click

from adapters.cli.default_group import DefaultGroup
from adapters.cli.doing.rebuilding import rebuild
from adapters.cli.doing.stopped import say_stopped, stopped_of
from adapters.cli.exits import DONE
from adapters.cli.reaching.view_shapes import Projections, View
from adapters.cli.typed import options as o

HEADINGS: Final = ("NAME", "VERSION", "POSITION", "BEHIND", "FAILURE", "MEANING")
NAMES: Final = ("job_view", "audit_trail", "cancellations", "tally")


@click.group("projections", cls=DefaultGroup, default="list")
def verb() -> None:
    """Show the views that lists and searches are answered from, or build them anew.

    \b
      countermand projections
      countermand projections rebuild
    """


@verb.command("list")
@o.talks
def list_them(asked: o.Asked) -> int:
    """The views: their version, the position they are true for, and how far that is behind."""
    out = asked.out
    out.check(View)
    told = asked.server.projections()
    out.listed(views(told), View, HEADINGS, lambda x: tuple(x.values()))
    for line in rebuild_words(told):
        out.note(line)
    say_stopped(out, stopped_of(told))
    return DONE


@verb.command("rebuild")
@click.argument("name", type=click.Choice(NAMES), required=False, metavar="[NAME]")
@o.talks
def rebuild_them(asked: o.Asked, name: str | None) -> int:
    """Build the views anew from the stream, beside those in use, and put them in their place.

    They are folded together, so all are built, whichever NAME is given. Old and new are compared
    row for row. Administrators only.

    Exit status: 0 done, and equal; 7 conflict; 10 old and new views differ; 75 the service went
    away, and the rebuild with it.

    \b
      countermand projections rebuild
    """
    return rebuild(asked)


def views(told: Projections) -> list[View]:
    """A row a view."""
    return [
        {
            "name": x["name"],
            "version": told["version"],
            "position": told["position"],
            "behind": told["behind"],
            "failure": told["failure"],
            "meaning": x["meaning"],
        }
        for x in told["projections"]
    ]


def rebuild_words(told: Any) -> list[str]:
    """What there is to say of a rebuild under way, or of one that went wrong."""
    found = told["rebuild"]
    if not found:
        return []
    if found["running"]:
        done = min(found["position"], found["last"])
        return [f"a rebuild is under way: {done} of {found['last']}"]
    return [f"the last rebuild failed: {found['error']}"] if found["error"] else []
