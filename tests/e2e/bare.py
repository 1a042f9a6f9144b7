"""A nats-server with our users and our stream, but no service: the test stores what it likes."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adapters.jetstream.accounts import NatsRole, Scope, ensure_logins, server_config
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.provision import provision
from adapters.jetstream.server import server_binary
from tests.e2e.outside import read_ports
from tests.e2e.service import ENVIRONMENT_PASSED_ON
from tests.e2e.stream import publish, read_stream
from tests.support.waiting import until
from tests.support.web import Json

STREAM: Final = "COUNTERMAND"
CLUSTER: Final = "local"
MAX_BYTES: Final = 2**30


class Bare:
    """The server. ``endpoint`` is a file such as the service writes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = home / "store"
        self.endpoint = home / "endpoint.json"
        self.url = ""
        self._logins = ensure_logins(home / "credentials")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Bare":
        """Start it on a free port, and say in the endpoint file where."""
        scope = Scope(CLUSTER, STREAM)
        text = server_config("bare", self.store, scope, self._logins, self.home / "server.log")
        config: Json = json.loads(text)
        config["jetstream"]["sync_interval"] = "2m"
        file = self.home / "server.conf"
        file.write_text(json.dumps(config))
        listen = ["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(self.home)]
        self._process = subprocess.Popen([server_binary(), "-c", str(file), *listen])
        ports = self.home / f"nats-server_{self._process.pid}.ports"
        self.url = str(until(lambda: read_ports(ports), "nats-server listens")["nats"][0])
        self.endpoint.write_text(json.dumps(self.where))
        return self

    @property
    def where(self) -> Json:
        """What the endpoint file says."""
        login = str(self.credentials("reader"))
        found = {"nats_url": self.url, "nats_credentials_file": login}
        return found | {"stream": STREAM, "cluster": CLUSTER}

    def credentials(self, role: str) -> Path:
        """The file with the login of a user."""
        return self.home / "credentials" / f"{role}.json"

    def environment(self) -> dict[str, str]:
        """For a consumer that finds the stream through the endpoint file."""
        kept = {n: os.environ[n] for n in ENVIRONMENT_PASSED_ON if n in os.environ}
        return kept | {"COUNTERMAND_ENDPOINT": str(self.endpoint)}

    def provision(self) -> "Bare":
        """Make the stream."""
        login = self._logins[NatsRole.PROVISIONER]
        address = ServerAddress((self.url,), login, NatsRole.PROVISIONER.value)
        assert asyncio.run(provision(address, StreamSpec(CLUSTER, STREAM, MAX_BYTES)))
        return self

    def store_all(self, payloads: Sequence[bytes], kind: str = "JobQueued") -> list[int]:
        """Store these bytes as events; their positions."""
        subject = f"countermand.{CLUSTER}.job.1.{kind}"
        messages = [(subject, raw) for raw in payloads]
        return asyncio.run(publish(self.url, self.credentials("service"), messages))

    def events(self) -> list[tuple[int, str, bytes]]:
        """Everything there is: position, subject, bytes."""
        found = asyncio.run(read_stream(self.where))
        return [(e.position, e.subject, e.raw) for e in found]

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            self._process.wait()

    def kill(self) -> None:
        """As a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def keep_store(self, copy: Path) -> None:
        """Put a copy of the store aside; the server must be stopped."""
        shutil.copytree(self.store, copy)

    def put_store(self, copy: Path) -> None:
        """Put a copy in the store's place; the server must be stopped."""
        shutil.rmtree(self.store)
        if copy.exists():
            shutil.copytree(copy, self.store)


@contextmanager
def bare_stream(home: Path) -> Iterator[Bare]:
    """A server that runs, with an empty stream."""
    home.mkdir(exist_ok=True)
    one = Bare(home)
    try:
        yield one.start().provision()
    finally:
        one.stop()
