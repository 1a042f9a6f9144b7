"""Secrets as hashes: scrypt with a salt of its own for each. A secret itself is never kept."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final

COST: Final = 2**14
BLOCK: Final = 8
PARALLEL: Final = 1
COST_MAX: Final = 2**20
MEMORY_BYTES_MAX: Final = 64 * 1024 * 1024
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
TOKEN: Final = re.compile(r"cm_([0-9a-f]{12})_([A-Za-z0-9_-]{20,100})")


def hashed(secret: str, cost: int = COST) -> str:
    """``scrypt$n$r$p$salt$hash`` of a secret. At the usual cost it takes about 50 ms and 16 MiB.

    ``cost``: a power of two. It stands in the hash, and to compare costs as much.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    made = _scrypt(secret, salt, cost, BLOCK, PARALLEL)
    return f"scrypt${cost}${BLOCK}${PARALLEL}${_text(salt)}${_text(made)}"


def matches(secret: str, stored: str) -> bool:
    """Whether ``stored`` is the hash of ``secret``. Raises ``ValueError`` for what is no hash."""
    salt, made, (cost, block, parallel) = _parts(stored)
    return hmac.compare_digest(_scrypt(secret, salt, cost, block, parallel), made)


def check_form(stored: str) -> None:
    """Pass, or raise ``ValueError`` for what is no hash."""
    _parts(stored)


def new_token(token_id: str) -> str:
    """A token nobody can guess: ``cm_<id>_<256 bits>``."""
    return f"cm_{token_id}_{secrets.token_urlsafe(32)}"


def new_token_id() -> str:
    """12 hexadecimal digits; no secret."""
    return secrets.token_hex(6)


def token_id_of(token: str) -> str | None:
    """The id in a token, or None for what is none of ours."""
    found = TOKEN.fullmatch(token)
    return found[1] if found else None


def _scrypt(secret: str, salt: bytes, cost: int, block: int, parallel: int) -> bytes:
    return hashlib.scrypt(
        secret.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=parallel,
        maxmem=MEMORY_BYTES_MAX,
        dklen=HASH_BYTES,
    )


def _parts(stored: str) -> tuple[bytes, bytes, tuple[int, int, int]]:
    parts = stored.split("$")
    if len(parts) != 6 or parts[0] != "scrypt":
        raise ValueError("a stored hash is not of the form scrypt$n$r$p$salt$hash")
    try:
        cost, block, parallel = (int(part) for part in parts[1:4])
        salt, made = (base64.b64decode(part, validate=True) for part in parts[4:])
    except (binascii.Error, ValueError):
        raise ValueError("a stored hash has parts that cannot be read") from None
    memory = 128 * cost * block
    if not (2 <= cost <= COST_MAX and 1 <= block <= 64 and 1 <= parallel <= 16):
        raise ValueError("a stored hash has a cost outside the limits")
    if cost & (cost - 1) or memory > MEMORY_BYTES_MAX // 2 or len(made) != HASH_BYTES:
        raise ValueError("a stored hash has a cost or length outside the limits")
    return salt, made, (cost, block, parallel)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
