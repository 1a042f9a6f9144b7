"""NATS's keys (Ed25519, written in base32 with a kind and a checksum) and files that hold them.

Format: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/nkey_auth
and github.com/nats-io/nkeys: one or two bytes of kind, 32 bytes, CRC-16/XMODEM with the low byte
first. Nothing here ever says a seed, or a part of one.
"""

import base64
import binascii
import re
from enum import IntEnum
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from domain.errors import Misconfigured

SEED_KIND: Final = 18 << 3
SEED_CHARACTERS: Final = 58
"""For two bytes of kind, 32 of key and two of checksum."""

FILE_BYTES_MAX: Final = 64 * 1024
BLOCK: Final = re.compile(r"-{3,}BEGIN ([A-Z ]+)-{3,}\s*([^\s-][^\s]*)\s*-{3,}END \1-{3,}")
JWT: Final = "NATS USER JWT"
SEED: Final = "USER NKEY SEED"


class Kind(IntEnum):
    """Whose key it is: the first byte of a public key, which makes its first letter."""

    ACCOUNT = 0
    OPERATOR = 14 << 3
    USER = 20 << 3


class KeyPair:
    """A key that signs. ``public``: the key as NATS writes it, such as ``UAB...``."""

    def __init__(self, kind: Kind, secret: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self._secret = secret
        self.kind = kind
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = encoded(bytes([kind]) + raw)

    @classmethod
    def of_seed(cls, seed: str) -> "KeyPair":
        """The pair of a seed such as ``SUA...``. Raises ``ValueError`` with what is wrong."""
        if not seed.startswith("S"):
            raise ValueError("it is no seed: one of a user begins with SU")
        if len(seed) != SEED_CHARACTERS:
            raise ValueError(f"it has {len(seed)} characters, and a seed has {SEED_CHARACTERS}")
        raw = decoded(seed)
        kind = (raw[0] & 7) << 5 | raw[1] >> 3
        if kind not in list(Kind):
            raise ValueError("it is the seed of another kind of key")
        return cls(Kind(kind), raw[2:])

    @property
    def seed(self) -> str:
        """The seed as NATS writes it."""
        kind = bytes([SEED_KIND | self.kind >> 5, (self.kind & 31) << 3])
        return encoded(kind + self._secret)

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._key.sign(data)


class KeyLogin(Struct, frozen=True):
    """Who proves with a key who they are. ``jwt``: what their account says of them; "" where the
    server knows the public key by itself."""

    key: KeyPair
    jwt: str

    def signed(self, nonce: str) -> bytes:
        """The server's question, signed, as the client sends it."""
        return base64.b64encode(self.key.sign(nonce.encode()))


def encoded(raw: bytes) -> str:
    """Bytes and their checksum in base32 without padding."""
    checked = raw + binascii.crc_hqx(raw, 0).to_bytes(2, "little")
    return base64.b32encode(checked).decode().rstrip("=")


def decoded(text: str) -> bytes:
    """What was encoded. Raises ``ValueError`` with what is wrong."""
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise ValueError("it is not base32 (A to Z and 2 to 7)") from None
    if len(raw) < 4 or binascii.crc_hqx(raw[:-2], 0).to_bytes(2, "little") != raw[-2:]:
        raise ValueError("its checksum is wrong: a character was changed or is missing")
    return raw[:-2]


def holds_keys(text: str) -> bool:
    """Whether a file is meant to hold a key: a ``.creds`` file, or a seed alone."""
    return "-BEGIN " in text or text.strip().startswith("S")


def key_login(path: Path, text: str) -> KeyLogin:
    """What a ``.creds`` file, or a file with a seed alone, says.

    Raises ``Misconfigured`` with the file and what is wrong in it.
    """
    blocks = dict(BLOCK.findall(text))
    alone = "-BEGIN " not in text
    seed, jwt = (text.strip(), "") if alone else (blocks.get(SEED, ""), blocks.get(JWT, ""))
    for name, value in ((SEED, seed), (JWT, jwt or alone)):
        if not value:
            raise Misconfigured(
                f"{path} is no whole .creds file: there is no block -----BEGIN {name}----- that "
                "ends too; have it made anew (nsc generate creds)"
            )
    try:
        key = KeyPair.of_seed(seed)
    except ValueError as error:
        raise Misconfigured(f"the seed in {path} cannot be used: {error}") from None
    if key.kind is not Kind.USER:
        raise Misconfigured(f"{path} holds the seed of an {key.kind.name.lower()}, not of a user")
    return KeyLogin(key, jwt)
