"""One name space of people, from two sources: Unix logins and the principals file.

A Unix login that the file does not know is a user of its name. Root and the service's own account
are administrators. The accounts that tasks run as may not act. A name in the file is the person of
the Unix login only when the entry says so (``unix``): else that login is turned away, so that
nobody gets another's rights by having the same name.
"""

import asyncio
import hmac
import pwd
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from adapters.principals.attempts import Attempts
from adapters.principals.file import NAME, Entry, PrincipalsFile, Stamp
from adapters.principals.hashing import hashed, matches, token_id_of
from domain.errors import (
    Misconfigured,
    NotAuthenticated,
    NotPermitted,
    Throttled,
    Unavailable,
    Unknown,
)
from domain.identity import Principal, PrincipalKind, Role

HASHES_AT_ONCE: Final = 2
HASHES_WAITING_MAX: Final = 100
REMEMBERED_MAX: Final = 10_000
LOGIN_KEPT_SECONDS: Final = 30.0
LOGINS_KEPT_MAX: Final = 10_000
ROOT: Final = 0


class SocketPeer(Protocol):
    """What is known of the process at the other end of a Unix socket."""

    @property
    def uid(self) -> int:
        """Its effective user id when it connected."""
        ...


class _Book(Struct, frozen=True):
    """The file's contents at one stamp, and who owns which token."""

    stamp: Stamp
    by_name: dict[str, Entry]
    by_token: dict[str, Entry]


