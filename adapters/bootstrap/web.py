"""The web, on a Unix socket and on loopback TCP, and the token for whoever runs the service."""

import errno
import hmac
import os
import pwd
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.certificate import certificate_of
from adapters.bootstrap.compose import Parts
from adapters.bootstrap.contract import contract
from adapters.bootstrap.evidence import directory_of
from adapters.bootstrap.health import health_of, snapshot_of
from adapters.bootstrap.people import people
from adapters.hpcpack.app import Rest, create_rest
from adapters.hpcpack.nodes import Machine
from adapters.http.app import create_app
from adapters.http.routes.listings import Provenance
from adapters.http.routes.policy import PolicyUses
from adapters.web.authentication import Authenticator, Peer
from adapters.web.by_path import ByPath
from adapters.web.closing import Closing
from adapters.web.request_log import RequestCounts
from adapters.web.server import WebServer
from adapters.web.sockets import bind_tcp, bind_unix
from adapters.web.tls import server_context
from application.ports import Reporter
from application.settings import Settings
from domain.errors import Misconfigured
from domain.identity import Principal, Role

STOP_SECONDS: Final = 1.5
TOKEN_BYTES: Final = 32


class Web(Struct, frozen=True):
    """Where the web is: URLs, a socket's path, and the file with the service account's token.

    ``https`` and ``certificate``, which is to be trusted for it, are "" without HTTPS.
    """

    http: str
    socket: str
    token_file: str
    https: str = ""
    certificate: str = ""


class WithOwnToken:
    """Everybody the principals know, and whoever can read the token of this very service."""

    def __init__(self, others: Authenticator, token: str, owner: Principal) -> None:
        self._others = others
        self._token = token.encode()
        self._owner = owner

    async def by_peer(self, peer: Peer) -> Principal:
        """Who is at the other end of a Unix socket."""
        return await self._others.by_peer(peer)

    async def by_token(self, token: str) -> Principal:
        """Whose token this is."""
        if hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._token):
            return self._owner
        return await self._others.by_token(token)

    async def by_password(self, name: str, password: str) -> Principal:
        """The principal ``name``, if this is the password."""
        return await self._others.by_password(name, password)

    async def named(self, name: str) -> Principal:
        """The person somebody acts for."""
        return await self._others.named(name)


@asynccontextmanager
async def web(parts: Parts) -> AsyncIterator[Web]:
    """The web, for as long as this lasts."""
    settings, closing = parts.settings, Closing()
    token_file = directory_of(settings) / "run" / "token"
    counts = RequestCounts()
    authenticator = WithOwnToken(people(settings), fresh_token(token_file), own_account())
    native = create_app(
        scheduler=parts.scheduler,
        bulk=parts.bulk,
        queries=parts.queries,
        listing=parts.views.listing,
        administration=parts.views.administration,
        nodes=parts.nodes,
        emergency=parts.emergency,
        policy=PolicyUses(parts.policy.commands, parts.policy.library),
        pending=parts.pending,
        reviews=parts.reviews,
        authenticator=authenticator,
        ids=parts.ids,
        health=health_of(parts),
        snapshot=snapshot_of(parts),
        counts=counts,
        closing=closing,
        contract=contract,
        provenance=Provenance(settings.cluster, f"{settings.stream} {parts.log.id}"),
    )
    rest = hpc_pack(parts, authenticator)
    app = ByPath(native, {"hpc": rest.hpc, "windowshpc": rest.windows_hpc})
    path = (
        Path(settings.socket)
        if settings.socket
        else directory_of(settings) / "run/countermand.sock"
    )
    pair = certificate_of(settings, parts.clock.now())
    tls = None if pair is None else server_context(pair.certificate, pair.key)
    sockets = [bind_unix(path), bound_tcp(settings, parts.reporter)]
    secure = [(bind_tcp(settings.https_host, settings.https_port), tls)] if tls else []
    server = WebServer(app, sockets, closing, counts, secure=secure)
    await server.start()
    try:
        yield Web(
            http=url("http", sockets[1]),
            socket=str(path),
            token_file=str(token_file),
            https=url("https", secure[0][0]) if secure else "",
            certificate=str(pair.certificate) if pair else "",
        )
    finally:
        await server.stop(timeout_seconds=STOP_SECONDS)
        token_file.unlink(missing_ok=True)


def hpc_pack(parts: Parts, authenticator: Authenticator) -> Rest:
    """HPC Pack's REST over the same use cases."""
    return create_rest(
        scheduler=parts.scheduler,
        queries=parts.queries,
        listing=parts.views.listing,
        authenticator=authenticator,
        ids=parts.ids,
        machine=Machine(parts.engine.nodes, parts.settings.cluster),
    )


def url(scheme: str, bound: socket.socket) -> str:
    """Where a socket on TCP is."""
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def own_account() -> Principal:
    """Whoever runs the service is an administrator."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        name = f"uid-{os.geteuid()}"
    return Principal(name, (Role.ADMINISTRATOR,), method="token")


def fresh_token(path: Path) -> str:
    """A token for this run of the service, in a file (0600) that only its account can read."""
    token = "cm_own_" + secrets.token_urlsafe(TOKEN_BYTES)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(token + "\n")
    return token


def bound_tcp(settings: Settings, reporter: Reporter) -> socket.socket:
    """The port of the settings; when it is taken and nobody insisted on it, another one."""
    try:
        return bind_tcp(settings.http_host, settings.http_port)
    except Misconfigured as error:
        why = error.__cause__
        taken = isinstance(why, OSError) and why.errno == errno.EADDRINUSE
        if not taken or settings.http_port_fixed:
            raise
    other = bind_tcp(settings.http_host, 0)
    reporter("port_taken", wanted=settings.http_port, instead=other.getsockname()[1])
    return other
