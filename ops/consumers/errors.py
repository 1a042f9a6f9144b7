"""What can go wrong in a consumer, by what follows from it."""

from typing import Final

REFUSED: Final = "authorization"
"""In every way that a NATS server has to say that a login is refused."""


class Misuse(Exception):
    """The command line or a file it names is wrong: told at the start, exit status 2."""


class Refused(Exception):
    """Going on would lose or mix up events: a person has to look; exit status 1."""


class Lost(Exception):
    """The stream cannot be read just now: connect again, after a pause."""


def more_telling(before: str, now: str) -> str:
    """Of two reasons for an outage the one to tell: a refused login outlasts the network's words.

    A server that refuses a login closes the connection, and its word for it may be lost with that.
    """
    refused = REFUSED in before.lower() and REFUSED not in now.lower()
    return before if refused else now


class Unavailable(Exception):
    """The stream could not be read for as long as we were told to wait; exit status 75."""
