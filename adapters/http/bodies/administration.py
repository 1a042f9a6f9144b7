"""The views and who may act, as they go out."""

from msgspec import Struct

from adapters.http.bodies.shapes import (
    Count,
    PositionNumber,
    PrincipalKindWord,
    RoleWord,
    Time,
    VersionNumber,
)
from application.administration import Known, ViewsStatus
from application.view_building import RebuildStatus, Rebuilt
from projections.stamps import maybe_stamp, stamp

PROJECTIONS: tuple[tuple[str, str], ...] = (
    ("job_view", "current job and task state"),
    ("audit_trail", "every request, refusal, order, stop and end"),
    ("cancellations", "what became of each accepted cancel"),
    ("tally", "what the metrics count of the stream"),
)
"""The views by name; they are folded together and are true for one position."""


class ProjectionItem(Struct, frozen=True):
    """A view."""

    name: str
    meaning: str


class DifferenceBody(Struct, frozen=True):
    """A table in which old and new views differed: in how many rows, and the first one's key."""

    table: str
    rows: Count
    first: str


class RebuildBody(Struct, frozen=True):
    """A rebuild under way, or the last one.

    ``position`` of ``last``: how far it has come. ``compared``: whether the old views were at the
    same position, so that they could be compared row for row; ``equal``: whether they were equal,
    null where they were not compared. ``error``: why it ended early, "" when it did not.
    """

    running: bool
    began_at: Time
    ended_at: Time | None
    position: PositionNumber
    last: PositionNumber
    compared: bool
    equal: bool | None
    differences: tuple[DifferenceBody, ...]
    error: str


class ProjectionsBody(Struct, frozen=True):
    """All views. ``behind``: events of the stream they do not know yet; ``failure``: why, or ""."""

    version: VersionNumber
    position: PositionNumber
    behind: Count
    failure: str
    projections: tuple[ProjectionItem, ...]
    rebuild: RebuildBody | None


class PrincipalItem(Struct, frozen=True):
    """Somebody who may act. No token and no hash is ever told."""

    name: str
    roles: tuple[RoleWord, ...]
    kind: PrincipalKindWord
    unix: bool
    has_password: bool
    token_ids: tuple[str, ...]


class PrincipalsBody(Struct, frozen=True):
    """Everybody with an entry. Unix logins without one are users of their own name."""

    principals: tuple[PrincipalItem, ...]


def projections_body(status: ViewsStatus) -> ProjectionsBody:
    """The views as they go out."""
    return ProjectionsBody(
        version=status.version,
        position=status.position,
        behind=status.behind,
        failure=status.failure,
        projections=tuple(ProjectionItem(*row) for row in PROJECTIONS),
        rebuild=rebuild_body(status.rebuild) if status.rebuild else None,
    )


def rebuild_body(status: RebuildStatus) -> RebuildBody:
    """A rebuild as it goes out."""
    result = status.result or Rebuilt(status.position, False, ())
    return RebuildBody(
        running=status.running,
        began_at=stamp(status.began_at),
        ended_at=maybe_stamp(status.ended_at),
        position=status.position,
        last=status.last,
        compared=result.compared,
        equal=not result.differences if result.compared else None,
        differences=tuple(DifferenceBody(x.table, x.rows, x.first) for x in result.differences),
        error=status.error,
    )


def principal_item(known: Known) -> PrincipalItem:
    """Somebody as they go out."""
    return PrincipalItem(
        name=known.name,
        roles=tuple(known.roles),
        kind=known.kind,
        unix=known.unix,
        has_password=known.has_password,
        token_ids=known.token_ids,
    )
