"""The principals file: names, roles, hashes; 0600, edited under a lock, replaced in one step."""

import fcntl
import os
import pwd
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.durable_file import replacing
from adapters.principals.hashing import COST, check_form, hashed, new_token, new_token_id
from domain.errors import BadRequest, Misconfigured, Unknown
from domain.identity import PrincipalKind, Role

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.@-]{0,63}")
NAME_FORM: Final = "a letter or _, then up to 63 letters, digits and _ . @ -"
RESERVED: Final = frozenset({"countermand"})
PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_CHARACTERS_MAX: Final = 1024
PRINCIPALS_MAX: Final = 10_000
TOKENS_MAX: Final = 20
FILE_BYTES_MAX: Final = 16 * 1024 * 1024
FILE_MODE: Final = 0o600


class TokenEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A token: its id (no secret), the hash of the whole, and when it was made (RFC 3339, UTC)."""

    id: str
    hash: str
    created: str


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """A principal. ``unix``: the Unix login of this name is the same person.

    ``password``: a hash, or "" when there is none.
    """

    name: str
    roles: tuple[Role, ...] = (Role.USER,)
    kind: PrincipalKind = PrincipalKind.USER
    unix: bool = False
    tokens: tuple[TokenEntry, ...] = ()
    password: str = ""


class Contents(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    version: int = 1
    principals: tuple[Entry, ...] = ()


Stamp = tuple[int, int, int, int] | None


class PrincipalsFile:
    """The file at ``path``; no file is an empty one.

    Every method that changes it holds a lock, so that two people may edit at once; what is there
    afterwards is durable. Errors: ``BadRequest`` for what is not allowed, ``Unknown`` for no such
    principal, ``Misconfigured`` for a file that others may read or that cannot be understood.
    ``cost``: of the hashes that are made (see ``hashed``).
    """

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cost: int = COST,
    ) -> None:
        self._path = path
        self._now = now
        self._cost = cost

    # --- reading ----------------------------------------------------------------------------------

    def stamp(self) -> Stamp:
        """Differs after every change; None when there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Misconfigured(f"the principals file cannot be read: {error.strerror}") from error
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def read(self) -> dict[str, Entry]:
        """Every principal by name."""
        try:
            with self._path.open("rb") as file:
                check_mode(os.fstat(file.fileno()).st_mode)
                raw = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Misconfigured(f"the principals file cannot be read: {error.strerror}") from error
        return understood(raw)

    def list(self) -> tuple[Entry, ...]:
        """Every principal, by name."""
        found = self.read()
        return tuple(found[name] for name in sorted(found))

    # --- changing ---------------------------------------------------------------------------------

    def add(
        self,
        name: str,
        roles: tuple[Role, ...] = (Role.USER,),
        *,
        kind: PrincipalKind = PrincipalKind.USER,
        unix: bool = False,
        with_token: bool = True,
    ) -> str | None:
        """A new principal; its first token, shown only here, when asked for one.

        A name that is a Unix login here is taken only with ``unix``, which says that both are the
        same person.
        """
        check_new(name, roles, kind, unix)
        with self._edit() as principals:
            if name in principals:
                raise BadRequest(f"there is a principal {name} already; remove it first")
            if len(principals) >= PRINCIPALS_MAX:
                raise BadRequest(f"there are {PRINCIPALS_MAX} principals; no more are allowed")
            entry = Entry(name, tuple(sorted(set(roles))), kind, unix)
            token, principals[name] = self._with_token(entry) if with_token else (None, entry)
        return token

    def add_token(self, name: str) -> str:
        """One more token of a principal, shown only here."""
        with self._edit() as principals:
            token, principals[name] = self._with_token(known(principals, name))
        return token

    def remove_token(self, name: str, token_id: str) -> None:
        """A token counts no more, at once."""
        with self._edit() as principals:
            entry = known(principals, name)
            left = tuple(token for token in entry.tokens if token.id != token_id)
            if len(left) == len(entry.tokens):
                raise Unknown(f"{name} has no token {token_id[:40]}", code="unknown_person")
            principals[name] = replace(entry, tokens=left)

    def set_password(self, name: str, password: str) -> None:
        """Give a principal a password of 12 to 1024 characters."""
        if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
            limits = f"{PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX}"
            raise BadRequest(f"a password has {limits} characters; choose another")
        with self._edit() as principals:
            principals[name] = replace(
                known(principals, name), password=hashed(password, self._cost)
            )

    def remove(self, name: str) -> None:
        """The principal, its tokens and its password count no more, at once."""
        with self._edit() as principals:
            del principals[known(principals, name).name]

    # --- how --------------------------------------------------------------------------------------

    def _with_token(self, entry: Entry) -> tuple[str, Entry]:
        if len(entry.tokens) >= TOKENS_MAX:
            raise BadRequest(f"{entry.name} has {TOKENS_MAX} tokens; remove one first")
        token_id = new_token_id()
        token = new_token(token_id)
        made = TokenEntry(token_id, hashed(token, self._cost), f"{self._now():%Y-%m-%dT%H:%M:%SZ}")
        return token, replace(entry, tokens=(*entry.tokens, made))

    @contextmanager
    def _edit(self) -> Iterator[dict[str, Entry]]:
        try:
            lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as error:
            raise Misconfigured(f"the principals file cannot be changed: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            principals = self.read()
            yield principals
            self._write(Contents(principals=tuple(principals.values())))
        finally:
            os.close(lock)

    def _write(self, contents: Contents) -> None:
        """Replace the file in one durable step; it keeps its owner when root changes it."""
        with replacing(self._path) as file:
            if os.geteuid() == 0:
                owner = self._path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(msgspec.json.format(msgspec.json.encode(contents)))


def understood(raw: bytes) -> dict[str, Entry]:
    """The file's bytes as principals; ``Misconfigured`` says what is wrong, without any secret."""
    if len(raw) > FILE_BYTES_MAX:
        raise Misconfigured(f"the principals file is larger than {FILE_BYTES_MAX} bytes")
    try:
        contents = msgspec.json.decode(raw, type=Contents)
        check_contents(contents)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise Misconfigured(f"the principals file cannot be understood: {error}") from None
    return {entry.name: entry for entry in contents.principals}


def check_contents(contents: Contents) -> None:
    """Pass, or raise ``ValueError``: another version, a name twice or of another form, no hash."""
    if contents.version != 1:
        raise ValueError(f"it has version {contents.version}; 1 is known")
    names = [entry.name for entry in contents.principals]
    tokens = [token.id for entry in contents.principals for token in entry.tokens]
    if len(set(names)) < len(names) or len(set(tokens)) < len(tokens):
        raise ValueError("a name or a token id stands in it twice")
    for entry in contents.principals:
        if not NAME.fullmatch(entry.name) or entry.name in RESERVED:
            raise ValueError(f"{entry.name[:80]!r} is no name: {NAME_FORM}")
        if entry.kind is PrincipalKind.SYSTEM:
            raise ValueError(f"{entry.name} cannot be of kind system: that is the service itself")
        for stored in [*(token.hash for token in entry.tokens), *filter(None, [entry.password])]:
            check_form(stored)


def check_new(name: str, roles: tuple[Role, ...], kind: PrincipalKind, unix: bool) -> None:
    """Pass, or raise ``BadRequest``: what is wrong with a new principal."""
    if not NAME.fullmatch(name):
        raise BadRequest(f"{name[:80]!r} cannot be a name: {NAME_FORM}")
    if name in RESERVED:
        raise BadRequest(f"{name} is the service's own name in the history; choose another")
    if not roles:
        raise BadRequest(f"{name} needs a role: {', '.join(Role)}")
    if kind is PrincipalKind.SYSTEM:
        raise BadRequest("only the service itself is of kind system; use user or service_account")
    if is_login(name) and not unix:
        raise BadRequest(
            f"{name} is a Unix login on this machine: say --unix if it is the same person, "
            "or choose another name"
        )


def known(principals: dict[str, Entry], name: str) -> Entry:
    """The principal of this name, or ``Unknown``."""
    try:
        return principals[name]
    except KeyError:
        raise Unknown(f"there is no principal {name[:80]!r}", code="unknown_person") from None


def is_login(name: str) -> bool:
    """Whether this machine has a Unix login of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def check_mode(mode: int) -> None:
    """Pass, or raise ``Misconfigured`` for a file that others may read or write."""
    if mode & 0o077:
        raise Misconfigured(
            "the principals file may be read or changed by others "
            f"(mode {mode & 0o777:04o}); make it 0600"
        )
