"""Backups taken of running and stopped services, and restored: the same events, on the record."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from adapters.bootstrap.backup import taken
from adapters.bootstrap.backup_file import HEADER_BYTES, BackupWriter, read_header
from adapters.bootstrap.configuration import load
from adapters.bootstrap.marker import read_marker
from adapters.bootstrap.plan import read_plan
from adapters.bootstrap.reaching import stream_reached
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.mark import FileMark
from application.ports import Mark
from tests.e2e.home import new_home
from tests.e2e.service import Service, Value, running_service
from tests.e2e.stores import Stores, check_goes_on, copy, facts, fsck, killed, on_copy, rows, run
from tests.e2e.stream import Event, connected
from tests.e2e.test_fsck import forged, last_of_job, published, stores, stream_of
from tests.e2e.test_store_faults import STREAM, update_stream
from tests.support.cluster import Cluster, threaded_cluster
from tests.support.nats import own_server
from tests.support.waiting import again_and_again, until

__all__ = ["copy", "stores"]

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def backed_up(one: Service, home: Path | None = None) -> Path:
    """A backup of it, as it is now; in its own home, or another."""
    file = (home or one.home) / "backup"
    said = run(one, "backup", file)
    assert said.status == 0, said.err
    assert str(file) in said.out
    assert said.out.endswith("were read back, and nothing is damaged\n")
    return file


async def times_in(data: Path, last: int) -> list[str]:
    """The server's own times of the events up to ``last``, of a stopped service."""
    async with own_server(data, "local", STREAM) as server:
        return await times_at(server.url, data / "credentials" / "reader.json", last)


async def times_at(url: str, reader: Path, last: int) -> list[str]:
    """The same, from a server that runs."""
    async with connected(url, reader) as client:
        found = list[str]()
        for seq in range(1, last + 1):
            body = msgspec.json.encode({"seq": seq})
            got = await client.request(f"$JS.API.STREAM.MSG.GET.{STREAM}", body, 10)
            found.append(msgspec.json.decode(got.data)["message"]["time"])
        return found


def check_told(after: list[Event], before: list[Event], **data: object) -> Event:
    """What was there is there as it was, and the next event tells of it."""
    assert facts(after[: len(before)]) == facts(before)
    event = after[len(before)]
    assert event.type == "StreamRestored"
    assert event.data | data == event.data
    assert event.data["restored"] == len(before)
    assert event.data["stream"] != event.data["backup_stream"]
    return event


def check_restored(one: Service, before: list[Event], **data: object) -> Event:
    """The service goes on with that; stream, journal, views and trail are whole."""
    one.start()
    event = check_told(one.stream(), before, **data)
    assert "restore" in check_goes_on(one)
    return event


def test_a_backup_of_a_service_at_work_becomes_another_directory() -> None:
    with running_service() as one, new_home() as elsewhere:
        job = one.deaf_job()
        one.cancel(job, mode="forced")
        one.until_state(job, "Canceled")
        with at_work(one):
            file = backed_up(one)
        health = one.health()
        assert health["status"] == "ready", health
        last = read_header(file).last
        all_ = one.stream()
        assert len(all_) > last > 10
        said = run(one, "restore", file)
        assert (said.status, "is in use by process" in said.err) == (1, True), said.err
        one.stop()
        other = Service(elsewhere)
        said = run(other, "restore", file)
        assert said.status == 0, said.err
        restored = len(stream_of(other.data)) - 1
        assert restored >= last
        assert asyncio.run(times_in(other.data, last)) == asyncio.run(times_in(one.data, last))
        event = check_restored(other, all_[:restored], missing=0, kept_as="")
        assert event.data["backup_sha256"] == read_header(file).data_sha256
        assert event.body["authid"] == "root" if os.geteuid() == 0 else True
        assert not (other.data / "restoring").exists()


@contextmanager
def at_work(one: Service) -> Iterator[None]:
    """Jobs are made all the time."""
    made = list[int]()
    with again_and_again(lambda: made.append(one.submit("true"))):
        until(lambda: len(made) > 3, "jobs are made")
        yield
        before = len(made)
        until(lambda: len(made) > before + 3, "jobs are made")


