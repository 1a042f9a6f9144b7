"""How far work on the events of a stream has come."""

from collections.abc import Callable

from adapters.cli.doing.progress import Progress
from adapters.cli.typed.options import Asked


class Telling:
    """A progress bar that begins when it is known how far there is to go.

    Work that has parts counted in other units has a bar after the other.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._unit = ""
        self._progress: Progress | None = None

    def __enter__(self) -> "Telling":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(*exc)

    @property
    def reached(self) -> Callable[[int, int], None]:
        """Told the position that was looked at, and the last one."""
        return self.counting("events")

    def counting(self, unit: str) -> Callable[[int, int], None]:
        """Told how many of these are done, and how many there are."""

        def reached(done: int, total: int) -> None:
            if self._progress is None or self._unit != unit:
                self.__exit__()
                self._progress = Progress(self._asked, unit, total).__enter__()
                self._unit = unit
            self._progress.reached(done)

        return reached
