"""What tests say and hear over HTTP."""

import base64
from typing import Any

Json = dict[str, Any]


def basic(name: str, password: str) -> str:
    """An Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
