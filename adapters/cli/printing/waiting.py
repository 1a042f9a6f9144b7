"""A cancel that waits, in words: by whom, until when, and what it still needs."""

from adapters.cli.printing.events import by
from adapters.cli.printing.moments import shown
from adapters.cli.reaching.shapes import WaitingFacts
from projections.quoting import quoted


def waiting(facts: WaitingFacts, utc: bool) -> str:
    """All there is to say of it."""
    who = by(facts["actor"], facts["on_behalf_of"])
    words = f"{facts['mode']} by {who} at {shown(facts['at'], utc)} ({facts['request_id']}), "
    words += waits_for(facts, utc)
    return f"{words}: {quoted(facts['message'])}" if facts["message"] else words


def waits_for(facts: WaitingFacts, utc: bool) -> str:
    """Until when it is held, and which approvals it has."""
    until = held_until(facts, utc)
    words = (f"held until {until}" if until else "", approvals_of(facts, utc))
    return "; ".join(filter(None, words))


def held_until(facts: WaitingFacts, utc: bool) -> str:
    """The end of its hold; "" for one that is not held, and waits for approvals alone."""
    return shown(facts["due"], utc) if facts["due"] > facts["at"] else ""


def approvals_of(facts: WaitingFacts, utc: bool) -> str:
    """How many of how many, and until when; "" where none is needed."""
    needed, given = facts["approvals_needed"], facts["approvals"]
    if not needed:
        return ""
    names = ", ".join(by(x["actor"], x["on_behalf_of"]) for x in given)
    words = f"{len(given)} of {needed} approvals"
    words += f" ({names})" if names else ""
    return words if len(given) >= needed else f"{words}, by {shown(facts['expires'], utc)}"
