"""The command line against the real web, views and all: what people ask, and what they are told."""

import asyncio
import csv
import hashlib
import io
import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from domain.identity import Role
from projections.version import VIEWS_VERSION
from tests.adapters.cli.conftest import PROGRAM
from tests.adapters.http.stack import Stack, stack, submit
from tests.support.web import Json

API = "/api/v1"
HOSTILE = '=HYPERLINK("x")\n\u202e\u200b,null,"'


class Client:
    """The command line, as whoever runs the tests on the socket of the stack, or with a token."""

    def __init__(self, service: Stack, environment: dict[str, str], *options: str) -> None:
        self._options = ("--endpoint", str(service.socket), *options)
        self._environment = environment

    async def __call__(
        self, *arguments: str, status: int = 0
    ) -> "subprocess.CompletedProcess[str]":
        """Runs to its end beside the server."""
        verbs = 2 if arguments[:2] in (("audit", "export"), ("projections", "rebuild")) else 1
        command = [PROGRAM, *arguments[:verbs], *self._options, *arguments[verbs:]]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    async def rows(self, *arguments: str) -> list[Json]:
        found = json.loads((await self(*arguments, "-o", "json")).stdout)
        assert isinstance(found, list)
        return found


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Stack]:
    directory = tmp_path / "web"
    directory.mkdir()
    async with stack(directory) as made:
        yield made


@pytest.fixture
def cli(service: Stack, environment: dict[str, str]) -> Client:
    return Client(service, environment)


async def canceled(service: Stack, client: httpx.AsyncClient, message: str, **body: str) -> int:
    job = await submit(client, **body)
    await service.run_job(job)
    answer = await client.post(f"{API}/jobs/{job}/cancel", json={"message": message})
    assert answer.status_code == 200, answer.text
    return job


@pytest.fixture
async def history(service: Stack) -> list[int]:
    """Two canceled jobs, one that waits, and a refusal."""
    async with service.unix() as client, service.person("bob") as bob:
        first = await canceled(service, client, "the disk is full", name="one")
        second = await canceled(service, client, HOSTILE, name="=two")
        third = await submit(client, name="three")
        refused = await bob.post(f"{API}/jobs/{first}/cancel", json={"message": "mine"})
        assert refused.status_code == 403
    return [first, second, third]


async def test_ls(cli: Client, history: list[int]) -> None:
    first, second, third = history
    found = await cli.rows("ls")
    assert [x["job_id"] for x in found] == [third, second, first]
    lines = (await cli("ls", "--state", "canceling", "--sort", "id")).stdout.splitlines()
    assert [x.split()[0] for x in lines] == ["JOB", str(first), str(second)]
    assert "the disk is full" in lines[1]
    assert "\\u202e\\u200b" in lines[2]
    assert (await cli("ls", "--name", "THRE", "-o", "csv", "--fields", "job_id,state")).stdout == (
        f"job_id,state\n{third},Submitted\n"
    )
    assert (await cli("ls", "--since", "-1h", "--until", "-30m", "-o", "json")).stdout == "[]\n"
    paged = await cli("ls", "--limit", "2", "-o", "tsv", "--fields", "job_id")
    assert paged.stdout.split() == ["job_id", str(third), str(second)]
    assert "there are more" in paged.stderr
    assert "whole number" in (await cli("ls", "one", status=2)).stderr
    assert (await cli("ls", "--stuck", "-o", "json")).stdout == "[]\n"
    await cli("ls", "4711", status=3)


async def test_audit(cli: Client, history: list[int]) -> None:
    first = str(history[0])
    rows = await cli.rows("audit", "disk", "FULL")
    assert [x["message"] for x in rows] == ["the disk is full"]
    (refusal,) = (await cli("audit", "--refused", "--actor", "bob")).stdout.splitlines()[1:]
    assert refusal.split()[3:8] == ["refusal", first, "bob", "refused", "normal"]
    position = refusal.split()[0]
    (row,) = await cli.rows("audit", "--event", position)
    assert row["rule"] == "no-rule-allows"
    (again,) = await cli.rows("audit", "--event", row["event_id"])
    assert again == row
    assert await cli.rows("audit", "--for", "nobody") == []
    assert "letter" in (await cli("audit", "***", status=2)).stderr
    oldest = await cli.rows("audit", "--kind", "request", "--oldest-first", "--limit", "1")
    assert [x["job_id"] for x in oldest] == [history[0]]


