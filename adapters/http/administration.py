"""Upkeep over HTTP: the views and their rebuilding, and who may act."""

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from adapters.http.answers import json_answer
from adapters.http.authentication import caller_of
from adapters.http.commands import said
from adapters.http.one import OneOfAKind
from adapters.http.problem import WebRequest
from adapters.http.requests import NothingBody, Query
from adapters.http.text import maybe_stamp, stamp
from application.administration import Administration, Known, ViewsStatus
from application.view_building import RebuildStatus, Rebuilt

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
    rows: int
    first: str


class RebuildBody(Struct, frozen=True):
    """A rebuild under way, or the last one.

    ``position`` of ``last``: how far it has come. ``compared``: whether the old views were at the
    same position, so that they could be compared row for row; ``equal``: whether they were equal,
    null where they were not compared. ``error``: why it ended early, "" when it did not.
    """

    running: bool
    began_at: str
    ended_at: str | None
    position: int
    last: int
    compared: bool
    equal: bool | None
    differences: tuple[DifferenceBody, ...]
    error: str


class ProjectionsBody(Struct, frozen=True):
    """All views. ``behind``: events of the stream they do not know yet; ``failure``: why, or ""."""

    version: int
    position: int
    behind: int
    failure: str
    projections: tuple[ProjectionItem, ...]
    rebuild: RebuildBody | None


class PrincipalItem(Struct, frozen=True):
    """Somebody who may act. No token and no hash is ever told."""

    name: str
    roles: tuple[str, ...]
    kind: str
    unix: bool
    has_password: bool
    token_ids: tuple[str, ...]


class PrincipalsBody(Struct, frozen=True):
    """Everybody with an entry. Unix logins without one are users of their own name."""

    principals: tuple[PrincipalItem, ...]


class Administrations(OneOfAKind):
    """One method a question or command."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            get("/projections")(self.projections),
            post("/projections/rebuild")(self.rebuild),
            get("/principals")(self.principals),
        ]

    async def projections(self, request: WebRequest) -> Response[bytes]:
        """How the views are."""
        Query(request)
        body = projections_body(self._administration.views())
        return json_answer(body, position=body.position)

    async def rebuild(self, request: WebRequest) -> Response[bytes]:
        """Begin to build the views anew: 202, and GET /projections tells how it goes."""
        await said(request, NothingBody)
        await self._administration.rebuild(caller_of(request))
        return json_answer(projections_body(self._administration.views()), 202)

    async def principals(self, request: WebRequest) -> Response[bytes]:
        """Who may act."""
        Query(request)
        known = await self._administration.principals(caller_of(request))
        return json_answer(PrincipalsBody(tuple(map(principal_item, known))))


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
