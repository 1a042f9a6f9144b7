"""``countermand policy``: who may do what, and whether it was decided so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypedDict

import click

from adapters.cli.default_group import DefaultGroup
from adapters.cli.doing.former_rules import former_rules, say_unknown
from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE, FAILURE, USAGE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o
from adapters.cli.verbs.policy_backtest import backtest
from adapters.cli.verbs.policy_cases import test
from adapters.cli.verbs.policy_changing import activate, propose
from adapters.cli.verbs.policy_shadow import shadow
from adapters.cli.verbs.policy_showing import diff, explain, history, show
from adapters.cli.verbs.policy_why import why

FLAW: Final = ("FILE", "LINE", "RULE", "WHAT")
DIFFERENCE: Final = ("EVENT", "TYPE", "OF", "PART", "RECORDED", "NOW")


class Found(TypedDict):
    """What is wrong with a rule, as it is printed."""

    file: str
    line: int
    rule: str
    what: str


class Differs(TypedDict):
    """A decision that comes out otherwise, as it is printed."""

    position: int
    type: str
    aggregate: str
    field: str
    recorded: str
    now: str


class Otherwise(Protocol):
    """A decision that comes out otherwise."""

    @property
    def position(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def field(self) -> str: ...
    @property
    def recorded(self) -> str: ...
    @property
    def now(self) -> str: ...


class Report(Protocol):
    """What asking again gave."""

    @property
    def stream(self) -> str: ...
    @property
    def last(self) -> int: ...
    @property
    def decisions(self) -> int: ...
    @property
    def different(self) -> int: ...
    @property
    def differences(self) -> Sequence[Otherwise]: ...
    @property
    def unknown(self) -> Mapping[str, int]: ...
    @property
    def untold(self) -> int: ...
    @property
    def unreadable(self) -> int: ...
    @property
    def in_shadow(self) -> int: ...


@click.group("policy", cls=DefaultGroup, default="show")
def verb() -> None:
    """Show the rules that say who may do what, try others and put them in force, ask again what was
    decided.

    \b
      countermand policy
      countermand policy history
      countermand policy recheck
    """


for other in (show, history, diff, explain, propose, activate, shadow):
    verb.add_command(other)


@verb.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@o.prints
def check(asked: o.Asked, file: Path) -> int:
    """Look for what is wrong with the rules in FILE. Needs no server, and changes nothing.

    Each rule must be Cedar, have an @id of its own, no annotation that would do nothing, and ask
    about nothing but what the schema has, in the schema's words; together they have at most 48 KiB.

    Exit status: 0 nothing is wrong; 2 something is, and file, line and rule are named.

    \b
      countermand policy show --shipped > rules.cedar
      countermand policy check rules.cedar
      countermand policy check rules.cedar -o json
    """
    from adapters.bootstrap import asked as bootstrap

    asked.out.check(Found)
    found = [
        Found(file=str(file), line=x.line, rule=x.rule, what=x.what)
        for x in asking_bootstrap(lambda: bootstrap.policy_flaws(file))
    ]
    if found or not asked.out.for_people:
        asked.out.listed(found, Found, FLAW, lambda x: tuple(x.values()))
    else:
        asked.out.line(f"{file}: nothing is wrong")
    return USAGE if found else DONE


verb.add_command(why)
verb.add_command(test)
verb.add_command(backtest)


@verb.command("recheck")
@chooses("data", "cluster", "nats_url")
@former_rules
@o.tells("How many differences are told in full; all of them are counted.")
@o.prints
def recheck(asked: o.Asked, chosen: Chosen, files: tuple[Path, ...], limit: int) -> int:
    """Compute every recorded decision again, from what stands in it, by the rules that made it; and
    what rules in shadow said to it, by those.

    Works while the service runs or not, up to the event that was the last one at the beginning, and
    changes nothing. Decisions of the table that came before Cedar are computed by that table.

    Exit status: 0 all come out as recorded; 10 some do not, the first is named first; 1 of some the
    rules are not here (see --policy); 75 the stream cannot be read now.

    \b
      countermand policy recheck --data /var/lib/countermand
      countermand policy show --shipped > rules.cedar
      countermand policy recheck --policy rules.cedar -o json
    """
    asked.out.check(Differs)
    full = chosen.with_default_data()
    words = Telling(asked)

    def again() -> Report:
        from adapters.bootstrap import asked as bootstrap

        with words:
            return bootstrap.policy_recheck(
                full.overrides, full.config_file, files, limit, words.reached
            )

    report = asking_bootstrap(again)
    say(asked.out, report)
    if report.different:
        return DIFFERENT
    return FAILURE if report.unknown else DONE


def say(out: Output, report: Report) -> None:
    """The differences, and how many there are; in JSON one document with everything."""
    rows = [told(x) for x in report.differences]
    if out.form == "json" and not out.fields:
        out.value(document(report, rows))
        return
    if rows or not out.for_people:
        out.listed(rows, Differs, DIFFERENCE, lambda x: tuple(x.values()))
    say_unknown(out, report.unknown)
    if report.untold:
        out.note(f"{report.untold} decisions were about more than a policy may be told")
    if report.unreadable:
        out.note(f"{report.unreadable} events cannot be read: see countermand fsck")
    if out.for_people:
        out.line(verdict(report))


def verdict(report: Report) -> str:
    """One sentence."""
    answers = "answer" if report.in_shadow == 1 else "answers"
    beside = f" and {report.in_shadow} {answers} in shadow" if report.in_shadow else ""
    looked = f"{report.decisions} decisions{beside} up to event {report.last} were computed again"
    if not report.different:
        return f"{looked}: all as recorded"
    more = report.different - len(report.differences)
    rest = f"; {more} more are not shown, see --limit" if more else ""
    return f"{looked}: {report.different} DIFFER{rest}"


def document(report: Report, rows: Sequence[Differs]) -> dict[str, object]:
    """Everything."""
    return {
        "stream": report.stream,
        "last": report.last,
        "decisions": report.decisions,
        "different": report.different,
        "differences": rows,
        "unknown": dict(report.unknown),
        "untold": report.untold,
        "unreadable": report.unreadable,
        "in_shadow": report.in_shadow,
    }


def told(one: Otherwise) -> Differs:
    """A difference as it is printed."""
    return {
        "position": one.position,
        "type": one.type,
        "aggregate": one.aggregate,
        "field": one.field,
        "recorded": one.recorded,
        "now": one.now,
    }
