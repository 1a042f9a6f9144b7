"""What an administrator is told when work on a stream is done."""

from msgspec import Struct


class Done(Struct, frozen=True):
    """What was done, in words."""

    words: str


class Switched(Done, frozen=True):
    """Another stream is in place.

    ``missing``: events that are nowhere, so that no service starts.
    """

    missing: int


def and_missing(missing: int) -> str:
    """What is still to be done, as one more sentence; "" when nothing is missing."""
    if not missing:
        return ""
    return (
        f" {missing} later events that were acknowledged are nowhere: the service starts "
        "when their loss is accepted ('countermand accept-loss')."
    )
