"""How to find the server: an option, the environment, or the file that the service writes."""

import json
import os
import stat
from collections.abc import Mapping
from typing import Final, NamedTuple

from adapters.cli.exits import FAILURE, UNAVAILABLE, USAGE, Failure
from adapters.cli.reaching.client import Address, Tcp, Unix
from adapters.cli.reaching.paths import endpoint_file, places, socket_file

FILE_BYTES_MAX: Final = 64 * 1024
START_ONE: Final = (
    "start one with `countermand dev` or `countermand serve`, or say where it is with --endpoint"
)


class Endpoint(NamedTuple):
    """Where the server is, and the bearer token to show it ("" for none)."""

    address: Address
    token: str


def find(where: str | None, token_file: str | None) -> Endpoint:
    """The endpoint, or ``Failure`` with where was looked and what to do."""
    where = where or os.environ.get("COUNTERMAND_ENDPOINT")
    token_file = token_file or os.environ.get("COUNTERMAND_TOKEN_FILE")
    token = read_token(token_file) if token_file else ""
    if where:
        return named(where, token)
    looked = []
    for data in places():
        found = read(endpoint_file(data), socket_file(data), token)
        if found:
            return found
        looked.append(data)
    raise Failure(
        UNAVAILABLE, f"no server found in {' or '.join(looked)}", START_ONE, "unavailable"
    )


def named(where: str, token: str) -> Endpoint:
    """What --endpoint names: an http address, a socket, a data directory, or an endpoint file."""
    if "://" in where:
        return Endpoint(tcp(where), token)
    if is_socket(where):
        return Endpoint(Unix(where), token)
    if os.path.isdir(where):
        found = read(endpoint_file(where), socket_file(where), token)
    else:
        beside = os.path.join(os.path.dirname(where), "countermand.sock")
        found = read(where, beside, token)
    if found is None:
        raise Failure(UNAVAILABLE, f"no server found at {where}", START_ONE, "unavailable")
    return found


def read(path: str, beside: str, token: str) -> Endpoint | None:
    """What an endpoint file says; the socket beside it when there is no file or it is not ours."""
    try:
        with open(path, "rb") as file:
            text = file.read(FILE_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return Endpoint(Unix(beside), token) if is_socket(beside) else None
    except OSError as e:
        raise Failure(FAILURE, f"{path} cannot be read: {e.strerror}") from e
    try:
        said = json.loads(text)
        return chosen(said, token)
    except (ValueError, KeyError, AttributeError, TypeError) as e:
        raise Failure(FAILURE, f"{path} is not an endpoint file of Countermand") from e


def chosen(said: Mapping[str, str], token: str) -> Endpoint:
    """TCP for a token that was named; else the socket; else TCP with the token the file names."""
    http, path = said.get("http"), said.get("socket")
    if token and http:
        return Endpoint(tcp(http), token)
    if path and (is_socket(path) or not http):
        return Endpoint(Unix(path), token)
    return Endpoint(tcp(said["http"]), token or read_token(said["token_file"]))


def tcp(url: str) -> Tcp:
    """The host and port of ``http://host:port``."""
    scheme, _, rest = url.partition("://")
    host, colon, port = rest.rstrip("/").rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if scheme != "http" or not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise Failure(USAGE, f"{url} is not an address; allowed is http://HOST:PORT")
    return Tcp(host, int(port))


def read_token(path: str) -> str:
    """The token that a file holds. ``Failure`` when there is none."""
    try:
        with open(path, encoding="ascii") as file:
            token = file.read(FILE_BYTES_MAX).strip()
    except OSError as e:
        raise Failure(FAILURE, f"the token file {path} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise Failure(FAILURE, f"the file {path} does not hold a token: one line of ASCII letters")
    return token


def is_socket(path: str) -> bool:
    """Whether a socket is there, and we may see it."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False
