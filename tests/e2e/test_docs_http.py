"""Every command in ``docs/http.md`` is run, in order, against a real service.

All but the last: ``test_openapi`` runs that one.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.e2e.shown import Shell, commands, document, surroundings
from tests.e2e.stand_ins import with_stand_ins, with_tools

pytestmark = [pytest.mark.e2e]


@pytest.mark.parametrize("tools", [with_tools, with_stand_ins])
def test_every_shown_command_works_in_order(
    service: Service, tmp_path: Path, tools: Callable[..., dict[str, str]]
) -> None:
    service.start()
    told = tools(surroundings(service), tmp_path, "curl")
    words = {"/var/lib/countermand": str(service.data)}
    shell = Shell(told, service.home, tmp_path, words)
    export, submit, cancel, *questions, many, _ = commands(document("docs/http.md"))
    shell.run(export)
    assert json.loads(shell.run(submit).out)["job_id"] == 1
    receipt = json.loads(shell.run(cancel).out)
    assert receipt["request_id"] == "disk-17"
    words["At-Least: 8"] = f"At-Least: {receipt['position']}"
    job, found, stream = (shell.run(line).out for line in questions)
    assert json.loads(job)["error_message"] == "Canceled by user. Message: disk is full"
    (row,) = json.loads(found)["rows"]
    assert (row["position"], row["message"]) == (receipt["position"], "disk is full")
    bulk = json.loads(shell.run(many).out)
    assert (bulk["request_id"], bulk["failed"]) == ("power-1", 0)
    assert f"id: {row['position']}\nevent: JobCancelRequested\n" in stream
