"""Two policies compared, rule by rule."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Final

from adapters.cli.reaching.policy_differing import Differs

TOKEN: Final = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"|;', re.DOTALL)
ID: Final = re.compile(r'@id\(\s*"((?:[^"\\]|\\.)*)"\s*\)')
HUNK: Final = re.compile(r"@@ .* @@")


def differences(before: str, after: str) -> list[Differs]:
    """What was removed, changed and added, in the order of the rules. Comments between rules, and
    the order of rules, change nothing and are no difference."""
    old, new = rules_of(before), rules_of(after)
    ids = [*old, *(name for name in new if name not in old)]
    return [
        one(name, old.get(name), new.get(name)) for name in ids if old.get(name) != new.get(name)
    ]


def one(name: str, old: str | None, new: str | None) -> Differs:
    """How one rule differs."""
    change = "added" if old is None else "removed" if new is None else "changed"
    compared = difflib.unified_diff(
        (old or "").splitlines(), (new or "").splitlines(), lineterm="", n=2
    )
    lines = [line for line in compared if not line.startswith(("---", "+++"))]
    return {"rule": name, "change": change, "lines": [x for x in lines if not HUNK.match(x)]}


def told(found: Sequence[Differs]) -> Iterator[str]:
    """For people."""
    for n, difference in enumerate(found):
        if n:
            yield ""
        yield f"{difference['rule']}: {difference['change']}"
        yield from (f"  {line}" for line in difference["lines"])
    if not found:
        yield "the rules are the same"


def rules_of(text: str) -> dict[str, str]:
    """Each rule by its id, without the comments before it; one without an id by its place."""
    found: dict[str, str] = {}
    begin = 0
    for token in TOKEN.finditer(text):
        if token[0] == ";":
            rule = without_comments_before(text[begin : token.end()])
            begin = token.end()
            name = ID.search(rule)
            found[name[1] if name else f"rule {len(found) + 1}"] = rule
    return found


def without_comments_before(rule: str) -> str:
    """From the first line on that is no comment."""
    lines = rule.split("\n")
    first = next(
        (n for n, x in enumerate(lines) if x.strip() and not x.strip().startswith("//")), 0
    )
    return "\n".join(lines[first:]).strip()
