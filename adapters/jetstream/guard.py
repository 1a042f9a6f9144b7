"""What a stream must still be while it is used: the same one, configured as it was, and no shorter.

JetStream lets an administrator change, delete, make again and restore a stream under the feet of
those who use it; their connection stays. Two ways to notice: the server's advisories, and a look at
the stream, which finds what an advisory that was missed would have told. And no append goes out
over a connection that came back before the stream was looked at: a nats-server that was started
again may have lost its end (it truncates a damaged block without a word), and would give a new
event the place of one that was acknowledged.
"""

import asyncio
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from adapters.jetstream.api import (
    NO_MESSAGE_FOUND,
    STREAM_NOT_FOUND,
    ApiError,
    NoAnswer,
    StreamInfo,
)
from adapters.jetstream.config import LOG_ID, StreamSpec, differences
from adapters.jetstream.connection import Connection
from adapters.wire import sha256
from application.watchdog import Finding
from domain.errors import ReadOnly

ANSWER_SECONDS: Final = 1.5

ADVISED: Final = {
    "UPDATED": Finding("configuration", "somebody changed the stream's configuration", False),
    "DELETED": Finding("deleted", "somebody deleted the stream", True),
    "RESTORE_CREATE": Finding("restored", "somebody restores the stream", True),
    "RESTORE_COMPLETE": Finding("restored", "somebody restored the stream", True),
}
"""Advisories of a stream that nobody sends by accident. Others (a leader was elected, a snapshot
was taken, a batch was abandoned) are no change. "CREATED" only hastens the next look: its identity
tells whether it was made again, and no advisory of its first making that comes late."""

CERTAIN: Final = frozenset({"configuration", "replaced"})
"""What one look tells for certain. The rest is looked at twice: a replica that was just elected
could be asked before it has applied what it holds."""


class Head(Struct, frozen=True):
    """The latest event that was acknowledged to us. ``sha256``: "" for one we have not seen."""

    position: int = 0
    sha256: str = ""


class _Message(Struct, frozen=True):
    data: bytes = b""


class _Got(Struct, frozen=True):
    message: _Message = _Message()


