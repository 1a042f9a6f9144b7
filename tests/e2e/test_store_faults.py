"""The stream killed, altered, replaced, shortened: nothing is lost, and no loss is hidden."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from adapters.jetstream.server import server_binary
from application.settings import ACCEPT_LOSS, REBUILD_JOURNAL
from tests.e2e.home import kill, new_home
from tests.e2e.outside import outside_server
from tests.e2e.service import Service, running_service
from tests.e2e.stores import Stores, copy, grown, rows, swap
from tests.e2e.stream import check_history, connected, ends
from tests.support.nats import own_server
from tests.support.waiting import again_and_again, until
from tests.support.web import Json

__all__ = ["copy"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CLIENTS = 4
JOBS_A_CLIENT = 12
KILLS = 3
STREAM = "COUNTERMAND"
ANSWER_SECONDS = 10.0
MIB = 1024 * 1024


# --- killed under load ----------------------------------------------------------------------------


class Client:
    """Makes jobs and cancels them; whatever is answered with 503 is asked again, same key."""

    def __init__(self, one: Service, name: str) -> None:
        self._one = one
        self._name = name
        self.receipts: list[Json] = []
        self.outages: list[Json] = []

    def work(self) -> None:
        with self._one.client() as http:
            for n in range(JOBS_A_CLIENT):
                body = {"tasks": [{"command": "sleep 60"}]}
                made = self._ask(http, "/jobs", f"{self._name}.{n}.submit", body)
                how = {"message": f"{self._name} {n}"}
                self._ask(http, f"/jobs/{made['job_id']}/cancel", f"{self._name}.{n}.cancel", how)

    def _ask(self, http: httpx.Client, path: str, key: str, body: Json) -> Json:
        return until(lambda: self._answer(http, path, key, body), f"{key} is answered")

    def _answer(self, http: httpx.Client, path: str, key: str, body: Json) -> Json | None:
        answer = http.post(path, json=body, headers={"Idempotency-Key": key})
        found: Json = answer.json()
        if answer.status_code == 503:
            assert answer.headers["content-type"] == "application/problem+json"
            assert int(answer.headers["retry-after"]) >= 1
            assert found["code"] in ("unavailable", "outcome_unknown"), found
            self.outages.append(found)
            return None
        assert answer.status_code in (200, 201), answer.text
        self.receipts.append(found)
        return found


def test_a_nats_server_killed_under_load_loses_nothing_and_repeats_nothing() -> None:
    with running_service() as one, seen_health(one) as seen:
        one.set_grace(2)
        deaf = one.deaf_job()
        body = {"message": "in the middle of it"}
        assert one.http("POST", f"/jobs/{deaf}/cancel", body).status_code == 200
        clients = [Client(one, f"c{n}") for n in range(CLIENTS)]
        url = one.endpoint["nats_url"]
        with ThreadPoolExecutor(CLIENTS) as pool:
            working = [pool.submit(client.work) for client in clients]
            for n in range(1, KILLS + 1):
                kill_nats(one, clients, n)
            for work in working:
                work.result()
        receipts = [r for client in clients for r in client.receipts]
        check_all_kept(one, receipts, deaf)
        assert "not_ready" in seen
        assert one.endpoint["nats_url"] == url
        until(lambda: one.health()["status"] == "ready", "ready again")


def kill_nats(one: Service, clients: list[Client], n: int) -> None:
    """SIGKILL to the child when part of the work is done; another one takes its place."""
    part = CLIENTS * JOBS_A_CLIENT * 2 * n // (KILLS + 2)
    until(lambda: sum(len(c.receipts) for c in clients) >= part, "the clients work")
    before = until(one.nats_pids, "nats-server runs")
    for pid in before:
        kill(pid)
    until(lambda: one.nats_pids() not in ([], before), "nats-server runs again")


@contextmanager
def seen_health(one: Service) -> Iterator[set[str]]:
    """Every status that the service's health showed meanwhile."""
    seen: set[str] = set()
    with again_and_again(lambda: seen.add(one.health()["status"]), 0.01):
        yield seen


def check_all_kept(one: Service, receipts: list[Json], deaf: int) -> None:
    """What was acknowledged is in the stream where it was said to be; every cancel ended once."""
    jobs = {r["job_id"] for r in receipts}
    assert len(jobs) == CLIENTS * JOBS_A_CLIENT
    for job in (*jobs, deaf):
        one.until_state(job, "Canceled")
    history = one.stream()
    check_history(history)
    places = {e.body["id"]: e.position for e in history}
    assert {r["event_id"]: r["position"] for r in receipts}.items() <= places.items()
    assert sorted(e.aggregate for e in ends(history)) == sorted(f"job/{j}" for j in (*jobs, deaf))


# --- a store that is not the one that was ---------------------------------------------------------


class Forked(Stores, frozen=True):
    """``other`` went on from ``older`` too, but otherwise, to the same length as ``now``."""

    other: Path


