"""Another server on our store: the lock knows only those that we start, so look for all others."""

import os
from pathlib import Path

from domain.errors import Misconfigured


def refuse_strangers(store: Path) -> None:
    """Raise ``Misconfigured`` when a process holds a file of ``store`` open or was told to use it.

    Sees the processes of every account only as root; of others it sees those of its own.
    """
    store = store.resolve()
    for directory in Path("/proc").glob("[0-9]*"):
        pid = int(directory.name)
        if pid != os.getpid() and (holds(directory, store) or names(directory, store)):
            raise Misconfigured(
                f"process {pid} already uses the store {store}: two servers on one store ruin it. "
                f"End that process first (see what it is: ps -fp {pid})"
            )


def holds(directory: Path, store: Path) -> bool:
    """Whether the process has a file below ``store`` open."""
    try:
        handles = os.listdir(directory / "fd")
    except OSError:
        return False
    return any(leads_to(directory / "fd" / handle).startswith(f"{store}/") for handle in handles)


def leads_to(handle: Path) -> str:
    """The file behind an open handle; "" when it was closed in between."""
    try:
        return os.readlink(handle)
    except OSError:
        return ""


def names(directory: Path, store: Path) -> bool:
    """Whether it is a nats-server with the configuration that lies beside ``store``."""
    try:
        words = (directory / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    server = any(word.endswith(b"nats-server") for word in words)
    config = str(store.parent / "nats-server.conf")
    return server and any(os.path.realpath(word) == config.encode() for word in words if word)
