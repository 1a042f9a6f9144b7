"""What tests say and hear over HTTP."""

import base64
import ssl
from typing import Any, Final

Json = dict[str, Any]

NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP. It trusts nobody: to read whom the system trusts takes 30 ms,
and each client would do that for itself."""


def basic(name: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
