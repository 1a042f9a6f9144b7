"""What an application's evidence rests on, proven before a recorder is used.

A stream that keeps everything, and a server that syncs before it acknowledges. The first can always
be seen; the second only in the server's monitoring.
"""

import logging
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import unlike
from adapters.jetstream.durability import prove_durability
from adapters.jetstream.recorder.settings import REQUIRE_PROOF
from domain.errors import Misconfigured

OTHERWISE: Final = "leave NATS_MONITOR_URLS empty, and nothing is proven"

UNPROVEN: Final = (
    "it is not proven that stored events survive a loss of power: NATS_MONITOR_URLS is not set, so "
    "the NATS server was not asked whether it syncs before it acknowledges (its default is every "
    "two minutes). Set 'jetstream { sync_interval: always }' on every server and NATS_MONITOR_URLS "
    f"to the monitoring address of each; {REQUIRE_PROOF}=yes refuses to start without"
)

OPERATORS: Final = frozenset(
    {
        "num_replicas",
        "max_bytes",
        "max_msg_size",
        "max_consumers",
        "duplicate_window",
        "compression",
        "placement",
        "description",
        "consumer_limits",
    }
)
"""What an operator may choose without breaking a promise."""

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "retention": "events that were read would be forgotten",
        "storage": "events would be lost with the server's memory",
        "discard": "a full stream would forget its oldest events",
        "max_age": "old events would be forgotten",
        "max_msgs": "events beyond that number would not be kept",
        "max_msgs_per_subject": "events of one subject beyond that number would not be kept",
        "deny_delete": "events could be deleted",
        "deny_purge": "the stream could be emptied",
        "allow_rollup_hdrs": "one publish could replace all events before it",
        "allow_msg_ttl": "an event could be stored that forgets itself",
        "persist_mode": "events would be acknowledged before they are written",
        "mirror": "events would be written elsewhere, without this recorder's guards",
        "sources": "events would come from elsewhere, without this recorder's guards",
        "subject_transform": "events would be stored under other names",
        "sealed": "no event could be stored",
    }
)
"""What would become of events, by the setting that is not as it must be."""


def prove_keeping(stream: str, wanted: dict[str, Any], info: StreamInfo) -> None:
    """Pass when the stream keeps everything as ``wanted``; what is an operator's is free.

    Raises ``Misconfigured`` with each setting, its value, the one needed, why, and what to do.
    """
    found = unlike(wanted, info.config, OPERATORS | {"metadata"})
    if found:
        lines = "\n".join(f"  - {_with_reason(difference)}" for difference in found)
        raise Misconfigured(
            f"the stream {stream} is not one that the recorder can use:\n{lines}\n"
            "Nothing was changed. Choose another NATS_STREAM, which is made as it must be, or have "
            f"an operator set what is named ('nats stream edit {stream}'; storage, retention and "
            "persist_mode can only be chosen when a stream is made)"
        )


async def prove_synced(monitor_urls: tuple[str, ...], servers: frozenset[str]) -> None:
    """Pass when each of ``servers``, by name, says that it syncs before it acknowledges.

    Without ``monitor_urls`` nobody can be asked: then a warning says so, once in a process. Raises
    ``Misconfigured`` with each server that is not proven.
    """
    if monitor_urls:
        await prove_durability(monitor_urls, servers, otherwise=OTHERWISE)
    else:
        warn_unproven()


@cache
def warn_unproven() -> None:
    """Say in the log that nothing is proven; the first call does, all others do nothing."""
    logging.getLogger(__name__).warning(UNPROVEN)


def _with_reason(difference: str) -> str:
    reason = REASONS.get(difference.partition(" is ")[0])
    return f"{difference}: {reason}" if reason else difference