class Principals:
    """Answers who somebody is.

    ``own_uid``: the service's account. ``task_accounts``: all logins that tasks may run as, other
    than the service's own.

    Tokens and passwords are remembered with what they were, right or wrong (as a keyed digest,
    never themselves), until the file changes, because checking one costs about 50 ms; checks run in
    threads, few at a time. The same wrong one again is no further guess.
    """

    def __init__(
        self,
        file: PrincipalsFile,
        *,
        own_uid: int,
        task_accounts: Sequence[str] = ("nobody",),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = file
        self._own_uid = own_uid
        self._task_uids = frozenset(map(uid_of, task_accounts)) - {None}
        self._monotonic = monotonic
        self._book = _Book(None, {}, {})
        self._right_ones: OrderedDict[bytes, None] = OrderedDict()
        self._wrong_ones: OrderedDict[bytes, None] = OrderedDict()
        self._logins: OrderedDict[int, tuple[str | None, float]] = OrderedDict()
        self._key = secrets.token_bytes(32)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self._waiting = 0
        self._attempts = Attempts(monotonic)
        self._decoy = ""

    # --- who somebody is --------------------------------------------------------------------------

    async def by_peer(self, peer: SocketPeer) -> Principal:
        """Whoever runs the process at the other end of the socket."""
        name = await self._login(peer.uid)
        if peer.uid in (ROOT, self._own_uid):
            return administrator(name or f"uid-{peer.uid}")
        if peer.uid in self._task_uids:
            raise NotAuthenticated(f"{name} is an account that tasks run as: it may not act")
        if name is None:
            raise NotAuthenticated(
                f"the user id {peer.uid} has no login name on this machine; use a token"
            )
        if not NAME.fullmatch(name):
            raise NotAuthenticated("this login name has another form than names here; use a token")
        entry = self._read().by_name.get(name)
        if entry is None:
            return Principal(name, method="unix")
        if not entry.unix:
            raise NotAuthenticated(
                f"nobody has said that the Unix login {name} and the principal {name} are the same "
                f"person: use a token, or let an administrator add {name} with --unix"
            )
        return principal(entry, "unix")

    async def by_token(self, token: str) -> Principal:
        """Whose token this is."""
        token_id, book = token_id_of(token), self._read()
        entry = book.by_token.get(token_id) if token_id else None
        if token_id is None or entry is None:
            raise NotAuthenticated("this token is not known; it may have been removed")
        stored = next(kept.hash for kept in entry.tokens if kept.id == token_id)
        if not await self._right(f"token {token_id}", token, stored, book.stamp):
            raise NotAuthenticated("this token is not known; it may have been removed")
        return principal(entry, "token")

    async def by_password(self, name: str, password: str) -> Principal:
        """The principal ``name``. One that does not exist takes as long as a wrong password."""
        book = self._read()
        entry = book.by_name.get(name)
        if not NAME.fullmatch(name):
            raise NotAuthenticated("the name or the password is wrong")
        stored = entry.password if entry else ""
        right = await self._right(f"password of {name}", password, stored, book.stamp)
        if entry is None or not right:
            raise NotAuthenticated("the name or the password is wrong")
        return principal(entry, "basic")

    async def named(self, name: str) -> Principal:
        """The person somebody acts for: from the file, else the Unix login of this name."""
        if NAME.fullmatch(name):
            entry = self._read().by_name.get(name)
            if entry is not None:
                return principal(entry, "named")
            uid = await asyncio.to_thread(uid_of, name)
            if uid is not None:
                return self._login_named(name, uid)
        raise Unknown(
            f"there is nobody called {name[:80]!r}: no principal and no Unix login here",
            code="unknown_person",
        )

    async def still(self, person: Principal) -> Principal:
        """Somebody who was known before, as they are now. Who came with a token or a password is
        who has that name in the file, never a Unix login that happens to have it.

        Raises as ``named``.
        """
        entry = self._read().by_name.get(person.name)
        stranger = entry is None and person.method in ("token", "basic")
        stranger = stranger or (entry is not None and person.method == "unix" and not entry.unix)
        if stranger:
            raise Unknown(f"{person.name[:80]!r} is not known any more", code="unknown_person")
        return await self.named(person.name)

    def _login_named(self, name: str, uid: int) -> Principal:
        if uid in (ROOT, self._own_uid):
            return administrator(name, "named")
        if uid in self._task_uids:
            raise NotPermitted(f"{name} is an account that tasks run as: nobody acts for it")
        return Principal(name, method="named")

    # --- how --------------------------------------------------------------------------------------

    def _read(self) -> _Book:
        """The file as it is now; read again only when it changed."""
        try:
            stamp = self._file.stamp()
            if stamp != self._book.stamp:
                self._book = book_of(stamp, self._file.read())
                self._right_ones.clear()
                self._wrong_ones.clear()
        except Misconfigured as error:
            raise Unavailable(error.message) from error
        return self._book

    async def _right(self, what: str, secret: str, stored: str, stamp: Stamp) -> bool:
        """Whether ``secret`` is what ``stored`` is the hash of; no hash matches nothing."""
        digest = self._digest(what, secret)
        if digest in self._right_ones:
            return True
        if digest in self._wrong_ones:
            return False
        self._attempts.check(what)
        right = await self._hash(digest, secret, stored)
        if not right:
            self._attempts.failed(what)
        if self._book.stamp == stamp:
            remember(self._right_ones if right else self._wrong_ones, digest)
        return right

    async def _hash(self, digest: bytes, secret: str, stored: str) -> bool:
        if self._waiting >= HASHES_WAITING_MAX:
            raise Throttled("too many tokens and passwords are being checked", 1)
        self._waiting += 1
        try:
            async with self._hashing:
                # Somebody else may have found out meanwhile.
                return digest in self._right_ones or await asyncio.to_thread(
                    self._compare, secret, stored
                )
        finally:
            self._waiting -= 1

    def _compare(self, secret: str, stored: str) -> bool:
        if stored:
            return matches(secret, stored)
        self._decoy = self._decoy or hashed(secrets.token_hex())
        matches(secret, self._decoy)
        return False

    def _digest(self, what: str, secret: str) -> bytes:
        text = f"{what}\0{secret}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")

    async def _login(self, uid: int) -> str | None:
        """The login name of a uid; an answer counts for 30 seconds, because the directory may be
        slow."""
        name, until = self._logins.get(uid, (None, 0.0))
        if self._monotonic() < until:
            return name
        name = await asyncio.to_thread(login_of, uid)
        self._logins[uid] = (name, self._monotonic() + LOGIN_KEPT_SECONDS)
        while len(self._logins) > LOGINS_KEPT_MAX:
            self._logins.popitem(last=False)
        return name


def remember(digests: OrderedDict[bytes, None], digest: bytes) -> None:
    """Keep one more; the oldest go when there are too many."""
    digests[digest] = None
    while len(digests) > REMEMBERED_MAX:
        digests.popitem(last=False)


def book_of(stamp: Stamp, by_name: dict[str, Entry]) -> _Book:
    """The file's contents with an index of token ids."""
    by_token = {token.id: entry for entry in by_name.values() for token in entry.tokens}
    return _Book(stamp, by_name, by_token)


def principal(entry: Entry, method: str) -> Principal:
    """The domain's view of an entry."""
    return Principal(entry.name, tuple(sorted(set(entry.roles))), entry.kind, method)


def administrator(name: str, method: str = "unix") -> Principal:
    """Root, or the service's own account."""
    return Principal(name, (Role.ADMINISTRATOR,), PrincipalKind.USER, method)


def login_of(uid: int) -> str | None:
    """The login name of a user id."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def uid_of(name: str) -> int | None:
    """The user id of a login name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
