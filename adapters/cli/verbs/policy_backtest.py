"""``countermand policy backtest``: other rules, tried on what was asked before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TypedDict

import click

from adapters.cli.doing.former_rules import former_rules, say_unknown
from adapters.cli.doing.service import Chosen, asking_bootstrap, chooses
from adapters.cli.doing.telling import Telling
from adapters.cli.exits import DIFFERENT, DONE, FAILURE, OTHERWISE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o
from adapters.cli.typed.lists import since_option, until_option

HEADINGS: Final = ("HOW", "EVENT", "ACTION", "ACTOR", "JOB", "OWNER", "WAS", "BECOMES", "WHAT")
KINDS: Final = {
    "deny_to_allow": "deny->allow",
    "less_demanded": "less demanded",
    "allow_to_deny": "allow->deny",
    "more_demanded": "more demanded",
    "error": "error",
    "not_evaluable": "not evaluable",
}
GROUP: Final = tuple(KINDS.values())
NOTHING_MORE: Final[Mapping[str, object]] = {}


class Row(TypedDict):
    """A decision that would have been otherwise, as it is printed."""

    kind: str
    position: int
    type: str
    action: str
    actor: str
    person: str
    job: str
    owner: str
    was: list[str]
    becomes: list[str]
    what: str


class Numbers(Protocol):
    """How many of each kind."""

    @property
    def deny_to_allow(self) -> int: ...
    @property
    def less_demanded(self) -> int: ...
    @property
    def allow_to_deny(self) -> int: ...
    @property
    def more_demanded(self) -> int: ...
    @property
    def error(self) -> int: ...
    @property
    def not_evaluable(self) -> int: ...


class Basis(Numbers, Protocol):
    """What the report is about."""

    @property
    def candidate(self) -> str: ...
    @property
    def decisions(self) -> int: ...
    @property
    def same(self) -> int: ...
    @property
    def other_rules(self) -> int: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...


class Changed(Protocol):
    """A decision that would have been otherwise."""

    @property
    def kind(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def job(self) -> str: ...
    @property
    def owner(self) -> str: ...
    @property
    def was(self) -> Sequence[str]: ...
    @property
    def becomes(self) -> Sequence[str]: ...
    @property
    def what(self) -> str: ...


class Rechecked(Protocol):
    """The recorded decisions, computed again by their own rules."""

    @property
    def decisions(self) -> int: ...
    @property
    def different(self) -> int: ...
    @property
    def unknown(self) -> Mapping[str, int]: ...
    @property
    def unreadable(self) -> int: ...


class Report(Protocol):
    """What other rules would have answered."""

    @property
    def id(self) -> str: ...
    @property
    def basis(self) -> Basis: ...
    @property
    def changes(self) -> Sequence[Changed]: ...
    @property
    def by_rule(self) -> Mapping[str, Numbers]: ...
    @property
    def by_owner(self) -> Mapping[str, Numbers]: ...
    @property
    def by_job(self) -> Mapping[str, Numbers]: ...
    @property
    def rechecked(self) -> Rechecked: ...


@click.command("backtest")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@chooses("data", "cluster", "nats_url")
@since_option
@until_option
@click.option("--actor", metavar="NAME", default="", help="Only requests that NAME made.")
@click.option("--owner", metavar="NAME", default="", help="Only requests about jobs of NAME.")
@former_rules
@o.tells("How many differences of each kind are told in full; all of them are counted.")
@o.prints
def backtest(
    asked: o.Asked,
    chosen: Chosen,
    file: Path,
    since: str | None,
    until: str | None,
    actor: str,
    owner: str,
    files: tuple[Path, ...],
    limit: int,
) -> int:
    """Try the rules in FILE on every request that was recorded. Changes nothing of it.

    Each recorded decision is computed again first by the rules that made it, as `recheck` does;
    when one differs, nothing else is said. Then come those that would have been otherwise: what
    was refused and would be allowed before the rest; and how many by rule, owner and job.
    What a rule asks for and nobody was told then is "not evaluable", and named: nothing is guessed.

    The id at the end is the SHA-256 of what was found. The same rules on the same history give the
    same id, however much of it is told. What was found is kept in the data directory, where
    `policy activate --backtest` looks for it.

    Exit status: 0 all comes out as it was decided; 11 something does not, or is not evaluable; 10
    a recorded decision is not what its rules say; 1 the rules of some are not here (see --policy);
    75 the stream cannot be read now.

    \b
      countermand policy show > rules.cedar
      countermand policy backtest rules.cedar
      countermand policy backtest rules.cedar --since -90d --owner alice
      countermand policy backtest rules.cedar --limit 10000 -o csv
    """
    asked.out.check(Row)
    begin = o.moment_or_none(since, asked, "--since")
    end = o.moment_or_none(until, asked, "--until")
    full = chosen.with_default_data()
    words = Telling(asked)

    def ask() -> Report:
        from adapters.bootstrap import asked as bootstrap

        with words:
            return bootstrap.policy_backtest(
                full.overrides,
                full.config_file,
                file,
                files,
                words.reached,
                since=begin,
                until=end,
                actor=actor,
                owner=owner,
                limit=limit,
            )

    report = asking_bootstrap(ask)
    untrue = untrustworthy(asked.out, report.rechecked)
    if untrue:
        return untrue
    say(asked.out, report)
    return status(report.basis)


def status(basis: Basis) -> int:
    """Whether everything came out as it was decided."""
    return DONE if basis.same == basis.decisions else OTHERWISE


def untrustworthy(out: Output, rechecked: Rechecked) -> int:
    """The exit status of a history that is no test of anything, and words; 0 for one that is."""
    if rechecked.different:
        out.note(
            f"of {rechecked.decisions} recorded decisions {rechecked.different} are not what their "
            "own rules say, so nothing was tried on them: see countermand policy recheck"
        )
        return DIFFERENT
    say_unknown(out, rechecked.unknown)
    return FAILURE if rechecked.unknown else DONE


def say(
    out: Output,
    report: Report,
    how: str = "were tried",
    more: Mapping[str, object] = NOTHING_MORE,
) -> None:
    """The differences, and how many there are; in JSON one document with everything.

    ``how``: what was done with the decisions; ``more``: what else the document has.
    """
    rows = [told(x) for x in report.changes]
    if out.form == "json" and not out.fields:
        out.value({**more, **document(report, rows)})
        return
    if rows or not out.for_people:
        out.listed(rows, Row, HEADINGS, cells)
    if report.rechecked.unreadable:
        out.note(f"{report.rechecked.unreadable} events cannot be read: see countermand fsck")
    if out.for_people:
        for name, groups in grouped(report).items():
            say_groups(out, name, groups, len(rows))
        for line in verdict(report, len(rows), how):
            out.line(line)


def grouped(report: Report) -> dict[str, Mapping[str, Numbers]]:
    """The counts by what they are grouped by."""
    return {"RULE": report.by_rule, "OWNER": report.by_owner, "JOB": report.by_job}


def say_groups(out: Output, name: str, groups: Mapping[str, Numbers], limit: int) -> None:
    """As many groups as there are rows above, the most dangerous first."""
    if not groups:
        return
    shown = list(groups.items())[:limit]
    out.line("")
    out.table((name, *(x.upper() for x in GROUP)), [(x, *numbers(y)) for x, y in shown])
    if len(groups) > len(shown):
        out.note(f"{len(groups) - len(shown)} more are not shown")


def numbers(counts: Numbers) -> tuple[int, ...]:
    """In the order of the columns."""
    return tuple(getattr(counts, kind) for kind in KINDS)


def verdict(report: Report, shown: int, how: str) -> list[str]:
    """In two lines: what would be, and the id."""
    basis = report.basis
    counted = dict(zip(GROUP, numbers(basis), strict=True))
    total = sum(counted.values())
    said = ", ".join(f"{count} {name}" for name, count in counted.items())
    rest = f" ({total - shown} not shown, see --limit)" if total > shown else ""
    place = f"events {basis.first} to {basis.last}" if basis.decisions else "none"
    return [
        *([""] if shown else []),
        f"{basis.decisions} decisions {how} ({place}): {basis.same} as decided "
        f"({basis.other_rules} by other rules), {said}{rest}",
        f"backtest {report.id}",
    ]


def document(report: Report, rows: Sequence[Row]) -> dict[str, object]:
    """Everything. The SHA-256 of ``basis`` as JSON with sorted names and no spaces is ``id``."""
    import msgspec

    groups = {f"by_{name.lower()}": found for name, found in grouped(report).items()}
    return {
        "id": report.id,
        "basis": msgspec.to_builtins(report.basis),
        "rechecked": report.rechecked.decisions,
        "unreadable": report.rechecked.unreadable,
        "changes": rows,
        **{x: {name: msgspec.to_builtins(y) for name, y in z.items()} for x, z in groups.items()},
    }


def told(one: Changed) -> Row:
    """A difference as it is printed."""
    return {
        "kind": str(one.kind),
        "position": one.position,
        "type": one.type,
        "action": one.action,
        "actor": one.actor,
        "person": one.person,
        "job": one.job,
        "owner": one.owner,
        "was": list(one.was),
        "becomes": list(one.becomes),
        "what": one.what,
    }


def cells(row: Row) -> tuple[object, ...]:
    """A row of the table: whom somebody acts for stands behind them."""
    who = row["actor"] + (f" for {row['person']}" if row["person"] != row["actor"] else "")
    return (
        KINDS[row["kind"]],
        row["position"],
        row["action"],
        who,
        row["job"],
        row["owner"],
        ", ".join(row["was"]),
        ", ".join(row["becomes"]),
        row["what"],
    )
