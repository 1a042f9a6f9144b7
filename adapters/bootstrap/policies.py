"""``countermand policy``: the shipped rules, those in a file, recorded decisions asked again."""

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.reaching import stream_read
from adapters.jetstream.log import identity_of
from adapters.policy import (
    CedarPolicy,
    Flaw,
    default_policy,
    defaults,
    flaws,
    parsed_schema,
    schema_text,
    schemas,
)
from application.policy_in_force import usable
from application.rechecking import Again, Recheck, Rechecked, take_each
from application.settings import Settings
from domain.errors import Misconfigured
from domain.policy_table import TablePolicy

Told = Callable[[int, int], None]
READ_BYTES_MAX: Final = 1024 * 1024
"""Of a file: far more than rules may have."""


class NotText(Misconfigured):
    """A file has a byte that is not UTF-8, in this line."""

    def __init__(self, file: Path, content: bytes, at: int) -> None:
        self.line = content.count(b"\n", 0, at) + 1
        self.what = f"byte {at} of the file is not UTF-8"
        super().__init__(f"{file}: {self.what}")


class InForce(Struct, frozen=True):
    """The shipped rules, what they may ask about, and what answers by them."""

    digest: str
    schema_digest: str
    engine: str
    rules: str
    schema: str


def in_force() -> InForce:
    """The rules that come with this version."""
    policy = default_policy()
    return InForce(policy.digest, policy.schema_digest, policy.engine, policy.text, schema_text())


def checked(file: Path) -> Sequence[Flaw]:
    """What is wrong with the rules in a file. Raises ``Misconfigured`` when it cannot be read."""
    try:
        return flaws(text_of(file), parsed_schema(schema_text()))
    except NotText as error:
        return [Flaw(error.line, "", error.what)]


def text_of(file: Path) -> str:
    """What a file of rules says; of one that is far too long only its beginning, which is too long
    as well. Raises ``Misconfigured`` when it cannot be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(READ_BYTES_MAX)
    except OSError as error:
        raise Misconfigured(f"{file}: {error.strerror}") from error
    whole = len(content) < READ_BYTES_MAX
    try:
        return getincrementaldecoder("utf-8")().decode(content, final=whole)
    except UnicodeDecodeError as error:
        raise NotText(file, content, error.start) from error


def policies_here(files: Sequence[Path]) -> list[Again]:
    """All shipped rules, those in the files, and the table that came before them, with each schema
    that they keep to. Raises ``Misconfigured`` for what is no policy."""
    texts = (*defaults().values(), *map(text_of, files))
    return [TablePolicy(), *(policy for text in texts for policy in with_each_schema(text))]


def read_again(text: str, schema: str) -> Again:
    """Rules of the stream; those that cannot be used refuse everything, as they did."""
    return usable(CedarPolicy, text, schema, default_policy())


def with_each_schema(text: str) -> Iterator[CedarPolicy]:
    """The rules of this text, with each schema that they keep to: one or more.

    Raises ``Misconfigured`` as with the schema in force, when there is none.
    """
    kept, wrong = False, list[Misconfigured]()
    for schema in schemas().values():
        try:
            yield CedarPolicy(text, schema)
            kept = True
        except Misconfigured as error:
            wrong.append(error)
    if not kept:
        raise wrong[0]


async def rechecked(settings: Settings, files: Sequence[Path], limit: int, told: Told) -> Rechecked:
    """Every recorded decision, computed again. Raises ``Misconfigured`` or ``Unavailable``."""
    recheck = Recheck(policies_here(files), limit, read_again)
    async with stream_read(settings) as read:
        await take_each(read.events(), read.last, recheck.take, lambda done: told(done, read.last))
        return recheck.report(identity_of(read.info), read.last)
