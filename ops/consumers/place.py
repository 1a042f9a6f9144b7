"""Where the stream is, and with which login it is read.

The service writes ``run/endpoint.json`` when it starts and takes it away when it ends, and an
embedded server listens on another port each time. So the file is read again for each connection.
"""

import argparse
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ops.consumers.errors import Lost, Misuse

STREAM: Final = "COUNTERMAND"
ANY_CLUSTER: Final = "*"
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
"""What a stream or cluster is called: one token of a subject, without wildcards."""
NOT_A_SERVER: Final = "--server must be a URL such as nats://127.0.0.1:4222"


@dataclass(frozen=True)
class Told:
    """What the command line says of the place; "" and () where it says nothing."""

    endpoint: str
    servers: tuple[str, ...]
    credentials: str
    stream: str
    cluster: str


@dataclass(frozen=True)
class Place:
    """Servers, a credentials file, and what is read there. ``cluster`` may be ``*``: any."""

    servers: tuple[str, ...]
    credentials: Path
    stream: str
    cluster: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options by which every consumer is told where the stream is."""
    group = parser.add_argument_group("where the stream is")
    option = group.add_argument
    option(
        "--endpoint",
        metavar="FILE",
        help="the service's run/endpoint.json; without it: $COUNTERMAND_ENDPOINT",
    )
    option(
        "--server",
        metavar="URL",
        action="append",
        help="a NATS server, instead of the endpoint's; may be given several times",
    )
    option(
        "--credentials",
        metavar="FILE",
        help="the reader's credentials: JSON with user and password, or a NATS .creds file",
    )
    option("--stream", metavar="NAME", help=f"the stream; without an endpoint: {STREAM}")
    option("--cluster", metavar="NAME", help="the cluster whose stream it must be")


def told(arguments: argparse.Namespace) -> Told:
    """The options as they were given. Raises ``Misuse`` when they name no place."""
    found = Told(
        endpoint=arguments.endpoint or os.environ.get("COUNTERMAND_ENDPOINT", ""),
        servers=tuple(arguments.server or ()),
        credentials=arguments.credentials or "",
        stream=arguments.stream or "",
        cluster=arguments.cluster or "",
    )
    if not found.endpoint and not (found.servers and found.credentials):
        raise Misuse(
            "where is the stream? Name the service's run/endpoint.json with --endpoint or in "
            "COUNTERMAND_ENDPOINT, or give --server and --credentials"
        )
    for name in (found.stream, found.cluster):
        if name and not TOKEN.fullmatch(name):
            raise Misuse(f"{name!r} is no name of a stream or cluster: letters, digits, _ and -")
    for url in found.servers:
        _check_server(url)
    return found


def _check_server(url: str) -> None:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("nats", "tls") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise Misuse(NOT_A_SERVER) from error
    if not known:
        raise Misuse(NOT_A_SERVER)
    if parts.username or parts.password:
        raise Misuse("--server holds a login; put it into a file and name that with --credentials")


def find(told: Told) -> Place:
    """The place as it is now. Raises ``Lost`` while the endpoint file cannot be read."""
    found = {} if told.servers and told.credentials else _endpoint(Path(told.endpoint))
    return Place(
        servers=told.servers or (found["nats_url"],),
        credentials=Path(told.credentials or found["nats_credentials_file"]),
        stream=told.stream or found.get("stream", STREAM),
        cluster=told.cluster or found.get("cluster", ANY_CLUSTER),
    )


def _endpoint(path: Path) -> dict[str, str]:
    found = read_object(path, "the endpoint file")
    missing = {"nats_url", "nats_credentials_file"} - {k for k, v in found.items() if v}
    if missing:
        raise Lost(f"the endpoint file {path} does not say {' and '.join(sorted(missing))}")
    return found


def read_object(path: Path, what: str) -> dict[str, str]:
    """The texts in a file with one JSON object. Raises ``Lost`` when it cannot be read."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise Lost(f"{what} {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Lost(f"{what} {path} is not JSON") from error
    if not isinstance(found, dict):
        raise Lost(f"{what} {path} is not a JSON object")
    return {name: value for name, value in found.items() if isinstance(value, str)}
