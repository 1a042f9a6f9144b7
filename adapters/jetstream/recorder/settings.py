"""Settings of the recorder, from the library's environment, checked before anything connects."""

import math
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from eventsourcing.utils import Environment, strtobool
from msgspec import Struct

from adapters.jetstream.accounts import Login
from adapters.jetstream.config import NO_LIMIT, REPLICAS
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.credentials import read_credentials
from adapters.jetstream.publish import Patience
from adapters.jetstream.recorder.errors import SettingsError
from adapters.jetstream.recorder.naming import EVENTS, stream_name
from domain.errors import Misconfigured

ROLE: Final = "recorder"
TIMEOUT_SECONDS: Final = 10.0
TIMEOUT_SECONDS_MIN: Final = 0.1
TIMEOUT_SECONDS_MAX: Final = 3600.0
ANSWER_SECONDS_MAX: Final = 2.0
BYTES_MIN: Final = 1024**2
REQUIRE_PROOF: Final = "NATS_REQUIRE_PROOF"
SCHEMES: Final = frozenset({"nats", "tls", "ws", "wss"})


class RecorderSettings(Struct, frozen=True):
    """What is needed to reach a stream. ``monitor_urls``: () proves nothing about durability."""

    address: ServerAddress
    stream: str
    patience: Patience
    replicas: int
    max_bytes: int
    uuid_ids: bool
    monitor_urls: tuple[str, ...]


def read_settings(env: Environment) -> RecorderSettings:
    """The settings in ``env``, each also with the application's name before it.

    Raises ``SettingsError`` with the setting, what it is and what it may be; never a password.
    """
    timeout = _seconds(env, "NATS_TIMEOUT")
    return RecorderSettings(
        address=ServerAddress(_urls(env, "NATS_URL"), _credentials(env), ROLE),
        stream=_stream(env),
        patience=Patience(timeout, min(ANSWER_SECONDS_MAX, timeout / 3)),
        replicas=_replicas(env),
        max_bytes=_max_bytes(env),
        uuid_ids=_uuid_ids(env),
        monitor_urls=_monitor_urls(env),
    )


def create_table(env: Environment) -> bool:
    """Whether a stream that is missing may be made: the library's CREATE_TABLE, yes by default."""
    return _flag(env, "CREATE_TABLE", "yes")


def _flag(env: Environment, key: str, otherwise: str) -> bool:
    text = _text(env, key) or otherwise
    try:
        return strtobool(text)
    except ValueError as error:
        raise SettingsError(f"{key} is {text!r}: yes and no are allowed") from error


def _monitor_urls(env: Environment) -> tuple[str, ...]:
    """Whom to ask for the proof of durability; nobody, where that was not demanded."""
    urls = _list(_text(env, "NATS_MONITOR_URLS"))
    if not urls and _flag(env, REQUIRE_PROOF, "no"):
        raise SettingsError(
            f"{REQUIRE_PROOF} demands the proof that the server syncs before it acknowledges, and "
            "nobody can be asked: set NATS_MONITOR_URLS to the monitoring address of each server"
        )
    return urls


def _text(env: Environment, key: str) -> str:
    return (env.get(key) or "").strip()


def _needed(env: Environment, key: str, what: str) -> str:
    text = _text(env, key)
    if not text:
        keys = " or ".join(env.create_keys(key))
        raise SettingsError(f"{what} is not in the environment: set {keys}")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _urls(env: Environment, key: str) -> tuple[str, ...]:
    """A client that moves to another server of a cluster loses what a URL says of a login."""
    urls = _list(_needed(env, key, "the address of the NATS server"))
    if any("@" in url for url in urls):
        raise SettingsError(
            f"{key} must not hold a login: set NATS_CREDS, or NATS_USER and NATS_PASSWORD"
        )
    wrong = [url for url in urls if not _is_address(url)]
    if wrong:
        raise SettingsError(
            f"{key} holds {wrong[0][:200]!r}: addresses are like nats://127.0.0.1:4222, with a"
            " comma between several"
        )
    return urls


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _credentials(env: Environment) -> Login | Path | None:
    file, user, password = (_text(env, key) for key in ("NATS_CREDS", "NATS_USER", "NATS_PASSWORD"))
    if file and (user or password):
        raise SettingsError("set NATS_CREDS, or NATS_USER and NATS_PASSWORD, not both")
    if file and not Path(file).is_file():
        raise SettingsError(f"NATS_CREDS is {file!r}, and there is no such file")
    if bool(user) != bool(password):
        raise SettingsError("NATS_USER and NATS_PASSWORD belong together: one of them is missing")
    if file:
        return checked_file(Path(file))
    return Login(user, password) if user else None


def checked_file(path: Path) -> Path:
    """The file of NATS_CREDS, when it can be used; it is read again for each connection."""
    try:
        read_credentials(path)
    except Misconfigured as error:
        raise SettingsError(f"NATS_CREDS: {error.message}") from error
    return path


def _stream(env: Environment) -> str:
    name = _needed(env, "NATS_STREAM", "the name of the stream")
    try:
        return stream_name(name, EVENTS)
    except ValueError as error:
        raise SettingsError(f"NATS_STREAM: {error}") from error


def _seconds(env: Environment, key: str) -> float:
    text = _text(env, key)
    try:
        seconds = float(text) if text else TIMEOUT_SECONDS
    except ValueError:
        seconds = math.nan
    if not TIMEOUT_SECONDS_MIN <= seconds <= TIMEOUT_SECONDS_MAX:
        raise SettingsError(
            f"{key} is {text!r}: seconds from {TIMEOUT_SECONDS_MIN:g} to {TIMEOUT_SECONDS_MAX:g}"
            " are allowed"
        )
    return seconds


def _replicas(env: Environment) -> int:
    text = _text(env, "NATS_REPLICAS") or "1"
    if text not in map(str, REPLICAS):
        raise SettingsError(f"NATS_REPLICAS is {text!r}: 1, 3 and 5 are allowed")
    return int(text)


def _max_bytes(env: Environment) -> int:
    text = _text(env, "NATS_MAX_BYTES")
    if not text:
        return NO_LIMIT
    if not text.isdecimal() or int(text) < BYTES_MIN:
        raise SettingsError(f"NATS_MAX_BYTES is {text!r}: {BYTES_MIN} or more bytes are allowed")
    return int(text)


def _uuid_ids(env: Environment) -> bool:
    text = (_text(env, "ORIGINATOR_ID_TYPE") or "uuid").lower()
    if text not in ("uuid", "text"):
        raise SettingsError(f"ORIGINATOR_ID_TYPE is {text!r}: uuid and text are allowed")
    return text == "uuid"
