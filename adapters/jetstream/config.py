"""The stream as it must be, and how a given one differs."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from adapters.jetstream.subjects import stream_subject
from adapters.wire import check_token
from domain.errors import Misconfigured

MESSAGE_BYTES_MAX: Final = 64 * 1024
DUPLICATE_WINDOW_SECONDS: Final = 600
MAX_BYTES_DEFAULT: Final = 64 * 1024**3
"""64 GiB: about 100 million events of 600 bytes."""

LOG_ID: Final = "countermand-log-id"
SERVER_METADATA: Final = "_nats."
"""Metadata that the server adds by itself."""

SECOND: Final = 1_000_000_000
"""In JetStream's JSON a duration is a number of nanoseconds."""

NO_LIMIT: Final = -1
REPLICAS: Final = (1, 3, 5)

FORGETS_NOTHING: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_age": 0,
        "max_msgs": NO_LIMIT,
        "max_msgs_per_subject": NO_LIMIT,
        "max_consumers": NO_LIMIT,
        "deny_delete": True,
        "deny_purge": True,
        "allow_rollup_hdrs": False,
        "allow_msg_ttl": False,
        "allow_direct": True,
        "allow_atomic": True,
        "compression": "none",
    }
)
"""What every stream of ours has: nothing is ever evicted, and nobody who writes can erase."""


class StreamSpec(Struct, frozen=True):
    """Which stream, for which cluster.

    ``max_bytes``: what the stream may hold, 1 MiB or more; new commands stop before it is reached.
    ``replicas``: 1, 3 or 5.
    """

    cluster: str
    stream: str = "COUNTERMAND"
    max_bytes: int = MAX_BYTES_DEFAULT
    replicas: int = 1


def check_spec(spec: StreamSpec) -> StreamSpec:
    """``spec`` itself. Raises ``Misconfigured`` out of range, ``BadRequest`` for a bad name."""
    check_token(spec.cluster)
    check_token(spec.stream)
    if spec.max_bytes < 1024**2:
        raise Misconfigured(f"max_bytes is {spec.max_bytes}, at least 1 MiB (1048576) is needed")
    if spec.replicas not in REPLICAS:
        raise Misconfigured(f"replicas is {spec.replicas}, allowed are 1, 3 and 5")
    return spec


def wanted(spec: StreamSpec) -> dict[str, Any]:
    """The stream's configuration without its metadata."""
    return {
        "name": spec.stream,
        "subjects": [stream_subject(spec.cluster)],
        **FORGETS_NOTHING,
        "max_bytes": spec.max_bytes,
        "max_msg_size": MESSAGE_BYTES_MAX,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS * SECOND,
        "num_replicas": spec.replicas,
    }


def differences(spec: StreamSpec, actual: dict[str, Any]) -> list[str]:
    """Each way in which ``actual`` is not the stream of ``spec``, a sentence each; [] for none.

    What is absent and what is false, zero or empty are the same; -1 and 0 both mean no limit where
    the server says so. Settings that we do not name (republish, mirror, persist_mode, ...) must be
    absent.
    """
    return unlike(wanted(spec), actual) + _metadata_differences(actual.get("metadata") or {})


def unlike(
    expected: dict[str, Any], actual: dict[str, Any], free: frozenset[str] = frozenset()
) -> list[str]:
    """As ``differences``, without the metadata and but for the keys that are ``free``."""
    found = [
        f"{key} is {actual.get(key)!r}, must be {value!r}"
        for key, value in expected.items()
        if key not in free and not _same(key, actual.get(key), value)
    ]
    others = sorted(set(actual) - set(expected) - {"metadata"} - free)
    return found + [f"{key} is {actual[key]!r}, must not be set" for key in others if actual[key]]


def _same(key: str, actual: Any, value: Any) -> bool:
    if key in ("max_msgs", "max_msgs_per_subject", "max_consumers"):
        return actual in (None, 0, -1)
    return bool(actual == value) or (not actual and not value)


def _metadata_differences(metadata: dict[str, Any]) -> list[str]:
    own = {key for key in metadata if not key.startswith(SERVER_METADATA)}
    if LOG_ID not in own:
        return [f"metadata has no {LOG_ID}: this stream was not made by 'countermand provision'"]
    return [f"metadata {key} is not ours" for key in sorted(own - {LOG_ID})]
