"""``countermand policy test``: rules, and the cases that their owner wrote beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol, TypedDict

import click

from adapters.cli.doing.service import asking_bootstrap
from adapters.cli.exits import DONE, FAILURE
from adapters.cli.printing.output import Output
from adapters.cli.typed import options as o

HEADINGS: Final = ("RESULT", "DIRECTORY", "CASE", "ANSWER", "RULES", "WRONG")


class Tried(TypedDict):
    """A case, as it is printed."""

    passed: bool
    directory: str
    case: str
    expected: str
    found: str
    rules: list[str]
    sentence: str
    wrong: str


class Outcome(Protocol):
    """What became of a case."""

    @property
    def case(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def found(self) -> str: ...
    @property
    def rules(self) -> Sequence[str]: ...
    @property
    def sentence(self) -> str: ...
    @property
    def wrong(self) -> str: ...


class Tested(Protocol):
    """Of a directory."""

    @property
    def directory(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...


@click.command("test")
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@o.prints
def test(asked: o.Asked, directory: Path) -> int:
    """Ask the rules in DIRECTORY what the cases beside them ask. Needs no server.

    Rules stand in policy.cedar, cases in tests.toml (or tests.json): who asks for what on which
    job, and the answer that is expected, by which rules, in which words. DIRECTORY may also hold
    several such directories. What a case does not say is not known to the rules.

    Exit status: 0 all cases pass; 1 some do not, or rules or cases cannot be read, and file, case
    and field are named.

    \b
      countermand policy test ops/policies
      countermand policy test ops/policies/forced-needs-a-message -o json
    """
    from adapters.bootstrap import asked as bootstrap

    asked.out.check(Tried)
    rows = [told(x) for x in asking_bootstrap(lambda: bootstrap.policy_cases(directory))]
    say(asked.out, rows)
    return DONE if all(row["passed"] for row in rows) else FAILURE


def say(out: Output, rows: Sequence[Tried]) -> None:
    """Every case, and how many pass."""
    out.listed(rows, Tried, HEADINGS, cells)
    if out.for_people:
        failed = sum(not row["passed"] for row in rows)
        out.line(f"{len(rows)} cases: {f'{failed} FAIL' if failed else 'all pass'}")


def told(one: Tested) -> Tried:
    """A case as it is printed."""
    found = one.outcome
    return {
        "passed": not found.wrong,
        "directory": one.directory,
        "case": found.case,
        "expected": found.expected,
        "found": found.found,
        "rules": list(found.rules),
        "sentence": found.sentence,
        "wrong": found.wrong,
    }


def cells(row: Tried) -> tuple[object, ...]:
    """A row of the table."""
    result = "pass" if row["passed"] else "FAIL"
    rules = ", ".join(row["rules"])
    return result, row["directory"], row["case"], row["found"], rules, row["wrong"]
