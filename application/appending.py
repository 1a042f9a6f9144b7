"""Many appends for a log that knows nothing cheaper than one after the other."""

from collections.abc import Sequence

from application.ports import EventLog, Token, Write
from domain.errors import CountermandError


async def one_by_one(log: EventLog, writes: Sequence[Write]) -> list[Token | CountermandError]:
    """``EventLog.append_each`` by ``append``."""
    return [await _one(log, write) for write in writes]


async def _one(log: EventLog, write: Write) -> Token | CountermandError:
    try:
        (token,) = await log.append([write])
    except CountermandError as error:
        return error
    return token
