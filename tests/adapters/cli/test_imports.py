"""What `cancel` may import: it must feel instant. Other verbs that ask a server are as light."""

import os
import subprocess
import sys
from typing import Final

import pytest

from tests.support.stand_in_server import StandIn

FORBIDDEN: Final = (
    "adapters.bootstrap",
    "adapters.http",
    "adapters.jetstream",
    "adapters.wire",
    "application",
    "asyncio",
    "concurrent",
    "dataclasses",
    "domain",
    "email",
    "eventsourcing",
    "http",
    "importlib.metadata",
    "litestar",
    "logging",
    "msgspec",
    "nats",
    "pathlib",
    "rich",
    "ssl",
    "structlog",
    "subprocess",
    "tempfile",
    "urllib",
    "uuid_utils",
    "uvicorn",
    "uvloop",
)
LIGHT: Final = {"projections", "projections.quoting"}
"""What may be imported of a package that is otherwise heavy."""

PROGRAM: Final = """
import sys
from adapters.cli.main import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""
VERBS: Final = (
    ("cancel", "17", "-m", "why", "--wait=5s", "-o", "json"),
    ("cancel", "17", "18"),
    ("submit", "--", "sleep", "1"),
    ("show", "17"),
    ("show", "17", "--events"),
    ("watch", "--from", "1", "--no-follow"),
    ("replay", "17"),
    ("params",),
    ("requeue", "17"),
    ("requeue", "17", "--task", "1"),
    ("finish", "17", "--task", "1", "-m", "why"),
    ("ls",),
    ("ls", "--stuck", "-o", "json"),
    ("ls", "--all", "-o", "csv", "--fields", "job_id,cancel.actor", "--since", "-24h"),
    ("audit", "disk", "--refused", "--since", "-24h"),
    ("audit", "--all", "-o", "tsv"),
    ("explain", "17"),
    ("projections",),
    ("nodes",),
    ("replay", "17", "--diff", "1..2"),
)


@pytest.mark.parametrize("arguments", VERBS, ids=lambda x: x[0])
def test_a_verb_imports_nothing_heavy(
    server: StandIn, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    server.add_job(17, "Canceled")
    server.add_job(18, "Canceled")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=environment | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = done.stderr.splitlines()[-1].split()
    heavy = [x for x in loaded if x in FORBIDDEN or x.startswith(tuple(f"{f}." for f in FORBIDDEN))]
    heavy += [x for x in loaded if x.partition(".")[0] == "projections" and x not in LIGHT]
    assert heavy == []


def test_packages_above_the_verb_import_nothing() -> None:
    program = (
        "import sys; before = {*sys.modules}; import adapters.cli; print(*{*sys.modules} - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert sorted(done.stdout.split()) == ["adapters", "adapters.cli"]
