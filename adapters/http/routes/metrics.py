"""Metrics in Prometheus' exposition format. Asked without authentication: no name is in them.

What is counted of the stream comes from the views, so it is the number of events there are, also
after a restart. What the web itself counts begins anew with the process.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Final, TypeVar

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from adapters.http.contract import service as op
from adapters.http.contract.operation import route
from adapters.web.request_log import RequestCounts
from adapters.web.requests import WebRequest
from application.node_use import NodeUse
from application.views import Troubles
from projections.tally import BUCKETS_MS, LABELS, SUM, CountKey, Measure

T = TypeVar("T")


class DiskUse(Struct, frozen=True):
    """The disk under ``holds``: "data", "journal" or "mark". ``free_bytes``: for the service."""

    holds: str
    free_bytes: int
    size_bytes: int


class Snapshot(Struct, frozen=True):
    """What the service knows of itself at one moment.

    ``troubles``: None while the views cannot be asked. ``store_bytes``, ``store_capacity_bytes``:
    of the stream, None while it does not answer. ``disks``: () while they do not.
    ``disk_needed_bytes``: free ones that a new command needs; ``disk_reserve_bytes``: held beside
    them for cancels under way; ``refused_for_room``: whether new commands are, for the disk or the
    stream. ``nodes``: with what is on them. ``ready``: whether commands are taken. ``read_only``:
    the stream is not what it was. ``emergency_stops_*``: ordered without the stream.
    ``policy_errors``: how often this process refused because the policy could not be asked.
    ``waiting``: jobs with cancels that wait. ``reviews``: of each that is open whether it is
    overdue.
    """

    counts: Mapping[CountKey, int]
    troubles: Troubles | None
    stream_position: int
    journal_position: int
    view_position: int
    store_bytes: int | None
    store_capacity_bytes: int | None
    disks: tuple[DiskUse, ...]
    disk_needed_bytes: int
    disk_reserve_bytes: int
    refused_for_room: bool
    nodes: tuple[NodeUse, ...]
    ready: bool
    read_only: bool
    waiting: int
    reviews: tuple[bool, ...]
    emergency_stops_unrecorded: int = 0
    emergency_stops_damaged: int = 0
    policy_errors: int = 0


MEDIA_TYPE: Final = "text/plain; version=0.0.4"
"""The framework adds the charset."""

COUNTERS: Final = {
    Measure.REQUESTS: (
        "countermand_requests",
        "Recorded requests by operation, and by what became of them.",
    ),
    Measure.REFUSALS: ("countermand_refusals", "Recorded refusals, by the rule that refused."),
    Measure.SHADOW: (
        "countermand_policy_shadow_answers",
        "Recorded answers of rules in shadow, by how they differ from what was decided.",
    ),
    Measure.CANCEL_STAGES: ("countermand_cancels", "Accepted cancels that reached a stage."),
    Measure.SURVIVORS: (
        "countermand_processes_outlived_kill",
        "Processes that were still there after SIGKILL.",
    ),
}
HISTOGRAMS: Final = {
    Measure.ORDER_MS: (
        "countermand_cancel_order_seconds",
        "From an accepted cancel to its first stop order, durable.",
    ),
    Measure.SIGNAL_MS: (
        "countermand_cancel_signal_seconds",
        "From an accepted cancel to the first stop signal.",
    ),
    Measure.END_MS: (
        "countermand_cancel_end_seconds",
        "From an accepted cancel to its end.",
    ),
}


NODE_GAUGES: Final[tuple[tuple[str, str, Callable[[NodeUse], int]], ...]] = (
    ("node_slots", "Runs that may be on a node at once.", lambda n: n.slots),
    ("node_slots_in_use", "Slots that runs of a node hold.", lambda n: n.slots_in_use),
    ("node_runs", "Runs on a node, with node release.", lambda n: n.runs),
)
DISK_GAUGES: Final[tuple[tuple[str, str, Callable[[DiskUse], int]], ...]] = (
    ("disk_free_bytes", "Bytes that the service may still write.", lambda d: d.free_bytes),
    ("disk_size_bytes", "Bytes that the disk has.", lambda d: d.size_bytes),
)


class Measured(Collector):
    """A snapshot as metrics."""

    def __init__(self, snapshot: Snapshot, web: RequestCounts) -> None:
        self._now = snapshot
        self._web = web

    def collect(self) -> Iterator[Metric]:
        """Every metric."""
        yield from (counter(measure, self._now.counts) for measure in COUNTERS)
        yield from (histogram(measure, self._now.counts) for measure in HISTOGRAMS)
        for name, (words, value) in gauges(self._now).items():
            if value is not None:
                yield GaugeMetricFamily(f"countermand_{name}", words, value=value)
        yield from labelled_gauges(NODE_GAUGES, "node", {n.name: n for n in self._now.nodes})
        yield from labelled_gauges(DISK_GAUGES, "holds", {d.holds: d for d in self._now.disks})
        yield CounterMetricFamily(
            "countermand_policy_errors",
            "Refusals of this process because the policy answered with an error, or not at all.",
            value=self._now.policy_errors,
        )
        yield self._requests()

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "countermand_http_requests",
            "Answers of this process over HTTP; 401 counts those without a known identity.",
            labels=("method", "status"),
        )
        for (method, status), count in sorted(self._web.by_status.items()):
            family.add_metric((method, str(status)), count)
        return family


def counter(measure: Measure, counts: Mapping[CountKey, int]) -> Metric:
    """One counter with all its series."""
    name, words = COUNTERS[measure]
    family = CounterMetricFamily(name, words, labels=LABELS[measure])
    for key, total in series(measure, counts):
        family.add_metric(key.labels, total)
    return family


def histogram(measure: Measure, counts: Mapping[CountKey, int]) -> Metric:
    """One histogram with all its series; buckets are cumulative."""
    name, words = HISTOGRAMS[measure]
    family = HistogramMetricFamily(name, words, labels=LABELS[measure])
    bounds = (*map(str, BUCKETS_MS), "inf")
    for labels in sorted({key.labels[:-1] for key, _ in series(measure, counts)}):
        so_far, buckets = 0, []
        for bound in bounds:
            so_far += counts.get(CountKey(measure, (*labels, bound)), 0)
            seconds = "+Inf" if bound == "inf" else str(int(bound) / 1000)
            buckets.append((seconds, so_far))
        total_ms = counts.get(CountKey(measure, (*labels, SUM)), 0)
        family.add_metric(labels, buckets, sum_value=total_ms / 1000)
    return family


def series(measure: Measure, counts: Mapping[CountKey, int]) -> Iterable[tuple[CountKey, int]]:
    """The series of one measure, in order."""
    mine = ((key, total) for key, total in counts.items() if key.measure is measure)
    return sorted(mine, key=lambda x: x[0].labels)


def gauges(now: Snapshot) -> dict[str, tuple[str, float | None]]:
    """What is so now; None for what nobody can tell."""
    found = now.troubles
    return {
        "cancels_open": ("Cancels under way.", found.open if found else None),
        "cancels_stuck": ("Cancels that should be over.", found.stuck if found else None),
        "cancels_late": ("Cancels that were late.", found.late if found else None),
        "jobs_with_waiting_cancels": (
            "Jobs with a cancel that a rule holds or wants approved.",
            now.waiting,
        ),
        "reviews_open": (
            "Ways past the rules or the stream, unreviewed.",
            len(now.reviews),
        ),
        "reviews_overdue": ("Those of them whose time has run out.", sum(now.reviews)),
        "survivors": ("Processes that outlived SIGKILL.", found.survivors if found else None),
        "stream_position": ("The latest event of the stream.", now.stream_position),
        "journal_position": ("The latest event in the journal.", now.journal_position),
        "projection_position": ("What the views are true for.", now.view_position),
        "projection_lag_events": (
            "Events that the views do not know yet.",
            max(0, now.stream_position - now.view_position),
        ),
        "store_used_bytes": ("Bytes of the stream's store in use.", now.store_bytes),
        "store_capacity_bytes": ("Bytes that the stream may take.", now.store_capacity_bytes),
        "disk_needed_bytes": (
            "Bytes that must be free on the data directory's disk for a new command.",
            now.disk_needed_bytes,
        ),
        "disk_reserve_bytes": (
            "Bytes held on that disk beside what is free, for cancels under way.",
            now.disk_reserve_bytes,
        ),
        "refused_for_room": (
            "1 while new commands are refused because the disk or the stream is full.",
            float(now.refused_for_room),
        ),
        "ready": ("1 while commands are taken.", float(now.ready)),
        "read_only": (
            "1 once the stream was found changed, replaced or cut short.",
            float(now.read_only),
        ),
        "emergency_stops_unrecorded": (
            "Stops that were ordered, or refused, without the stream and are not recorded yet.",
            now.emergency_stops_unrecorded,
        ),
        "emergency_stops_damaged": (
            "Files of such stops that were changed or cannot be read, and are never recorded.",
            now.emergency_stops_damaged,
        ),
    }


def labelled_gauges(
    table: Iterable[tuple[str, str, Callable[[T], int]]], label: str, found: Mapping[str, T]
) -> Iterator[Metric]:
    """Gauges with a series for each of ``found``; a removed node has no slots, but may run."""
    for name, words, value in table:
        family = GaugeMetricFamily(f"countermand_{name}", words, labels=(label,))
        for key, one in found.items():
            family.add_metric((key,), value(one))
        yield family


def metrics_routes(
    snapshot: Callable[[], Awaitable[Snapshot]], web: RequestCounts
) -> list[HTTPRouteHandler]:
    """``/metrics``."""

    async def metrics(_: WebRequest) -> Response[bytes]:
        registry = CollectorRegistry()
        registry.register(Measured(await snapshot(), web))
        ProcessCollector(registry=registry)
        return Response(generate_latest(registry), media_type=MEDIA_TYPE)

    return [route(op.METRICS, metrics)]