def test_a_lost_store_is_restored_and_the_journal_goes_on(copy: Service) -> None:
    before = stream_of(copy.data)
    file = backed_up(copy)
    refused = run(copy, "backup", file)
    assert (refused.status, "stays as it is" in refused.err) == (1, True)
    assert run(copy, "backup", file, "--force").status == 0
    assert sorted(x.name for x in copy.home.glob("backup*")) == ["backup"]
    shutil.rmtree(copy.data / "jetstream")
    said = run(copy, "restore", file)
    assert said.status == 0, said.err
    check_restored(copy, before, missing=0)
    assert not [*(copy.data / "journal").glob("journal.sqlite.2*")]


def test_everything_lost_is_restored_and_the_journal_written_anew(
    copy: Service, stores: Stores
) -> None:
    before = stream_of(copy.data)
    file = backed_up(copy)
    shutil.rmtree(copy.data)
    assert run(copy, "restore", file).status == 0
    check_restored(copy, before)


def test_an_older_backup_does_not_replace_what_the_journal_has(
    copy: Service, stores: Stores
) -> None:
    with on_copy(stores.older) as older:
        file, before = backed_up(older, copy.home), stream_of(older.data)
    all_ = rows(copy.data)
    said = run(copy, "restore", file)
    assert said.status == 5
    assert "countermand mend" in said.err
    assert rows(copy.data) == all_
    lost = len(all_) - len(before)
    said = run(copy, "restore", file, "--journal-aside")
    assert said.status == 10, said.err
    assert f"{lost} later events that were acknowledged are nowhere" in said.out
    (aside,) = (copy.data / "replaced").iterdir()
    assert list((aside / "jetstream").rglob("*.blk"))
    assert FileMark(aside / "mark").read() == FileMark(stores.now / "journal" / "mark").read()
    assert (copy.data / "journal" / f"journal.sqlite.{aside.name}").exists()
    assert "by the mark" in copy.refused()
    kept = named(all_[len(before) :])
    said = run(copy, "accept-loss", "--reason", "the owner wants it so")
    assert said.status == 0, said.err
    first, last = len(before) + 1, len(all_)
    assert said.out.startswith(
        f"accepted: {lost} events are lost. Their positions are {first} to {last}; event {first}, "
        f"{kept[0]} to event {last}, {kept[-1]} are still in journal.sqlite.{aside.name}. "
    )
    event = check_restored(copy, before, missing=lost, kept_as=f"replaced/{aside.name}")
    accepted = stream_of(copy.data)[event.position]
    assert accepted.type == "LossAccepted"
    assert accepted.data["known_last"] == last
    assert (
        f"{lost} events are lost; their positions are {first} to {last}"
        in (accepted.data["damage"])
    )


def named(events: list[tuple[int, bytes]]) -> list[str]:
    """Events of a journal, as a report names them."""
    bodies = [msgspec.json.decode(raw) for _, raw in events]
    return [f"{x['type'].split('.')[1]} of {x['subject']}" for x in bodies]


def test_a_journal_put_aside_that_cannot_be_read_is_said_to_be_unknown(
    copy: Service, stores: Stores
) -> None:
    with on_copy(stores.older) as older:
        file, before = backed_up(older, copy.home), stream_of(older.data)
    lost = len(rows(copy.data)) - len(before)
    (copy.data / "journal" / "journal.sqlite").write_bytes(b"no database, but long enough" * 9)
    assert run(copy, "restore", file, "--journal-aside").status == 10
    (aside,) = (copy.data / "replaced").iterdir()
    said = run(copy, "accept-loss", "--reason", "the disk burnt").out
    first, last = len(before) + 1, len(before) + lost
    assert said.startswith(
        f"accepted: {lost} events are lost. Their positions are {first} to {last}; no copy of them "
        f"is left, so what they were cannot be known; journal.sqlite.{aside.name} cannot be read ("
    )
    assert "there may be more" in said


