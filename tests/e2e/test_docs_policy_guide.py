"""Every command in ``docs/policy-guide.md`` is run; its case is one, and passes."""

import re
import shutil
from pathlib import Path
from typing import Final

import pytest

from adapters.bootstrap.policy_cases import tested as tried
from tests.e2e.service import ROOT, Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings

pytestmark = [pytest.mark.e2e]

PAGE: Final = document("docs/policy-guide.md")


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    job = service.start().submit("sleep 600")
    service.cancel(job, message="disk full")
    service.until_state(job, "Canceled")
    (cancel,) = [x for x in service.events(job) if x.type == "JobCancelRequested"]
    shutil.copytree(ROOT / "ops" / "policies", service.home / "ops" / "policies")
    shell = Shell(
        surroundings(service) | {"COUNTERMAND_DATA": str(service.data)},
        service.home,
        tmp_path,
        {"why 17": f"why {cancel.position}"},
    )
    said = {line: shell.run(line).out for line in commands(PAGE)}
    assert said["countermand policy check site.cedar"] == "site.cedar: nothing is wrong\n"
    assert said["countermand policy test ops/policies"].endswith(" cases: all pass\n")
    verdict, number = said["countermand policy backtest site.cedar --since -90d"].splitlines()
    assert re.fullmatch(r"[1-9]\d* decisions were tried \(events .+ 0 not evaluable", verdict)
    assert re.fullmatch(r"backtest [0-9a-f]{64}", number)
    why = said["countermand policy why 17"]
    assert f"event      {cancel.position}, JobCancelRequested of job/{job}, " in why
    assert '@id("owner-controls")' in why


def test_the_case_of_the_page_passes(tmp_path: Path) -> None:
    (case,) = blocks(PAGE, "toml")
    shutil.copytree(ROOT / "ops" / "policies", tmp_path / "policies")
    directory = tmp_path / "policies" / "forced-needs-a-message"
    (directory / "tests.toml").write_text(case)
    (found,) = tried(directory)
    assert found.outcome.wrong == ""