async def test_an_export_is_the_search_and_its_manifest_is_true(
    cli: Client, history: list[int], tmp_path: Path
) -> None:
    wanted = ("--kind", "request", "--since", "-1h")
    rows = await cli.rows("audit", *wanted, "--oldest-first")
    for row in rows:
        del row["event"]
    lines, table = tmp_path / "trail.ndjson", tmp_path / "trail.csv"
    await cli("audit", "export", *wanted, "-f", str(lines))
    assert [json.loads(x) for x in lines.read_text().splitlines()] == rows
    await cli("audit", "export", *wanted, "-f", str(table))
    found = list(csv.DictReader(io.StringIO(table.read_text()), strict=True))
    harmless = '\'=HYPERLINK("x")\\n\\u202e\\u200b,null,"'
    assert [x["message"] for x in found] == ["the disk is full", harmless]
    assert [x["event_id"] for x in found] == [x["event_id"] for x in rows]
    for file in (lines, table):
        told = json.loads(file.with_name(f"{file.name}.manifest.json").read_bytes())
        assert told["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert (told["rows"], told["cluster"]) == (2, "hpc1")
        assert told["stream"] == "MEMORY memory/1"
        assert told["columns"] == list(rows[0])
        assert (told["first_position"], told["last_position"]) == (
            rows[0]["position"],
            rows[1]["position"],
        )
        assert told["exported_by"]["roles"] == ["administrator"]


async def test_people_see_what_is_theirs(
    service: Stack, environment: dict[str, str], history: list[int], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    secret = service.file.add("eve", (Role.USER,))
    assert secret is not None
    token.write_text(secret)
    where = f"http://127.0.0.1:{service.web.tcp_port}"
    eve = Client(service, environment, "--endpoint", where, "--token", str(token))
    assert await eve.rows("ls") == []
    assert await eve.rows("audit") == []
    await eve("audit", "export", "-f", str(tmp_path / "eve.csv"))
    told = json.loads((tmp_path / "eve.csv.manifest.json").read_bytes())
    assert (told["rows"], told["exported_by"]["name"]) == (0, "eve")
    await eve("explain", str(history[0]), status=5)
    await eve("projections", "rebuild", status=5)
    await eve("audit", "--as", "bob", status=5)


async def test_explain_and_replay(cli: Client, history: list[int]) -> None:
    job = str(history[0])
    told = (await cli("explain", job)).stdout.splitlines()
    assert "has not ended: it is Canceling" in told[0]
    assert all(line.endswith(")") and "(event" in line for line in told)
    events = (await cli("show", job, "--events", "-o", "csv", "--fields", "position")).stdout
    named = {x for line in told for x in line.rpartition("(event")[2].strip("s )").split(", ")}
    assert named <= set(events.split())
    changes = await cli("replay", job, "--diff", "6..7")
    assert "Running" in changes.stdout
    assert "JobCancelRequested" in changes.stdout
    stopped = await cli("replay", job, "--break-on", "TaskStarted")
    assert "state     Running" in stopped.stdout
    assert "JobCancelRequested" not in stopped.stdout
    await cli("replay", job, "--diff", "6..99", status=3)
    await cli("explain", "4711", status=3)


async def test_views_are_listed_and_built_anew(
    service: Stack, cli: Client, history: list[int]
) -> None:
    found = await cli.rows("projections")
    assert {x["version"] for x in found} == {VIEWS_VERSION}
    assert {x["behind"] for x in found} == {0}
    done = await cli("projections", "rebuild")
    assert "equal to the views in use, row for row" in done.stdout
    assert len(await cli.rows("ls")) == 3


@pytest.mark.parametrize("form", ["table", "json", "ndjson", "csv", "tsv"])
@pytest.mark.parametrize(
    "arguments", [("ls",), ("audit",), ("explain", "2"), ("replay", "2", "--diff", "1..7")]
)
async def test_hostile_text_is_harmless_in_every_form(
    cli: Client, history: list[int], arguments: tuple[str, ...], form: str
) -> None:
    done = await cli(*arguments, "-o", form)
    assert "\\u202e" in done.stdout
    assert all(c.isprintable() or c in "\n\t" for c in done.stdout)
