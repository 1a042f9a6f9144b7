"""TLS for the server: a certificate, its private key, and nothing older than TLS 1.2."""

import os
import ssl
import stat
from pathlib import Path

from domain.errors import Misconfigured


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """How to speak TLS with this certificate (PEM, the chain after it) and its private key.

    ``Misconfigured`` when a file cannot be read, when they do not belong together, when the key has
    a password, or when everybody may read the key.
    """
    check_private(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=no_password)
    except NeedsPassword:
        raise Misconfigured(f"the key {key} has a password; give one without") from None
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        raise Misconfigured(
            f"{certificate} and {key} cannot be used for HTTPS: {why}; give a certificate and the "
            "private key that belongs to it, both PEM"
        ) from None
    return context


class NeedsPassword(Exception):
    """The key is encrypted."""


def no_password() -> str:
    """OpenSSL would ask on the terminal."""
    raise NeedsPassword


def check_private(key: Path) -> None:
    """Pass, or raise ``Misconfigured``: others may read the key."""
    try:
        mode = os.stat(key).st_mode
    except OSError as error:
        raise Misconfigured(f"the key {key} cannot be read: {error.strerror}") from None
    if mode & stat.S_IROTH:
        raise Misconfigured(f"everybody may read the key {key}; take that away: chmod 0600")
