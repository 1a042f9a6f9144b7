"""One event to the receiver: attempts, growing pauses, and when it is given up."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final

from ops.consumers.following import Event
from ops.consumers.log import log
from ops.consumers.webhook import Answer, NoAnswer, Webhook

PAUSE_SECONDS_MIN: Final = 0.5
LAST_WORD_SECONDS: Final = 2.0
"""How long an attempt under way may still take when we are told to end."""


@dataclass(frozen=True)
class Patience:
    """How long a pause grows, and for how long one event may hold up those behind it."""

    pause_seconds_max: float
    give_up_seconds: float


@dataclass(frozen=True)
class GivenUp:
    """The receiver has not taken the event, and why."""

    reason: str
    attempts: int


@dataclass(frozen=True)
class Trouble:
    """An attempt that failed. ``reached``: somebody took the connection; ``seconds``: it took."""

    reason: str
    final: bool
    reached: bool
    seconds: float
    wait_seconds: float = 0.0


class Sender:
    """Sends events to one webhook."""

    def __init__(self, webhook: Webhook, patience: Patience) -> None:
        self._webhook = webhook
        self._patience = patience

    async def send(self, event: Event, event_id: str) -> Answer | GivenUp:
        """Post until it is taken, refused for good, or has held up the others for too long.

        Only time in which somebody took the connection counts against the event.
        """
        attempts, pause, held_up = 0, PAUSE_SECONDS_MIN, 0.0
        while True:
            attempts += 1
            trouble = await self._attempt(event, event_id)
            if isinstance(trouble, Answer):
                return trouble
            held_up += trouble.seconds if trouble.reached else 0.0
            if trouble.final or (trouble.reached and held_up >= self._patience.give_up_seconds):
                return GivenUp(trouble.reason, attempts)
            wait = min(max(pause, trouble.wait_seconds), self._patience.pause_seconds_max)
            log(
                "not_taken",
                "warning",
                position=event.position,
                id=event_id,
                reason=trouble.reason,
                attempts=attempts,
                pause_seconds=wait,
            )
            await asyncio.sleep(wait)
            held_up += wait if trouble.reached else 0.0
            pause = min(pause * 2, self._patience.pause_seconds_max)

    async def _attempt(self, event: Event, event_id: str) -> Answer | Trouble:
        began = time.monotonic()
        try:
            answer = await self._webhook.post(event_id, event.raw)
        except NoAnswer as problem:
            return Trouble(str(problem), False, problem.reached, time.monotonic() - began)
        if answer.taken:
            return answer
        seconds = time.monotonic() - began
        return Trouble(f"status {answer.status}", answer.final, True, seconds, answer.wait_seconds)


async def finished(work: Coroutine[None, None, None]) -> None:
    """``work``; when we are told to end meanwhile, it still has a moment to come to its end."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_WORD_SECONDS)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
