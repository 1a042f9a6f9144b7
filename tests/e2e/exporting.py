"""Exporters in processes of their own, and events for them."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.e2e.bare import Bare
from tests.e2e.consumer import EXPORTER, Consumer
from tests.e2e.exported import check_export
from tests.e2e.service import Service

NOON: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)


def exporter(
    bare: Bare | Service, directory: Path, *options: str, before: tuple[str, ...] = ()
) -> Consumer:
    """One that finds the stream through the endpoint file."""
    environment = bare.environment() if isinstance(bare, Bare) else reader_of(bare)
    log = directory.with_name(directory.name + ".log")
    return Consumer(EXPORTER, ["--directory", directory, *options], environment, log, before)


def reader_of(service: Service) -> dict[str, str]:
    endpoint = str(service.data / "run" / "endpoint.json")
    return service.clean_environment() | {"COUNTERMAND_ENDPOINT": endpoint}


def once(bare: Bare | Service, directory: Path, before: tuple[str, ...] = ()) -> Consumer:
    """One that ends at the end of the backlog."""
    return exporter(bare, directory, "--until-caught-up", "--patience", "20", before=before)


def event(time: datetime | str, **more: object) -> bytes:
    """Bytes such as a service stores."""
    told = time if isinstance(time, str) else time.isoformat().replace("+00:00", "Z")
    return json.dumps({"id": os.urandom(8).hex(), "time": told, **more}).encode()


def some(count: int, start: datetime = NOON, step: timedelta = timedelta(minutes=3)) -> list[bytes]:
    """Events of about half a kilobyte, each ``step`` after the one before."""
    return [event(start + n * step, data={"text": "x" * 400, "n": n}) for n in range(count)]


def check(bare: Bare | Service, directory: Path) -> None:
    """The export equals the stream."""
    if isinstance(bare, Bare):
        check_export(directory, bare.events())
    else:
        check_export(directory, [(e.position, e.subject, e.raw) for e in bare.stream()])
