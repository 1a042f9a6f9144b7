"""How far work on the events of a stream has come."""

from collections.abc import Callable

from adapters.cli.doing.progress import Progress
from adapters.cli.typed.options import Asked


class Telling:
    """A progress bar that begins when it is known how far there is to go."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._progress: Progress | None = None

    def __enter__(self) -> "Telling":
        return self

    def __exit__(self, *exc: object) -> None:
        if self._progress is not None:
            self._progress.__exit__(*exc)

    @property
    def reached(self) -> Callable[[int, int], None]:
        """Told the position that was looked at, and the last one."""
        return self._reached

    def _reached(self, position: int, last: int) -> None:
        if self._progress is None:
            self._progress = Progress(self._asked, "events", last).__enter__()
        self._progress.reached(position)
