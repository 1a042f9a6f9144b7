"""How the service is, in sentences: from what its parts know of themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.disk import free_and_size_bytes
from adapters.bootstrap.evidence import directory_of, journal_path, mark_path
from adapters.bootstrap.filter_check import filters_of
from adapters.http.bodies.health import Health, HealthStatus
from adapters.http.routes.metrics import DiskUse, Snapshot
from application.settings import Settings
from application.views import Troubles
from domain.errors import CountermandError, Unavailable
from domain.filtering import TROUBLES
from domain.states import FilterHow

METRIC_SECONDS: Final = 1.0
"""How long a metric may keep the others waiting."""


def health_of(parts: Parts) -> Callable[[], Awaitable[Health]]:
    """What ``/health/ready`` asks."""

    async def health() -> Health:
        hindered = not_ready(parts)
        worried = degraded(parts) + await damaged_stops(parts)
        worried += await stuck(parts) + await bad_filters(parts)
        status = HealthStatus.DEGRADED if worried else HealthStatus.READY
        if hindered:
            status = HealthStatus.NOT_READY
        return Health(status, tuple(hindered + worried), parts.board.position)

    return health


def snapshot_of(parts: Parts) -> Callable[[], Awaitable[Snapshot]]:
    """What the metrics ask."""

    async def snapshot() -> Snapshot:
        used, capacity = await store_use(parts)
        projector, disk = parts.views.projector, parts.room.disk()
        return Snapshot(
            counts=projector.counts,
            troubles=await troubles(parts),
            stream_position=max(parts.board.position, parts.ledger.position),
            journal_position=parts.keeper.position,
            view_position=projector.position,
            store_bytes=used,
            store_capacity_bytes=capacity,
            disks=await disks(parts),
            disk_needed_bytes=disk.needed_bytes,
            disk_reserve_bytes=disk.reserve_bytes,
            refused_for_room=bool(parts.room.refusal()),
            nodes=parts.nodes.now(),
            ready=not not_ready(parts),
            read_only=bool(parts.watchdog.reasons),
            emergency_stops_unrecorded=parts.emergency.unrecorded,
            emergency_stops_damaged=len(await parts.emergency.damaged()),
            policy_errors=parts.policy.in_force.errors,
            waiting=len(parts.board.waiting),
            reviews=tuple(x.overdue for x in parts.reviews.open()),
        )

    return snapshot


async def store_use(parts: Parts) -> tuple[int | None, int | None]:
    """Bytes used and capacity; unknown while the stream does not answer."""
    try:
        return await asyncio.wait_for(parts.log.store_use(), METRIC_SECONDS)
    except (Unavailable, TimeoutError):
        return None, None


async def disks(parts: Parts) -> tuple[DiskUse, ...]:
    """The disks of the data directory, of the journal and of the mark; () if they do not answer."""
    try:
        return await asyncio.wait_for(asyncio.to_thread(disk_uses, parts.settings), METRIC_SECONDS)
    except (OSError, TimeoutError):
        return ()


def disk_uses(settings: Settings) -> tuple[DiskUse, ...]:
    """One for each of what a service keeps, also where they lie on one disk. Raises ``OSError``."""
    places = {
        "data": directory_of(settings),
        "journal": journal_path(settings).parent,
        "mark": mark_path(settings).parent,
    }
    return tuple(DiskUse(name, *free_and_size_bytes(path)) for name, path in places.items())


async def troubles(parts: Parts) -> Troubles | None:
    """What is wrong with cancels; unknown while the views cannot be asked."""
    try:
        return await asyncio.wait_for(parts.views.listing.troubles(), METRIC_SECONDS)
    except (CountermandError, TimeoutError):
        return None


async def stuck(parts: Parts) -> list[str]:
    """Cancels that should be over and are not."""
    found = await troubles(parts)
    if found is None or not found.stuck:
        return []
    number = "1 cancel" if found.stuck == 1 else f"{found.stuck} cancels"
    return [f"{number} should be over by now: countermand ls --stuck lists what is not"]


async def bad_filters(parts: Parts) -> list[str]:
    """Filters of the site that cannot be run; unknown while the stream does not answer."""
    try:
        cluster = await asyncio.wait_for(parts.ledger.cluster(), METRIC_SECONDS)
    except (CountermandError, TimeoutError):
        return []
    found = await asyncio.to_thread(filters_of, cluster)
    return [f"{one.sentence}; {one.what_to_do}" for one in found if one.why]


def emergencies(parts: Parts) -> list[str]:
    """Stops that were ordered without the stream, and that it does not know yet."""
    found, count = parts.emergency, parts.emergency.unrecorded
    if not count:
        return []
    number = "1 emergency stop is" if count == 1 else f"{count} emergency stops are"
    words = f"{number} not recorded yet; as soon as the stream takes it, it is"
    return [words, *(f"emergency stop {n}: {why}" for n, why in found.troubles.items())]


async def damaged_stops(parts: Parts) -> list[str]:
    """Files of stops that were changed or cannot be read: what they say is never recorded."""
    found = await parts.emergency.damaged()
    return [f"{flaw}; it is never recorded: keep the file, find out who did it" for flaw in found]


def unanswered(parts: Parts) -> list[str]:
    """Jobs that wait because an activation filter ended as no answer does."""
    failed = TROUBLES[FilterHow.RAN]
    held = [x.held for x in parts.board.jobs.values() if x.held and x.held.code == failed]
    if not held:
        return []
    number = "1 job waits" if len(held) == 1 else f"{len(held)} jobs wait"
    return [f"{number} for the activation filter {held[0].filter}, which fails: {held[0].reason}"]


def not_ready(parts: Parts) -> list[str]:
    """Why no new command can be taken now; none only if each that comes now passes."""
    reasons = parts.watchdog.reasons
    if not parts.log.health.connected:
        reasons.append("nats-server does not answer; the connection is tried again and again")
    if not parts.board.caught_up.is_set():
        reasons.append(f"the stream is being read; position {parts.board.position} so far")
    reasons += [f"the {n} has stopped: {why}" for n, why in parts.supervision.stopped.items()]
    if parts.keeper.failure is not None and "journal" not in parts.supervision.stopped:
        reasons.append(f"the journal has stopped: {parts.keeper.failure}")
    if parts.marks.failure is not None and "mark" not in parts.supervision.stopped:
        reasons.append(f"the mark has stopped: {parts.marks.failure}")
    full = parts.room.refusal()
    if full:
        reasons.append(f"no new command is taken: {full}")
    return reasons or refused(parts)


def refused(parts: Parts) -> list[str]:
    """What a new command would be told now, whatever it is that refuses it."""
    try:
        parts.may_write()
    except CountermandError as error:
        return [f"no new command is taken: {error.message}"]
    return []


def view_reasons(parts: Parts) -> list[str]:
    """Why answers from the views are not up to date."""
    projector, rebuild = parts.views.projector, parts.views.builder.status
    reasons = [] if projector.failure is None else [projector.failure.message]
    if rebuild is not None and rebuild.running:
        reasons.append(f"the views are being built: {rebuild.position} of {rebuild.last} events")
    elif rebuild is not None and rebuild.error:
        reasons.append(f"the last building of the views ended early: {rebuild.error}")
    return reasons


def degraded(parts: Parts) -> list[str]:
    """What needs a person although the service works."""
    reasons = [
        why if why.startswith(f"{aggregate}:") else f"{aggregate}: {why}"
        for aggregate, why in parts.board.corrupt.items()
    ]
    reasons += [f"job {n} cannot go on: {why}" for n, why in parts.carrier.troubles.items()]
    reasons += [
        f"job {key.job}, task {key.task}, attempt {key.attempt}: a run goes on although nothing is "
        "written of it"
        for key in parts.carrier.strays
    ]
    reasons += emergencies(parts)
    reasons += view_reasons(parts)
    broken = parts.policy.in_force.broken
    if broken:
        reasons.append(
            f"the policy in force cannot be used, and everything is refused: {broken}; two "
            "administrators can put another in force: countermand policy activate FILE"
        )
    reasons += unanswered(parts)
    reasons += [
        f"job {job.id}, task {task.spec.id}: {task.survivors} processes outlived SIGKILL"
        for job in parts.board.jobs.values()
        for task in job.tasks.values()
        if task.survivors
    ]
    return reasons
