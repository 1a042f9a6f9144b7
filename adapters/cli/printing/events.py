"""One event in one line: its type, its author, and what its data say, whatever type it is.

Of what cannot be read only why is said: no word of it can be relied on.
"""

from collections.abc import Iterator
from typing import Any, Final

from adapters.cli.printing.moments import brief
from adapters.cli.reaching.shapes import CloudEvent
from projections.quoting import word

LEFT_OUT: Final = frozenset(
    {"decision", "handle", "content_sha256", "key", "properties", "job_id", "tasks", "environment"}
)
ENDINGS_LEFT_OUT: Final = ("request_id", "_version")
HEADINGS: Final = ("EVENT", "VERSION", "TIME", "TYPE", "ACTOR", "SUMMARY")


UNREADABLE: Final = "unreadable"


def cells(event: CloudEvent | None, unreadable: str, utc: bool) -> tuple[str, str, str, str]:
    """Time, type, author and facts; ``unreadable``: why there are none, or ""."""
    if unreadable or event is None:
        return "", UNREADABLE, "", unreadable
    return brief(event.get("time"), utc), type_of(event), actor_of(event), summary(event)


def type_of(event: CloudEvent) -> str:
    """``JobCancelRequested`` of ``countermand.JobCancelRequested.v1``."""
    parts = event.get("type", "").split(".")
    return parts[1] if len(parts) == 3 else event.get("type", "")


def actor_of(event: CloudEvent) -> str:
    """Who, and for whom."""
    return by(event.get("authid", ""), event.get("onbehalfof"))


def by(actor: str, on_behalf_of: str | None) -> str:
    """``alice for bob``, or only ``alice``."""
    return f"{actor} for {on_behalf_of}" if on_behalf_of else actor


def summary(event: CloudEvent) -> str:
    """Every short fact of the event as ``name=value``; what is empty says nothing."""
    data = event.get("data")
    return " ".join(facts(data)) if isinstance(data, dict) else ""


def facts(data: dict[str, Any]) -> Iterator[str]:
    """The facts, the request id last: it is long."""
    for name, value in data.items():
        if name in LEFT_OUT or name.endswith(ENDINGS_LEFT_OUT) or value in ("", None, [], {}):
            continue
        if name == "hresult" and isinstance(value, int):
            yield f"{name}={value:#010x}"
        elif name == "runs":
            yield runs(value)
        elif isinstance(value, dict):
            yield from nested(name, value)
        else:
            yield f"{name}={shown(value)}"
    if data.get("request_id"):
        yield f"request={shown(data['request_id'])}"


def nested(name: str, value: dict[str, Any]) -> Iterator[str]:
    """A small structure: ``exit.signal=15``; a count stands for what it counts."""
    if isinstance(value.get("count"), int):
        yield f"{name}={value['count']}"
        return
    for inner, found in value.items():
        if found not in ("", None, [], {}) and not isinstance(found, dict | list):
            yield f"{name}.{word(inner, '.')}={shown(found)}"


def runs(value: Any) -> str:
    """``task=1,2 attempt=1``"""
    found = [x for x in value if isinstance(x, dict)] if isinstance(value, list) else []
    tasks = ",".join(str(x.get("task", "")) for x in found)
    attempts = ",".join(sorted({str(x.get("attempt", "")) for x in found}))
    return f"task={tasks} attempt={attempts}"


def shown(value: object) -> str:
    """Text that is more than a word in quotes, truth as yes and no, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(word(str(x), ",") for x in value)
    return word(str(value))
