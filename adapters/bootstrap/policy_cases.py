"""``countermand policy test``: the rules of a directory, and the cases beside them."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.policies import text_of
from adapters.policy import CedarPolicy, flaws, parsed_schema, schema_text
from adapters.policy.cases import Outcome, cases_in, outcome
from adapters.policy.declared import declared
from domain.errors import Misconfigured

RULES: Final = "policy.cedar"
CASES: Final = ("tests.toml", "tests.json")
BYTES_MAX: Final = 1024 * 1024


class Tested(Struct, frozen=True):
    """The outcome of one case. ``directory``: whose."""

    directory: str
    outcome: Outcome


def tested(directory: Path) -> list[Tested]:
    """Every case of a directory with rules, or of all those in it.

    Raises ``Misconfigured`` for rules or cases that are none: it names file, case and field.
    """
    return [
        Tested(one.name or str(one), found)
        for one in directories(directory)
        for found in outcomes(one)
    ]


def directories(directory: Path) -> list[Path]:
    """This one, or those in it that have rules."""
    if (directory / RULES).is_file():
        return [directory]
    found = sorted(x.parent for x in directory.glob(f"*/{RULES}"))
    if not found:
        raise Misconfigured(
            f"{directory} has no {RULES}, and no directory in it has: there is nothing to test"
        )
    return found


def outcomes(directory: Path) -> Iterator[Outcome]:
    """Of one directory."""
    file = cases_file(directory)
    more, cases = cases_in(content_of(file), str(file))
    policy = policy_of([*(directory / x for x in more), directory / RULES])
    known = declared(schema_text())
    for number, case in enumerate(cases, 1):
        yield outcome(case, f"{file}: case {number}", policy, known)


def cases_file(directory: Path) -> Path:
    """The one there is. Raises ``Misconfigured``."""
    there = [directory / name for name in CASES if (directory / name).is_file()]
    if len(there) != 1:
        found = "both" if there else "none"
        raise Misconfigured(f"{directory}: cases stand in {' or '.join(CASES)}; {found} is there")
    return there[0]


def content_of(file: Path) -> object:
    """What a file of cases says. Raises ``Misconfigured``."""
    try:
        with file.open("rb") as opened:
            raw = opened.read(BYTES_MAX + 1)
        if len(raw) > BYTES_MAX:
            raise Misconfigured(f"{file}: at most {BYTES_MAX} bytes are allowed")
        text = raw.decode("utf-8")
        return tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"{file}: {error}") from error


def policy_of(files: list[Path]) -> CedarPolicy:
    """The rules of all these files together. Raises ``Misconfigured``: it names the file."""
    texts = {file: text_of(file) for file in files}
    schema = parsed_schema(schema_text())
    for file, text in texts.items():
        for flaw in flaws(text, schema):
            raise Misconfigured(f"{file}: {flaw}")
    try:
        return CedarPolicy("\n".join(texts.values()), schema_text())
    except Misconfigured as error:
        raise Misconfigured(f"{' and '.join(map(str, files))}: {error.message}") from error
