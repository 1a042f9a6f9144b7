"""What the command line may ask of this package.

Each function imports what it is about: all that a service is made of takes most of a second, and is
not needed to check a policy or to add a principal.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from adapters.bootstrap.collector import relax_collector
from adapters.bootstrap.threads import take_short_turns

if TYPE_CHECKING:
    from adapters.bootstrap.compose import Parts
    from adapters.bootstrap.doctor import Finding
    from adapters.bootstrap.done import Done, Switched
    from adapters.bootstrap.policies import InForce
    from adapters.bootstrap.policy_cases import Tested
    from adapters.bootstrap.policy_why import Why
    from adapters.bootstrap.restore import Told
    from adapters.bootstrap.running import Endpoint
    from adapters.bootstrap.shadow_reports import ShadowReported
    from adapters.http.bodies.emergency import EmergencyStopped
    from adapters.policy import Flaw
    from adapters.principals import PrincipalsFile
    from application.backtesting import Backtested
    from application.fsck import Report
    from application.rechecking import Rechecked
    from application.settings import Settings

Ready = Callable[["Parts", "Endpoint"], None]
T = TypeVar("T")


def settings(overrides: Mapping[str, object], config_file: Path | None) -> "Settings":
    """The settings in force. Raises ``Misconfigured``."""
    from adapters.bootstrap.configuration import load

    return load(overrides, config_file)


def serve(overrides: Mapping[str, object], config_file: Path | None) -> int:
    """Run until SIGTERM or SIGINT; 0 for an orderly end. Raises as the start does."""
    import uvloop

    from adapters.bootstrap.configuration import load

    chosen = load(overrides, config_file)

    def ready(_: "Parts", endpoint: "Endpoint") -> None:
        print(f"countermand is ready at {endpoint.http} and {endpoint.socket}", flush=True)

    relax_collector()
    take_short_turns()
    return uvloop.run(until_told(chosen, ready))


def dev(overrides: Mapping[str, object], config_file: Path | None, demo: bool) -> int:
    """Everything on loopback until Ctrl-C; tasks end with it, and so does a temporary directory."""
    import uvloop

    from adapters.bootstrap import dev as first_minute
    from adapters.bootstrap.configuration import load

    temporary = None
    secured = {"https_self_signed": True, "https_port": 0}
    values = {**secured, **overrides, "stop_tasks": True}
    if values.get("data_directory") is None:
        temporary = first_minute.temporary_directory()
        values["data_directory"] = str(temporary)
    chosen = load(values, config_file)

    def ready(_: "Parts", endpoint: "Endpoint") -> None:
        print(first_minute.where(endpoint, chosen.data_directory), flush=True)
        if demo:
            threading.Thread(
                target=first_minute.demonstrate, args=[chosen.data_directory], daemon=True
            ).start()

    relax_collector()
    take_short_turns()
    try:
        return uvloop.run(until_told(chosen, ready))
    finally:
        if temporary is not None:
            first_minute.remove(temporary)


def provision(overrides: Mapping[str, object], config_file: Path | None) -> int:
    """Make stream and users, or give the stream more room; say what was done."""
    import uvloop

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.evidence import grow_stream, locked, nats, provision_stream

    chosen = load(overrides, config_file)

    async def make() -> str:
        async with locked(chosen) as lock, nats(chosen, lock) as server:
            had = await grow_stream(chosen, server)
            if had is not None:
                return f"was given room for {chosen.stream_bytes_max} bytes (it had {had})"
            made = await provision_stream(chosen, server)
            return "made" if made else "is there already, as it must be"

    os.umask(0o077)
    words = uvloop.run(make())
    print(f"the stream {chosen.stream} of cluster {chosen.cluster} {words}")
    return 0


def doctor(overrides: Mapping[str, object], config_file: Path | None) -> "list[Finding]":
    """What is as it should be on this machine, and what is not."""
    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.doctor import examine

    return examine(load(overrides, config_file))


def fsck(
    overrides: Mapping[str, object],
    config_file: Path | None,
    limit: int,
    views: bool,
    told: Callable[[int, int], None],
) -> "Report":
    """The whole stream and what is kept beside it, looked at; changes nothing."""

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.fsck import Wish
    from adapters.bootstrap.fsck import fsck as look

    os.umask(0o077)
    chosen = load(overrides, config_file)
    return read_whole(look(chosen, Wish(limit, views), told))


def mend(
    overrides: Mapping[str, object], config_file: Path | None, told: Callable[[int, int], None]
) -> "Switched":
    """A damaged stream made again from the journal."""

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.mend import mend as make_again

    os.umask(0o077)
    return read_whole(make_again(load(overrides, config_file), told))


def accept_loss(overrides: Mapping[str, object], config_file: Path | None, reason: str) -> "Done":
    """The stream as it is becomes what is known."""
    import uvloop

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.loss import accept_loss as accept

    os.umask(0o077)
    return uvloop.run(accept(load(overrides, config_file), reason))


def emergency_stop(
    overrides: Mapping[str, object], config_file: Path | None, job: str, message: str, reason: str
) -> "EmergencyStopped":
    """A job stopped while no service runs."""
    import uvloop

    from adapters.bootstrap.compose import local_engine
    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.emergency import Wish, stop_without_service
    from adapters.bootstrap.system import LogReporter
    from adapters.http.bodies.emergency import emergency_stopped

    os.umask(0o077)
    chosen = load(overrides, config_file)
    wish, reporter = Wish(job, message, reason), LogReporter("warning")
    work = stop_without_service(chosen, wish, local_engine(chosen), reporter)
    return emergency_stopped(uvloop.run(work))


def backup(
    overrides: Mapping[str, object],
    config_file: Path | None,
    file: Path,
    force: bool,
    told: "Told",
) -> "Done":
    """The stream in a file, which was read back."""

    from adapters.bootstrap.backup import backup as back_up
    from adapters.bootstrap.configuration import load

    os.umask(0o077)
    return read_whole(back_up(load(overrides, config_file), file, force=force, told=told))


def restore(
    overrides: Mapping[str, object],
    config_file: Path | None,
    file: Path,
    journal_aside: bool,
    told: "Told",
) -> "Switched":
    """A backup in the stream's place."""

    from adapters.bootstrap import restore as restoring
    from adapters.bootstrap.configuration import load

    os.umask(0o077)
    wish = restoring.Wish(file, journal_aside)
    return read_whole(restoring.restore(load(overrides, config_file), wish, told))


