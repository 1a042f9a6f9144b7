"""Emergency stops over the Unix socket."""

import os
from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import json_answer
from adapters.http.bodies.emergency import EmergencyBody, emergency_stopped
from adapters.http.contract import emergency as op
from adapters.http.contract.operation import route
from adapters.http.reading.conditions import no_if_match
from adapters.http.routes.commands import said
from adapters.web.authentication import Peer, caller_of
from adapters.web.requests import WebRequest
from application.emergency import EmergencyStops
from domain.errors import NotPermitted
from domain.hresult import HResult
from domain.identity import Caller, Role

ROOT: Final = 0
ONLY: Final = (
    "an emergency stop is only for root and the account of the service, on this machine: on the "
    "Unix socket, without a token, and for nobody else"
)


class EmergencyCommands:
    """Stops without the stream."""

    def __init__(self, emergency: EmergencyStops) -> None:
        self._emergency = emergency

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [route(op.EMERGENCY_STOP, self.stop)]

    async def stop(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Stop a job."""
        no_if_match(request)
        caller = caller_of(request)
        uid = uid_of(request, caller)
        body, _ = await said(request, op.EMERGENCY_STOP, EmergencyBody)
        how = (body.message, body.reason_code)
        return json_answer(emergency_stopped(await self._emergency.stop(caller, uid, job_id, *how)))


def uid_of(request: WebRequest, caller: Caller) -> int:
    """The user id that the kernel named. Raises ``NotPermitted`` for anybody it is not for."""
    peer = request.scope["state"].get("peer")
    own = isinstance(peer, Peer) and peer.uid in (ROOT, os.geteuid())
    by_peer = caller.actor.method == "unix" and caller.actor.has(Role.ADMINISTRATOR)
    if not isinstance(peer, Peer) or not own or not by_peer or caller.on_behalf_of is not None:
        raise NotPermitted(ONLY, hresult=HResult.PERMISSION_DENIED)
    return peer.uid
