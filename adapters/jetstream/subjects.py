"""The one place that makes an event's subject and the guard's filter.

The server does not check that a filter covers the subject, and on several replicas it compares the
filters of writers as strings: another spelling means no guard. So nobody else spells them.
"""

from typing import Final

from adapters.wire import check_token
from domain.errors import Corrupt
from domain.events import BULK, CLUSTER, JOB, POLICY, REQUEST, Aggregate

ROOT: Final = "countermand"
KINDS: Final = (JOB, CLUSTER, REQUEST, BULK, POLICY)
TOKENS: Final = 5
"""countermand.<cluster>.<kind>.<id>.<type>"""


def subject_and_filter(cluster: str, aggregate: Aggregate, type_token: str) -> tuple[str, str]:
    """The subject of an event, and the filter over all events of its aggregate.

    Raises ``BadRequest`` for anything that is no token.
    """
    parts = (cluster, aggregate.kind, aggregate.id)
    prefix = ".".join((ROOT, *(check_token(part) for part in parts)))
    return f"{prefix}.{check_token(type_token)}", f"{prefix}.*"


def probe_subjects(cluster: str) -> tuple[str, ...]:
    """Subjects as events of each kind have them, of no event."""
    prefix = f"{ROOT}.{check_token(cluster)}"
    return tuple(f"{prefix}.{kind}.permission-probe.PermissionProbe" for kind in KINDS)


def aggregate_filter(cluster: str, aggregate: Aggregate) -> str:
    """The filter over all events of an aggregate: what every guard on it carries."""
    return subject_and_filter(cluster, aggregate, "x")[1]


def type_filter(cluster: str, type_token: str) -> str:
    """The filter over all events of one type."""
    return f"{ROOT}.{check_token(cluster)}.*.*.{check_token(type_token)}"


def stream_subject(cluster: str) -> str:
    """What the cluster's stream keeps."""
    return f"{ROOT}.{check_token(cluster)}.>"


def place_of(subject: str) -> tuple[Aggregate, str]:
    """The aggregate and type token of a stored subject. Raises ``Corrupt`` for another shape."""
    parts = subject.split(".")
    if len(parts) != TOKENS or parts[0] != ROOT:
        raise Corrupt(f"the stream holds the subject {subject[:200]!r}, which is not an event's")
    return Aggregate(parts[2], parts[3]), parts[4]
