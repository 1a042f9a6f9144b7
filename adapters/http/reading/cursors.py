"""Where a list goes on: an opaque text that only fits the very question it was given for."""

import base64
import binascii
import hashlib
from typing import Final

import msgspec
from msgspec import Struct

from application.views import Key
from domain.errors import Unknown

DIGEST_BYTES: Final = 9
CHARACTERS_MAX: Final = 2000


class Cursor(Struct, frozen=True, array_like=True):
    """The key of the last row of a page, and a digest of the question."""

    after: Key
    question: str


def question_digest(*parts: object) -> str:
    """A digest of everything that chooses and sorts the rows."""
    whole = hashlib.blake2b(msgspec.json.encode(parts), digest_size=DIGEST_BYTES)
    return base64.urlsafe_b64encode(whole.digest()).decode()


def cursor_text(after: Key, question: str) -> str:
    """The cursor as it goes out."""
    coded = base64.urlsafe_b64encode(msgspec.json.encode(Cursor(after, question)))
    return coded.decode().rstrip("=")


def key_of(text: str | None, question: str) -> Key:
    """The key that a cursor holds; () for none. ``Unknown`` for one of another question."""
    if text is None:
        return ()
    found = decoded(text) if len(text) <= CHARACTERS_MAX else None
    if found is None:
        raise unknown("the cursor is not one that this service gave; begin without a cursor")
    if found.question != question:
        raise unknown(
            "the cursor belongs to another question: keep filters and order as they were, or begin "
            "without a cursor"
        )
    return found.after


def decoded(text: str) -> Cursor | None:
    """The cursor, if it is one."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None


def unknown(sentence: str) -> Unknown:
    """There is no such place in this list."""
    return Unknown(sentence, code="unknown_cursor")
