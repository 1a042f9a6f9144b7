"""Who asks: principals, roles, acting for somebody, and where a request came from.

A principal is computed by the server from the connection. Nothing in a request body names it.
"""

from enum import StrEnum

from msgspec import Struct


class Role(StrEnum):
    """What a principal may be; a principal may hold several. An auditor reads and does nothing."""

    USER = "user"
    JOB_OPERATOR = "job-operator"
    JOB_ADMINISTRATOR = "job-administrator"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class PrincipalKind(StrEnum):
    """What kind of actor somebody is: CloudEvents ``authtype``."""

    USER = "user"
    SERVICE_ACCOUNT = "service_account"
    SYSTEM = "system"


class Origin(StrEnum):
    """Through which face a request came."""

    CLI = "cli"
    HTTP = "http"
    HPCPACK = "hpcpack"
    POLICY = "policy"
    AUTOMATION = "automation"
    SYSTEM = "system"


class Principal(Struct, frozen=True):
    """An authenticated party.

    ``name`` is unique in the one name space of the cluster; ``roles`` is sorted and without
    repetition; ``method`` is how the server knew: unix, token, basic, internal.
    """

    name: str
    roles: tuple[Role, ...] = (Role.USER,)
    kind: PrincipalKind = PrincipalKind.USER
    method: str = "internal"

    def has(self, role: Role) -> bool:
        """Whether this principal holds ``role``."""
        return role in self.roles


class Caller(Struct, frozen=True):
    """An authenticated actor, apart from it whom they act for, and where the request came from.

    The rights that count are those of ``subject``: of the person acted for, if there is one.
    """

    actor: Principal
    on_behalf_of: Principal | None = None
    origin: Origin = Origin.SYSTEM
    address: str = ""
    program: str = ""

    @property
    def subject(self) -> Principal:
        """Whose rights count."""
        return self.on_behalf_of or self.actor

    @property
    def acted_for(self) -> str:
        """The name of the person acted for, "" when the actor acts for nobody else."""
        return self.on_behalf_of.name if self.on_behalf_of else ""

    @property
    def asker(self) -> str:
        """The scope of this caller's request ids: the same id for somebody else is another one."""
        return (
            f"{self.actor.name} for {self.subject.name}" if self.on_behalf_of else self.actor.name
        )


SYSTEM = Principal("countermand", (Role.ADMINISTRATOR,), PrincipalKind.SYSTEM, "internal")
"""The service itself: author of everything that follows from an accepted request."""

SYSTEM_CALLER = Caller(SYSTEM)
