"""The table: for each scenario what was promised, what happened, what was lost."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

HEAD: Final = (
    "| scenario | rounds | promised | happened | acknowledged | lost | detected as |\n"
    "|---|---|---|---|---|---|---|"
)


class Row(Struct, frozen=True):
    """A scenario, played.

    ``acknowledged``: requests that were answered with success, or appends. ``lost``: those that are
    nowhere afterwards. ``detected``: in which words the damage was named before anything new was
    accepted; "" for no damage. ``wrong``: what broke the promise.
    """

    scenario: str
    rounds: int
    promised: str
    happened: str
    acknowledged: int
    lost: int
    detected: str = ""
    wrong: tuple[str, ...] = ()

    def line(self) -> str:
        """As a line of the table."""
        cells = (
            self.scenario,
            str(self.rounds),
            self.promised,
            self.happened,
            f"{self.acknowledged:,}",
            str(self.lost),
            self.detected or "-",
        )
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(rows: Iterable[Row]) -> str:
    """All of them, and below them what was wrong."""
    rows = tuple(rows)
    broken = [f"- **{row.scenario}**: {words}" for row in rows for words in row.wrong]
    lines = [HEAD, *(row.line() for row in rows)]
    return "\n".join(lines + (["", "What broke a promise:", "", *broken] if broken else []))


def counted(words: Sequence[str]) -> str:
    """Different words with how often each was said, the most frequent first."""
    numbers = {one: words.count(one) for one in dict.fromkeys(words) if one}
    ordered = sorted(numbers.items(), key=lambda pair: -pair[1])
    return "; ".join(f"{number} x {one}" if number > 1 else one for one, number in ordered)
