"""Proof that an acknowledgement means "on the disk": the server's own word, from its monitoring."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Final

from msgspec import Struct

from application.settings import ACCEPT_LOSS
from domain.errors import Misconfigured

ANSWER_SECONDS: Final = 3.0
ANSWER_BYTES_MAX: Final = 4 * 1024**2


class Server(Struct, frozen=True):
    """A server as its monitoring describes it."""

    name: str
    sync_always: bool


OTHERWISE: Final = f"say in the settings: {ACCEPT_LOSS}"


async def prove_durability(
    monitor_urls: tuple[str, ...],
    stream_servers: frozenset[str],
    accept_loss: str = "",
    *,
    otherwise: str = OTHERWISE,
) -> None:
    """Return when every server that holds the stream syncs before it acknowledges.

    ``stream_servers``: names of the stream's leader and replicas. ``accept_loss``: ``ACCEPT_LOSS``
    in words, or "". Raises ``Misconfigured`` with each server that is not proven, and what to do:
    the last resort is ``otherwise``.
    """
    if accept_loss == ACCEPT_LOSS:
        return
    problems: list[str] = []
    proven: set[str] = set()
    for url in monitor_urls:
        try:
            server = await ask(url)
        except (OSError, ValueError, KeyError, TypeError) as error:
            problems.append(f"{url} does not answer as a nats-server's monitoring: {error}")
            continue
        if server.sync_always:
            proven.add(server.name)
        else:
            problems.append(f"{server.name} at {url} does not have sync_always")
    missing = sorted(stream_servers - proven)
    problems += [f"no monitoring URL proves {name}, which holds the stream" for name in missing]
    if problems or not proven:
        raise Misconfigured(_report(problems or ["no monitoring URL was given"], otherwise))


async def ask(monitor_url: str) -> Server:
    """What a server says of itself. Raises ``OSError``, ``ValueError``, ``KeyError``."""
    varz = await asyncio.to_thread(_fetch, monitor_url.rstrip("/") + "/varz")
    config = varz["jetstream"]["config"]
    return Server(str(varz["server_name"]), config.get("sync_always") is True)


def _fetch(url: str) -> dict[str, Any]:
    """GET without any proxy: the answer must come from the server itself."""
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("it is no http or https URL")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=ANSWER_SECONDS) as answer:
        body = json.loads(answer.read(ANSWER_BYTES_MAX))
    if not isinstance(body, dict):
        raise ValueError("the answer is no object")
    return body


def _report(problems: list[str], otherwise: str) -> str:
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return (
        "it is not proven that acknowledged events are on the disk:\n"
        f"{lines}\n"
        "Set 'jetstream { sync_interval: always }' on every server and give the monitoring URL of"
        f" each, or {otherwise}"
    )
