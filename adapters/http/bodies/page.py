"""What every list from the views says: how far it is true, and where it goes on."""

from msgspec import Struct

from adapters.escape import safe
from adapters.http.bodies.shapes import Count, PositionNumber


class ListBody(Struct, frozen=True, kw_only=True):
    """What every list says.

    ``next``: the cursor of the next page, null on the last one. ``position``: the list is true for
    the stream up to here. ``behind``: how many events of the stream it does not know yet.
    ``stopped``: null, or why it will not know them: where the views stopped, in a sentence.
    """

    next: str | None
    position: PositionNumber
    behind: Count
    stopped: str | None


def sentence(stopped: str | None) -> str | None:
    """Why the views stopped, as it goes out: it may name what others wrote into the stream."""
    return None if stopped is None else safe(stopped)
