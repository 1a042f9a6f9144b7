"""A nats-server that is not the service's own: the test starts it, with our four users."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from adapters.durable_file import write_durably
from adapters.jetstream.accounts import (
    CLUSTER_ACCOUNT,
    NatsRole,
    Scope,
    ensure_logins,
    server_config,
)
from adapters.jetstream.server import server_binary
from tests.e2e.service import Value
from tests.support.waiting import until
from tests.support.web import Json


class Outside(Struct, frozen=True):
    """Where it is."""

    url: str
    monitor_urls: tuple[str, ...]
    credentials: Path

    @property
    def admin(self) -> Path:
        """The login of one who may do everything in the cluster's account."""
        return self.credentials / "admin.json"

    @property
    def settings(self) -> dict[str, Value]:
        """What the service's settings must say of it."""
        files: dict[str, Value] = {
            f"nats_{role}_credentials_file": str(self.credentials / f"{role}.json")
            for role in (NatsRole.SERVICE, NatsRole.PROVISIONER, NatsRole.READER)
        }
        return {
            **files,
            "nats_urls": [self.url],
            "nats_monitor_urls": list(self.monitor_urls),
        }


@contextmanager
def outside_server(home: Path, sync: str) -> Iterator[Outside]:
    """A server whose JetStream has ``sync`` as its sync_interval."""
    home.mkdir()
    logins = ensure_logins(home / "credentials")
    store, log = home / "store", home / "log"
    text = server_config("outside", store, Scope("local", "COUNTERMAND"), logins, log)
    config: Json = json.loads(text)
    config["jetstream"]["sync_interval"] = sync
    admin = {"user": "admin", "password": "only in tests"}
    config["accounts"][CLUSTER_ACCOUNT]["users"].append(admin)
    write_durably(home / "credentials" / "admin.json", json.dumps(admin).encode())
    file = home / "server.conf"
    file.write_text(json.dumps(config))
    listen = ["-a", "127.0.0.1", "-p", "-1", "-m", "-1", "--ports_file_dir", str(home)]
    process = subprocess.Popen([server_binary(), "-c", str(file), *listen])
    try:
        ports = home / f"nats-server_{process.pid}.ports"
        found: Json = until(lambda: read_ports(ports), "the outside server listens")
        yield Outside(found["nats"][0], tuple(found["monitoring"]), home / "credentials")
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait()


def read_ports(path: Path) -> Json | None:
    try:
        found: Json = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found
