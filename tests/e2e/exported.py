"""What an export must be, reckoned from the stream alone, in another way than the exporter does."""

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

KEPT: Final = {"checkpoint.json", "lock"}
Stored = tuple[int, str, bytes]
"""Position, subject, bytes."""


def day_of(raw: bytes) -> str:
    """The file that an event belongs into."""
    try:
        time = json.loads(raw)["time"].replace("Z", "+00:00")
        moment = datetime.fromisoformat(time)
        return f"{moment.astimezone(UTC):%Y-%m-%d}" if moment.tzinfo else "undated"
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return "undated"


def line_of(event: Stored) -> bytes:
    """Its line; bytes that no line of JSON may hold are in Base64."""
    position, subject, raw = event
    head = b'{"position":%d,"subject":"%s",' % (position, subject.encode())
    try:
        json.loads(raw, parse_constant=lambda name: int(name))
        whole = b"\n" not in raw and b"\r" not in raw
    except (ValueError, RecursionError):
        whole = False
    if whole:
        return head + b'"event":' + raw + b"}\n"
    return head + b'"event_base64":"' + base64.b64encode(raw) + b'"}\n'


def expected(events: list[Stored]) -> dict[str, bytes]:
    """Every file there must be, and its bytes; but for checkpoint and lock."""
    days: dict[str, list[Stored]] = {}
    for event in events:
        days.setdefault(day_of(event[2]), []).append(event)
    files = {}
    for day, found in days.items():
        name, data = f"events-{day}.ndjson", b"".join(map(line_of, found))
        files[name] = data
        if day != day_of(events[-1][2]):
            files[f"events-{day}.manifest.json"] = manifest(name, found, data)
    return files


def manifest(name: str, found: list[Stored], data: bytes) -> bytes:
    """The manifest of a day that is over."""
    told = {"file": name, "events": len(found), "first_position": found[0][0]}
    told |= {"last_position": found[-1][0], "bytes": len(data)}
    told |= {"sha256": sha256(data).hexdigest()}
    return json.dumps(told, indent=1).encode() + b"\n"


def files_in(directory: Path) -> dict[str, bytes]:
    """Every file there is, and its bytes; but for checkpoint and lock."""
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.name not in KEPT}


def check_export(directory: Path, events: list[Stored]) -> None:
    """The files equal the stream, byte for byte, and the checkpoint is at its end."""
    assert files_in(directory) == expected(events)
    checkpoint = json.loads((directory / "checkpoint.json").read_bytes())
    assert checkpoint["mark"]["position"] == events[-1][0]
