"""What the notifier is given in files and options, and must not tell anybody: URL, key, header."""

import base64
import binascii
import os
import ssl
import stat
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ops.consumers.errors import Misuse

SECRET_PREFIX: Final = "whsec_"
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
NOT_A_WEBHOOK: Final = "the webhook must be an http or https URL, in ASCII, without a fragment"


def url_from(text: str) -> SplitResult:
    """A webhook's URL. Raises ``Misuse`` for what is none; the text itself is never repeated."""
    try:
        url = urlsplit(text)
        known = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError as error:
        raise Misuse(NOT_A_WEBHOOK) from error
    if not known or not text.isascii() or not text.isprintable() or " " in text or url.fragment:
        raise Misuse(NOT_A_WEBHOOK)
    return url


def secret_from(path: Path) -> bytes:
    """The key in a private file: ``whsec_`` and Base64, as in Standard Webhooks, or any text."""
    text = private_text(path)
    if not text.startswith(SECRET_PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise Misuse(f"{path}: what follows {SECRET_PREFIX} is not Base64") from error


def header_from(path: Path) -> tuple[str, str]:
    """The header ``Name: value`` in a private file."""
    name, colon, value = private_text(path).partition(":")
    good = name.replace("-", "").isalnum() and name.isascii()
    if not (colon and good and value.strip().isascii() and value.strip().isprintable()):
        raise Misuse(f"{path} must hold one header such as 'Authorization: Bearer abc'")
    return name, value.strip()


def private_text(path: Path) -> str:
    """The one line in a file that nobody else may read. Raises ``Misuse``."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read().strip()
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Misuse(f"{path} must be text") from error
    if mode & OTHERS:
        raise Misuse(f"{path} may be read by others (mode {mode & 0o777:o}): chmod 600 it")
    if not text or len(text.splitlines()) != 1:
        raise Misuse(f"{path} must hold one line")
    return text


def trusting(authorities: Path | None) -> ssl.SSLContext:
    """TLS that checks the receiver's certificate, by the system's or by these authorities."""
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:
        raise Misuse(f"--ca {authorities} holds no certificate in PEM: {error}") from error
