"""Files that say who we are on a NATS server, of whichever form."""

from pathlib import Path

from adapters.jetstream.accounts import Login, read_login
from adapters.jetstream.nkey import FILE_BYTES_MAX, KeyLogin, holds_keys, key_login
from domain.errors import Misconfigured


def read_credentials(path: Path) -> Login | KeyLogin:
    """A JSON file with user and password, a ``.creds`` file, or a seed alone.

    Raises ``Misconfigured`` with the file and what is wrong in it; never with what it holds.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Misconfigured(f"{path} cannot be read: {why}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise Misconfigured(f"{path} is larger than any file of credentials ({FILE_BYTES_MAX} B)")
    if path.suffix == ".creds" or holds_keys(text):
        return key_login(path, text)
    return read_login(path)
