"""The real service, but for one thing: who may do what is decided by the rules of a file.

python -m tests.e2e.ruled_service --data DIR --rules FILE
"""

import argparse
import asyncio
from pathlib import Path
from typing import Final

import uvloop

from adapters.bootstrap.compose import Makers
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from adapters.policy import CedarPolicy, schema_text
from application.settings import Settings

SLOTS: Final = 8
WINDOW: Final = {"name": "always", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
"""A freeze window that is in force, for rules that ask for it."""


async def serve(settings: Settings, rules: str) -> None:
    """Until a signal from outside."""
    makers = Makers(policy=lambda: CedarPolicy(rules, schema_text()))
    async with service(settings, LogReporter(settings.log_level), makers):
        await asyncio.Event().wait()


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--rules", required=True)
    given = parser.parse_args()
    chosen = {"slots": SLOTS, "http_port": 0, "freeze_windows": [WINDOW]}
    settings = load({"data_directory": given.data, **chosen}, None)
    uvloop.run(serve(settings, Path(given.rules).read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
