"""What every list from the views says: how far it is true, and where it goes on."""

from msgspec import Struct

from adapters.http.bodies.shapes import Count, PositionNumber


class ListBody(Struct, frozen=True, kw_only=True):
    """What every list says.

    ``next``: the cursor of the next page, null on the last one. ``position``: the list is true for
    the stream up to here. ``behind``: how many events of the stream it does not know yet.
    """

    next: str | None
    position: PositionNumber
    behind: Count
