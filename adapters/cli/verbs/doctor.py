"""``countermand doctor``."""

from collections.abc import Sequence
from typing import Final, Protocol, TypedDict

import click

from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o


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


class Found(TypedDict):
    """The same as it is printed."""

    level: str
    subject: str
    text: str
    what_to_do: str


HEADINGS: Final = ("LEVEL", "SUBJECT", "FOUND", "WHAT TO DO")


@click.command("doctor")
@chooses("data", "port", "slots", "cluster", "task_account", "stop_tasks", "nats_url")
@o.prints
def verb(asked: o.Asked, chosen: Chosen) -> int:
    """Look for what is wrong on this machine, and say what helps. Changes nothing.

    Where a start would refuse the stream, its report stands below the table, and what to do.

    The exit status is 1 when something is an error; warnings leave it 0.

    \b
      countermand doctor --data /var/lib/countermand
    """

    def doctor() -> Sequence[Finding]:
        from adapters.bootstrap import asked as bootstrap

        full = chosen.with_default_data()
        return bootstrap.doctor(full.overrides, full.config_file)

    out = asked.out
    out.check(Found)
    findings = asking_bootstrap(doctor)
    told = [
        described(x) for x in findings if not (out.quiet and out.for_people and x.level == "ok")
    ]
    out.listed(told, Found, HEADINGS, in_one_line)
    if out.for_people:
        report(out, told)
    return FAILURE if any(x.level == "error" for x in findings) else DONE


def in_one_line(found: Found) -> tuple[str, ...]:
    """A row of the table; of a report its first line, and the rest stands below."""
    if "\n" not in found["text"]:
        return tuple(str(x) for x in found.values())
    first = found["text"].partition("\n")[0].rstrip(":")
    return found["level"], found["subject"], first, "see below"


def report(out: Output, told: Sequence[Found]) -> None:
    """What a start says that is refused, as it says it, and what to do about it."""
    for found in told:
        if "\n" in found["text"]:
            for line in (*found["text"].splitlines(), found["what_to_do"]):
                out.line(line)


def described(finding: Finding) -> Found:
    """A finding as it is printed."""
    return {
        "level": finding.level,
        "subject": finding.subject,
        "text": finding.text,
        "what_to_do": finding.what_to_do,
    }
