"""Permissions taken from a user of an outside server while it runs, and given back."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.jetstream.accounts import CLUSTER_ACCOUNT, NatsRole, read_login
from tests.e2e.outside import Outside
from tests.support.waiting import until
from tests.support.web import Json


@contextmanager
def denied(outside: Outside, role: NatsRole, **denials: str) -> Iterator[None]:
    """``role`` may not ``publish`` or ``subscribe`` to a subject until the block ends."""
    file = outside.credentials.parent / "server.conf"
    before = file.read_text()
    config: Json = json.loads(before)
    name = read_login(outside.credentials / f"{role}.json").user
    users = config["accounts"][CLUSTER_ACCOUNT]["users"]
    (user,) = (one for one in users if one["user"] == name)
    for verb, subject in denials.items():
        user["permissions"][verb].setdefault("deny", []).append(subject)
    reloaded(outside, json.dumps(config))
    try:
        yield
    finally:
        reloaded(outside, before)


def reloaded(outside: Outside, text: str) -> None:
    """The server has taken up another configuration."""
    home = outside.credentials.parent
    (ports,) = home.glob("nats-server_*.ports")
    (home / "server.conf").write_text(text)
    before = loaded_at(outside)
    os.kill(int(ports.stem.rpartition("_")[2]), signal.SIGHUP)
    until(lambda: loaded_at(outside) != before, "the server has read its configuration again")


def loaded_at(outside: Outside) -> str:
    """When the server last read its configuration."""
    with urllib.request.urlopen(f"{outside.monitor_urls[0]}/varz", timeout=10) as answer:
        found: str = json.load(answer)["config_load_time"]
        return found