def test_events_replaced_by_those_of_a_backup_are_a_loss_too(copy: Service, stores: Stores) -> None:
    """Another history of the same cluster, longer than the one here: no start is refused."""
    file, before = backed_up(copy), stream_of(copy.data)
    with on_copy(stores.stranger) as stranger:
        all_ = rows(stranger.data)
        assert run(stranger, "restore", file, "--journal-aside").status == 0
        other = [x for x in all_ if before[x[0] - 1].raw != x[1]]
        said = run(stranger, "accept-loss", "--reason", "it was the wrong one")
        assert said.status == 0, said.err
        assert said.out.startswith(f"accepted: {len(other)} events are lost. ")
        assert f"event {other[0][0]}, {named(other)[0]}" in said.out
        assert run(stranger, "accept-loss", "--reason", "once more").status == 5


def test_what_only_the_mark_knows_must_be_accepted(copy: Service, stores: Stores) -> None:
    file = backed_up(copy)
    before = stream_of(copy.data)
    marked = FileMark(copy.data / "journal" / "mark")
    mark = marked.read()
    assert mark is not None
    marked.begin(Mark(mark.log_id, mark.position + 1, "0" * 64))
    said = run(copy, "restore", file)
    assert (said.status, "the mark knows of" in said.err) == (5, True), "the stream may have it"
    shutil.rmtree(copy.data / "jetstream")
    assert run(copy, "restore", file).status == 10
    assert "by the mark" in copy.refused()
    assert run(copy, "accept-loss", "--reason", "it is nowhere").status == 0
    check_told(stream_of(copy.data), before, missing=1)


def test_a_backup_that_disagrees_with_journal_or_mark_is_refused(
    copy: Service, stores: Stores
) -> None:
    """Another history of the same cluster, and longer than what is known here."""
    file, before = backed_up(copy), stream_of(copy.data)
    with on_copy(stores.stranger) as stranger:
        all_ = rows(stranger.data)
        assert len(all_) < len(before)
        said = run(stranger, "restore", file)
        assert (said.status, "the backup and the journal disagree: " in said.err) == (1, True)
        assert "--journal-aside" in said.err
        assert rows(stranger.data) == all_
        assert not (stranger.data / "restoring").exists()
        journal = stranger.data / "journal" / "journal.sqlite"
        journal.write_bytes(b"no database at all, but long enough to be looked at")
        said = run(stranger, "restore", file)
        assert (said.status, "--journal-aside" in said.err) == (1, True), said.err
        journal.unlink()
        said = run(stranger, "restore", file)
        assert (said.status, "the backup and the mark disagree: " in said.err) == (1, True)
        journal.write_bytes(b"no database at all, but long enough to be looked at")
        said = run(stranger, "restore", file, "--journal-aside")
        assert said.status == 0, said.err
        (aside,) = (stranger.data / "replaced").iterdir()
        kept = journal.with_name(f"journal.sqlite.{aside.name}")
        assert kept.read_bytes().startswith(b"no database")
        check_told(stream_of(stranger.data), before, missing=0)
        assert fsck(stranger, "--no-views")[0] == 0


