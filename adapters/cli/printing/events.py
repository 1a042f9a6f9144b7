"""One event in one line: its type, its author, and what its data say, whatever type it is.

Of what cannot be read only why is said: no word of it can be relied on.
"""

from collections.abc import Iterator
from typing import Any, Final

from adapters.cli.printing.moments import brief
from adapters.cli.printing.subtasks import rows, shortened, subtasks_in, tasks_in, whole_tasks
from adapters.cli.reaching.shapes import CloudEvent
from projections.quoting import word

LEFT_OUT: Final = frozenset(
    {"decision", "handle", "content_sha256", "key", "properties", "job_id", "environment"}
    | {"instance", "subtasks"}
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
            yield from runs(value, "node" in data)
        elif name in ("task", "tasks"):
            yield from whole_or_part(data, value)
        elif isinstance(value, dict):
            yield from nested(name, value)
        else:
            yield f"{name}={shown(value)}"
    if data.get("request_id"):
        yield f"request={shown(data['request_id'])}"


def nested(name: str, value: dict[str, Any]) -> Iterator[str]:
    """A small structure: ``exit.signal=15``; a count stands for what it counts, and subtasks are
    named: ``waiting=498:2.3-500``."""
    if isinstance(value.get("count"), int):
        which = subtasks_in([*rows(value.get("runs")), *rows(value.get("subtasks"))])
        yield f"{name}={value['count']}" + (f":{which}" if which else "")
        return
    for inner, found in value.items():
        if found not in ("", None, [], {}) and not isinstance(found, dict | list):
            yield f"{name}.{word(inner, '.')}={shown(found)}"


def runs(value: Any, has_node: bool) -> Iterator[str]:
    """``task=1,2.1-500 attempt=1 node=n1,n2``; ``has_node``: the fact itself names its node."""
    found = rows(value)
    yield f"task={tasks_in(found)}"
    for name in ("attempt",) if has_node else ("attempt", "node"):
        values = sorted({str(row[name]) for row in found if row.get(name)})
        if values:
            yield f"{name}={shortened([word(x, ',') for x in values])}"


def whole_or_part(data: dict[str, Any], value: Any) -> Iterator[str]:
    """The task, tasks or subtasks that a fact is about; not the tasks that a job is made of."""
    if isinstance(value, str):
        yield f"task={tasks_in([*whole_tasks(value), *rows(data.get('subtasks'))])}"
    elif isinstance(value, int):
        row = {"task": value, "instances": data.get("instance", 0)}
        yield f"task={tasks_in([row])}"


def shown(value: object) -> str:
    """Text that is more than a word in quotes, truth as yes and no, lists with commas."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(word(str(x), ",") for x in value)
    return word(str(value))
