"""Inserts of one event through recorders of the library: JetStream, SQLite and PostgreSQL.

All three sync to disk before they answer: nats-server with ``sync_interval: always``, SQLite with
``synchronous=FULL``, PostgreSQL with its defaults. They take turns within each round.
"""

import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, StoredEvent
from eventsourcing.sqlite import SQLiteFactory

from tests.benchmarks.figures import ROUNDS, Figure
from tests.support.nats import AdminServer, threaded_server
from tests.support.postgres import NOT_HERE, Postgres, running_postgres
from tests.support.recorder import environment

THREADS: Final = (1, 8, 64)
SECONDS: Final = 1.0
STATE: Final = b'{"amount":{"_type_":"decimal_str","_data_":"10.00"},"timestamp":1764259200}'
TOPIC: Final = "accounts.domain:Account.Credited"
FULL: Final = 2

JETSTREAM: Final = "JetStream"
SQLITE: Final = "SQLite"
POSTGRES: Final = "PostgreSQL"

Stores = dict[str, ApplicationRecorder]
Rates = dict[tuple[str, int], list[float]]


def measure(directory: Path) -> Sequence[Figure]:
    """Inserts per second of each store, and how many times as many JetStream takes."""
    rates: Rates = {}
    with ExitStack() as stack:
        stores = opened(directory, stack)
        for recorder in stores.values():
            inserts_per_second(recorder, THREADS[0])
        for _ in range(ROUNDS):
            for threads in THREADS:
                for name, recorder in stores.items():
                    rate = inserts_per_second(recorder, threads)
                    rates.setdefault((name, threads), []).append(rate)
    return figures(rates, [name for name in stores if name != JETSTREAM])


def opened(directory: Path, stack: ExitStack) -> Stores:
    """A recorder on each store that there is."""
    server = stack.enter_context(threaded_server(AdminServer, directory / "nats"))
    stores = {
        JETSTREAM: environment(server.url, server.admin),
        SQLITE: sqlite_environment(directory),
    }
    postgres = stack.enter_context(running_postgres(directory))
    if postgres is None:
        print(f"without PostgreSQL: {NOT_HERE}")
    else:
        print(f"with PostgreSQL {postgres.version}")
        stores[POSTGRES] = postgres_environment(postgres)
    return {name: stack.enter_context(recorder_on(env)) for name, env in stores.items()}


def sqlite_environment(directory: Path) -> dict[str, str]:
    """A database in a file."""
    return {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": str(directory / "events.sqlite"),
    }


def postgres_environment(postgres: Postgres) -> dict[str, str]:
    """A connection for each thread."""
    return postgres.environment() | {"POSTGRES_POOL_SIZE": str(max(THREADS))}


@contextmanager
def recorder_on(env: dict[str, str]) -> Iterator[ApplicationRecorder]:
    """The application recorder that the library makes of ``env``."""
    factory: InfrastructureFactory = InfrastructureFactory.construct(env)
    try:
        recorder = factory.application_recorder()
        if isinstance(factory, SQLiteFactory):
            prove_full(factory)
        yield recorder
    finally:
        factory.close()


def prove_full(factory: SQLiteFactory) -> None:
    """Refuse to compare with an SQLite that answers before it has synced."""
    with factory.datastore.transaction(commit=True) as cursor:
        cursor.execute("PRAGMA synchronous")
        (level,) = cursor.fetchone()
    if level != FULL:
        raise RuntimeError(f"this SQLite has synchronous={level}, not FULL")


def inserts_per_second(recorder: ApplicationRecorder, threads: int) -> float:
    """Each thread inserts one event after the other, each of an aggregate of its own."""
    began = time.perf_counter()

    def some(deadline: float) -> int:
        count = 0
        while time.perf_counter() < deadline:
            recorder.insert_events([StoredEvent(uuid.uuid4(), 1, TOPIC, STATE)])
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(some, [began + SECONDS] * threads))
    return done / (time.perf_counter() - began)


def figures(rates: Rates, others: Sequence[str]) -> list[Figure]:
    """The rates, then the ratios, each within its round."""
    found = [
        Figure(f"{name}, {counted(threads)}", "inserts per second", tuple(values))
        for (name, threads), values in sorted(rates.items(), key=lambda row: (row[0][1], row[0][0]))
    ]
    for name in others:
        for threads in THREADS:
            pairs = zip(rates[JETSTREAM, threads], rates[name, threads], strict=True)
            values = tuple(ours / other for ours, other in pairs)
            found.append(Figure(f"JetStream to {name}, {counted(threads)}", "times", values))
    return found


def counted(threads: int) -> str:
    """How many threads."""
    return "1 thread" if threads == 1 else f"{threads} threads"
