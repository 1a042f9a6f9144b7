"""Request ids: what makes a request that is sent twice one request."""

import os
import time


def request_id() -> str:
    """A new UUID version 7: ordered by time, and nobody else's."""
    random = os.urandom(10).hex()
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"
