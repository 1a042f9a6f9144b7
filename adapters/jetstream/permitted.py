"""Whether a user may ask all that is asked of a stream: found out by asking, before it matters.

Nothing is stored, made or changed by it: each request is one that the server refuses, or that asks
for what is not there. Only whether it is let through counts.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from adapters.jetstream.api import NoAnswer, NotAllowed
from adapters.jetstream.connection import Connection
from domain.errors import Misconfigured

ANSWER_SECONDS: Final = 2.0
NOBODY: Final = "permission-probe"
NEVER_STORED: Final[Mapping[str, str]] = {"Nats-Expected-Stream": NOBODY}
"""An event that is meant for another stream: each of ours refuses it."""

READING: Final = ("$JS.API.STREAM.MSG.GET.{}", "$JS.API.DIRECT.GET.{}")
CONSUMING: Final = tuple(
    f"$JS.API.CONSUMER.{verb}.{{}}.{NOBODY}" for verb in ("CREATE", "INFO", "MSG.NEXT", "DELETE")
)


async def prove_permissions(
    connection: Connection, stream: str, events: Iterable[str], *, consumes: bool = True
) -> None:
    """Pass, or raise ``Misconfigured`` with each permission that is missing.

    ``events``: subjects that are published to; ``consumes``: whether consumers are needed.
    """
    asked = READING + (CONSUMING if consumes else ())
    probes = [_missing(connection, form.format(stream), {}) for form in asked]
    probes += [_missing(connection, subject, dict(NEVER_STORED)) for subject in events]
    missing = [words for words in await asyncio.gather(*probes) if words]
    if missing:
        lines = "\n".join(f"  - {words}" for words in dict.fromkeys(missing))
        raise Misconfigured(f"permissions on the stream {stream} are missing:\n{lines}")


async def _missing(connection: Connection, subject: str, headers: dict[str, str]) -> str:
    """What is missing to ask this; "" when it can be asked."""
    try:
        await connection.request(subject, b"{}", ANSWER_SECONDS, headers)
    except NotAllowed as error:
        return error.words
    except NoAnswer:
        return ""  # let through, and nobody was there
    return ""
