"""Where things are when nobody says otherwise. `cancel` and `serve` go by the same rule."""

import os
from collections.abc import Mapping
from typing import Final

SYSTEM_DATA: Final = "/var/lib/countermand"


def default_data(environment: Mapping[str, str] = os.environ) -> str:
    """The data directory: COUNTERMAND_DATA, or root's, or one's own below XDG_STATE_HOME."""
    given = environment.get("COUNTERMAND_DATA")
    if given:
        return given
    if os.geteuid() == 0:
        return SYSTEM_DATA
    state = environment.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.expanduser("~/.local/state")
    return os.path.join(state, "countermand")


def places(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Data directories in which a client looks for a server: its own, then the system's."""
    own = default_data(environment)
    system = [] if environment.get("COUNTERMAND_DATA") or own == SYSTEM_DATA else [SYSTEM_DATA]
    return [own, *system]


def endpoint_file(data: str) -> str:
    """Where the service of a data directory says how to reach it (readable to its account only)."""
    return os.path.join(data, "run", "endpoint.json")


def socket_file(data: str) -> str:
    """Its Unix socket, unless the settings choose another; open to every account."""
    return os.path.join(data, "run", "countermand.sock")
