"""One line of JSON on standard error for each thing that happened.

All that is not ASCII is escaped, so nothing that other people wrote can act on a terminal.
"""

import json
import sys
from datetime import UTC, datetime


def log(event: str, level: str = "info", **fields: str | int | float | None) -> None:
    """Say ``event`` with its ``fields``; those that are None are left out. Never a secret."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {name: value for name, value in fields.items() if value is not None}
    line = json.dumps({"time": now, "level": level, "event": event, **told})
    sys.stderr.write(line.replace("\x7f", "\\u007f") + "\n")
    sys.stderr.flush()
