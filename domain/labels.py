"""Labels of a job: words by name that its owner gives it, and that rules and lists may go by."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from domain.checks import SHOWN, wrong

LABELS_MAX: Final = 32
VALUE_CHARACTERS_MAX: Final = 128
BYTES_MAX: Final = 2048
"""Of all names and values of a job: a policy is told all of them, and may be told 16 KiB."""

NAME_PATTERN: Final = "[a-z0-9][a-z0-9._/-]{0,62}"
NAME: Final = re.compile(NAME_PATTERN, re.ASCII)
NAME_WORDS: Final = "1 to 63 of a-z, 0-9 and . _ / -, the first a letter or a digit"
NOT_TEXT: Final = frozenset({"Cc", "Cs"})
"""Control characters, and halves of characters."""


def check_labels(labels: Mapping[str, str]) -> None:
    """Pass, or raise ``BadRequest``: too many, too long, or what cannot be one.

    An empty value passes: in a change it takes the label away.
    """
    if len(labels) > LABELS_MAX:
        raise wrong(f"{len(labels)} labels are too many; a job has at most {LABELS_MAX}")
    for name, value in labels.items():
        if not NAME.fullmatch(name):
            raise wrong(f"{name[:SHOWN]!r} cannot be a label's name: {NAME_WORDS}")
        if len(value) > VALUE_CHARACTERS_MAX:
            raise wrong(
                f"the label {name} has {len(value)} characters; at most {VALUE_CHARACTERS_MAX} are "
                "allowed"
            )
        if any(unicodedata.category(character) in NOT_TEXT for character in value):
            raise wrong(f"the label {name} holds a control character; use plain text")
    size = sum(len(name) + len(value.encode()) for name, value in labels.items())
    if size > BYTES_MAX:
        raise wrong(f"the job's labels have {size} bytes; at most {BYTES_MAX} are allowed")


def check_new_labels(labels: Mapping[str, str]) -> None:
    """As ``check_labels``, for labels of a new job: none is empty."""
    check_labels(labels)
    empty = [name for name, value in labels.items() if not value]
    if empty:
        raise wrong(f"the label {empty[0]} has no value; give it one, or leave it out")


def words_of(labels: Mapping[str, str]) -> tuple[str, ...]:
    """What a policy is told: of each label ``name=value``, and the name alone; sorted."""
    return tuple(sorted({*labels, *(f"{name}={value}" for name, value in labels.items())}))
