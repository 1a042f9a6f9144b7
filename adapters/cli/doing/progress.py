"""How far long work has come: a bar on a terminal, now and then a line where nobody looks."""

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Self

import click

from adapters.cli.printing.stdout import on_terminal
from adapters.cli.typed.options import Asked

LINE_SECONDS: Final = 5.0
STEPS: Final = 500
"""How often a bar is drawn at most."""


class Progress:
    """``words``: what is done; ``total``: 1 or more, else there is nothing to show."""

    def __init__(
        self,
        asked: Asked,
        words: str,
        total: int,
        lines: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._asked = asked
        self._words = words
        self._total = total
        self._clock = clock
        self._next_line = clock() if lines else float("inf")
        self._done = 0
        shows = on_terminal(sys.stderr) and not asked.out.quiet and total > 0
        self._bar = (
            click.progressbar(
                length=total,
                label=words,
                file=sys.stderr,
                update_min_steps=max(1, total // STEPS),
            )
            if shows
            else None
        )

    def __enter__(self) -> Self:
        self._within().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._within().__exit__(None, None, None)

    def reached(self, done: int) -> None:
        """So much is done of the total; what is done beyond it does not count."""
        done = min(done, self._total)
        step, self._done = done - self._done, done
        if self._bar is not None:
            if step > 0:
                self._bar.update(step)
        elif self._clock() >= self._next_line:
            self._next_line = self._clock() + LINE_SECONDS
            self._asked.out.note(f"{self._words}: {done} of {self._total}")

    def _within(self) -> "AbstractContextManager[object]":
        return nullcontext() if self._bar is None else self._bar
