"""Views that stopped at an event nobody can read: every answer from them says so, and why."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from adapters.recorder_log import RecorderLog, originator_id
from domain import events as e
from tests.adapters.http.stack import CLUSTER, Stack, stack, submit, until

API = "/api/v1"
AGGREGATE = e.job_aggregate(4711)
TOPIC = "countermand.J\u202e\u00f6b\x1b[2J.v1"


@pytest.fixture
async def damaged(tmp_path: Path) -> AsyncIterator[tuple[Stack, int]]:
    """A stack with a job more than its views will ever know, and where these stopped."""
    recorder = POPOApplicationRecorder()
    log = RecorderLog(recorder, CLUSTER, log_id="memory/1", in_threads=False)
    async with stack(tmp_path, log=log) as service, service.unix() as client:
        await submit(client)
        known = service.ledger.position
        await until(lambda: service.views.projector.position == known)
        stored = StoredEvent(originator_id(CLUSTER, AGGREGATE), 1, TOPIC, b"no event")
        recorder.insert_events([stored])
        await submit(client)
        await until(lambda: service.views.projector.failure is not None)
        yield service, known


@pytest.mark.parametrize("path", ["/jobs", "/jobs/1/tasks", "/audit", "/cancellations"])
async def test_every_list_says_that_its_views_stopped(
    damaged: tuple[Stack, int], path: str
) -> None:
    service, known = damaged
    async with service.unix() as client:
        body = (await client.get(API + path)).json()
    assert body["position"] == known
    assert body["behind"] == service.ledger.position - known > 0
    is_sentence(body["stopped"], known)


async def test_nobody_who_sees_nothing_is_told_less(damaged: tuple[Stack, int]) -> None:
    service, known = damaged
    async with service.person("eve") as eve:
        body = (await eve.get(f"{API}/jobs", params={"owner": "root"})).json()
        export = await eve.get(f"{API}/audit/export", params={"owner": "root"})
    is_sentence(body["stopped"], known)
    is_sentence(export.headers["countermand-stopped"], known)


@pytest.mark.parametrize("form", ["csv", "ndjson"])
async def test_an_export_says_it_in_its_headers(damaged: tuple[Stack, int], form: str) -> None:
    service, known = damaged
    async with service.unix() as client:
        answer = await client.get(f"{API}/audit/export", params={"format": form})
    assert answer.headers["countermand-behind"] == str(service.ledger.position - known)
    told = answer.headers["countermand-stopped"]
    is_sentence(told, known)
    assert told.isascii()
    assert len(told) <= 1000


async def test_views_that_go_on_have_not_stopped(service: Stack, root: httpx.AsyncClient) -> None:
    await submit(root)
    body = (await root.get(f"{API}/jobs")).json()
    assert (body["behind"], body["stopped"]) == (0, None)
    headers = (await root.get(f"{API}/audit/export")).headers
    assert headers["countermand-behind"] == "0"
    assert "countermand-stopped" not in headers


def is_sentence(told: str, known: int) -> None:
    """It says where and why, and is harmless."""
    assert told.startswith(f"the views stopped at position {known}: ")
    assert f"position {known + 1}" in told
    assert told.isprintable()