@pytest.fixture(scope="module")
def stores() -> Iterator[Forked]:
    with new_home() as made:
        older = grown(made / "older", None, one_job("older"))
        now = grown(made / "now", older, one_job("now"))
        other = grown(made / "other", older, one_job("other"))
        stranger = grown(made / "stranger", None, one_job("stranger"))
        assert len(rows(now)) == len(rows(other)) > len(rows(older))
        assert rows(now)[-1] != rows(other)[-1]
        yield Forked(older, now, stranger, other)


def one_job(name: str) -> Callable[[Service], Json]:
    """The work of a service: a job that ends."""
    return lambda one: one.until_state(one.submit("true", name=name), "Finished")


def evidence(data: Path) -> list[object]:
    """All that a refused start must leave as it was."""
    marker = data / "stream.json"
    blocks = sorted((data / "jetstream").rglob("*.blk"))
    streams = sorted(p for p in (data / "jetstream").rglob("meta.inf") if "obs" not in p.parts)
    return [
        marker.read_bytes() if marker.exists() else None,
        rows(data),
        [(b.relative_to(data), b.read_bytes()) for b in blocks if b.stat().st_size],
        [(s.relative_to(data), s.read_bytes()) for s in streams],
    ]


def check_refused(one: Service, *words: str) -> str:
    """The start is refused with these words, twice alike, and leaves everything as it was."""
    before = evidence(one.data)
    said = one.refused()
    for word in words:
        assert word in said, said
    assert evidence(one.data) == before
    assert not (one.data / "run" / "endpoint.json").exists()
    return said


def test_a_copy_of_a_whole_directory_starts(copy: Service) -> None:
    copy.start()
    copy.until_state(copy.submit("true"), "Finished")
    check_history(copy.stream())


def test_a_stream_that_somebody_altered_is_refused_with_each_difference(copy: Service) -> None:
    altered = {"max_age": 10**9 * 86_400, "discard": "old", "max_msgs": 5000}
    asyncio.run(update_stream(copy.data, altered))
    check_refused(
        copy,
        "max_age is 86400000000000, must be 0",
        "discard is 'old', must be 'new'",
        "max_msgs is 5000, must be -1",
        "Nothing was changed",
    )
    asyncio.run(update_stream(copy.data, {"max_age": 0, "discard": "new", "max_msgs": -1}))
    copy.start()


async def update_stream(data: Path, changes: Json) -> None:
    """Change the stream with the operator's credentials, while the service is down."""
    async with own_server(data, "local", STREAM) as server:
        await update_stream_at(server.url, data, changes)


async def update_stream_at(url: str, data: Path, changes: Json) -> None:
    """The same on a server that runs."""
    async with connected(url, data / "credentials" / "operator.json") as client:
        info = await client.request(f"$JS.API.STREAM.INFO.{STREAM}", b"")
        config = msgspec.json.decode(info.data)["config"] | changes
        subject = f"$JS.API.STREAM.UPDATE.{STREAM}"
        answer = await client.request(subject, msgspec.json.encode(config), ANSWER_SECONDS)
        assert "error" not in msgspec.json.decode(answer.data), answer.data


def test_an_end_of_nats_server_stands_in_the_log() -> None:
    with running_service() as one:
        kill(one.nats_pid)
        until(lambda: '"nats_server_ended"' in one.log, "a line in the log")
        until(lambda: one.health()["status"] == "ready", "a ready service")


def test_a_nats_server_that_somebody_else_started_on_the_store_is_noticed(copy: Service) -> None:
    config = copy.data / "nats-server.conf"
    stranger = copy.launch([server_binary(), "-c", str(config), "-a", "127.0.0.1", "-p", "-1"])
    until(lambda: list((copy.data / "jetstream").rglob("*.blk")), "the store is open")
    check_refused(copy, f"process {stranger.pid} already uses the store")
    stranger.terminate()
    stranger.wait(30)
    copy.start()


def test_an_event_altered_in_the_middle_is_no_ready_service(copy: Service) -> None:
    (block,) = (copy.data / "jetstream").rglob("1.blk")
    raw = block.read_bytes()
    place = raw.index(b'"authid":"') + len(b'"authid":"')
    block.write_bytes(raw[:place] + b"?" + raw[place + 1 :])
    assert copy.refused()


def test_a_stream_is_given_more_room_by_provision_alone() -> None:
    with running_service(stream_bytes_max=2 * MIB) as one:
        one.stop()
        one.configure(stream_bytes_max=3 * MIB)
        assert "max_bytes is" in one.refused()
        assert one.launch(one.command("provision")).wait(30) == 0, one.log
        assert f"was given room for {3 * MIB} bytes (it had {2 * MIB})" in one.log
        one.start()
        assert one.health()["status"] == "ready"
        one.stop()
        one.configure(stream_bytes_max=2 * MIB)
        assert one.launch(one.command("provision")).wait(30) == 1


