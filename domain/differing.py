"""Where two facts differ, in words."""

from typing import Final

from domain.events import Event

VALUE_CHARACTERS_MAX: Final = 120


def difference(made: Event, stored: Event, apart: frozenset[str] = frozenset()) -> str:
    """What is stored, and what the rules give instead; "" when both are the same.

    ``apart``: fields that do not count.
    """
    if type(made) is not type(stored):
        return f"the rules give {type(made).__name__}{reason_in(made)}"
    fields = [x for x in made.__struct_fields__ if x not in apart]
    other = [x for x in fields if getattr(made, x) != getattr(stored, x)]
    if not other:
        return ""
    name = other[0]
    more = f" (and {len(other) - 1} more fields)" if len(other) > 1 else ""
    return (
        f"{name} is {short(getattr(stored, name))}, and the rules give "
        f"{short(getattr(made, name))}{more}"
    )


def reason_in(made: Event) -> str:
    """The sentence of a refusal."""
    sentence = getattr(made, "explanation", "")
    return f": {sentence}" if sentence else ""


def short(value: object) -> str:
    """A value as text, shortened."""
    text = repr(value)
    cut = text[:VALUE_CHARACTERS_MAX]
    return cut if cut == text else f"{cut}..."
