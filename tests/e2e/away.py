"""A nats-server that is not the service's own, that is killed and comes back at the same place."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.jetstream.accounts import NatsRole, Scope, ensure_logins, server_config
from adapters.jetstream.server import server_binary
from tests.e2e.service import Value
from tests.support.waiting import PATIENCE_SECONDS, until


class AwayServer:
    """Its store survives ``kill``."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self._home = home
        logins = ensure_logins(home / "credentials")
        scope = Scope("local", "COUNTERMAND")
        config = json.loads(server_config("away", home / "store", scope, logins, home / "log"))
        config["jetstream"]["sync_interval"] = "always"
        self._config = home / "server.conf"
        self._config.write_text(json.dumps(config))
        self._port, self._monitor = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, Value]:
        """What the service's settings must say of it."""
        files: dict[str, Value] = {
            f"nats_{role}_credentials_file": str(self._home / "credentials" / f"{role}.json")
            for role in (NatsRole.SERVICE, NatsRole.PROVISIONER, NatsRole.READER)
        }
        return {
            **files,
            "nats_urls": [f"nats://127.0.0.1:{self._port}"],
            "nats_monitor_urls": [f"http://127.0.0.1:{self._monitor}"],
        }

    def start(self) -> None:
        """It listens."""
        at = ["-a", "127.0.0.1", "-p", str(self._port), "-m", str(self._monitor)]
        self._process = subprocess.Popen([server_binary(), "-c", str(self._config), *at])
        until(lambda: listens(self._port) and listens(self._monitor), "the server listens")

    def kill(self) -> None:
        """As a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None


def free_port() -> int:
    """One that nobody has at this moment."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody does."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def away_server(home: Path) -> Iterator[AwayServer]:
    """One that runs."""
    server = AwayServer(home)
    server.start()
    try:
        yield server
    finally:
        server.kill()
