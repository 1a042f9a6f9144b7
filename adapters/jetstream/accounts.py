"""Who may do what on the server: users, their credentials files, and the server's configuration.

Readers live in an account of their own that imports JetStream's API. Measured: in the stream's own
account a reader could store messages, although it may not publish there, by naming an event's
subject as the *reply* of a pull or a direct get (the server publishes the answer, and asks nobody).
Across accounts a reply is always mapped back to the account that asked.
"""

import json
import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.durable_file import write_durably
from adapters.jetstream.subjects import ROOT
from domain.errors import Misconfigured

PASSWORD_BYTES: Final = 24
CLUSTER_ACCOUNT: Final = "CLUSTER"
READERS_ACCOUNT: Final = "READERS"
MAX_FILE_STORE_BYTES: Final = 1 << 50
"""1 PiB: the stream's own max_bytes is the limit, not the size of the disk at creation."""

MAX_MEMORY_STORE_BYTES: Final = 256 * 1024**2
"""For the state of short-lived consumers."""


class NatsRole(StrEnum):
    """The four users. Only ``service`` publishes events, only ``provisioner`` makes the stream."""

    SERVICE = "service"
    READER = "reader"
    PROVISIONER = "provisioner"
    OPERATOR = "operator"


class Login(Struct, frozen=True):
    """A user's name and password, as they stand in a credentials file."""

    user: str
    password: str


class Scope(Struct, frozen=True):
    """What the permissions are about; ``*`` stands for all (test servers)."""

    cluster: str
    stream: str


def inbox_prefix(role: str) -> str:
    """Where a role gets its answers; nobody else hears them."""
    return f"_INBOX.{role}"


def ensure_logins(directory: Path) -> dict[NatsRole, Login]:
    """The four logins of a data directory; those without a file get a random password now.

    Files: ``directory``/<role>.json, mode 0600, in a directory of mode 0700.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {role: _ensure_login(directory / f"{role}.json", role) for role in NatsRole}


def _ensure_login(path: Path, role: NatsRole) -> Login:
    if path.exists():
        return read_login(path)
    login = Login(role.value, secrets.token_urlsafe(PASSWORD_BYTES))
    write_durably(path, msgspec.json.encode(login) + b"\n")
    return login


def read_login(path: Path) -> Login:
    """The user and password in a JSON file. Raises ``Misconfigured`` when it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Login)
    except (OSError, msgspec.MsgspecError) as error:
        raise Misconfigured(
            f"{path} must be a JSON file with user and password: {error}"
        ) from error


def publish_grants(role: NatsRole, scope: Scope) -> list[str]:
    """Subjects a role may publish to."""
    stream = scope.stream
    match role:
        case NatsRole.SERVICE:
            own = [f"{ROOT}.{scope.cluster}.>", f"$JS.API.CONSUMER.DELETE.{stream}.*"]
            return own + _reading(stream)
        case NatsRole.READER:
            return [*_reading(stream), "$JS.API.STREAM.NAMES", f"$JS.ACK.{stream}.>"]
        case NatsRole.PROVISIONER:
            return [f"$JS.API.STREAM.CREATE.{stream}", f"$JS.API.STREAM.INFO.{stream}"]
        case NatsRole.OPERATOR:
            verbs = ("INFO", "UPDATE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN")
            api = [f"$JS.API.STREAM.{verb}.{stream}" for verb in verbs]
            return [*api, "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.SNAPSHOT.>"]


def _reading(stream: str) -> list[str]:
    return [
        "$JS.API.INFO",
        f"$JS.API.STREAM.INFO.{stream}",
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}",
        f"$JS.API.DIRECT.GET.{stream}.>",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>",
        f"$JS.API.CONSUMER.INFO.{stream}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{stream}.>",
    ]


def subscribe_grants(role: NatsRole) -> dict[str, list[str]]:
    """Subjects a role may subscribe to: inboxes, never events (a consumer is the way).

    A client that knows nothing of us uses an inbox under ``_INBOX``, so each role may; but the
    service's own inbox, where its acknowledgements arrive, is closed to all others.
    """
    watches = role in (NatsRole.SERVICE, NatsRole.OPERATOR)
    allow = ["_INBOX.>"] + (["$JS.EVENT.ADVISORY.>"] if watches else [])
    if role is NatsRole.SERVICE:
        return {"allow": allow}
    return {"allow": allow, "deny": [f"{inbox_prefix(NatsRole.SERVICE)}.>"]}


def server_config(
    server_name: str, store: Path, scope: Scope, logins: dict[NatsRole, Login], log_file: Path
) -> str:
    """The text of the server's configuration file. It holds passwords: mode 0600."""
    api = {"service": "$JS.API.>", "account": CLUSTER_ACCOUNT}
    acks = {"service": f"$JS.ACK.{scope.stream}.>", "account": CLUSTER_ACCOUNT}
    readers = [NatsRole.READER]
    config = {
        "server_name": server_name,
        "jetstream": {
            "store_dir": str(store),
            "sync_interval": "always",
            "max_file_store": MAX_FILE_STORE_BYTES,
            "max_memory_store": MAX_MEMORY_STORE_BYTES,
        },
        "accounts": {
            CLUSTER_ACCOUNT: {
                "jetstream": "enabled",
                "users": [_user(r, scope, logins[r]) for r in NatsRole if r not in readers],
                "exports": [
                    {
                        "service": api["service"],
                        "response": "stream",
                        "accounts": [READERS_ACCOUNT],
                    },
                    {"service": acks["service"], "accounts": [READERS_ACCOUNT]},
                ],
            },
            READERS_ACCOUNT: {
                "users": [_user(r, scope, logins[r]) for r in readers],
                "imports": [
                    {"service": {"account": i["account"], "subject": i["service"]}}
                    for i in (api, acks)
                ],
            },
            "SYS": {},
        },
        "system_account": "SYS",
        "log_file": str(log_file),
        "logfile_size_limit": 10 * 1024**2,
        "logfile_max_num": 3,
    }
    return json.dumps(config, indent=1, ensure_ascii=False) + "\n"


def _user(role: NatsRole, scope: Scope, login: Login) -> dict[str, object]:
    return {
        "user": login.user,
        "password": login.password,
        "permissions": {
            "publish": {"allow": publish_grants(role, scope)},
            "subscribe": subscribe_grants(role),
        },
    }
