"""What the server does not let a user do: it says so beside the answers, which then never come.

The client hands it on in lower case, so the subject is the one of those we used that it fits.
"""

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

VIOLATION: Final = re.compile(
    r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE
)


class Denial(Struct, frozen=True):
    """A permission that is missing. ``verb``: publish or subscribe."""

    verb: str
    subject: str

    def is_of(self, subject: str) -> bool:
        """Whether it is about this subject."""
        return subject.lower() == self.subject.lower()

    def named(self, used: Iterable[str]) -> "Denial":
        """With the subject as we wrote it."""
        return next((Denial(self.verb, one) for one in used if self.is_of(one)), self)

    def words(self, user: str) -> str:
        """What is missing, and what to do."""
        return (
            f"the NATS user {user} is not permitted to {self.verb} to {self.subject!r}: give it "
            "that permission on the NATS server"
        )


def denial_of(text: str) -> Denial | None:
    """What an error of the server says is missing; None for any other error."""
    found = VIOLATION.search(text)
    if found is None:
        return None
    verb = "publish" if found[1].lower() == "publish" else "subscribe"
    return Denial(verb, found[2])