def principals(overrides: Mapping[str, object], config_file: Path | None) -> "PrincipalsFile":
    """Who may act, to be looked at and changed."""
    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.people import principals_file

    return principals_file(load(overrides, config_file))


def policy() -> "InForce":
    """The rules in force."""
    from adapters.bootstrap.policies import in_force

    return in_force()


def policy_flaws(file: Path) -> "Sequence[Flaw]":
    """What is wrong with the rules in a file."""
    from adapters.bootstrap.policies import checked

    return checked(file)


def policy_cases(directory: Path) -> "Sequence[Tested]":
    """The cases beside the rules of a directory, tried."""
    from adapters.bootstrap.policy_cases import tested

    return tested(directory)


def policy_why(
    overrides: Mapping[str, object], config_file: Path | None, position: int, files: Sequence[Path]
) -> "Why":
    """What a recorded decision rests on."""
    import uvloop

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.policy_why import why

    return uvloop.run(why(load(overrides, config_file), position, files))


def policy_backtest(
    overrides: Mapping[str, object],
    config_file: Path | None,
    candidate: Path,
    files: Sequence[Path],
    told: Callable[[int, int], None],
    *,
    since: str | None,
    until: str | None,
    actor: str,
    owner: str,
    limit: int,
) -> "Backtested":
    """The recorded requests under the rules of a file. Times are in RFC 3339."""
    from adapters.bootstrap.backtests import backtested
    from adapters.bootstrap.configuration import load
    from application.backtesting import Wanted

    begin = datetime.fromisoformat(since) if since else None
    end = datetime.fromisoformat(until) if until else None
    wanted = Wanted(begin, end, actor, owner, limit)
    return read_whole(backtested(load(overrides, config_file), candidate, files, wanted, told))


def policy_shadow(
    overrides: Mapping[str, object],
    config_file: Path | None,
    digest: str,
    files: Sequence[Path],
    told: Callable[[int, int], None],
    *,
    since: str | None,
    until: str | None,
    limit: int,
) -> "ShadowReported":
    """What rules in shadow said. Times are in RFC 3339."""
    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.shadow_reports import shadow_reported
    from application.backtesting import Wanted

    begin = datetime.fromisoformat(since) if since else None
    end = datetime.fromisoformat(until) if until else None
    wanted = Wanted(begin, end, limit=limit)
    return read_whole(shadow_reported(load(overrides, config_file), digest, files, wanted, told))


def policy_recheck(
    overrides: Mapping[str, object],
    config_file: Path | None,
    files: Sequence[Path],
    limit: int,
    told: Callable[[int, int], None],
) -> "Rechecked":
    """Every recorded decision, computed again."""

    from adapters.bootstrap.configuration import load
    from adapters.bootstrap.policies import rechecked

    return read_whole(rechecked(load(overrides, config_file), files, limit, told))


def document(name: str) -> bytes:
    """A document of the published contract: ``openapi`` or ``asyncapi``."""
    from adapters.bootstrap.contract import contract

    return contract().documents[f"{name}.json"].raw


def read_whole(reading: Coroutine[object, object, T]) -> T:
    """What goes through a whole stream, run to its end: it makes little but facts and states."""
    import uvloop

    relax_collector()
    return uvloop.run(reading)


async def until_told(chosen: "Settings", ready: Ready) -> int:
    """A service from its start until a signal asks it to end."""
    from adapters.bootstrap.running import service
    from adapters.bootstrap.system import LogReporter

    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    reporter = LogReporter(chosen.log_level)
    async with service(chosen, reporter) as (parts, endpoint):
        ready(parts, endpoint)
        await told.wait()
        reporter("service_ends", stop_tasks=chosen.stop_tasks)
    sys.stdout.flush()
    return 0
