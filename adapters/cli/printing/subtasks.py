"""Tasks and subtasks that an event names, in short: ``1,2.1-500``, as the trail has them.

The data may be anything: of what is no number and no range only its text is shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from projections.quoting import word

SPANS_MAX: Final = 12
"""So many ranges are named; the event has them all."""

DIGITS_MAX: Final = 9
ITSELF: Final = "0"

Span = tuple[int, int]


def rows(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list, as far as there are any."""
    return [x for x in value if isinstance(x, Mapping)] if isinstance(value, list) else []


def whole_tasks(text: str) -> list[Mapping[str, Any]]:
    """Tasks that are named by ranges, a row each range."""
    return [{"task": part} for part in text.split(",")]


def tasks_in(found: Sequence[Mapping[str, Any]]) -> str:
    """Tasks, and in the place of a task of which subtasks are named those."""
    if len(found) == 1 and (alone := one_run(found[0])):
        return alone
    spans: list[Span] = []
    odd: list[str] = []
    for row in filter(is_whole, found):
        text = str(row.get("task", ""))
        spans += spans_in(text)
        odd += [] if spans_in(text) else [word(text, ",.")]
    some = {str(row.get("task", "")) for row in found if not is_whole(row)}
    whole = [as_text(span) for span in without(joined(spans), some)]
    return ",".join(filter(None, [shortened([*whole, *odd]), subtasks_in(found)]))


def one_run(row: Mapping[str, Any]) -> str:
    """``2``, or ``2.17``: what most events are about; "" for anything else, which takes longer."""
    task, instances = row.get("task"), row.get("instances", ITSELF)
    if not isinstance(task, int) or not isinstance(instances, str) or not instances.isdecimal():
        return ""
    return str(task) if instances == ITSELF else f"{task}.{instances}"


def without(spans: Iterable[Span], numbers: Iterable[str]) -> list[Span]:
    """Ranges in which none of these numbers is."""
    left = list(spans)
    for number in (int(x) for x in numbers if spans_in(x) and x.isdecimal()):
        left = [
            part
            for a, b in left
            for part in ([(a, number - 1), (number + 1, b)] if a <= number <= b else [(a, b)])
            if part[0] <= part[1]
        ]
    return left


def subtasks_in(found: Iterable[Mapping[str, Any]]) -> str:
    """The subtasks only: ``2.1-500,2.7``; "" where whole tasks are meant."""
    by_task: dict[str, list[Span]] = {}
    odd: list[str] = []
    for row in found:
        task, text = str(row.get("task", "")), str(row.get("instances", ITSELF))
        spans = spans_in(text)
        if not is_whole(row):
            by_task.setdefault(task, []).extend(spans)
            odd += [] if spans else [f"{word(task, ',.')}.{word(text, ',')}"]
    named = [
        f"{word(task, ',.')}.{as_text(span)}"
        for task, spans in by_task.items()
        for span in joined(spans)
    ]
    return shortened([*named, *odd])


def is_whole(row: Mapping[str, Any]) -> bool:
    """Whether it is about the task itself."""
    return str(row.get("instances", ITSELF)) == ITSELF


def shortened(parts: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(parts) - SPANS_MAX
    return ",".join([*parts[:SPANS_MAX], *([f"...+{more}"] if more > 0 else [])])


def as_text(span: Span) -> str:
    """``7``, or ``1-500``."""
    first, last = span
    return str(first) if first == last else f"{first}-{last}"


def spans_in(text: str) -> list[Span]:
    """First and last of each range of a text such as "1-3,7"; none of any other text."""
    found = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        ends = first, last if dash else first
        if not all(x.isdecimal() and len(x) <= DIGITS_MAX for x in ends):
            return []
        found.append((int(ends[0]), int(ends[1])))
    return found


def joined(spans: Iterable[Span]) -> list[Span]:
    """Rising, and what lies side by side as one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found
