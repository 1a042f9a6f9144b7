"""Sockets to serve on: a Unix socket with a path of any length, and TCP on loopback."""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from domain.errors import Misconfigured

SOCKET_MODE: Final = 0o666
"""Everybody may connect; who it is the kernel says, and what they may do the policy."""


def bind_unix(path: Path) -> socket.socket:
    """A socket bound to ``path``, not listening yet.

    The file of a server that is gone is replaced; ``Misconfigured`` when a server listens there or
    something else lies there. The path may be longer than the kernel's 108 bytes: it is bound
    through its open directory.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            _bind_in(sock, directory, path.name)
        finally:
            os.close(directory)
    except OSError as error:
        sock.close()
        raise Misconfigured(f"the socket {path} cannot be made: {error.strerror}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_in(sock: socket.socket, directory: int, name: str) -> None:
    place = f"/proc/self/fd/{directory}/{name}"
    _remove_stale(place, name)
    sock.bind(place)
    os.chmod(place, SOCKET_MODE)


def _remove_stale(place: str, name: str) -> None:
    """Remove a socket file that nobody listens on."""
    try:
        mode = os.lstat(place).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Misconfigured(f"{name} is in the way: it is no socket; remove it or choose another")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # A server whose queue is full answers EAGAIN at once instead of making us wait.
        probe.setblocking(False)
        found = probe.connect_ex(place)
    if found not in (errno.ECONNREFUSED, errno.ENOENT):
        raise Misconfigured(f"another server listens on {name}; end it or choose another path")
    os.unlink(place)


def bind_tcp(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket bound to an address, port 0: any free one. ``Misconfigured`` when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        why = error.strerror or str(error)
        raise Misconfigured(f"{host} port {port} cannot be used: {why}; choose another") from error
    return sock
