"""Who is asking: computed from the connection, never from a body.

On the Unix socket the kernel says who is at the other end; on TCP a token or a password does. An
Authorization header that is given counts on both, and a wrong one is refused on both.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from adapters.web.requests import Malformed, WebRequest, only
from adapters.web.text import one_line
from domain.errors import NotAuthenticated, Throttled
from domain.identity import Caller, Origin, Principal

log = structlog.get_logger()

PROGRAM_CHARACTERS_MAX: Final = 200
CREDENTIAL_CHARACTERS_MAX: Final = 8192
"""More than the base64 of a name and a password of 1024 characters of four bytes each."""

AS_HEADERS: Final = ("Countermand-As", "x-ms-as-user")
"""How each face calls the person acted for. One that another face has would be passed over, and
what was asked would be done with the caller's own rights."""

Connection = ASGIConnection[Any, Any, Any, Any]


class Face(Struct, frozen=True):
    """What differs from one face of the web to another.

    ``as_header``: the header that names the person acted for. ``origin``: through which face a
    request came; ``Malformed`` when it says that itself, and wrongly. ``login``: the name here of
    somebody whom a client calls so.
    """

    as_header: str
    origin: Callable[[Connection], Origin]
    login: Callable[[str], str] = str


class Peer(Struct, frozen=True):
    """The process at the other end of a Unix socket, by the kernel's word when it connected."""

    pid: int
    uid: int
    gid: int


class Authenticator(Protocol):
    """Knows people.

    Raises ``NotAuthenticated`` with a sentence that holds no secret, ``Throttled`` after too many
    failures, ``Unavailable`` when nobody can be looked up now.
    """

    async def by_peer(self, peer: Peer) -> Principal:
        """Who is at the other end of a Unix socket."""
        ...

    async def by_token(self, token: str) -> Principal:
        """Whose token this is."""
        ...

    async def by_password(self, name: str, password: str) -> Principal:
        """The principal ``name``, if this is the password."""
        ...

    async def named(self, name: str) -> Principal:
        """The person acted for. ``Unknown``, or ``NotPermitted`` for one who may not act."""
        ...


class Door:
    """Lets nobody pass without a name: a guard of every route that needs one."""

    def __init__(self, authenticator: Authenticator, face: Face) -> None:
        self._authenticator = authenticator
        self._face = face

    async def guard(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Find out who asks and keep it for ``caller_of``."""
        connection.scope["state"]["caller"] = await self._caller(connection)

    async def finds_the_same(self, connection: Connection) -> bool:
        """Whether who asked would be the same person with the same rights now. Raises as ``guard``:
        a token may have been taken back since."""
        before: Caller = connection.scope["state"]["caller"]
        return await self._caller(connection) == before

    async def _caller(self, connection: Connection) -> Caller:
        address = address_of(connection)
        try:
            actor = await self._actor(connection)
        except (NotAuthenticated, Throttled) as error:
            log.warning("not_authenticated", address=address, code=error.code, why=error.message)
            raise
        return Caller(
            actor=actor,
            on_behalf_of=await self._person(connection),
            origin=self._face.origin(connection),
            address=address,
            program=one_line(connection.headers.get("user-agent", ""), PROGRAM_CHARACTERS_MAX),
        )

    async def _actor(self, connection: Connection) -> Principal:
        headers = connection.headers.getall("authorization", [])
        if len(headers) > 1:
            raise NotAuthenticated("there are several Authorization headers; send one")
        if headers:
            return await self._by_header(headers[0])
        peer = connection.scope["state"].get("peer")
        if isinstance(peer, Peer):
            return await self._authenticator.by_peer(peer)
        raise NotAuthenticated("nobody can tell who you are: there is no Authorization header")

    async def _by_header(self, header: str) -> Principal:
        scheme, _, value = header.strip().partition(" ")
        value = value.strip()
        if len(value) > CREDENTIAL_CHARACTERS_MAX:
            raise NotAuthenticated("the credentials are longer than any that were given out")
        if scheme.lower() == "bearer":
            return await self._authenticator.by_token(value)
        if scheme.lower() == "basic":
            name, password = name_and_password(value)
            return await self._authenticator.by_password(self._face.login(name), password)
        raise NotAuthenticated("the Authorization header must be Bearer TOKEN or Basic")

    async def _person(self, connection: Connection) -> Principal | None:
        """The person acted for, if the request names one. Whether one may is for the policy."""
        header = self._face.as_header
        name = only(connection.headers, header)
        check_as_headers(connection, header)
        if name is None:
            return None
        if not name:
            raise Malformed(f"{header} is empty; name the person you act for, or leave it out")
        return await self._authenticator.named(self._face.login(name))


def check_as_headers(connection: Connection, header: str) -> None:
    """Pass, or raise ``Malformed``: the person acted for is named in a header of another face."""
    for other in AS_HEADERS:
        if other != header and other in connection.headers:
            raise Malformed(f"the header {other} does not count here; send {header} instead")


def caller_of(request: WebRequest) -> Caller:
    """Who asks; only on routes that the door guards."""
    caller = request.scope["state"]["caller"]
    assert isinstance(caller, Caller), "the door has put it there"
    return caller


def name_and_password(coded: str) -> tuple[str, str]:
    """What Basic credentials say."""
    try:
        text = base64.b64decode(coded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise NotAuthenticated("the Basic credentials are not base64 of UTF-8 text") from None
    name, colon, password = text.partition(":")
    if not colon:
        raise NotAuthenticated("the Basic credentials are not of the form name:password")
    return name, password


def address_of(connection: Connection) -> str:
    """Where the request came from: ``unix:pid=7,uid=1000`` or ``127.0.0.1:50000``."""
    peer = connection.scope["state"].get("peer")
    if isinstance(peer, Peer):
        return f"unix:pid={peer.pid},uid={peer.uid}"
    client = connection.scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""
