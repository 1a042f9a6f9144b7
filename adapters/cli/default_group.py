"""A group of commands of which one is meant when none is named."""

from typing import Any

import click


class DefaultGroup(click.Group):
    """``countermand GROUP -o json`` is ``countermand GROUP DEFAULT -o json``."""

    def __init__(self, *args: Any, default: str, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default first where no command is; a shell that completes may still get one."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        asks_for_help = any(x in ctx.help_option_names for x in args[:1])
        if not args or (args[0].startswith("-") and not asks_for_help):
            args = [self._default, *args]
        return super().parse_args(ctx, args)
