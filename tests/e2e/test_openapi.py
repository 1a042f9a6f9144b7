"""Schemathesis drives a real service from its own OpenAPI document, and finds nothing."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.said import said_by
from tests.e2e.service import ROOT, Service
from tests.e2e.shown import commands, document, surroundings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SHOWN: Final = commands(document("docs/http.md"))[-1]
REPEATABLE: Final = "--no-color --seed 1 --max-examples 20"
"""The same requests each time. As the page shows it, it is a search."""


def test_schemathesis_finds_nothing(service: Service, tmp_path: Path) -> None:
    """By the command that the page shows."""
    service.start()
    shutil.copy(ROOT / "schemathesis.toml", tmp_path)
    command = SHOWN.replace("/var/lib/countermand", str(service.data))
    command = command.replace("http://127.0.0.1:7320", service.endpoint["http"])
    told = surroundings(service)
    said = said_by(["sh", "-c", f"{command} {REPEATABLE}"], told, tmp_path, seconds=240)
    assert said.status == 0, said.out
    assert re.search(r"(\d{4}) generated, \1 passed", said.out), said.out
    assert not service.ended
    assert service.health()["status"] == "ready"
