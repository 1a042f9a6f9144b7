"""An emergency stop in words: what was done without the stream, and what that means now."""

from domain import events as e
from domain.demands import overridden
from domain.states import EmergencyOutcome
from projections.quoting import plain, quoted


def emergency(fact: e.EmergencyStopRecorded) -> str:
    """When, what came of it, and why the stream was not asked."""
    stop = fact.stop
    words = (
        f"ordered at {stop.ordered_at} by uid {stop.uid} without the stream "
        f"({plain(stop.unreachable)}); {what_came_of_it(stop)}"
    )
    past = overridden(fact.decision)
    words += f"; overrode {plain(past)}" if past else ""
    return words if fact.in_effect else f"{words}; changes nothing, the job is {fact.from_state}"


def what_came_of_it(stop: e.EmergencyStop) -> str:
    """How many runs were seen to end, as far as somebody looked."""
    runs = many(stop.runs.count, "run", "runs")
    if stop.outcome is EmergencyOutcome.UNKNOWN:
        return f"{runs} to stop, and nobody noted what came of it"
    left = f", {stop.survivors} survived" if stop.survivors else ""
    killed = many(stop.killed, "process", "processes")
    return f"{stop.ended} of {runs} ended, {killed} killed{left}"


def stopped_in_emergency(fact: e.EmergencyStopRecorded) -> str:
    """What somebody did, behind their name."""
    stop = fact.stop
    said = f", saying {quoted(fact.message)}" if fact.message else ""
    late = "" if fact.in_effect else f"; by then it was {fact.from_state}, and stayed so"
    past = overridden(fact.decision)
    late += f"; it overrode {plain(past)}" if past else ""
    return (
        f"stopped it at {stop.ordered_at} while the stream could not be reached"
        f"{said}: {what_came_of_it(stop)}; recorded here{late}"
    )


def many(number: int, one: str, several: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{number} {one if number == 1 else several}"


def refused_in_emergency(fact: e.JobCommandRefused) -> str:
    """What somebody was refused, behind their name."""
    said = f", saying {quoted(fact.message)}" if fact.message else ""
    return (
        f"asked at {fact.asked_at} to stop it while the stream could not be reached"
        f"{said}, and was refused (recorded here)"
    )


def asked_in_emergency(fact: e.JobCommandRefused) -> str:
    """When, and why the stream was not told then."""
    return f"asked for at {fact.asked_at} without the stream ({plain(fact.unreachable)})"
