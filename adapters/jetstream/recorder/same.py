"""Whether the stream is still the one that a recorder was made on, and no shorter.

An administrator may delete a stream and make it again under the feet of its users: their connection
stays, and the new stream gives the ids of the old one to new events. A look at it costs a round
trip, so reads share one for a tenth of a second, and appends never wait for one: an id that was
given before is proof enough, and what only a look can tell is found beside them.
"""

import asyncio
import time
from typing import Final

from adapters.jetstream.api import STREAM_NOT_FOUND, ApiError, NoAnswer, StreamInfo
from adapters.jetstream.connection import Connection
from adapters.jetstream.guard import identity_of
from domain.errors import Corrupt

READ_SECONDS: Final = 0.1
"""A read takes a look that is no older for good."""

APPEND_SECONDS: Final = 1.0
"""Beside appends the stream is looked at so often."""

LOOKS_MAX: Final = 5
AGAIN_SECONDS: Final = 0.25
"""What one look does not tell for certain is looked at again: a server that has just come back, or
become the leader, may be asked before it has read what it holds."""


class Same:
    """What is known of one stream. ``replicas``: how many the last look found."""

    def __init__(
        self, connection: Connection, stream: str, info: StreamInfo, answer_seconds: float
    ) -> None:
        self.replicas = replicas_of(info)
        self.highest = info.state.last_seq
        self._connection = connection
        self._stream = stream
        self._seconds = answer_seconds
        self._identity = identity_of(info)
        self._lost = ""
        self._looked_at = -APPEND_SECONDS
        self._reconnects = -1
        self._beside: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Pass, or raise ``Corrupt``: what was there before is not there any more."""
        if self._lost:
            raise Corrupt(self._lost)

    def note(self, sequence: int) -> None:
        """An event with that sequence is there."""
        self.highest = max(self.highest, sequence)

    def stored(self, first: int, count: int, before: int) -> None:
        """``count`` events that were sent when ``before`` was there were acknowledged.

        Raises ``Corrupt`` when they have the places of others.
        """
        if first <= before:
            last = first + count - 1
            self._lose(
                f"the stream {self._stream} was replaced or cut short: it gave new events the ids"
                f" {first} to {last}, and {before} was there before. These are stored in the"
                " stream that is there now; what was in the one before is not"
            )
        self.note(first + count - 1)

    def check_same(self, info: StreamInfo) -> None:
        """Raise ``Corrupt`` for another stream under the same name."""
        found = identity_of(info)
        if found != self._identity:
            self._lose(
                f"the stream {self._stream} was replaced: it is {found}, and was {self._identity}."
                " Nothing more is read or stored here: find the one before, or make the"
                " application anew to go on with this one"
            )
        self.replicas = replicas_of(info)

    def is_known(self) -> bool:
        """Whether a look that a read may take for good was just made over this connection."""
        return self._known_for(READ_SECONDS)

    async def look(self) -> StreamInfo:
        """Look now. Raises ``Corrupt``, ``NoAnswer``, ``ApiError``."""
        for _ in range(LOOKS_MAX - 1):
            try:
                return await self._look()
            except _Uncertain:
                await asyncio.sleep(AGAIN_SECONDS)
        try:
            return await self._look()
        except _Uncertain as error:
            words = str(error)
            if error.for_ever:
                self._lose(words)
            raise Corrupt(words) from error

    async def look_if_told(self) -> None:
        """As ``look``, but what nobody can tell now is no trouble. Raises ``Corrupt``."""
        try:
            await self.look()
        except (NoAnswer, ApiError):
            return

    def look_beside(self) -> None:
        """Look now and then, without anybody waiting; what it finds the next call is told."""
        if not self._known_for(APPEND_SECONDS) and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(self._look_quietly(), name="look at the stream")

    async def _look_quietly(self) -> None:
        try:
            await self.look_if_told()
        except Corrupt:
            return  # ``check`` says it, or the next look

    async def _look(self) -> StreamInfo:
        highest, reconnects = self.highest, self._connection.reconnects
        subject = f"$JS.API.STREAM.INFO.{self._stream}"
        try:
            info = await self._connection.call(subject, None, StreamInfo, self._seconds)
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            raise _Uncertain(
                f"the stream {self._stream} is gone, with all that was in it: somebody deleted it",
                for_ever=False,
            ) from error
        self.check_same(info)
        if info.state.last_seq < highest:
            raise _Uncertain(
                f"the stream {self._stream} ends at {info.state.last_seq}, but {highest} was there"
                " before: it was cut short, or an older copy was put in its place",
                for_ever=True,
            )
        self._looked_at, self._reconnects = time.monotonic(), reconnects
        return info

    def _known_for(self, seconds: float) -> bool:
        fresh = time.monotonic() - self._looked_at < seconds
        return fresh and self._reconnects == self._connection.reconnects

    def _lose(self, words: str) -> None:
        self._lost = self._lost or words
        raise Corrupt(words)


class _Uncertain(Exception):
    """Something that a second look must find too. ``for_ever``: it does not heal."""

    def __init__(self, words: str, *, for_ever: bool) -> None:
        super().__init__(words)
        self.for_ever = for_ever


def replicas_of(info: StreamInfo) -> int:
    """How many servers hold the stream."""
    return int(info.config.get("num_replicas") or 1)
