"""What to do about each kind of damage. History is never written anew to look right."""

from collections.abc import Iterable, Mapping
from typing import Final

MEND: Final = "`countermand mend` makes the stream again from the journal"
COMPARE: Final = (
    "no command makes it right: keep a copy, compare it with an older `countermand backup`, and "
    "tell those who rely on it"
)
WHAT_TO_DO: Final[Mapping[str, str]] = {
    "identity": "find the store of the stream that was known (another disk?); else "
    f"{MEND}, or `countermand accept-loss` goes on with the stream there is",
    "configuration": "its operator puts it back as it was provisioned (`nats stream edit`)",
    "missing": f"{MEND}, and `countermand restore` brings back what a backup has; what neither has "
    "is given up with `countermand accept-loss`",
    "subject": MEND,
    "form": f"where the journal has other bytes there, {MEND}; else {COMPARE}",
    "id": COMPARE,
    "version": MEND,
    "chain": MEND,
    "time": COMPARE,
    "caller": COMPARE,
    "state": COMPARE,
    "rules": COMPARE,
    "facts": COMPARE,
    "policy": COMPARE,
    "journal": f"where its bytes differ and are proven, {MEND}; where the stream's are, "
    "`countermand mend` says so, and how the journal is written anew; one that is gone or "
    "cannot be read is put back from a copy, or moved away and made anew with `rebuild_journal` "
    "(`countermand config`)",
    "mark": f"{MEND} where the journal has what the mark knows of; else `countermand accept-loss`; "
    "a mark that is gone or cannot be read is moved away: the next start makes it anew",
    "views": "`countermand projections rebuild`",
}
"""By kind of damage (``checking.KINDS``)."""

REFUSED_START: Final = (
    "see all of it with 'countermand fsck'; then 'countermand mend' makes the stream again from the"
    " journal, or says that the journal is the damaged one and what to do then; or"
    " 'countermand accept-loss' gives up what no copy has"
)
"""What to do when a start refuses a stream, and no witness by itself is the cause."""


def remedies(kinds: Iterable[str]) -> dict[str, str]:
    """What to do about these kinds, in the order in which they are checked."""
    found = frozenset(kinds)
    return {kind: words for kind, words in WHAT_TO_DO.items() if kind in found}
