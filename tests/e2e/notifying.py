"""Notifiers in processes of their own, events for them, and what must have arrived."""

import json
import os
from typing import Final

from tests.e2e.bare import Bare
from tests.e2e.consumer import NOTIFIER, Consumer
from tests.e2e.receiver import Receiver
from tests.e2e.service import Service
from tests.support.waiting import until

QUICK: Final = ("--pause-max", "0.6", "--timeout", "1")


def notifier(
    one: Bare | Service, receiver: Receiver, *options: str, start: str = "all"
) -> Consumer:
    """One whose state lies beside the stream's."""
    told = ["--url", receiver.url] if receiver.url else []
    told += ["--state", str(one.home / "state"), "--start", start, *QUICK, *options]
    if isinstance(one, Bare):
        environment = one.environment()
    else:
        endpoint = str(one.data / "run" / "endpoint.json")
        environment = one.clean_environment() | {"COUNTERMAND_ENDPOINT": endpoint}
    return Consumer(NOTIFIER, told, environment, one.home / "notifier.log")


def once(one: Bare | Service, receiver: Receiver, *options: str) -> Consumer:
    """One that ends at the end of the backlog."""
    return notifier(one, receiver, *options, "--until-caught-up", "--patience", "20")


def forced(count: int, message: str = "") -> list[bytes]:
    """Events such as a service stores."""
    names = [f"{os.getpid()}-{n}-{os.urandom(6).hex()}" for n in range(count)]
    return [json.dumps({"id": name, "data": {"m": message}}).encode() for name in names]


def id_in(raw: bytes) -> str:
    return str(json.loads(raw)["id"])


def check_taken(receiver: Receiver, stored: list[bytes]) -> None:
    """Each at least once, nothing else, byte for byte; without the repeats: once, in order."""
    first: dict[str, bytes] = {}
    for headers, body in receiver.taken:
        assert first.setdefault(headers["webhook-id"], body) == body
    assert list(first.values()) == stored
    assert list(first) == [id_in(raw) for raw in stored]


def until_taken(receiver: Receiver, count: int) -> None:
    until(lambda: len(set(receiver.ids)) >= count, f"{count} events have arrived")
