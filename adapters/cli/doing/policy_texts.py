"""Policies as people name them: by a file, a digest, the place of an event, or a time."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from adapters.cli.exits import USAGE, Failure
from adapters.cli.typed import options as o

if TYPE_CHECKING:
    from adapters.cli.reaching.server import Server

DIGEST_CHARACTERS_MIN: Final = 6
DIGEST_CHARACTERS_MAX: Final = 64
POSITION_DIGITS_MAX: Final = 18
FILE_BYTES_MAX: Final = 1024 * 1024


def query_at(asked: o.Asked, at: str | None) -> list[tuple[str, str]]:
    """--at as the server wants it: the place of an event, or a time."""
    if at is None:
        return []
    if is_place(at):
        return [("position", at)]
    return o.at_query(asked, at)


def is_place(text: str) -> bool:
    """Whether it is the place of an event in the stream."""
    return text.isascii() and text.isdecimal() and len(text) <= POSITION_DIGITS_MAX


def named_policy(server: "Server", name: str) -> str:
    """The text of a policy that somebody names."""
    if Path(name).is_file():
        return text_of(Path(name))
    if is_place(name) and len(name) < DIGEST_CHARACTERS_MIN:
        return server.policy([("position", name)])["rules"]
    digits = set(name) <= set("0123456789abcdef")
    if digits and DIGEST_CHARACTERS_MIN <= len(name) <= DIGEST_CHARACTERS_MAX:
        return server.policy([("digest", name)])["rules"]
    if is_place(name):
        return server.policy([("position", name)])["rules"]
    raise Failure(
        USAGE,
        f"{name} is no file, no digest (6 to 64 of 0-9 and a-f), and no place of an event",
    )


def text_of(file: Path) -> str:
    """What a file says."""
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX).decode("utf-8")
    except OSError as e:
        raise Failure(USAGE, f"{file}: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise Failure(USAGE, f"{file}: byte {e.start} is not UTF-8") from e