def test_nothing_is_made_where_a_stream_was_known(copy: Service) -> None:
    shutil.rmtree(copy.data / "jetstream")
    assert copy.launch(copy.command("provision")).wait(30) == 1
    assert "is missing, although this data directory has known it" in copy.log
    check_refused(copy, f"there is no stream {STREAM}")


def test_a_missing_store_is_refused_and_not_made_again(copy: Service) -> None:
    shutil.rmtree(copy.data / "jetstream")
    check_refused(copy, f"there is no stream {STREAM}", "its store is lost or another one is")
    (copy.data / "stream.json").unlink()
    check_refused(copy, f"there is no stream {STREAM}")


def test_another_services_store_is_refused(copy: Service, stores: Forked) -> None:
    swap(copy, stores.stranger, "jetstream")
    check_refused(copy, "is not the one this data directory knows", "known:", "found:")
    (copy.data / "stream.json").unlink()
    check_refused(copy, "it is another log than the one this journal copied")


def test_an_emptied_stream_is_refused(copy: Service) -> None:
    (messages,) = (copy.data / "jetstream").rglob("msgs")
    for file in messages.iterdir():
        file.unlink()
    check_refused(copy, f"it is empty, but had {len(rows(copy.data))} events")


def test_a_stream_restored_from_an_older_copy_is_refused(copy: Service, stores: Forked) -> None:
    swap(copy, stores.older, "jetstream")
    lost = len(rows(stores.now)) - len(rows(stores.older))
    check_refused(copy, f"it lacks the last {lost} events", "mend the log from the journal")


def test_a_stream_of_the_same_length_with_another_head_is_refused(
    copy: Service, stores: Forked
) -> None:
    swap(copy, stores.other, "jetstream")
    last = len(rows(stores.now))
    check_refused(copy, f"its event at position {last}", "has the hash", "was copied")


def test_a_journal_of_another_directory_is_refused(copy: Service, stores: Forked) -> None:
    swap(copy, stores.stranger, "journal")
    check_refused(copy, "it is another log than the one this journal copied")


def test_a_missing_journal_is_written_anew_only_for_the_words(
    copy: Service, stores: Forked
) -> None:
    shutil.rmtree(copy.data / "journal")
    check_refused(copy, "the journal of this data directory is missing", "rebuild_journal")
    copy.configure(rebuild_journal="yes")
    check_refused(copy, "rebuild_journal is 'yes'", REBUILD_JOURNAL)
    copy.configure(rebuild_journal=REBUILD_JOURNAL)
    copy.start()
    before = rows(stores.now)
    until(lambda: rows(copy.data)[: len(before)] == before, "the journal is whole again")


def test_a_lost_marker_is_written_again_from_the_journal(copy: Service, stores: Forked) -> None:
    (copy.data / "stream.json").unlink()
    copy.start()
    marker = (copy.data / "stream.json").read_bytes()
    assert marker == (stores.now / "stream.json").read_bytes()


def test_a_damaged_marker_is_refused(copy: Service) -> None:
    (copy.data / "stream.json").write_text("{")
    check_refused(copy, "stream.json cannot be read")


def test_a_second_service_and_a_store_in_use_are_refused(copy: Service) -> None:
    copy.start()
    said = copy.refused()
    assert f"is in use by process {copy.pid}" in said
    assert copy.health()["status"] == "ready"


# --- durability -----------------------------------------------------------------------------------


def test_an_outside_server_that_syncs_is_accepted_and_provisioned_once() -> None:
    with new_home() as made, outside_server(made / "nats", sync="always") as outside:
        one = Service(made, **outside.settings)
        for words in ("made", "is there already, as it must be"):
            assert one.launch(one.command("provision")).wait(30) == 0, one.log
            assert f"the stream {STREAM} of cluster local {words}" in one.log
        one.configure(nats_monitor_urls=[])
        assert "no monitoring URL was given" in one.refused()
        one.configure(nats_monitor_urls=["http://127.0.0.1:9"])
        assert "does not answer as a nats-server's monitoring" in one.refused()
        one.configure(nats_monitor_urls=list(outside.monitor_urls))
        one.start()
        try:
            one.until_state(one.submit("true"), "Finished")
            check_history(one.stream())
            one.stop()
        finally:
            one.kill()


def test_an_outside_server_that_does_not_sync_is_refused_but_for_the_words() -> None:
    with new_home() as made, outside_server(made / "nats", sync="2m") as outside:
        one = Service(made, **outside.settings)
        said = one.refused()
        assert "does not have sync_always" in said
        assert ACCEPT_LOSS in said
        one.configure(accept_loss="I accept that acknowledged events may be lost.")
        assert "accept_loss is" in one.refused()
        one.configure(accept_loss=ACCEPT_LOSS)
        one.start()
        try:
            one.until_state(one.submit("true"), "Finished")
            one.stop()
        finally:
            one.kill()
