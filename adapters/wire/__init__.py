"""Event <-> bytes: the names (``names``), the bytes (``codec``), and an aggregate's ``chain``.

``strange``: what else stands in the bytes of an event that was read.
"""

from adapters.wire.codec import (
    EVENT_BYTES_MAX,
    Decoded,
    actor_of,
    decode,
    decode_closely,
    encode,
    place_of,
    sha256,
    source_of,
)
from adapters.wire.names import FACTS, WIRE_NAMES, check_token, token_of, type_token
from adapters.wire.strange import strange_in

__all__ = [
    "EVENT_BYTES_MAX",
    "FACTS",
    "WIRE_NAMES",
    "Decoded",
    "actor_of",
    "check_token",
    "decode",
    "decode_closely",
    "encode",
    "place_of",
    "sha256",
    "source_of",
    "strange_in",
    "token_of",
    "type_token",
]
