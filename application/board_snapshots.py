"""What the board knows, kept, so that a start folds what is new and not the whole stream.

It is disposable, as the snapshots of jobs are: written behind everybody, and used only when the log
has, at its position, the very event that it says it ends with. Whatever does not fit is left aside,
and the board reads the stream from its beginning.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from application.board import Board, BoardState
from application.ports import EventLog, Reporter
from application.snapshots import Unfit
from application.startup_check import holds

EVENTS_BETWEEN: Final = 20_000
"""So many events, at most, are read again after a service was killed."""

LOOK_SECONDS: Final = 3600.0


class BoardStore(Protocol):
    """The newest state of the board. Synchronous; what it holds may vanish at any time.

    It gives only what was written by this very program: by the same rules of what facts mean.
    """

    def read(self) -> BoardState | None:
        """What was written last, or None. Raises ``Unfit`` for what is damaged."""
        ...

    def write(self, state: BoardState) -> None:
        """Replace what there was, all or nothing. Not synced: after a crash it may be gone.

        Raises ``Unfit`` when it cannot be stored, or would not be read as it was written.
        """
        ...

    def drop(self) -> None:
        """Forget it. Idempotent."""
        ...


class BoardSnapshots:
    """``begin`` once, before the board runs; ``run`` is a task for the service's life."""

    def __init__(
        self,
        store: BoardStore,
        board: Board,
        log: EventLog,
        log_id: str,
        reporter: Reporter,
        events_between: int = EVENTS_BETWEEN,
    ) -> None:
        self._store = store
        self._board = board
        self._log = log
        self._log_id = log_id
        self._reporter = reporter
        self._between = events_between
        self._written = 0

    async def begin(self) -> None:
        """Put the board where it was, if the log bears that out."""
        try:
            state = await asyncio.to_thread(self._store.read)
            if state is not None:
                await self._check(state)
                self._board.restore(state)
                self._written = state.mark.position
        except Unfit as error:
            await self._refuse(str(error))

    async def run(self) -> None:
        """Write now and then, and what is new at the end; until cancelled."""
        await self._board.caught_up.wait()
        try:
            while True:
                if self._board.position - self._written >= self._between:
                    await self._quietly(self._in_thread)
                await self._board.moved(self._written + self._between - 1, LOOK_SECONDS)
        finally:
            if self._board.position > self._written:
                await self._quietly(self._at_once)

    async def _check(self, state: BoardState) -> None:
        if state.mark.log_id != self._log_id:
            raise Unfit(f"it is one of the log {state.mark.log_id}")
        if not await holds(self._log, state.mark):
            raise Unfit(f"its last event is not event {state.mark.position} of the log")

    async def _refuse(self, reason: str) -> None:
        self._reporter("board_snapshot_refused", reason=reason)
        try:
            await asyncio.to_thread(self._store.drop)
        except Unfit as error:
            self._reporter("board_snapshot_not_dropped", reason=str(error))

    async def _in_thread(self, state: BoardState) -> None:
        """One write at a time: whoever ends us waits for the one that is under way."""
        writing = asyncio.create_task(asyncio.to_thread(self._store.write, state))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)
            raise

    async def _at_once(self, state: BoardState) -> None:
        """Also while we are being cancelled."""
        self._store.write(state)

    async def _quietly(self, write: Callable[[BoardState], Awaitable[None]]) -> None:
        """What cannot be kept is told, and tried again after as many events more."""
        state = self._board.state(self._log_id)
        self._written = state.mark.position
        try:
            await write(state)
        except Unfit as error:
            self._reporter("board_snapshot_not_written", reason=str(error))
