"""The cluster, and requests on jobs that do not exist."""

from msgspec import Struct

from domain.events.parts import Decision
from domain.states import CancelMode


class ClusterParameterSet(Struct, frozen=True):
    """A cluster parameter was given a new value."""

    name: str
    value: str
    previous: str
    request_id: str
    decision: Decision


class ClusterCommandRefused(Struct, frozen=True):
    """The rules said no to a command on the cluster. ``asked_for``: what it asked, shortened."""

    request_id: str
    command: str
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision
    content_sha256: str = ""
    asked_for: dict[str, str] = {}


class JobIdsReserved(Struct, frozen=True):
    """Job ids ``first`` to ``last``, both included, belong to the service that wrote this."""

    first: int
    last: int


class CancelRefused(Struct, frozen=True):
    """A cancel of a job that does not exist or is gone. ``job`` as asked.

    There is no decision in it: without a job there is nothing to ask the policy about.
    """

    request_id: str
    job: str
    task: int | None
    mode: CancelMode
    message: str
    message_units: int
    message_sha256: str
    reason_code: str
    code: str
    hresult: int
    rule: str
    explanation: str
