"""Values of options that are words of the domain: checked, corrected, completed."""

from collections.abc import Iterable, Sequence
from typing import Any

import click

from adapters.cli.words import JOB_ORDERS, event_types


def beginning(words: Iterable[str], incomplete: str) -> list[str]:
    """Those that begin so, in any case."""
    return [x for x in words if x.casefold().startswith(incomplete.casefold())]


class EventType(click.ParamType[str]):
    """The name of a type of event. What is none is refused, with those there are."""

    name = "type"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The name as it is spelled, whatever case it was typed in."""
        there = event_types()
        for name in there:
            if name.casefold() == str(value).casefold():
                return name
        self.fail(f"there is no event type {value!r}; there are {', '.join(there)}", param, ctx)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[Any]:
        """Types that begin so."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(x) for x in beginning(event_types(), incomplete)]


class AnyCase(click.Choice[str]):
    """One of some words, in any case; the error says them as they are spelled."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words, case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """What there is."""
        return f"{value!r} is not one of {', '.join(map(repr, self.choices))}"

    def get_missing_message(self, param: Any, ctx: Any) -> str:
        """What there is."""
        return f"there are {', '.join(self.choices)}"

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[Any]:
        """Words that begin so, as they are spelled."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(x) for x in beginning(self.choices, incomplete)]


class Order(click.ParamType[str]):
    """By what a list is sorted: a key, with a minus before it for the largest first."""

    name = "key"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The key, if there is one."""
        if str(value).removeprefix("-") not in JOB_ORDERS:
            keys = ", ".join(JOB_ORDERS)
            self.fail(
                f"{value!r} is not a key to sort by; there are {keys}, also as -KEY", param, ctx
            )
        return str(value)

    def shell_complete(self, ctx: Any, param: Any, incomplete: str) -> list[Any]:
        """Keys that begin so, both ways."""
        from click.shell_completion import CompletionItem

        both = [*JOB_ORDERS, *(f"-{key}" for key in JOB_ORDERS)]
        return [CompletionItem(x) for x in both if x.startswith(incomplete)]
