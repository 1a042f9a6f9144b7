"""``countermand doctor``."""

from collections.abc import Sequence
from typing import Protocol

import click

from adapters.cli import options as o
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.output import Output
from adapters.cli.service import Chosen, asking_bootstrap, chooses


class Finding(Protocol):
    """One thing looked at. ``level``: ok, warning or error."""

    @property
    def level(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def what_to_do(self) -> str: ...


@click.command("doctor")
@chooses("data", "port", "slots", "cluster", "task_account", "stop_tasks", "nats_url")
@o.prints
def verb(asked: o.Asked, chosen: Chosen) -> int:
    """Look for what is wrong on this machine, and say what helps. Changes nothing.

    The exit status is 1 when something is an error; warnings leave it 0.

    \b
      countermand doctor --data /var/lib/countermand
    """

    def doctor() -> Sequence[Finding]:
        from adapters import bootstrap

        full = chosen.with_default_data()
        return bootstrap.doctor(full.overrides, full.config_file)

    findings = asking_bootstrap(doctor)
    out = asked.out
    if out.for_people:
        rows = ((x.level, x.subject, x.text, x.what_to_do) for x in findings if not quiet(out, x))
        out.table(("LEVEL", "SUBJECT", "FOUND", "WHAT TO DO"), rows)
    else:
        names = ("level", "subject", "text", "what_to_do")
        out.values([{name: getattr(x, name) for name in names} for x in findings])
    return FAILURE if any(x.level == "error" for x in findings) else DONE


def quiet(out: Output, finding: Finding) -> bool:
    """--quiet leaves out what is as it should be."""
    return out.quiet and finding.level == "ok"
