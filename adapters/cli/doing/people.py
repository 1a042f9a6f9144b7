"""What the command line needs of the principals file; ``bootstrap`` hands out the real one."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.identity import PrincipalKind, Role


class TokenEntry(Protocol):
    """A token without its secret."""

    @property
    def id(self) -> str: ...
    @property
    def created(self) -> str: ...


class Entry(Protocol):
    """A principal."""

    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> Sequence[Role]: ...
    @property
    def kind(self) -> PrincipalKind: ...
    @property
    def unix(self) -> bool: ...
    @property
    def tokens(self) -> Sequence[TokenEntry]: ...
    @property
    def password(self) -> str: ...


class PeopleFile(Protocol):
    """Each change is durable when the call returns. Raises as the domain's errors say."""

    def list(self) -> Iterable[Entry]:
        """Everybody, by name."""
        ...

    def add(
        self,
        name: str,
        roles: tuple[Role, ...],
        *,
        kind: PrincipalKind,
        unix: bool,
        with_token: bool,
    ) -> str | None:
        """A new principal, and the first token if one is wanted."""
        ...

    def add_token(self, name: str) -> str:
        """One more token."""
        ...

    def remove_token(self, name: str, token_id: str) -> None:
        """One token less."""
        ...

    def set_password(self, name: str, password: str) -> None:
        """Another password."""
        ...

    def remove(self, name: str) -> None:
        """One principal less."""
        ...