def test_a_damaged_file_and_another_clusters_are_refused_by_name(copy: Service) -> None:
    file, all_ = backed_up(copy), rows(copy.data)
    raw = file.read_bytes()
    for damage, words in (
        (raw[:-100], "cut short"),
        (raw[: HEADER_BYTES // 2], "its header"),
        (raw[:-100] + b"\0" * 100, "its data have the SHA-256"),
        (raw[:200] + b"X" + raw[201:], "its header"),
        (b"something else", "is no backup"),
    ):
        file.write_bytes(damage)
        said = run(copy, "restore", file)
        assert (said.status, words in said.err, str(file) in said.err) == (1, True, True), said.err
    file.write_bytes(raw)
    copy.configure(cluster="another")
    assert "of cluster local" in run(copy, "restore", file).err
    copy.configure(cluster="local")
    assert rows(copy.data) == all_
    assert not (copy.data / "restoring").exists()
    assert not (copy.data / "replaced").exists()


def test_a_stream_with_a_forged_event_is_not_backed_up(copy: Service) -> None:
    kept = backed_up(copy)
    before = kept.read_bytes()
    message = forged(last_of_job(copy.data), "JobFinished", {}, previoushash="0" * 64)
    (position,) = published(copy.data, message)
    said = run(copy, "backup", kept, "--force")
    assert said.status == 10
    event_id = msgspec.json.decode(message[1])["id"]
    assert said.err.startswith(
        f"countermand: the stream is damaged: event {position} ({message[0]}, id {event_id}) has "
        f"previoushash {'0' * 64}, and previoushash "
    )
    assert "It is not backed up as if it were whole" in said.err
    assert kept.read_bytes() == before
    assert sorted(x.name for x in copy.home.glob("backup*")) == ["backup"]


def test_a_stream_with_a_hole_is_not_backed_up(copy: Service) -> None:
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": 1}))
    asyncio.run(update_stream(copy.data, {"max_msgs_per_subject": -1}))
    first = fsck(copy, "--no-views", "--limit", "1")[1]["first"]
    said = run(copy, "backup", copy.home / "backup")
    assert said.status == 10
    assert f"event {first['position']} " in said.err
    assert f"has nothing at position {first['position']}" in said.err
    assert not [*copy.home.glob("backup*")]


def test_a_backup_of_a_forged_history_is_not_restored(copy: Service) -> None:
    """One that was made by a release that did not look at what it wrote."""
    published(copy.data, forged(last_of_job(copy.data), "JobFinished", {}, previoushash="0" * 64))
    file = copy.home / "backup"
    asyncio.run(written_unchecked(copy.data, file))
    shutil.rmtree(copy.data)
    said = run(copy, "restore", file)
    assert said.status == 1
    assert "the stream in the backup is damaged: event" in said.err
    assert not (copy.data / "jetstream").exists()


async def written_unchecked(data: Path, file: Path) -> None:
    """A backup that nobody looked at."""
    settings = load({"data_directory": str(data), "cluster": "local"}, None)
    async with stream_reached(settings) as server:
        connection = await Connection.open(server.address(NatsRole.OPERATOR))
        try:
            with BackupWriter(file, force=False) as writer:
                await taken(settings, connection, writer, lambda done, total: None)
                writer.publish()
        finally:
            await connection.close()


STEPS = 8
"""So many moments at which a restore is killed, from its beginning to its end."""


def test_a_restore_killed_at_any_moment_is_finished_by_the_next(copy: Service) -> None:
    before, marker = stream_of(copy.data), read_marker(copy.data)
    file = backed_up(copy)
    for n in range(STEPS):
        if not killed(copy, 0.3 + 0.4 * n, "restore", file):
            break
        if read_plan(copy.data) is not None:
            assert "'countermand restore' was interrupted" in copy.refused()
            assert "run it again first" in run(copy, "mend").err
        elif read_marker(copy.data) != marker:
            break  # it was killed when all was done
    else:
        assert run(copy, "restore", file).status == 0
    assert read_plan(copy.data) is None
    check_restored(copy, before)


def test_a_backup_from_a_cluster_of_three_is_restored_on_the_embedded_server() -> None:
    with new_home() as made, threaded_cluster(made / "nats") as cluster, new_home() as elsewhere:
        with Service(made, **settings_for(cluster)) as one:
            one.start()
            one.until_state(one.submit("true"), "Finished")
            said = run(one, "backup", made / "file")
            assert (said.status, "nats_operator_credentials_file" in said.err) == (1, True)
            operator = cluster.nodes[0].credentials_file(NatsRole.OPERATOR)
            one.configure(nats_operator_credentials_file=str(operator))
            file, before = backed_up(one), one.stream()
            reader = cluster.nodes[0].credentials_file(NatsRole.READER)
            times = asyncio.run(times_at(cluster.nodes[0].url, reader, len(before)))
            one.stop()
            assert "embedded server" in run(one, "restore", file).err
        other = Service(elsewhere)
        said = run(other, "restore", file)
        assert said.status == 0, said.err
        assert asyncio.run(times_in(other.data, len(before))) == times
        check_restored(other, before)


def settings_for(cluster: Cluster) -> dict[str, Value]:
    """What the service must know to keep its stream on all three."""
    first, roles = cluster.nodes[0], (NatsRole.SERVICE, NatsRole.PROVISIONER, NatsRole.READER)
    files: dict[str, Value] = {
        f"nats_{role}_credentials_file": str(first.credentials_file(role)) for role in roles
    }
    return {
        **files,
        "nats_urls": [first.url],
        "nats_monitor_urls": [node.monitor_url for node in cluster.nodes],
        "stream_replicas": 3,
    }
