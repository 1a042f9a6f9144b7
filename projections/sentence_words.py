"""Words that the sentences of an explanation have in common."""

from domain import events as e
from projections.quoting import plain, quoted
from projections.summary import tasks


def refusal(fact: e.RefusalEvent) -> str:
    """Why not, and by which rule."""
    return f"{plain(fact.explanation)} (rule {plain(fact.rule)})"


def caller_of(recorded: e.Recorded) -> str:
    """Who asked, and for whom."""
    caller = recorded.event.caller
    return by(caller.actor.name, caller.acted_for)


def by(actor: str, on_behalf_of: str) -> str:
    """``alice for bob``, or only ``alice``."""
    return f"{actor} for {on_behalf_of}" if on_behalf_of else actor


def saying(message: str) -> str:
    """The operator's words."""
    return f", saying {quoted(message)}" if message else ""


def those(runs: tuple[e.RunRange, ...]) -> str:
    """Which tasks, at the beginning of a sentence."""
    return tasks(runs).capitalize()


def count(number: int, one: str, many: str = "") -> str:
    """``1 task``, ``2 tasks``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def either(number: int, one: str, many: str) -> str:
    """The word for one, or for several."""
    return one if number == 1 else many
