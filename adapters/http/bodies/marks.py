"""What a job is marked as, as it goes out."""

from msgspec import Struct

from adapters.http.bodies.shapes import Time
from domain.job import MarkInForce
from projections.stamps import stamp


class MarkDetail(Struct, frozen=True):
    """Who marked the job, since when, and why."""

    message: str
    actor: str
    on_behalf_of: str
    at: Time


def mark_detail(mark: MarkInForce | None) -> MarkDetail | None:
    """The mark, if there is one."""
    if mark is None:
        return None
    return MarkDetail(mark.message, mark.actor, mark.on_behalf_of, stamp(mark.at))
