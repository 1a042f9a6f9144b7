"""The fields of a query, by names in any case, and the small words in them."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from adapters.web.requests import Malformed

FIELDS_MAX: Final = 100
SHOWN: Final = 80
NAMES_MAX: Final = 200
NUMBER_DIGITS_MAX: Final = 9
NUMBER_MAX: Final = 10**NUMBER_DIGITS_MAX - 1
YES_NO: Final = {"true": True, "1": True, "false": False, "0": False}
"""As .NET and JavaScript and Python write them, in any case."""


class Fields:
    """A request's query."""

    def __init__(self, query_string: bytes) -> None:
        self._found: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        try:
            pairs = parse_qsl(
                query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX
            )
        except ValueError:
            raise Malformed(f"the query has more than {FIELDS_MAX} fields") from None
        for name, value in pairs:
            if self._found.setdefault(name.lower(), value) != value:
                raise Malformed(f"the query field {name[:SHOWN]!r} is given with two values")
            self._spelled.setdefault(name.lower(), name)

    def check(self, operation: str, allowed: Sequence[str]) -> None:
        """Pass, or raise ``Malformed`` with what an operation has: no field is passed over."""
        known = {name.lower() for name in allowed}
        for key, name in self._spelled.items():
            if key not in known:
                raise Malformed(
                    f"{operation} has no query field {name[:SHOWN]!r}; it has: {shown(allowed)}"
                )

    def text(self, name: str) -> str:
        """A text; "" for none."""
        return self._found.get(name.lower(), "")

    def yes(self, name: str, default: bool) -> bool:
        """Yes or no; ``default`` where the field is not there. One that is empty says neither."""
        given = name.lower() in self._found
        return yes_or_no(self.text(name), name) if given else default

    def number(self, name: str) -> int | None:
        """A whole number from 0; clients also write ``10.0``."""
        text = self.text(name)
        if not text:
            return None
        digits = text.partition(".")[0] if text.partition(".")[2].strip("0") == "" else ""
        if not (digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX):
            raise Malformed(
                f"{name} cannot be {text[:SHOWN]!r}: it is a whole number from 0 to {NUMBER_MAX}"
            )
        return int(digits)

    def names(self, name: str) -> tuple[str, ...]:
        """Names with commas between them."""
        return names_in(self.text(name), name)


def yes_or_no(text: str, name: str) -> bool:
    """``True``, ``true``, ``False``, ``false``."""
    found = YES_NO.get(text.strip().lower())
    if found is None:
        raise Malformed(f"{name} cannot be {text[:SHOWN]!r}: it is true or false")
    return found


def names_in(text: str, what: str) -> tuple[str, ...]:
    """Names with commas between them, without blanks, each once."""
    names = tuple(dict.fromkeys(x for x in (x.strip() for x in text.split(",")) if x))
    if len(names) > NAMES_MAX:
        raise Malformed(f"{what} has {len(names)} names; at most {NAMES_MAX} can be")
    return names


def shown(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names)
