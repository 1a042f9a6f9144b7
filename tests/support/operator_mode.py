"""A nats-server that trusts an operator's key: accounts and users prove themselves with JWTs."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from adapters.jetstream.nkey import KeyPair, Kind
from adapters.jetstream.server import server_binary
from tests.support.waiting import until

LIMITS: Final = ("subs", "data", "payload", "imports", "exports", "conn", "leaf")
STORAGE: Final = ("mem_storage", "disk_storage", "streams", "consumer")
UNLIMITED: Final[dict[str, int | bool]] = dict.fromkeys((*LIMITS, *STORAGE), -1)


def new_key(kind: Kind) -> KeyPair:
    """A key nobody had."""
    return KeyPair(kind, os.urandom(32))


def jwt(issuer: KeyPair, subject: KeyPair, name: str, nats: dict[str, Any]) -> str:
    """What the issuer says of the subject, as NATS writes it."""
    claims = {"iss": issuer.public, "sub": subject.public, "name": name, "iat": int(time.time())}
    claims |= {"jti": name, "nats": {"version": 2, **nats}}
    parts = [packed({"typ": "JWT", "alg": "ed25519-nkey"}), packed(claims)]
    signed = ".".join(parts)
    return f"{signed}.{plain(issuer.sign(signed.encode()))}"


def packed(value: dict[str, Any]) -> str:
    return plain(json.dumps(value).encode())


def plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def creds(user_jwt: str, user: KeyPair) -> str:
    """The text of a ``.creds`` file, as ``nsc`` writes it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n"
        "************************* IMPORTANT *************************\n"
        "NKEY Seed printed below can be used to sign and prove identity.\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


class Operator:
    """An operator with one account that may use JetStream."""

    def __init__(self) -> None:
        self.key, self.account, self.system = map(
            new_key, (Kind.OPERATOR, Kind.ACCOUNT, Kind.ACCOUNT)
        )

    def config(self) -> dict[str, Any]:
        """What the server must know."""
        limits = UNLIMITED | {"wildcards": True}
        account = jwt(self.key, self.account, "A", {"type": "account", "limits": limits})
        limits = {k: v for k, v in limits.items() if not k.endswith("storage")}
        system = jwt(self.key, self.system, "SYS", {"type": "account", "limits": limits})
        return {
            "operator": jwt(self.key, self.key, "O", {"type": "operator"}),
            "resolver": "MEMORY",
            "system_account": self.system.public,
            "resolver_preload": {self.account.public: account, self.system.public: system},
        }

    def user(self) -> tuple[str, KeyPair]:
        """A new user's JWT and key."""
        key = new_key(Kind.USER)
        limits = {"subs": -1, "data": -1, "payload": -1}
        return jwt(self.account, key, "user", {"type": "user", **limits}), key


@contextmanager
def configured_server(home: Path, config: dict[str, Any]) -> Iterator[str]:
    """A server with this configuration, and JetStream; its address."""
    home.mkdir()
    jetstream = {"store_dir": str(home / "store"), "sync_interval": "always"}
    file = home / "server.conf"
    file.write_text(json.dumps({"server_name": "keys", "jetstream": jetstream, **config}))
    listen = ["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", str(home)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([server_binary(), "-c", str(file), *listen], stderr=log)
    try:
        ports = home / f"nats-server_{process.pid}.ports"
        yield until(lambda: address_in(ports), (home / "log").read_text() or "the server listens")
    finally:
        process.terminate()
        process.wait()


def address_in(ports: Path) -> str | None:
    try:
        return str(json.loads(ports.read_text())["nats"][0])
    except (OSError, ValueError):
        return None
