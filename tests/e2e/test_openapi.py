"""Schemathesis drives a real service from its own OpenAPI document, and finds nothing."""

import re
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.said import said_by
from tests.e2e.service import ROOT, Service

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SEED: Final = "1"
"""The same requests each time. Without it, it is a search: docs/http.md says how."""

EXAMPLES_MAX: Final = "20"


def test_schemathesis_finds_nothing(service: Service, tmp_path: Path) -> None:
    service.start()
    where = service.endpoint
    token = Path(where["token_file"]).read_text().strip()
    program = str(Path(sys.executable).with_name("schemathesis"))
    said = said_by(
        [
            *(program, "--no-color", "--config-file", str(ROOT / "schemathesis.toml"), "run"),
            f"{where['http']}/api/v1/schema/openapi.json",
            *("--header", f"Authorization: Bearer {token}"),
            *("--seed", SEED, "--max-examples", EXAMPLES_MAX),
        ],
        service.clean_environment(),
        tmp_path,
        seconds=240,
    )
    assert said.status == 0, said.out
    assert re.search(r"(\d{4}) generated, \1 passed", said.out), said.out
    assert not service.ended
    assert service.health()["status"] == "ready"
