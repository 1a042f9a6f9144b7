"""Emergency stops: their parts in a service that runs, and the same without any service."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.evidence import directory_of, journal_path, locked
from adapters.bootstrap.reaching import running_service
from adapters.bootstrap.recording import administrator
from adapters.bootstrap.system import SystemClock, Uuid7Ids
from adapters.engines.local.engine import LocalEngine
from adapters.jetstream.log import JetStreamLog
from adapters.journal import SqliteJournal
from adapters.policy import CedarPolicy, default_policy, schema_text
from adapters.spool import FileSpool
from application.emergency_spool import Spooled
from application.emergency_stopper import Emergency, EmergencyStopper
from application.engine import Engine
from application.histories import readable
from application.policy_in_force import PolicyInForce
from application.ports import Policy, Reporter
from application.settings import Settings
from application.watchdog import Watchdog
from domain.cluster import job_number
from domain.errors import CountermandError, Misconfigured, NotPermitted, Unknown
from domain.events import (
    POLICY,
    Aggregate,
    Recorded,
    job_aggregate,
)
from domain.evolve import evolve
from domain.hresult import HResult
from domain.job import Job

PROBE_SECONDS: Final = 2.0
"""How long the stream may take to say that it is there."""

PAGE_EVENTS: Final = 1000
NO_SERVICE: Final = "no service runs on this data directory"


def spool_of(settings: Settings) -> FileSpool:
    """Where stops are written before the act."""
    return FileSpool(directory_of(settings) / "spool" / "emergency")


def stopper_of(
    settings: Settings, engine: Engine, policy: Policy, reporter: Reporter
) -> EmergencyStopper:
    """What stops without the stream."""
    return EmergencyStopper(
        engine=engine,
        policy=policy,
        spool=spool_of(settings),
        clock=SystemClock(),
        ids=Uuid7Ids(),
        reporter=reporter,
        kill_seconds=settings.kill_deadline_seconds,
        units_max=settings.message_units_max,
        freeze_windows=settings.freeze_windows,
    )


def unreachable_of(log: JetStreamLog, watchdog: Watchdog) -> Callable[[], Awaitable[str]]:
    """Why no cancel can be recorded now, found by asking; "" when the stream answers."""

    async def unreachable() -> str:
        if watchdog.reasons:
            return watchdog.reasons[0]
        if not log.health.connected:
            return "nats-server does not answer: there is no connection"
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await log.identity()
        except TimeoutError:
            return f"nats-server did not answer within {PROBE_SECONDS:.0f} s"
        except CountermandError as error:
            return error.message
        return ""

    return unreachable


# --- without a service ----------------------------------------------------------------------------


class Wish(Struct, frozen=True):
    """Which job, and why."""

    job: str
    message: str
    reason_code: str


class InJournal(Struct, frozen=True):
    """A job as the journal tells it, which ends at ``position``, and the rules in force there."""

    job: Job
    position: int
    rules: Policy


async def stop_without_service(
    settings: Settings, wish: Wish, engine: LocalEngine, reporter: Reporter
) -> Spooled:
    """Stop a job while no service runs: from the journal and from the notes of the wardens.

    Nothing is asked of the stream. Raises ``Misconfigured`` while a service is there.
    """
    check_account(directory_of(settings))
    running = running_service(settings)
    if running is not None:
        raise Misconfigured(
            f"the service runs (process {running.pid}) and does not answer: end that process, and "
            "stop the job again"
        )
    async with locked(settings):
        known = job_in_journal(settings, wish.job)
        try:
            await engine.recover()
            stopper = stopper_of(settings, engine, known.rules, reporter)
            caller = administrator()
            how = (caller, os.geteuid(), wish.message, wish.reason_code)
            return await stopper.stop(known.job, Emergency(*how, NO_SERVICE, known.position))
        finally:
            await engine.close()


def check_account(directory: Path) -> None:
    """Pass, or raise: only root and the account whose data directory it is."""
    try:
        owner = directory.stat().st_uid
    except FileNotFoundError:
        raise Misconfigured(
            f"there is no data directory {directory}: name it with --data"
        ) from None
    if os.geteuid() not in (0, owner):
        raise NotPermitted(
            f"only root and the account of the service (user id {owner}) may stop jobs without the "
            "service",
            hresult=HResult.PERMISSION_DENIED,
        )


def job_in_journal(settings: Settings, asked: str) -> InJournal:
    """The job as its second copy tells it. Raises ``Unknown``, ``Corrupt``."""
    path, number = journal_path(settings), job_number(asked)
    if not path.exists():
        raise Misconfigured(f"{path} is not there: nobody can tell what the job is")
    journal = SqliteJournal(path, settings.cluster)
    try:
        mark = journal.mark()
        job = None if number is None else job_of(journal, number)
        rules = rules_of(journal, settings.cluster)
    finally:
        journal.close()
    if job is None or mark is None:
        raise Unknown(
            f"the journal knows no job {asked[:40]!r}",
            code="unknown_job",
            hresult=HResult.INVALID_JOB_ID,
        )
    return InJournal(job, mark.position, rules)


def job_of(journal: SqliteJournal, number: int) -> Job | None:
    """The job by its events."""
    job = None
    for recorded in told(journal, job_aggregate(number)):
        job = evolve(job, recorded)
    return job


def rules_of(journal: SqliteJournal, cluster: str) -> Policy:
    """The rules in force; the shipped ones where the journal tells of none."""
    policy = PolicyInForce(default_policy(), schema_text(), CedarPolicy)
    for place, recorded in enumerate(told(journal, Aggregate(POLICY, cluster)), 1):
        policy.take(place, recorded.data)
    return policy


def told(journal: SqliteJournal, aggregate: Aggregate) -> Iterator[Recorded]:
    """All events of it, page by page. Raises ``Corrupt``."""
    after = 0
    while page := journal.page(aggregate, after, PAGE_EVENTS):
        yield from map(readable, page)
        after = page[-1].position
