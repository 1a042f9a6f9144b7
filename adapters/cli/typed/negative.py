"""Commands whose arguments may be negative numbers: ``-1`` is a value there and no option."""

import re
from typing import Final

import click

NEGATIVE: Final = re.compile(r"-[0-9]+(\.[0-9]+)?", re.ASCII)


class TakesNegativeNumbers(click.Command):
    """What looks like a negative number, and is no value of an option, is an argument.

    Only where there is one: then another word that begins with a dash and is no option is taken for
    an argument too, and refused as one. Whether a number fits is for whoever reads it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As every command, but for such numbers."""
        ctx.ignore_unknown_options = any(NEGATIVE.fullmatch(word) for word in args)
        return super().parse_args(ctx, args)