class StreamGuard:
    """``Watched`` for one stream. ``begin`` says which it is; the rest is compared with that."""

    def __init__(self, connection: Connection, spec: StreamSpec) -> None:
        self.head = Head()
        self.findings: tuple[Finding, ...] = ()
        self.news = asyncio.Event()
        self._connection = connection
        self._spec = spec
        self._id = ""
        self._proven_at = connection.reconnects
        self._suspects: dict[str, Finding] = {}
        self._looking = asyncio.Lock()

    def begin(self, info: StreamInfo) -> None:
        """This is the stream, and it is as it must be."""
        self._id = identity_of(info)
        self.head = Head(info.state.last_seq)

    def stored(self, position: int, digest: str) -> None:
        """An event was acknowledged."""
        if position > self.head.position:
            self.head = Head(position, digest)

    def heard(self, action: str) -> None:
        """The server told of something that was done to the stream."""
        if action in ADVISED:
            self._find(ADVISED[action])
        elif action == "CREATED":
            self.news.set()

    @property
    def doubt(self) -> str:
        """As ``Watched.doubt``."""
        return next((found.words for found in self._suspects.values()), "")

    async def look(self) -> None:
        """As ``Watched.look``."""
        self.news.clear()
        async with self._looking:
            try:
                await self._look()
            except (NoAnswer, ApiError):
                return

    async def prove(self) -> None:
        """Pass when the stream may be appended to. Raises ``ReadOnly``, ``NoAnswer``.

        Costs nothing but after the connection came back.
        """
        if self._connection.reconnects != self._proven_at:
            async with self._looking:
                await self._again()
        self.check()

    def check(self) -> None:
        """Pass, or raise ``ReadOnly``: what was acknowledged is not there, it seems."""
        for found in (*self.findings, *self._suspects.values()):
            if found.lost:
                raise ReadOnly(f"read-only: {found.words}; nothing was stored")

    def check_place(self, position: int, before: Head) -> None:
        """An event that went out when ``before`` had been acknowledged comes after it.

        Raises ``ReadOnly`` when it does not: it was stored in the place of another one.
        """
        if position > before.position:
            return
        words = f"the stream gave a new event the position {position}, and was at {before.position}"
        self._find(Finding("shorter", words, True))
        raise ReadOnly(f"read-only: {words}; the event does not count as stored")

    # --- a look -----------------------------------------------------------------------------------

    async def _again(self) -> None:
        """Look after the connection came back, unless somebody did meanwhile."""
        if self._connection.reconnects == self._proven_at:
            return
        try:
            await self._look()
        except ApiError as error:
            raise NoAnswer(f"the stream cannot be looked at: {error}") from error

    async def _look(self) -> None:
        """One look. Raises ``NoAnswer``, ``ApiError``."""
        reconnects, head = self._connection.reconnects, self.head
        found = await self._found(head)
        before, self._suspects = self._suspects, {}
        for one in found:
            if one.kind in CERTAIN or one.kind in before:
                self._find(one)
            else:
                self._suspects[one.kind] = one
        if not self._suspects:
            self._proven_at = reconnects

    async def _found(self, head: Head) -> list[Finding]:
        spec = self._spec
        try:
            info = await self._connection.call(
                f"$JS.API.STREAM.INFO.{spec.stream}", None, StreamInfo, ANSWER_SECONDS
            )
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise
            return [Finding("gone", f"there is no stream {spec.stream} any more", True)]
        found = list(differing(spec, self._id, info, head))
        return found or await self._at_head(head)

    async def _at_head(self, head: Head) -> list[Finding]:
        """Whether the event at the head is still the one that was acknowledged."""
        if not head.position:
            return []
        try:
            got = await self._connection.call(
                f"$JS.API.STREAM.MSG.GET.{self._spec.stream}",
                {"seq": head.position},
                _Got,
                ANSWER_SECONDS,
            )
        except ApiError as error:
            if error.err_code != NO_MESSAGE_FOUND:
                raise
            return [Finding("head", f"event {head.position}, the last one, is gone", True)]
        digest = sha256(got.message.data)
        if not head.sha256:
            self.head = Head(head.position, digest) if self.head == head else self.head
        elif digest != head.sha256:
            return [Finding("head", f"event {head.position}, the last one, is another one", True)]
        return []

    def _find(self, finding: Finding) -> None:
        if finding.kind not in {known.kind for known in self.findings}:
            self.findings = (*self.findings, finding)
            self.news.set()


def differing(spec: StreamSpec, identity: str, info: StreamInfo, head: Head) -> Iterator[Finding]:
    """How the stream that ``info`` tells of is not the one it was."""
    found, state = identity_of(info), info.state
    if found != identity:
        yield Finding("replaced", f"the stream is {found}, and was {identity}", True)
    changed = differences(spec, info.config)
    if changed:
        words = f"the stream's configuration was changed: {'; '.join(changed)}"
        yield Finding("configuration", words, False)
    if state.last_seq < head.position:
        words = f"the stream ends at {state.last_seq}, but {head.position} was acknowledged"
        yield Finding("shorter", words, True)
    holes = hole_words(info)
    if holes:
        yield Finding("holes", f"the stream has lost events: {'; '.join(holes)}", False)


def hole_words(info: StreamInfo) -> list[str]:
    """Every sign that the stream does not hold all events from the first to the last."""
    state, found = info.state, []
    if state.last_seq and state.first_seq != 1:
        found.append(f"it begins at sequence {state.first_seq}, must be 1")
    if state.num_deleted:
        found.append(f"{state.num_deleted} messages were deleted")
    if state.messages != state.last_seq:
        found.append(f"it holds {state.messages} messages, but ends at sequence {state.last_seq}")
    return found


def identity_of(info: StreamInfo) -> str:
    """An id that no other stream has, nor this one made again."""
    metadata = info.config.get("metadata") or {}
    return f"{metadata.get(LOG_ID, 'none')}/{info.created}"
